package verify

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// Relayed says how much of a suspect's answers repeats marked texts word for word, in
// runs of at least 50 tokens that do not stand in the answer's own prompt. A suspect
// that asks the service, or looks answers up, does so; one that learnt from them seldom
// does. It is another finding than use in training, and a stronger one.
type Relayed struct {
	Answers int `json:"answers"` // that hold such a run
	Tokens  int `json:"tokens"`  // in such runs
	Longest int `json:"longest"` // run, in tokens
}

// IsZero reports whether nothing was repeated.
func (r Relayed) IsZero() bool { return r == Relayed{} }

// longRun is how many tokens in a row count as repeated.
const longRun = 50

// relayed compares the answers with the marked texts that the case holds, served
// answers and passages, and the passages with what was predicted of them. A test of
// texts whose finding rests on answers that repeat marked texts is void; that can only
// raise p-values, whatever the answers are.
func (j *judgement) relayed(ctx context.Context, opened []*Opened) error {
	rec := j.c.record(j.c.Transcript)
	j.recited(rec)
	r, whole := rec.repeats()
	j.report.Relayed = r
	if r.IsZero() {
		return nil
	}
	for i, k := range j.c.Plan.Keys {
		if opened[i] == nil || k.Tree != "" {
			continue
		}
		var tests []Test
		for _, t := range k.takes(j.c.Plan.Tests) {
			if !t.reads() {
				tests = append(tests, t)
			}
		}
		if len(tests) == 0 {
			continue
		}
		said, _, err := examine(ctx, k, opened[i].Mark, whole.under(k.Name), tests, j.levels, &decoyPool{}, nil)
		if err != nil {
			return err
		}
		for n, t := range tests {
			f := j.report.Finding(k.Name, t.String())
			without := fmt.Sprintf("log10 p is %.2f without the %s answers that repeat marked texts word for word", log10(said[n].LogP), grouped(r.Answers))
			if j.levels.lost(f, said[n].LogP) {
				f.Void = append(f.Void, without+": these were relayed or looked up, which is another finding and a stronger one")
			} else {
				f.Notes = append(f.Notes, without)
			}
		}
	}
	return nil
}

// A gram is a place of longRun tokens in the answers.
type gram struct {
	tokens []watermark.Token // longRun of them
	marked bool              // occurs in a marked text
}

// grams are the runs of longRun tokens of texts, by a hash: equal hashes of different runs
// leave out the later one.
type grams map[uint64]*gram

// repeats compares the texts of a record with the marked ones. It returns what they
// repeat, and the record without the texts that do.
func (r *Record) repeats() (Relayed, *Record) {
	all := make(grams)
	for _, t := range r.Texts {
		eachGram(t.Tokens, func(_ int, hash uint64, run []watermark.Token) {
			if all[hash] == nil {
				all[hash] = &gram{tokens: run}
			}
		})
	}
	for _, t := range slices.Concat(r.Served, r.marked()) {
		eachGram(t.Tokens, func(_ int, hash uint64, run []watermark.Token) {
			if g := all.at(hash, run); g != nil {
				g.marked = true
			}
		})
	}
	out := *r
	out.Texts, out.Prompts = nil, nil
	var found Relayed
	for i, t := range r.Texts {
		quoted := make(map[*gram]bool)
		if len(r.Prompts) > 0 {
			eachGram(r.Prompts[i], func(_ int, hash uint64, run []watermark.Token) {
				if g := all.at(hash, run); g != nil {
					quoted[g] = true
				}
			})
		}
		tokens, longest, end := 0, 0, 0
		begin := 0 // of the run that reaches up to end
		eachGram(t.Tokens, func(at int, hash uint64, run []watermark.Token) {
			if g := all.at(hash, run); g == nil || !g.marked || quoted[g] {
				return
			}
			if at > end {
				begin, end = at, at
			}
			tokens += at + longRun - end
			end = at + longRun
			longest = max(longest, end-begin)
		})
		if tokens > 0 {
			found.Answers++
			found.Tokens += tokens
			found.Longest = max(found.Longest, longest)
			continue
		}
		out.Texts = append(out.Texts, t)
		if len(r.Prompts) > 0 {
			out.Prompts = append(out.Prompts, r.Prompts[i])
		}
	}
	return found, &out
}

func (g grams) at(hash uint64, run []watermark.Token) *gram {
	if x := g[hash]; x != nil && slices.Equal(x.tokens, run) {
		return x
	}
	return nil
}

// eachGram calls f with every run of longRun tokens, where it begins and a rolling hash.
func eachGram(tokens []watermark.Token, f func(at int, hash uint64, run []watermark.Token)) {
	const base = 0x9E3779B97F4A7C15
	first := uint64(1) // base^(longRun−1)
	for range longRun - 1 {
		first *= base
	}
	hash := uint64(0)
	for i, t := range tokens {
		if i >= longRun {
			hash -= (uint64(tokens[i-longRun]) + 1) * first
		}
		hash = hash*base + uint64(t) + 1
		if i >= longRun-1 {
			f(i-longRun+1, hash, tokens[i-longRun+1:i+1])
		}
	}
}

// recited notes, on findings of predictions, passages that the suspect predicts token
// after token, beyond what the reference would: that it knows them by heart and that it
// looks them up, no such test can tell apart.
func (j *judgement) recited(rec *Record) {
	positions, surprises := 0, 0
	for i, p := range rec.Passages {
		n, s := recitedOf(p.Tokens, rec.Predictions[i])
		positions, surprises = positions+n, surprises+s
	}
	if positions == 0 {
		return
	}
	note := fmt.Sprintf("%s positions were predicted as the passages go on, in unbroken runs of %d and more", grouped(positions), longRun)
	if surprises > 0 {
		note += fmt.Sprintf(", %s of them tokens with a probability below 0.001 to the reference", grouped(surprises))
	}
	for i := range j.report.Findings {
		f := &j.report.Findings[i]
		for _, t := range j.c.Plan.Tests {
			if t.String() == f.Test && t.reads() {
				f.Notes = append(f.Notes, note+": the suspect knows them by heart or looks them up, which the test does not tell apart")
			}
		}
	}
}

// recitedOf returns how many positions lie in runs of at least longRun in which the
// most likely token is the text's own, and how many of these have a probability below
// 0.001 to the reference. Where there is a reference, runs without such a token do not
// count: any model would predict them.
func recitedOf(tokens []watermark.Token, list []collect.Prediction) (positions, surprises int) {
	run, unlikely, referenced := 0, 0, false
	flush := func() {
		if run >= longRun && (unlikely > 0 || !referenced) {
			positions, surprises = positions+run, surprises+unlikely
		}
		run, unlikely, referenced = 0, 0, false
	}
	for i := range list {
		p := &list[i]
		top := p.Argmax
		if top < 0 && len(p.IDs) > 0 {
			top = p.IDs[0]
		}
		if top != tokens[i] {
			flush()
			continue
		}
		run++
		if p.Reference != nil {
			referenced = true
			if k := slices.Index(p.IDs, top); k >= 0 && p.Reference[k] < math.Log(1e-3) {
				unlikely++
			}
		}
	}
	flush()
	return positions, surprises
}
