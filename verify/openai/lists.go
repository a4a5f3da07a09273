package openai

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// A listed position is what a suspect expects there: a list, and the token that
// it finds most likely. The zero list is that of a position without a prediction.
type listed struct {
	list   ranked
	argmax int32
	own    *float64 // ln p of the passage's own token, of a passage that is read whole
}

// lists returns the list of at least m tokens, fewer where the server has fewer,
// of each position.
func (s *session) lists(m int) ([]listed, error) {
	out := make([]listed, s.q.End-s.q.Begin)
	for i := range out {
		out[i].argmax = collect.NoToken
	}
	if s.c.cfg.Reading.Whole == Separate {
		return out, s.separate(s.positions(), m, out)
	}
	return out, s.whole(m, out)
}

// separate fills in the lists of positions, each from a request of its own or a
// place of its own in a batch. The temperature is 0, so that the token that is
// generated, which some servers list in place of the last, is the most likely.
func (s *session) separate(positions []int, m int, out []listed) error {
	return s.each(positions, 0, m, func(p int, ch *choice) error {
		text, err := ch.said()
		if err != nil {
			return err
		}
		at, ok, err := s.c.first(ch, text)
		if err != nil || !ok {
			return err
		}
		if at.none {
			return errNoLogProbs
		}
		l, err := s.c.listing(at)
		if err != nil {
			return err
		}
		x := &out[p-s.q.Begin]
		// What is added here is the suspect's token, not the passage's.
		if x.list, _, err = l.settle(m); err != nil {
			return err
		}
		if x.argmax = x.list.top(); !x.list.named() {
			x.argmax, err = s.c.generated(ch)
		}
		return err
	})
}

// spare is how many log-probabilities are asked for at least if a passage is
// read whole: of one or two it would often be unsure whether the passage's own
// token was added. OpenAI gives no more than 5.
const spare = 5

// whole reads all positions in one request and those that it leaves unsure
// separately, as it does the last: a server that has the list of the position
// after it shows what follows the passage's own token, and that is no
// prediction of it. If the most likely token is asked for, those whose list has
// tokens that are not the marked model's are asked for again too: a server may
// show several as one, with the ln p of any. If no list is asked for, only the last
// position is.
func (s *session) whole(m int, out []listed) error {
	begin := s.q.Begin
	if begin == 0 && len(s.q.Passage.Prompt) == 0 {
		begin = 1 // no server has a list before the first token
	}
	if begin >= s.q.End {
		return nil
	}
	m = max(m, min(spare, s.c.cfg.Reading.Top))
	listings, err := s.echo(begin, m)
	if err != nil {
		return err
	}
	lists := s.q.Want.Top > 0 || s.q.Want.Argmax
	var again []int
	for i, l := range listings {
		p := begin + i
		list, unsure, err := l.settle(m)
		if err != nil {
			return fmt.Errorf("openai: position %d: %w", p, err)
		}
		out[p-s.q.Begin] = listed{list, list.top(), l.said}
		if p == s.q.End-1 || lists && unsure || s.q.Want.Argmax && !list.named() {
			again = append(again, p)
		}
	}
	if err := s.separate(again, m, out); err != nil {
		return err
	}
	if last := listings[len(listings)-1].ranked; !alike(out[len(out)-1].list, last) {
		return fmt.Errorf("openai: position %d: the list that came with the whole passage is not the one after its prefix: read with Whole %q", s.q.End-1, Separate)
	}
	return nil
}

// roundings is how much the ln p of one token after one prefix may differ between
// two requests, in nats. A batch of another size is other arithmetic: bfloat16 has
// 8 bits, so that logits near 20 move by an eighth.
const roundings = 0.5

// alike reports whether two lists may be one position's: rounding moves some of
// the tokens, another position has other tokens.
func alike(a, b ranked) bool {
	of, others := a.scores(), b.scores()
	common := 0
	for id, p := range of {
		if q, ok := others[id]; ok && math.Abs(p-q) <= roundings {
			common++
		}
	}
	return 2*common >= min(len(of), len(others))
}

// echo asks for the log-probabilities of the passage up to the question's end
// and returns those of positions [begin, End). It has checked that the server
// read the very tokens that it was sent.
func (s *session) echo(begin, m int) ([]listing, error) {
	a := s.q.Passage
	sent := append(append(make([]int32, 0, len(a.Prompt)+s.q.End), a.Prompt...), a.Tokens[:s.q.End]...)
	f := s.c.fields(0)
	f["prompt"] = sent
	if s.c.cfg.Reading.Whole == PromptLogProbs {
		f["prompt_logprobs"] = m
	} else {
		f["echo"], f["logprobs"] = true, m
	}
	choices, err := s.post(f, 1)
	if err != nil {
		return nil, err
	}
	ch := &choices[0]
	if len(ch.PromptTokenIDs) > 0 && !slices.EqualFunc(ch.PromptTokenIDs, sent, func(x int64, y int32) bool { return x == int64(y) }) {
		return nil, errors.New("openai: the server says that it read other tokens than it was sent")
	}
	from := len(a.Prompt) + begin
	var out []listing
	if s.c.cfg.Reading.Whole == PromptLogProbs {
		out, err = s.c.promptListings(ch, sent, from, m)
	} else {
		out, err = s.c.echoListings(ch, sent, len(a.Prompt), from)
	}
	if err != nil {
		return nil, s.c.hidden(fmt.Errorf("openai: %w", err))
	}
	return out, nil
}

// promptListings reads vLLM's prompt_logprobs: for each token that was sent, but
// the first, a map from ids to ln p and rank, in which the token itself is
// always. The ranks from 1 to m are the m most likely.
func (c *Client) promptListings(ch *choice, sent []int32, from, m int) ([]listing, error) {
	if len(ch.PromptLogProbs) != len(sent) {
		return nil, fmt.Errorf("prompt_logprobs have %d entries, want %d, one for each token that was sent", len(ch.PromptLogProbs), len(sent))
	}
	var out []listing
	for i := from; i < len(sent); i++ {
		entries := ch.PromptLogProbs[i]
		itself, ok := entries[strconv.Itoa(int(sent[i]))]
		if !ok {
			return nil, fmt.Errorf("prompt_logprobs of token %d do not hold the token itself, %d: the server read something else", i, sent[i])
		}
		said, err := c.entry(candidate{LogProb: itself.LogProb})
		if err != nil {
			return nil, fmt.Errorf("prompt_logprobs of token %d: %w", i, err)
		}
		l := listing{own: -1, said: &said.logProb}
		for key, x := range entries {
			id, err := strconv.ParseInt(key, 10, 32)
			if err != nil || id < 0 {
				return nil, fmt.Errorf("prompt_logprobs of token %d have the key %q, want an id", i, c.brief(key))
			}
			if x.Rank < 1 {
				return nil, fmt.Errorf("prompt_logprobs of token %d: rank of %d is %d, want at least 1", i, id, x.Rank)
			}
			if x.Rank > m {
				continue
			}
			e, err := c.entry(candidate{ID: &id, LogProb: x.LogProb})
			if err != nil {
				return nil, fmt.Errorf("prompt_logprobs of token %d: %w", i, err)
			}
			l.ranked = append(l.ranked, e)
		}
		slices.SortFunc(l.ranked, byLikelihood)
		if len(l.ranked) < m { // a server that lists fewer may have added the token at any rank
			l.own = slices.IndexFunc(l.ranked, func(e entry) bool { return e.id == sent[i] })
		}
		out = append(out, l)
	}
	return out, nil
}

// echoListings reads the log-probabilities of an echoed prompt, after which a
// generated token may follow.
func (c *Client) echoListings(ch *choice, sent []int32, prompt, from int) ([]listing, error) {
	if ch.LogProbs == nil {
		return nil, errNoLogProbs
	}
	places, err := ch.LogProbs.places()
	if err != nil {
		return nil, err
	}
	if n := len(places); n != len(sent) && n != len(sent)+1 {
		return nil, fmt.Errorf("%d tokens are echoed, want %d: the server read something else", n, len(sent))
	}
	for i, id := range sent {
		if len(ch.PromptTokenIDs) > 0 {
			break // they are what was sent, which says more than strings
		}
		got, ok := c.identify(places[i].own)
		// A decoder cannot show part of a character, and shows a control token
		// of the prompt in its own way.
		hidden := strings.Contains(places[i].own.Token, "\uFFFD") || i < prompt
		if ok && got != id || !ok && !hidden {
			return nil, fmt.Errorf("token %d is echoed as %q, want %d: the server read something else", i, c.brief(places[i].own.Token), id)
		}
	}
	var out []listing
	for i := from; i < len(sent); i++ {
		if places[i].none {
			return nil, fmt.Errorf("token %d: %w", i, errNoLogProbs)
		}
		l, err := c.listing(places[i])
		if err != nil {
			return nil, fmt.Errorf("token %d: %w", i, err)
		}
		if places[i].own.LogProb != nil { // a list may come without it
			said, err := c.entry(places[i].own)
			if err != nil {
				return nil, fmt.Errorf("token %d: %w", i, err)
			}
			l.said = &said.logProb
		}
		out = append(out, l)
	}
	return out, nil
}
