package verify

import (
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
)

// A Detail is what a finding stands on, figure by figure: what a report for people
// draws, and a [Report] has no room for. Nothing in it is decided anew, and all of it
// follows from the case. Logarithms are natural; figures are rounded as those of
// reports are. What a finding does not have is empty: products have no Detail, sparse
// tests and marks whose windows share words no Steps, tests of canaries no Scores, and
// tests of a mark no Cells.
type Detail struct {
	Key, Test string // of the finding

	// Steps are what the finding would say if it had ended after so many scores, at
	// most 256 of them, evenly spaced, the last being all.
	Steps []Step
	// Z is by how many standard deviations of the null law the statistic is above its
	// mean, and Decoys are the same of every decoy key, in order.
	Z      float64
	Decoys []float64
	// DecoyLogP are the p-values of decoy keys. It is nil where the test compares them
	// by Decoys only: weighted sums, canaries and twins.
	DecoyLogP []float64
	// Cells are all that [CanaryFinding] has twelve of, in its order.
	Cells []CellFinding
	// Scores are the tokens or positions that count, in the order in which they do.
	Scores []Scored
}

// A Step is a finding after some of its scores.
type Step struct {
	N    int // scores
	LogP float64
	LogE float64
}

// A Scored is a token, or a position, that a finding counts.
type Scored struct {
	// Prompt is the number in the transcript of the prompt whose answer the token is
	// of, −1 where Passage is the number in the task of the passage that was read,
	// and that is −1 otherwise.
	Prompt, Passage int
	Pos             int // of the token in the answer's or passage's tokens
	// Token is the one that is scored: the answer's own, or what the suspect predicts;
	// collect.NoToken for R3 and R4, which score many.
	Token watermark.Token
	Value float64 // its part of the statistic
	// LogP is ln P of a score at least as high under the null law, 0 for R3 and R4.
	LogP float64
}

// mostSteps is how many steps a detail has.
const mostSteps = 256

// look tells who wants to know what a trial of a mark stands on.
func (j *judgement) look(k KeyPlan) func(*Finding, *trial, *total, []total) {
	if j.c.Detail == nil {
		return nil
	}
	texts, passages := j.c.sources(k.Name)
	return func(f *Finding, t *trial, own *total, decoys []total) {
		d := Detail{Key: f.Key, Test: f.Test}
		if t.null != nil {
			var scratch []uint64
			scores, _ := t.reading.scores(t.mark, &scratch)
			terms := t.reading.terms(t.of, scores)
			d.Steps = t.steps(terms)
			d.Scores = t.scored(terms, texts, passages)
			d.decoys(t.null, own, decoys)
		}
		j.tell(&d)
	}
}

// tell rounds a detail and tells it, if anybody wants to know.
func (j *judgement) tell(d *Detail) {
	if j.c.Detail == nil {
		return
	}
	d.Z = rounded(d.Z)
	for i := range d.Steps {
		d.Steps[i].LogP, d.Steps[i].LogE = rounded(d.Steps[i].LogP), rounded(d.Steps[i].LogE)
	}
	for _, list := range [][]float64{d.Decoys, d.DecoyLogP} {
		for i, x := range list {
			list[i] = rounded(x)
		}
	}
	for i := range d.Cells {
		c := &d.Cells[i]
		c.Share, c.Baseline, c.Gain = rounded(c.Share), rounded(c.Baseline), rounded(c.Gain)
	}
	for i := range d.Scores {
		d.Scores[i].Value, d.Scores[i].LogP = rounded(d.Scores[i].Value), rounded(d.Scores[i].LogP)
	}
	j.c.Detail(*d)
}

// sources returns the numbers of the prompts whose answers a record holds, and of the
// passages that it holds for a key.
func (c *Case) sources(key string) (texts, passages []int) {
	for i, e := range c.Transcript.Prompts {
		if e.Status == collect.Complete || e.Status == collect.Refused {
			texts = append(texts, i)
		}
	}
	for i, p := range c.task.Passages[:c.Plan.Reading.Frame.Ask] {
		if p.Key == "" || p.Key == key {
			passages = append(passages, i)
		}
	}
	return texts, passages
}

// steps returns the running p-value and e-value of a sum.
func (t *trial) steps(terms []float64) []Step {
	n := len(terms)
	at := make(map[int]bool)
	for i := 1; i <= min(n, mostSteps); i++ {
		at[i*n/min(n, mostSteps)] = true
	}
	var out []Step
	switch null := t.null.(type) {
	case sumNull:
		sum := 0.0
		for i, x := range terms {
			if sum += x; at[i+1] {
				upTo := int64(i + 1)
				s := Step{N: i + 1, LogE: null.law.LogE(sum, upTo)}
				if i+1 == n { // those that are missing of the first N count here
					upTo = null.among
				}
				s.LogP = null.counted.LogTail(sum, upTo)
				out = append(out, s)
			}
		}
	case weightedNull:
		for i, e := range null.w.Path(terms) {
			if at[i] {
				out = append(out, Step{N: i, LogE: e, LogP: evidence.LogPOfE(e)})
			}
		}
	}
	return out
}

// scored lists what a selection counts.
func (t *trial) scored(terms []float64, texts, passages []int) []Scored {
	out := make([]Scored, len(terms))
	for i, x := range terms {
		place, weighted := i, t.of.test.weighted()
		if weighted {
			place = int(t.of.ends[i]) - 1
		}
		u := t.reading.units[t.of.picks[place]]
		s := Scored{Prompt: -1, Passage: -1, Pos: u.Pos, Token: u.Token, Value: x}
		if t.of.test.reads() {
			s.Passage = passages[u.Text]
		} else {
			s.Prompt = texts[u.Text]
		}
		if weighted {
			s.Token = collect.NoToken
		} else {
			s.LogP = t.reading.law.LogTail(x, 1)
		}
		out[i] = s
	}
	return out
}

// decoys puts the statistic and those of decoy keys in, standardised.
func (d *Detail) decoys(null null, own *total, decoys []total) {
	if len(decoys) == 0 {
		return
	}
	all, err := null.decoys(append([]total{*own}, decoys...))
	if err != nil { // the finding is void for it
		return
	}
	d.Z, d.Decoys = all.Z[0], all.Z[1:]
	if all.LogP != nil {
		d.DecoyLogP = all.LogP[1:]
	}
}
