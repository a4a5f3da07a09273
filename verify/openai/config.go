package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

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
	// Prompts are then sent as ids, with Completions, and the ids that the
	// server names are believed; otherwise they are another model's numbers
	// and are not looked at.
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

// owned are the fields of a request that this package sets.
var owned = []string{"model", "messages", "prompt", "stream", "n", "echo", "logprobs", "top_logprobs", "prompt_logprobs",
	"best_of", "return_tokens_as_token_ids", "return_token_ids", "add_generation_prompt", "continue_final_message"}

// readingOwned are those that it sets besides when it reads.
var readingOwned = []string{"temperature", "max_tokens", "max_completion_tokens", "top_p", "top_k", "min_p", "stop"}

func checkExtra(extra map[string]any, refused ...string) error {
	for name := range extra {
		if slices.Contains(refused, name) {
			return fmt.Errorf("openai: extra field %q is not for the caller to set", name)
		}
	}
	if _, err := json.Marshal(extra); err != nil {
		return fmt.Errorf("openai: extra fields: %w", err)
	}
	return nil
}

func (c *Config) check() error {
	switch {
	case c.Model == "":
		return errors.New("openai: no model, want what the server calls it")
	case !utf8.ValidString(c.Model):
		return errors.New("openai: name of the model is not valid UTF-8")
	case !utf8.ValidString(c.Name):
		return errors.New("openai: name of the suspect is not valid UTF-8")
	case !slices.Contains([]Server{OpenAI, VLLM, SGLang, LlamaCPP, TGI}, c.Server):
		return fmt.Errorf("openai: server is %q, want one of %q, %q, %q, %q, %q", string(c.Server), OpenAI, VLLM, SGLang, LlamaCPP, TGI)
	case c.MaxBytes < 0:
		return fmt.Errorf("openai: limit of an answer is %d bytes, want at least 1, or 0 for 64 MiB", c.MaxBytes)
	}
	if err := c.Key.check(); err != nil {
		return err
	}
	if err := c.Answers.check(); err != nil {
		return err
	}
	if c.Reading == nil {
		return nil
	}
	return c.Reading.check(c.Server)
}

func (a *Answers) check() error {
	switch {
	case !slices.Contains([]API{Chat, Completions, None}, a.API):
		return fmt.Errorf("openai: API for answers is %q, want %q, %q or %q", string(a.API), Chat, Completions, None)
	case a.MaxTokens < 0:
		return fmt.Errorf("openai: max_tokens is %d, want at least 1, or 0 for the server's limit", a.MaxTokens)
	case a.MaxCompletionTokens < 0:
		return fmt.Errorf("openai: max_completion_tokens is %d, want at least 1, or 0 for the server's limit", a.MaxCompletionTokens)
	case a.MaxTokens > 0 && a.MaxCompletionTokens > 0:
		return fmt.Errorf("openai: max_tokens is %d and max_completion_tokens %d, want one of the two", a.MaxTokens, a.MaxCompletionTokens)
	case a.System != "" && a.API != Chat:
		return fmt.Errorf("openai: a system message goes with API %q only, and it is %q", Chat, string(a.API))
	case a.Temperature != nil && !(*a.Temperature >= 0):
		return fmt.Errorf("openai: temperature is %v, want at least 0", *a.Temperature)
	case a.TopP != nil && !(*a.TopP > 0 && *a.TopP <= 1):
		return fmt.Errorf("openai: top_p is %v, want above 0 and at most 1", *a.TopP)
	}
	return checkExtra(a.Extra, append(owned, "temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop")...)
}

func (r *Reading) check(server Server) error {
	switch {
	case r.API != Completions && r.API != Chat:
		return fmt.Errorf("openai: API for reading is %q, want %q or %q", string(r.API), Completions, Chat)
	case r.Top < 0:
		return fmt.Errorf("openai: %d log-probabilities a position, want at least 0", r.Top)
	case r.Batch < 1:
		return fmt.Errorf("openai: batch is %d, want at least 1, or 0 for 1", r.Batch)
	case r.Batch > 1 && r.API == Chat:
		return fmt.Errorf("openai: batch is %d, and API %q takes one prefix a request", r.Batch, Chat)
	case !slices.Contains([]Whole{Separate, Echo, PromptLogProbs}, r.Whole):
		return fmt.Errorf("openai: whole is %q, want %q, %q or %q", string(r.Whole), Separate, Echo, PromptLogProbs)
	case r.Whole != Separate && (!r.SameTokenizer || r.API != Completions):
		return fmt.Errorf("openai: %s is for the same tokenizer and API %q only: another one could cut the passage by what follows a position", r.Whole, Completions)
	case r.Whole != Separate && r.Top == 0:
		return fmt.Errorf("openai: %s without log-probabilities: want at least 1 a position", r.Whole)
	case r.Whole == PromptLogProbs && server != VLLM:
		return fmt.Errorf("openai: %s is what server %q offers, and it is %q", r.Whole, VLLM, server)
	case r.Whole == Echo && (server == LlamaCPP || server == TGI):
		return fmt.Errorf("openai: server %q does not echo", server)
	case server == TGI && r.API == Chat:
		return fmt.Errorf("openai: server %q does not continue a message", server)
	case server == TGI && (r.Top > 0 || r.SameTokenizer):
		return fmt.Errorf("openai: server %q neither takes ids nor gives log-probabilities with API %q", server, Completions)
	case r.Vocabulary == nil && !(r.SameTokenizer && (server == VLLM || server == LlamaCPP)):
		return fmt.Errorf("openai: no vocabulary, and server %q names no ids of the marked model's", server)
	case r.API == Completions && (r.Continue != "" || r.System != ""):
		return fmt.Errorf("openai: a way to continue and a system message go with API %q only", Chat)
	case r.API == Chat && r.Continue == "":
		return fmt.Errorf("openai: server %q has no known way to continue a message: want %q, %q or %q", server, FinalMessage, Prefill, PrefixField)
	case r.API == Chat && !slices.Contains([]Continue{FinalMessage, Prefill, PrefixField}, r.Continue):
		return fmt.Errorf("openai: a way to continue is %q, want %q, %q or %q", string(r.Continue), FinalMessage, Prefill, PrefixField)
	}
	return checkExtra(r.Extra, append(owned, readingOwned...)...)
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
