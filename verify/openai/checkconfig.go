package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

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
