package openai

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// A Server is the software behind the API, as far as it differs from OpenAI's:
// which fields it may be sent beyond OpenAI's, and how it names tokens.
type Server string

// The servers whose extensions are known. Any other server that speaks OpenAI's
// language is OpenAI.
const (
	OpenAI   Server = "openai"
	VLLM     Server = "vllm"
	SGLang   Server = "sglang"
	LlamaCPP Server = "llama.cpp"
	TGI      Server = "tgi" // Hugging Face's text-generation-inference
)

// An API is one of the two ways to ask.
type API string

// The two APIs, and neither.
const (
	Chat        API = "chat"        // /v1/chat/completions
	Completions API = "completions" // /v1/completions
	None        API = "none"
)

// A Continue says how a server is told, over [Chat], that the last message is an
// assistant's that has not ended.
type Continue string

// What servers go by.
const (
	// FinalMessage sends add_generation_prompt false and continue_final_message
	// true: vLLM and SGLang.
	FinalMessage Continue = "continue_final_message"
	// Prefill sends nothing but the message: llama.cpp.
	Prefill Continue = "prefill"
	// PrefixField sends "prefix":true in the message: Mistral, DeepSeek.
	PrefixField Continue = "prefix"
)

// A Whole is a way to read all positions of a passage in one request.
type Whole string

const (
	// Separate is no such way: every position has its own prefix.
	Separate Whole = ""
	// Echo asks for the prompt back, with log-probabilities.
	Echo Whole = "echo"
	// PromptLogProbs asks for prompt_logprobs, which vLLM gives with ids and ranks.
	PromptLogProbs Whole = "prompt_logprobs"
)

// A Vocabulary is the marked model's: it knows the id of the token with exactly
// the bytes of piece, if there is one. It may be used from several goroutines at
// once.
type Vocabulary interface {
	ID(piece string) (id int32, ok bool)
}

// A Config says where a suspect is and how it is asked. The zero values of all
// fields but URL and Model are good ones.
type Config struct {
	// Name is what reports call the suspect. Defaults to Model.
	Name string
	// URL is the base of the API, http or https, with or without the /v1 at
	// its end. Required. It has no user, query and fragment.
	URL string
	// Model is what the server calls the model. Required; a server with one
	// model may take any name.
	Model string
	// Key is sent as a bearer token. Defaults to none.
	Key Key
	// Server is the software, where its extensions may be used. Defaults to
	// OpenAI.
	Server Server
	// HTTP makes the requests. Its Timeout covers the whole answer. Redirects
	// to another host are refused, whatever its CheckRedirect says. Defaults
	// to a client that uses no proxy and gives up after a quarter of an hour.
	HTTP *http.Client
	// Clock is what a Retry-After that names a date is compared with. Defaults
	// to the system's.
	Clock collect.Clock
	// MaxBytes is how long the body of an answer may be. Defaults to 64 MiB.
	MaxBytes int64
	// Answers say how prompts are answered.
	Answers Answers
	// Reading says how passages are read. Nil: they are not.
	Reading *Reading
}

// Answers are the settings under which a suspect answers prompts. What is left
// zero is not sent and so is the server's to choose.
type Answers struct {
	// API is Chat, Completions (the prompt is the beginning of the text) or
	// None. Defaults to Chat.
	API API
	// System is a system message before the prompt, with Chat.
	System      string
	Temperature *float64
	TopP        *float64
	// MaxTokens and MaxCompletionTokens limit the answer, in tokens, under the
	// old and the new name: one of the two.
	MaxTokens, MaxCompletionTokens int
	Seed                           *int64
	Stop                           []string
	// Extra are further fields of the request, as the server names them.
	Extra map[string]any
}

// Reading says how a suspect reads passages, token by token.
type Reading struct {
	// API is Completions, or Chat: the prompt's text is the user's message and
	// what follows an assistant's that has not ended. Defaults to Completions.
	API API
	// Continue is how that is said, with Chat. Defaults to what Server goes by;
	// OpenAI itself has no way.
	Continue Continue
	// System is a system message before the user's, with Chat.
	System string
	// SameTokenizer says that the suspect has the marked model's tokenizer.
	// Prefixes are then sent as ids, with Completions, just as they are in the
	// passage, and the ids that the server names are believed; otherwise they
	// are another model's numbers and are not looked at.
	SameTokenizer bool
	// Vocabulary finds the marked model's tokens by their bytes. Required,
	// unless SameTokenizer and Server is VLLM or LlamaCPP, which name ids.
	Vocabulary Vocabulary
	// Top is how many log-probabilities a position the server gives, at most.
	// 0: none, so that only the most likely token and samples can be asked for.
	Top int
	// Whole is a way to read a passage in one request. Echo and PromptLogProbs
	// need SameTokenizer and Completions.
	Whole Whole
	// Batch is how many prefixes are sent in one request, with Completions.
	// Defaults to 1.
	Batch int
	// Extra are further fields of the request, as the server names them.
	Extra map[string]any
}

// Format implements [fmt.Formatter]: it prints which model is where.
func (c Config) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "openai.Config(%q at %s)", c.Model, c.where())
}

// where is the URL's host, or that there is none: what else a URL has in it may
// be secret.
func (c Config) where() string {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" {
		return "no URL"
	}
	return u.Host
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = c.Model
	}
	if c.Server == "" {
		c.Server = OpenAI
	}
	if c.Answers.API == "" {
		c.Answers.API = Chat
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 64 << 20
	}
	if c.Reading == nil {
		return c
	}
	r := *c.Reading
	if r.API == "" {
		r.API = Completions
	}
	if r.Batch == 0 {
		r.Batch = 1
	}
	if r.API == Chat && r.Continue == "" {
		switch c.Server {
		case VLLM, SGLang:
			r.Continue = FinalMessage
		case LlamaCPP:
			r.Continue = Prefill
		}
	}
	c.Reading = &r
	return c
}

var version = regexp.MustCompile(`^v[0-9]+[a-z0-9]*$`)

// base returns the URL below which the endpoints are. Its errors do not repeat
// the URL, which may hold a secret in a place where none belongs.
func base(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", errors.New("openai: URL cannot be parsed, want https://HOST or https://HOST/v1")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("openai: scheme of the URL is %q, want http or https", u.Scheme)
	case u.Host == "":
		return "", errors.New("openai: URL has no host")
	case u.User != nil:
		return "", errors.New("openai: URL has a user in it, want the API key as Key")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("openai: URL has a query or a fragment, want neither")
	}
	path := strings.TrimRight(u.Path, "/")
	for _, end := range []string{"/chat/completions", "/completions", "/models"} {
		if strings.HasSuffix(path, end) {
			return "", fmt.Errorf("openai: path of the URL ends in %s, want what comes before it", end)
		}
	}
	if !slices.ContainsFunc(strings.Split(path, "/"), version.MatchString) {
		path += "/v1"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}).String(), nil
}
