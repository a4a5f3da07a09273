package openai_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

// says is a server that answers every request with one body, after printing what
// it was asked if it is told to.
func says(answer string, show bool) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		if show {
			fmt.Println(r.URL.Path, string(asked))
		}
		fmt.Fprint(w, answer)
	}))
}

func Example() {
	server := says(`{"model":"pupil-1","system_fingerprint":"fp_7","choices":[{"index":0,"message":{"role":"assistant","content":"Blue."},"finish_reason":"stop"}]}`, false)
	defer server.Close()

	client, err := openai.New(openai.Config{URL: server.URL, Model: "pupil-1", Key: "sk-0123456789abcdef", Answers: openai.Answers{MaxTokens: 200}})
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "openai")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	task := collect.Task{Plan: collect.Digest{1}, Prompts: []string{"Name a colour."}}
	transcript, err := collect.Run(context.Background(), task, client.Suspect(), filepath.Join(dir, "journal"), collect.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range transcript.Prompts {
		fmt.Println(e.Status, e.Text, e.Model)
	}
	// Output:
	// complete Blue. pupil-1 fp_7
}

func ExampleClient_Check() {
	server := says(`{"object":"list","data":[{"id":"pupil-1","object":"model"}]}`, false)
	defer server.Close()
	for _, model := range []string{"pupil-1", "pupil-2"} {
		client, err := openai.New(openai.Config{URL: server.URL + "/v1", Model: model})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(client.Check(context.Background()))
	}
	// Output:
	// <nil>
	// openai: the server has no model "pupil-2", it has ["pupil-1"]
}

func ExampleConfig() {
	cfg := openai.Config{URL: "https://api.example.com/v1", Model: "pupil-1", Key: "sk-0123456789abcdef"}
	fmt.Printf("%+v\n", cfg)
	cfg.URL += "/chat/completions"
	_, err := openai.New(cfg)
	fmt.Println(err)
	// Output:
	// openai.Config("pupil-1" at api.example.com)
	// openai: path of the URL ends in /chat/completions, want what comes before it
}

func ExampleKey() {
	fmt.Println(openai.Key("sk-0123456789abcdef"))
	// Output:
	// [API key]
}

func ExampleAnswers() {
	server := says(`{"model":"pupil-1","choices":[{"index":0,"text":" four","finish_reason":"length"}]}`, true)
	defer server.Close()
	half := 0.5
	client, err := openai.New(openai.Config{URL: server.URL, Model: "pupil-1", Answers: openai.Answers{
		API: openai.Completions, Temperature: &half, MaxTokens: 1, Extra: map[string]any{"min_p": 0.1}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := client.Suspect().Text.Answer(context.Background(), "Two and two are")
	fmt.Printf("%q %v\n", answer.Text, err)
	// Output:
	// /v1/completions {"max_tokens":1,"min_p":0.1,"model":"pupil-1","prompt":"Two and two are","temperature":0.5}
	// " four" <nil>
}

// words is a vocabulary; verify/tokenizer has those of real models.
type words []string

func (w words) ID(piece string) (int32, bool) {
	for i, p := range w {
		if p == piece {
			return int32(i), true
		}
	}
	return 0, false
}

func ExampleVocabulary() {
	var marked openai.Vocabulary = words{"Rain", " is", " are", " wet"}
	fmt.Println(marked.ID(" wet"))
	fmt.Println(marked.ID("wet"))
	// Output:
	// 3 true
	// 0 false
}

// The suspect has tokens of its own: " is" and " are" are the marked model's, "'s"
// is not and is left out.
func ExampleReading() {
	server := says(`{"model":"pupil-1","choices":[{"index":0,"text":" is","finish_reason":"length","logprobs":`+
		`{"tokens":[" is"],"token_logprobs":[-0.25],"top_logprobs":[{" is":-0.25,"'s":-2.5," are":-3.5}]}}]}`, true)
	defer server.Close()
	client, err := openai.New(openai.Config{URL: server.URL, Model: "pupil-1",
		Reading: &openai.Reading{Vocabulary: words{"Rain", " is", " are", " wet"}, Top: 3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	text := &collect.Passage{Tokens: []int32{0, 2, 3}, Pieces: []string{"Rain", " are", " wet"}}
	got, err := client.Suspect().TopLogProbs.Predict(context.Background(),
		collect.Reading{Passage: text, Begin: 1, End: 2, Want: collect.Want{Argmax: true, Top: 3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(got.At[0].Argmax, got.At[0].IDs, got.At[0].LogProbs)
	// Output:
	// /v1/completions {"logprobs":3,"max_tokens":1,"model":"pupil-1","prompt":"Rain","temperature":0,"top_p":1}
	// 1 [1 2] [-0.25 -3.5]
}

// vLLM shows what it thinks of a whole passage, with ids and ranks. The passage's
// own token, 40, is not among the two most likely: it is left out.
func ExampleWhole() {
	server := says(`{"model":"pupil-1","choices":[{"index":0,"text":"x","finish_reason":"length","logprobs":`+
		`{"tokens":["token_id:7"],"token_logprobs":[-0.5],"top_logprobs":[{"token_id:7":-0.5,"token_id:9":-1.5}]},`+
		`"prompt_logprobs":[null,{"7":{"logprob":-0.5,"rank":1},"9":{"logprob":-1.5,"rank":2},"40":{"logprob":-6,"rank":31}}]}]}`, true)
	defer server.Close()
	client, err := openai.New(openai.Config{URL: server.URL, Model: "pupil-1", Server: openai.VLLM,
		Reading: &openai.Reading{SameTokenizer: true, Top: 2, Whole: openai.PromptLogProbs}})
	if err != nil {
		fmt.Println(err)
		return
	}
	text := &collect.Passage{Prompt: []int32{12}, Tokens: []int32{40}}
	got, err := client.Suspect().TopLogProbs.Predict(context.Background(), collect.Reading{Passage: text, End: 1, Want: collect.Want{Top: 2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(got.At[0].IDs, got.At[0].LogProbs)
	// Output:
	// /v1/completions {"max_tokens":1,"min_p":0,"model":"pupil-1","prompt":[12,40],"prompt_logprobs":2,"repetition_penalty":1,"return_token_ids":true,"return_tokens_as_token_ids":true,"temperature":0,"top_k":-1,"top_p":1}
	// /v1/completions {"logprobs":2,"max_tokens":1,"min_p":0,"model":"pupil-1","prompt":[12],"repetition_penalty":1,"return_token_ids":true,"return_tokens_as_token_ids":true,"temperature":0,"top_k":-1,"top_p":1}
	// [7 9] [-0.5 -1.5]
}

// The assistant's message has not ended: each server is told in its own way.
func ExampleContinue() {
	server := says(`{"model":"pupil-1","choices":[{"index":0,"message":{"content":" wet"},"finish_reason":"length"}]}`, true)
	defer server.Close()
	text := &collect.Passage{Prompt: []int32{5}, PromptText: "What is rain?", Tokens: []int32{0, 3}, Pieces: []string{"Rain is", " wet"}}
	for _, way := range []openai.Continue{openai.Prefill, openai.PrefixField} {
		client, err := openai.New(openai.Config{URL: server.URL, Model: "pupil-1",
			Reading: &openai.Reading{API: openai.Chat, Continue: way, Vocabulary: words{"Rain", " is", " are", " wet"}}})
		if err != nil {
			fmt.Println(err)
			return
		}
		got, err := client.Suspect().Prefix.Predict(context.Background(),
			collect.Reading{Passage: text, Begin: 1, End: 2, Want: collect.Want{Sample: true}})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(got.At[0].Sample)
	}
	// Output:
	// /v1/chat/completions {"max_tokens":1,"messages":[{"role":"user","content":"What is rain?"},{"role":"assistant","content":"Rain is"}],"model":"pupil-1","temperature":1,"top_p":1}
	// 3
	// /v1/chat/completions {"max_tokens":1,"messages":[{"role":"user","content":"What is rain?"},{"role":"assistant","content":"Rain is","prefix":true}],"model":"pupil-1","temperature":1,"top_p":1}
	// 3
}

func ExampleServer() {
	_, err := openai.New(openai.Config{URL: "http://localhost:8080", Model: "pupil-1", Server: openai.LlamaCPP,
		Reading: &openai.Reading{SameTokenizer: true, Top: 5, Whole: openai.Echo}})
	fmt.Println(err)
	// Output:
	// openai: server "llama.cpp" does not echo
}

func ExampleAPI() {
	client, err := openai.New(openai.Config{URL: "http://localhost:8080", Model: "pupil-1", Answers: openai.Answers{API: openai.None}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client, client.Suspect().Text == nil)
	// Output:
	// openai.Client("pupil-1" at localhost:8080) true
}
