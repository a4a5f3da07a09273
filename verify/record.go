package verify

import (
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/portable"
	"github.com/dyetrace/dyetrace/watermark"
)

// A Record is what was collected from a suspect, in tokens of the marked model. It
// holds texts, predictions or both.
type Record struct {
	// Texts are the suspect's own, and Prompts what each of them answers, or none:
	// windows that occur in a text's prompt are left out of it.
	Texts   []watermark.Text
	Prompts [][]watermark.Token
	// Passages are texts that were made under the mark, and Predictions what the
	// suspect predicts at each of their positions: as many as Passages, each as
	// many as its tokens, or none. A Prediction with NoToken and no IDs is missing.
	// Passages are all in the order in which tests count them, selected by prompt,
	// time or account only, never by content: see [ServedPlan]. Their prompts were
	// not made under the mark: earlier turns that were stand before them, as
	// passages without predictions.
	Passages    []collect.Passage
	Predictions [][]collect.Prediction
	// End is the end-of-turn token: predictions of it are left out, since no
	// position is where a text ended. A nil End leaves them in, which costs some
	// evidence: they score low on average.
	End *watermark.Token
	// Served are the served answers that a presence filter goes by: see
	// [ServedPlan].
	Served []watermark.Text
}

// missing is the prediction that did not come.
var missing = collect.Prediction{Argmax: collect.NoToken, Sample: collect.NoToken}

func (r *Record) check() error {
	if len(r.Prompts) != 0 && len(r.Prompts) != len(r.Texts) {
		return fmt.Errorf("verify: there are %d prompts, want %d, one a text, or none", len(r.Prompts), len(r.Texts))
	}
	if len(r.Predictions) != len(r.Passages) {
		return fmt.Errorf("verify: there are predictions of %d passages, want %d", len(r.Predictions), len(r.Passages))
	}
	for i, p := range r.Predictions {
		if n := len(r.Passages[i].Tokens); len(p) != n && len(p) != 0 {
			return fmt.Errorf("verify: passage %d has %d predictions, want %d, one a token, or none", i, len(p), n)
		}
		for j := range p {
			if err := checkPrediction(&p[j]); err != nil {
				return fmt.Errorf("verify: passage %d, position %d: %w", i, j, err)
			}
		}
	}
	return nil
}

// checkPrediction refuses what a weighted sum cannot bear.
func checkPrediction(p *collect.Prediction) error {
	switch {
	case len(p.LogProbs) != len(p.IDs):
		return fmt.Errorf("%d tokens have %d log-probabilities", len(p.IDs), len(p.LogProbs))
	case p.Reference != nil && len(p.Reference) != len(p.IDs):
		return fmt.Errorf("%d tokens have %d log-probabilities of the reference", len(p.IDs), len(p.Reference))
	}
	sum := 0.0
	for i, id := range p.IDs {
		if id < 0 {
			return fmt.Errorf("token is %d, want at least 0", id)
		}
		if l := p.LogProbs[i]; !(l <= 0) {
			return fmt.Errorf("log-probability of token %d is %v, want at most 0", id, l)
		}
		if p.Reference != nil && !(p.Reference[i] <= 0) {
			return fmt.Errorf("log-probability of token %d under the reference is %v, want at most 0", id, p.Reference[i])
		}
		sum += portable.Exp(p.LogProbs[i])
	}
	if id, ok := twice(p.IDs); ok {
		return fmt.Errorf("token %d is listed twice", id)
	}
	if sum > 1+sumSlack {
		return fmt.Errorf("probabilities of %d tokens sum to %v, want at most 1", len(p.IDs), sum)
	}
	return nil
}

// twice returns a token that is listed twice.
func twice(ids []watermark.Token) (watermark.Token, bool) {
	if len(ids) <= fewTokens {
		for i, id := range ids {
			if slices.Contains(ids[:i], id) {
				return id, true
			}
		}
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(ids))
	for i, id := range sorted[1:] {
		if sorted[i] == id {
			return id, true
		}
	}
	return 0, false
}

// fewTokens is up to how many tokens a list is searched from its beginning.
const fewTokens = 64

// sumSlack is by how much rounded probabilities may sum to more than 1.
const sumSlack = 1e-3

// under returns the part of the record that a key of this name scores.
func (r *Record) under(key string) *Record {
	out := *r
	out.Passages, out.Predictions = nil, nil
	for i, p := range r.Passages {
		if p.Key == "" || p.Key == key {
			out.Passages = append(out.Passages, p)
			out.Predictions = append(out.Predictions, r.Predictions[i])
		}
	}
	return &out
}

// marked returns the passages as texts of the mark.
func (r *Record) marked() []watermark.Text {
	out := make([]watermark.Text, len(r.Passages))
	for i, p := range r.Passages {
		out[i] = watermark.Text{Prompt: p.Prompt, PromptKnown: true, Tokens: p.Tokens}
	}
	return out
}
