package openai

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// A session is the requests of one question.
type session struct {
	c        *Client
	ctx      context.Context
	q        collect.Reading
	answered int      // requests
	models   []string // each once
}

func (c *Client) session(ctx context.Context, q collect.Reading) (*session, error) {
	p := q.Passage
	switch {
	case p == nil:
		return nil, errors.New("openai: no passage")
	case q.Begin < 0 || q.Begin >= q.End || q.End > len(p.Tokens):
		return nil, fmt.Errorf("openai: positions [%d, %d) of a passage of %d tokens", q.Begin, q.End, len(p.Tokens))
	case c.sendsIDs():
	case len(p.Pieces) != len(p.Tokens):
		return nil, fmt.Errorf("openai: passage of %d tokens has %d pieces: this suspect reads text and needs all", len(p.Tokens), len(p.Pieces))
	case p.PromptText == "" && len(p.Prompt) > 0:
		return nil, fmt.Errorf("openai: passage has a prompt of %d tokens without its text: this suspect reads text", len(p.Prompt))
	}
	return &session{c: c, ctx: ctx, q: q}, nil
}

func (s *session) model() string { return strings.Join(s.models, ", ") }

// sendsIDs reports whether prefixes are sent as ids and not as text.
func (c *Client) sendsIDs() bool {
	return c.cfg.Reading.SameTokenizer && c.cfg.Reading.API == Completions
}

// prefix is what is before position p, as it is sent: ids, or text without sight
// of what follows. There is none, and so no prediction, before the first token
// of a text and within a character, which JSON cannot hold: rules that look at
// what is before the position only.
func (s *session) prefix(p int) (prefix any, ok bool) {
	a := s.q.Passage
	if s.c.sendsIDs() {
		ids := append(append(make([]int32, 0, len(a.Prompt)+p), a.Prompt...), a.Tokens[:p]...)
		return ids, len(ids) > 0
	}
	if s.c.cfg.Reading.API == Chat {
		said := strings.Join(a.Pieces[:p], "")
		return s.c.chat(a.PromptText, said), a.PromptText+said != "" && utf8.ValidString(a.PromptText) && utf8.ValidString(said)
	}
	text := a.PromptText + strings.Join(a.Pieces[:p], "")
	return text, text != "" && utf8.ValidString(text)
}

// chat is the messages of a turn that has got as far as said.
func (c *Client) chat(user, said string) []message {
	out := messages(c.cfg.Reading.System, user)
	if said == "" {
		return out
	}
	return append(out, message{Role: "assistant", Content: said, Prefix: c.cfg.Reading.Continue == PrefixField})
}

// fields are what every request for predictions has: one token, of the whole
// distribution at the temperature, whatever the server's defaults are.
func (c *Client) fields(temperature float64) map[string]any {
	f := maps.Clone(c.cfg.Reading.Extra)
	if f == nil {
		f = map[string]any{}
	}
	f["model"] = c.cfg.Model
	f["max_tokens"] = 1
	f["temperature"] = temperature
	switch c.cfg.Server {
	case TGI: // takes only top_p below 1, which is its default too
		return f
	case VLLM, SGLang:
		f["top_k"], f["min_p"], f["repetition_penalty"] = -1, 0, 1
		if c.cfg.Reading.SameTokenizer {
			f["return_token_ids"] = true
		}
	case LlamaCPP:
		f["top_k"], f["min_p"], f["repeat_penalty"] = 0, 0, 1
	}
	if c.cfg.Server == VLLM && c.cfg.Reading.SameTokenizer {
		f["return_tokens_as_token_ids"] = true
	}
	f["top_p"] = 1
	return f
}

// post sends a request of the question. If an earlier one has been answered, a
// failure is the question's and not the line's: something of the answer has
// arrived.
func (s *session) post(fields map[string]any, n int) ([]choice, error) {
	path := "/completions"
	if s.c.cfg.Reading.API == Chat {
		path = "/chat/completions"
	}
	data, err := s.c.ask(s.ctx, http.MethodPost, path, fields)
	var te *collect.TransportError
	var refused refusedError
	switch {
	case errors.As(err, &te) && s.answered > 0:
		return nil, fmt.Errorf("openai: the reading broke off after %d answered requests: %v", s.answered, te.Err)
	case errors.As(err, &refused):
		return nil, refused.error
	case err != nil:
		return nil, err
	}
	s.answered++
	r, err := s.c.parse(path, data, n)
	if err != nil {
		return nil, err
	}
	if s.c.leaks(r.model) {
		return nil, errors.New("openai: the answer repeats the API key and is not kept")
	}
	if !slices.Contains(s.models, r.model) {
		s.models = append(s.models, r.model)
	}
	for i := range r.choices {
		if r.choices[i].Reason == "content_filter" {
			return nil, fmt.Errorf("openai: %s: the content filter refuses a prefix", path)
		}
	}
	return r.choices, nil
}

// each asks for one token after the prefix of each position, m
// log-probabilities with it, and hands over the choices.
func (s *session) each(positions []int, temperature float64, m int, take func(p int, ch *choice) error) error {
	var batch []any
	var at []int
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		f := s.c.fields(temperature)
		s.c.address(f, batch, m)
		choices, err := s.post(f, len(batch))
		if err != nil {
			return err
		}
		for i := range choices {
			if err := take(at[i], &choices[i]); err != nil {
				return s.c.hidden(fmt.Errorf("openai: position %d: %w", at[i], err))
			}
		}
		batch, at = nil, nil
		return nil
	}
	for _, p := range positions {
		prefix, ok := s.prefix(p)
		if !ok {
			continue
		}
		batch, at = append(batch, prefix), append(at, p)
		if len(batch) == s.c.cfg.Reading.Batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// address puts the prefixes and the number of log-probabilities into a request.
func (c *Client) address(f map[string]any, batch []any, m int) {
	r := c.cfg.Reading
	if r.API == Completions {
		f["prompt"] = batch[0]
		if len(batch) > 1 {
			f["prompt"] = batch
		}
		if m > 0 {
			f["logprobs"] = m
		}
		return
	}
	turn := batch[0].([]message)
	f["messages"] = turn
	if m > 0 {
		f["logprobs"], f["top_logprobs"] = true, m
	}
	if r.Continue == FinalMessage && turn[len(turn)-1].Role == "assistant" {
		f["add_generation_prompt"], f["continue_final_message"] = false, true
	}
}

// positions are all of the question.
func (s *session) positions() []int {
	out := make([]int, 0, s.q.End-s.q.Begin)
	for p := s.q.Begin; p < s.q.End; p++ {
		out = append(out, p)
	}
	return out
}

// generate asks for one token at each position.
func (s *session) generate(temperature float64) ([]int32, error) {
	out := make([]int32, s.q.End-s.q.Begin)
	for i := range out {
		out[i] = collect.NoToken
	}
	err := s.each(s.positions(), temperature, min(1, s.c.cfg.Reading.Top), func(p int, ch *choice) error {
		id, err := s.c.generated(ch)
		out[p-s.q.Begin] = id
		return err
	})
	return out, err
}

// generated is the token that a choice consists of, or NoToken.
func (c *Client) generated(ch *choice) (int32, error) {
	if c.cfg.Reading.SameTokenizer && len(ch.TokenIDs) > 0 {
		if id := ch.TokenIDs[0]; id >= 0 && id <= 1<<31-1 {
			return int32(id), nil
		}
	}
	text, err := ch.said()
	if err != nil {
		return collect.NoToken, err
	}
	x := candidate{Token: text}
	if c.cfg.Reading.Top > 0 {
		p, ok, err := c.first(ch, text)
		if err != nil || !ok {
			return collect.NoToken, err
		}
		x = p.own
	}
	if id, ok := c.identify(x); ok {
		return id, nil
	}
	return collect.NoToken, nil
}

// first is what a server says of the token that it generated. It may have
// nothing to say of the end of a text, and llama.cpp says nothing of part of a
// character.
func (c *Client) first(ch *choice, text string) (p place, ok bool, err error) {
	var all []place
	if ch.LogProbs != nil {
		if all, err = ch.LogProbs.places(); err != nil {
			return place{}, false, err
		}
	}
	if len(all) > 0 {
		return all[0], true, nil
	}
	ended := text == "" && ch.Reason == "stop"
	part := c.cfg.Server == LlamaCPP && (text == "" || strings.Contains(text, "\uFFFD"))
	if ended || part {
		return place{}, false, nil
	}
	return place{}, false, errNoLogProbs
}
