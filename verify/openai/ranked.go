package openai

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// An entry is a token of the suspect: the marked model's, or NoToken, with ln p.
type entry struct {
	id      int32
	logProb float64
}

// A ranked list is what a suspect finds most likely at a position, the most
// likely first, ties by id.
type ranked []entry

// byLikelihood is the order of a ranked list.
func byLikelihood(a, b entry) int {
	return cmp.Or(cmp.Compare(b.logProb, a.logProb), cmp.Compare(a.id, b.id))
}

// top is the most likely token.
func (r ranked) top() int32 {
	if len(r) == 0 {
		return collect.NoToken
	}
	return r[0].id
}

// named reports whether all of the list are tokens of the marked model.
func (r ranked) named() bool {
	return !slices.ContainsFunc(r, func(e entry) bool { return e.id == collect.NoToken })
}

// cut returns the m most likely of those that are tokens of the marked model. A
// token that the suspect can write in several ways is listed once, with the most
// likely.
func (r ranked) cut(m int) (ids []int32, logProbs []float64) {
	seen := make(map[int32]bool, len(r))
	for _, e := range r {
		if len(ids) == m {
			break
		}
		if e.id != collect.NoToken && !seen[e.id] {
			seen[e.id] = true
			ids, logProbs = append(ids, e.id), append(logProbs, e.logProb)
		}
	}
	return ids, logProbs
}

// scores are ln p of the tokens of a list, by id.
func (r ranked) scores() map[int32]float64 {
	out := make(map[int32]float64, len(r))
	ids, logProbs := r.cut(len(r))
	for i, id := range ids {
		out[id] = logProbs[i]
	}
	return out
}

// rounded is how far above 0 a ln p may be that a server rounded.
const rounded = 1e-6

// entry checks a candidate and says which token it is.
func (c *Client) entry(x candidate) (entry, error) {
	e := entry{id: collect.NoToken}
	switch {
	case x.LogProb == nil:
		return e, fmt.Errorf("token %q has no ln p", c.brief(x.Token))
	case *x.LogProb > rounded:
		return e, fmt.Errorf("ln p of token %q is %v, want at most 0", c.brief(x.Token), *x.LogProb)
	}
	// No model is surer that a token is impossible than float32 can say, and
	// servers write what stands for −Inf in different ways.
	e.logProb = max(min(*x.LogProb, 0), impossible)
	if id, ok := c.identify(x); ok {
		e.id = id
	}
	return e, nil
}

// impossible is what OpenAI's API says of a token that it finds too unlikely.
const impossible = -9999

// A listing is a position's list before it is known whether the token at the
// position was added to it.
type listing struct {
	ranked ranked
	// own is the place of that token in ranked, −1 if it is not there.
	own int
	// said is ln p of that token, of a passage that is read whole.
	said *float64
}

// listing reads what a server says of a position.
func (c *Client) listing(p place) (listing, error) {
	out := listing{own: -1}
	type named struct {
		entry
		own bool
	}
	all := make([]named, len(p.list))
	for i, x := range p.list {
		e, err := c.entry(x)
		if err != nil {
			return out, err
		}
		all[i] = named{e, same(x, p.own)}
	}
	slices.SortStableFunc(all, func(a, b named) int { return byLikelihood(a.entry, b.entry) })
	var mass float64
	for i, x := range all {
		out.ranked = append(out.ranked, x.entry)
		mass += math.Exp(x.logProb)
		if x.own {
			out.own = i
		}
	}
	if mass > 1+1e-3 {
		return out, fmt.Errorf("the probabilities of a list add up to %v, want at most 1", mass)
	}
	return out, nil
}

// same reports whether two candidates are one token to the server.
func same(a, b candidate) bool {
	switch {
	case a.ID != nil && b.ID != nil:
		return *a.ID == *b.ID
	case a.TokenID != nil && b.TokenID != nil:
		return *a.TokenID == *b.TokenID
	}
	return a.Token == b.Token && string(a.Bytes) == string(b.Bytes)
}

// settle returns the m most likely of a listing, from which the token at the
// position must not be told. Servers add it where it is not among them; then
// there is one more than m, and it is the least likely. It is dropped. If there
// are no more than m and it is the least likely, it may have been added to a
// list that names two tokens by one string, or that the server cut: unsure. Then
// the list is not to be used where the token is the passage's own.
func (l listing) settle(m int) (list ranked, unsure bool, err error) {
	last := math.Inf(1)
	for i, e := range l.ranked {
		if i != l.own {
			last = min(last, e.logProb)
		}
	}
	lowest := l.own >= 0 && l.ranked[l.own].logProb <= last
	switch n := len(l.ranked); {
	case n <= m:
		return l.ranked, lowest, nil
	case n == m+1 && lowest:
		return slices.Delete(slices.Clone(l.ranked), l.own, l.own+1), false, nil
	case n == m+1:
		return nil, false, fmt.Errorf("%d tokens are listed, want %d: the one beyond them is not the token at the position", n, m)
	default:
		return nil, false, fmt.Errorf("%d tokens are listed, want %d", n, m)
	}
}
