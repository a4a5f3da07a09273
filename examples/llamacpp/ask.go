package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/dyetrace/dyetrace/watermark"
)

// Reasons why nothing is planted in an answer, besides those of package planting.
// They are labels in the metrics, and in the header under -header.
const (
	reasonOptOut     = "opt-out"    // a trusted caller asked for it
	reasonPolicy     = "policy"     // the policy has no canaries
	reasonStructured = "structured" // a response format or a grammar
	reasonLogprobs   = "logprobs"   // the probabilities would be of other tokens
	reasonTokens     = "tokens"     // token ids are asked for, or the prompt is of them
	reasonEcho       = "echo"       // the answer holds the prompt
)

// An ask is a request for answers that was understood.
type ask struct {
	chat   bool
	stream bool
	usage  bool // a stream says it at its end

	prompts []prompt
	n       int // answers to each
	request engine.Request
	stops   []string
	seed    *int64
	max     int  // tokens; −1: as many as there is room for
	ids     bool // token ids are asked for
	tools   *toolbox
	reason  string // why nothing is planted; empty if something is
}

// A prompt is what an answer follows.
type prompt struct {
	tokens []watermark.Token
	said   string // what everybody but the model said: its words are not rewritten
}

// planter returns what a planter needs to know of the answer with an index.
func (a *ask) planter(index int) canary.Request {
	r := canary.Request{Tools: a.tools != nil}
	if i := index / a.n; i >= 0 && i < len(a.prompts) {
		r.Prompt = a.prompts[i].said
	}
	return r
}

// understand reads the body of a request.
func (s *server) understand(chat bool, body []byte) (*ask, error) {
	var w wireRequest
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, malformed(err)
	}
	switch {
	case w.Model == "":
		return nil, invalid("model", "You must provide a model parameter.")
	case w.Model != s.name:
		return nil, invalid("model", "The model '%s' does not exist.", brief(w.Model)).as(http.StatusNotFound, "model_not_found")
	case w.Suffix != nil && *w.Suffix != "":
		return nil, invalid("suffix", "This model does not complete in the middle: 'suffix' is not supported.")
	case w.BestOf != nil && *w.BestOf != value(w.N, 1):
		return nil, invalid("best_of", "'best_of' is %d, want what 'n' is: answers are not chosen among.", *w.BestOf)
	case len(w.Functions) > 0 && string(w.Functions) != "null":
		return nil, invalid("functions", "'functions' is not supported, use 'tools'.")
	case slices.Contains(w.Modalities, "audio"):
		return nil, invalid("modalities", "This model gives text only.")
	}
	a := &ask{chat: chat, stream: w.Stream, usage: w.StreamOptions != nil && w.StreamOptions.IncludeUsage, n: value(w.N, 1), ids: w.ReturnTokenIDs, seed: w.Seed}
	info := s.engine.Info()
	if a.n < 1 || a.n > info.Sequences {
		return nil, invalid("n", "'n' is %d, want 1 to %d.", a.n, info.Sequences)
	}
	for _, step := range []func(*wireRequest) error{a.sampling, a.length, a.logprobs, func(w *wireRequest) error { return a.form(w, s.dialect) }} {
		if err := step(&w); err != nil {
			return nil, err
		}
	}
	for t := range a.request.Sampling.Bias {
		if int(t) >= info.Vocabulary {
			return nil, invalid("logit_bias", "'logit_bias' has token %d, want 0 to %d.", t, info.Vocabulary-1)
		}
	}
	read := s.readPrompt
	if chat {
		read = s.readMessages
	}
	if err := read(a, &w); err != nil {
		return nil, err
	}
	a.request.N, a.request.Speculate = a.n, s.speculate
	if w.Speculate != nil {
		a.request.Speculate = *w.Speculate
	}
	a.plain(&w)
	return a, a.fits(info.Context)
}

// malformed says what is wrong with a body that is not what it should be.
func malformed(err error) error {
	var f *failure
	var t *json.UnmarshalTypeError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &t) && t.Field != "":
		return invalid(t.Field, "Invalid type for '%s': want %s, got %s.", t.Field, kindOf(t), t.Value)
	}
	return invalid("", "We could not parse the JSON body of your request: %v.", err)
}

func kindOf(t *json.UnmarshalTypeError) string {
	switch kind := strings.TrimLeft(t.Type.String(), "*"); {
	case kind == "bool", kind == "string":
		return "a " + kind
	case strings.HasPrefix(kind, "int"):
		return "an integer"
	case kind == "float64":
		return "a number"
	case strings.HasPrefix(kind, "[]"):
		return "a list"
	default:
		return "an object"
	}
}

func value[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}

// between refuses numbers out of a range.
func between[T int | float64](param string, v *T, low, high T) error {
	if v != nil && !(*v >= low && *v <= high) {
		return invalid(param, "'%s' is %v, want %v to %v.", param, *v, low, high)
	}
	return nil
}

// leastTemperature is the engine's, 0 apart.
const leastTemperature = 0.001

// sampling reads how tokens are drawn.
func (a *ask) sampling(w *wireRequest) error {
	if w.RepeatPenalty == nil {
		w.RepeatPenalty = w.RepetitionPenalty
	}
	if t := value(w.Temperature, 0); t > 0 && t < leastTemperature {
		return invalid("temperature", "'temperature' is %v, want 0 or %v to 100.", t, leastTemperature)
	}
	for _, err := range []error{
		between("temperature", w.Temperature, 0, 100), between("top_p", w.TopP, 0, 1), between("min_p", w.MinP, 0, 0.999999),
		between("top_k", w.TopK, -1, math.MaxInt32), between("repeat_penalty", w.RepeatPenalty, 0.01, 100), between("repeat_last_n", w.RepeatLastN, -1, math.MaxInt32),
		between("frequency_penalty", w.FrequencyPenalty, -2, 2), between("presence_penalty", w.PresencePenalty, -2, 2),
	} {
		if err != nil {
			return err
		}
	}
	if len(w.Stop) > 16 {
		return invalid("stop", "'stop' has %d strings, want at most 16.", len(w.Stop))
	}
	for _, s := range w.Stop {
		if s == "" || len(s) > 1024 {
			return invalid("stop", "a string of 'stop' has %d bytes, want 1 to 1024.", len(s))
		}
	}
	a.stops = w.Stop
	a.request.Sampling = engine.Sampling{
		Temperature: value(w.Temperature, 1), TopK: max(0, value(w.TopK, 0)), TopP: value(w.TopP, 1), MinP: value(w.MinP, 0),
		RepeatPenalty: value(w.RepeatPenalty, 1), FrequencyPenalty: value(w.FrequencyPenalty, 0), PresencePenalty: value(w.PresencePenalty, 0),
	}
	// The engine takes 0 for none; to clients it is the likeliest token alone.
	if a.request.Sampling.TopP == 0 {
		a.request.Sampling.TopP = math.SmallestNonzeroFloat64
	}
	switch last := value(w.RepeatLastN, 64); last {
	case 0: // llama.cpp: there is none
		a.request.Sampling.RepeatPenalty = 1
	default:
		a.request.Sampling.PenaltyLast = last
	}
	for key, bias := range w.LogitBias {
		t, err := strconv.ParseInt(key, 10, 32)
		if err != nil || t < 0 || !(bias >= -100 && bias <= 100) {
			return invalid("logit_bias", "'logit_bias' has '%s': %v, want ids of tokens and −100 to 100.", brief(key), bias)
		}
		if a.request.Sampling.Bias == nil {
			a.request.Sampling.Bias = map[watermark.Token]float32{}
		}
		a.request.Sampling.Bias[watermark.Token(t)] = float32(bias)
	}
	return nil
}

// length reads how long an answer may be.
func (a *ask) length(w *wireRequest) error {
	limit, param := w.MaxCompletionTokens, "max_completion_tokens"
	if limit == nil {
		limit, param = w.MaxTokens, "max_tokens"
	}
	a.max = -1
	if !a.chat {
		a.max = 16 // OpenAI's
	}
	if limit == nil {
		return nil
	}
	least := 1
	if w.Echo && !a.chat {
		least = 0
	}
	if *limit == -1 { // llama.cpp: no limit
		a.max = -1
		return nil
	}
	if *limit < least {
		return invalid(param, "'%s' is %d, want at least %d.", param, *limit, least)
	}
	a.max = *limit
	return nil
}

const mostLogProbs = 20

// logprobs reads which log-probabilities are asked for.
func (a *ask) logprobs(w *wireRequest) error {
	a.request.LogProbs = -1
	raw := string(w.LogProbs)
	if a.chat {
		on := false
		if raw != "" && json.Unmarshal(w.LogProbs, &on) != nil {
			return invalid("logprobs", "Invalid type for 'logprobs': want a bool.")
		}
		if err := between("top_logprobs", w.TopLogProbs, 0, mostLogProbs); err != nil {
			return err
		}
		switch {
		case on:
			a.request.LogProbs = value(w.TopLogProbs, 0)
		case value(w.TopLogProbs, 0) > 0:
			return invalid("top_logprobs", "'top_logprobs' is set and 'logprobs' is not.")
		}
		return nil
	}
	a.request.Echo = w.Echo
	if raw == "" || raw == "null" || raw == "false" {
		return nil
	}
	var n int
	if json.Unmarshal(w.LogProbs, &n) != nil {
		return invalid("logprobs", "Invalid type for 'logprobs': want an integer.")
	}
	if err := between("logprobs", &n, 0, mostLogProbs); err != nil {
		return err
	}
	a.request.LogProbs = n
	return nil
}

// plain says why nothing is planted in the answer.
func (a *ask) plain(w *wireRequest) {
	switch {
	case w.ResponseFormat != nil && w.ResponseFormat.Type != "text", w.Grammar != "":
		a.reason = reasonStructured
	case a.request.LogProbs >= 0:
		a.reason = reasonLogprobs
	case a.ids:
		a.reason = reasonTokens
	case a.request.Echo:
		a.reason = reasonEcho
	}
	for _, p := range a.prompts {
		if p.said == "" && !a.chat && a.reason == "" {
			a.reason = reasonTokens
		}
	}
}

// fits refuses what is longer than the model's context.
func (a *ask) fits(context int) error {
	param := "prompt"
	if a.chat {
		param = "messages"
	}
	for _, p := range a.prompts {
		room := context - len(p.tokens)
		switch {
		case room < 1 && a.max != 0 || room < 0:
			return invalid(param, "This model's maximum context length is %d tokens, and your %s resulted in %d tokens.", context, param, len(p.tokens)).as(http.StatusBadRequest, "context_length_exceeded")
		case a.max > room:
			return invalid(param, "This model's maximum context length is %d tokens. You requested %d tokens (%d in the %s, %d in the completion).", context, len(p.tokens)+a.max, len(p.tokens), param, a.max).as(http.StatusBadRequest, "context_length_exceeded")
		}
	}
	return nil
}

// limit is how many tokens an answer to a prompt may have.
func (a *ask) limit(p prompt, context int) int {
	if a.max < 0 {
		return context - len(p.tokens)
	}
	return a.max
}

// mostPrompts is how many prompts a request may have.
const mostPrompts = 128

// readPrompt reads the prompt of a completion: a string, a list of them, ids, or a
// list of lists of ids.
func (s *server) readPrompt(a *ask, w *wireRequest) error {
	var text string
	var texts []string
	var ids []watermark.Token
	var lists [][]watermark.Token
	switch raw := w.Prompt; {
	case len(raw) == 0 || string(raw) == "null":
		return invalid("prompt", "You must provide a prompt.")
	case json.Unmarshal(raw, &text) == nil:
		texts = []string{text}
	case json.Unmarshal(raw, &texts) == nil:
	case json.Unmarshal(raw, &ids) == nil:
		lists, texts = [][]watermark.Token{ids}, nil
	case json.Unmarshal(raw, &lists) == nil:
		texts = nil
	default:
		return invalid("prompt", "Invalid type for 'prompt': want a string, a list of strings, ids of tokens or a list of lists of them.")
	}
	for _, t := range texts {
		tokens, err := s.tokenize(t, "prompt")
		if err != nil {
			return err
		}
		a.prompts = append(a.prompts, prompt{tokens, t})
	}
	vocabulary := s.engine.Info().Vocabulary
	for _, list := range lists {
		for _, t := range list {
			if t < 0 || int(t) >= vocabulary {
				return invalid("prompt", "'prompt' has token %d, want 0 to %d.", t, vocabulary-1)
			}
		}
		a.prompts = append(a.prompts, prompt{tokens: list})
	}
	if len(a.prompts) == 0 || len(a.prompts) > mostPrompts {
		return invalid("prompt", "'prompt' has %d prompts, want 1 to %d.", len(a.prompts), mostPrompts)
	}
	for i, p := range a.prompts {
		if len(p.tokens) == 0 {
			return invalid("prompt", "prompt %d has no tokens, want at least one.", i)
		}
	}
	return nil
}

// tokenize refuses texts that are too long before it makes tokens of them.
func (s *server) tokenize(text, param string) ([]watermark.Token, error) {
	if !utf8.ValidString(text) { // encoding/json leaves none
		return nil, invalid(param, "'%s' is no UTF-8.", param)
	}
	tokens, err := s.engine.Tokenize(text, true)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return tokens, nil
}
