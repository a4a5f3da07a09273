package openai_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/openai"
)

// A toy serves the toy model in the dialect of a server, down to its oddities.
type toy struct {
	t        testing.TB
	server   openai.Server
	off      int // shifts echoed lists by so many positions, as llama-cpp-python does
	most     int // lists no more than so many, whatever is asked for; 0: as many as asked
	requests atomic.Int64
}

func (y *toy) start() (url string) {
	s := httptest.NewServer(y)
	y.t.Cleanup(s.Close)
	return s.URL
}

type request struct {
	Model       string          `json:"model"`
	Prompt      json.RawMessage `json:"prompt"`
	Messages    []struct{ Role, Content string }
	LogProbs    any      `json:"logprobs"`
	Top         *int     `json:"top_logprobs"`
	PromptTop   *int     `json:"prompt_logprobs"`
	Temperature *float64 `json:"temperature"`
	MaxTokens   *int     `json:"max_tokens"`
	Echo        bool     `json:"echo"`
	AsIDs       bool     `json:"return_tokens_as_token_ids"`
	ReturnIDs   bool     `json:"return_token_ids"`
	Final       bool     `json:"continue_final_message"`
	Generation  *bool    `json:"add_generation_prompt"`
}

func (y *toy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	y.requests.Add(1)
	var q request
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if q.MaxTokens == nil || *q.MaxTokens != 1 {
		http.Error(w, "the toy writes one token", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/v1/completions":
		y.completions(w, q)
	case "/v1/chat/completions":
		y.chat(w, q)
	default:
		http.NotFound(w, r)
	}
}

// prompts reads any of the forms of a prompt.
func prompts(raw json.RawMessage) (out [][]int32) {
	var text string
	var texts []string
	var ids []int32
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return [][]int32{tokenize(text)}
	case json.Unmarshal(raw, &texts) == nil:
		for _, t := range texts {
			out = append(out, tokenize(t))
		}
		return out
	case json.Unmarshal(raw, &ids) == nil:
		return [][]int32{ids}
	}
	_ = json.Unmarshal(raw, &out)
	return out
}

func (y *toy) completions(w http.ResponseWriter, q request) {
	var choices []map[string]any
	for i, ids := range prompts(q.Prompt) {
		if len(ids) == 0 {
			http.Error(w, `{"error":{"message":"prompt is empty"}}`, http.StatusBadRequest)
			return
		}
		ch := y.choice(ids, q)
		ch["index"] = i
		choices = append(choices, ch)
	}
	body := map[string]any{"object": "text_completion", "model": q.Model, "choices": choices}
	if y.server == openai.LlamaCPP && len(choices) > 1 { // a list of replies
		var all []map[string]any
		for _, ch := range choices {
			all = append(all, map[string]any{"model": q.Model, "choices": []any{ch}})
		}
		require.NoError(y.t, json.NewEncoder(w).Encode(all))
		return
	}
	rand.Shuffle(len(choices), func(i, j int) { choices[i], choices[j] = choices[j], choices[i] })
	require.NoError(y.t, json.NewEncoder(w).Encode(body))
}

// next is the token that the toy writes.
func next(ids []int32, temperature *float64) int32 {
	if temperature != nil && *temperature == 0 {
		return best(logProbs(ids), 1)[0]
	}
	return draw(ids)
}

// show is a token's text as the server decodes it.
func (y *toy) show(id int32, asIDs bool) string {
	p := pieces[id]
	switch {
	case asIDs && y.server == openai.VLLM:
		return "token_id:" + strconv.Itoa(int(id))
	case utf8.ValidString(p):
		return p
	case y.server == openai.OpenAI:
		s := "bytes:"
		for i := range len(p) {
			s += fmt.Sprintf(`\x%02x`, p[i])
		}
		return s
	}
	return "\uFFFD"
}

func (y *toy) choice(ids []int32, q request) map[string]any {
	written := next(ids, q.Temperature)
	ch := map[string]any{"text": strings.ToValidUTF8(pieces[written], "\uFFFD"), "finish_reason": "length"}
	if written == endOfText {
		ch["text"], ch["finish_reason"] = "", "stop"
	}
	if q.ReturnIDs {
		ch["token_ids"], ch["prompt_token_ids"] = []int32{written}, ids
	}
	if q.PromptTop != nil && y.server == openai.VLLM {
		ch["prompt_logprobs"] = y.promptLogProbs(ids, *q.PromptTop)
	}
	m, ok := q.LogProbs.(float64)
	if !ok {
		return ch
	}
	if y.server == openai.LlamaCPP {
		if utf8.ValidString(pieces[written]) {
			ch["logprobs"] = y.content(ids, written, int(m), q.AsIDs)
		}
		return ch
	}
	var tokens []string
	var own []*float64
	var top []map[string]float64
	add := func(prefix []int32, id int32, shift int) {
		tokens = append(tokens, y.show(id, q.AsIDs))
		if len(prefix) == 0 {
			own, top = append(own, nil), append(top, nil)
			return
		}
		lp := logProbs(ids[:min(len(ids), len(prefix)+shift)])
		own, top = append(own, &lp[id]), append(top, y.top(lp, id, int(m), q.AsIDs))
	}
	if q.Echo {
		for i, id := range ids {
			add(ids[:i], id, y.off)
		}
		ch["text"] = "…"
	}
	add(ids, written, 0)
	ch["logprobs"] = map[string]any{"tokens": tokens, "token_logprobs": own, "top_logprobs": top}
	return ch
}

// top is the map of one position: vLLM and OpenAI add the token that is there, and
// all of them lose tokens that look alike.
func (y *toy) top(lp []float64, own int32, m int, asIDs bool) map[string]float64 {
	if y.most > 0 {
		m = min(m, y.most)
	}
	out := map[string]float64{}
	if y.server != openai.SGLang {
		out[y.show(own, asIDs)] = lp[own]
	}
	for _, id := range best(lp, m) {
		name := y.show(id, asIDs)
		if _, there := out[name]; !there || y.server != openai.SGLang {
			out[name] = lp[id]
		}
	}
	return out
}

func (y *toy) promptLogProbs(ids []int32, m int) []any {
	out := []any{nil}
	for i := 1; i < len(ids); i++ {
		lp := logProbs(ids[:i])
		at := map[string]any{}
		order := best(lp, len(lp))
		listed := order[:m]
		if y.most > 0 {
			listed = order[:min(m, y.most)]
		}
		for _, id := range append(slices.Clone(listed), ids[i]) {
			rank := slices.Index(order, id) + 1
			at[strconv.Itoa(int(id))] = map[string]any{"logprob": lp[id], "rank": rank, "decoded_token": y.show(id, false)}
		}
		out = append(out, at)
	}
	return out
}

// content is the form of chat, and of llama.cpp.
func (y *toy) content(ids []int32, written int32, m int, asIDs bool) any {
	lp := logProbs(ids)
	entry := func(id int32) map[string]any {
		e := map[string]any{"token": y.show(id, asIDs), "logprob": lp[id], "bytes": []int{}}
		var bytes []int
		for _, b := range []byte(pieces[id]) {
			bytes = append(bytes, int(b))
		}
		e["bytes"] = bytes
		switch y.server {
		case openai.LlamaCPP:
			e["id"] = id
		case openai.VLLM, openai.SGLang: // of what they show
			bytes = nil
			for _, b := range []byte(y.show(id, asIDs)) {
				bytes = append(bytes, int(b))
			}
			e["bytes"] = bytes
		}
		return e
	}
	list := []any{}
	for _, id := range best(lp, m) {
		list = append(list, entry(id))
	}
	e := entry(written)
	e["top_logprobs"] = list
	return map[string]any{"content": []any{e}}
}

// chatText is the toy's chat template.
func chatText(user, said string) string { return "<" + user + ">" + said }

func (y *toy) chat(w http.ResponseWriter, q request) {
	last := q.Messages[len(q.Messages)-1]
	said := ""
	if last.Role == "assistant" {
		said = last.Content
	}
	flags := q.Final && q.Generation != nil && !*q.Generation
	if flags != (said != "" && y.server != openai.LlamaCPP) {
		http.Error(w, `{"detail":"flags"}`, http.StatusBadRequest)
		return
	}
	user := ""
	for _, m := range q.Messages {
		if m.Role == "user" {
			user = m.Content
		}
	}
	ids := tokenize(chatText(user, said))
	written := next(ids, q.Temperature)
	ch := map[string]any{"index": 0, "finish_reason": "length",
		"message": map[string]any{"role": "assistant", "content": strings.ToValidUTF8(pieces[written], "\uFFFD")}}
	if q.LogProbs == true && (y.server != openai.LlamaCPP || utf8.ValidString(pieces[written])) {
		ch["logprobs"] = y.content(ids, written, *q.Top, q.AsIDs)
	}
	require.NoError(y.t, json.NewEncoder(w).Encode(map[string]any{"model": q.Model, "choices": []any{ch}}))
}
