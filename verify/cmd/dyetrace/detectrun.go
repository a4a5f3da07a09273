package main

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/verify/tokenizer"
	"github.com/dyetrace/dyetrace/watermark"
)

// manyMarks is how many marks have a detector each. Beyond it all tokens are kept,
// and one search scores them under every mark.
const manyMarks = 16

// A detection looks for marks in documents, on several cores.
type detection struct {
	in    *inputs
	marks []*markFile
	tok   *tokenizer.Tokenizer // nil: documents hold ids
	skip  []int32              // windows of these tokens are left out
	alpha float64
	each  bool // a p-value for each text
	spans bool // and where in it the marks are
	show  func(textFinding) error
}

// A textFinding is what is found in one text.
type textFinding struct {
	Text   string        `json:"text"`
	Tokens int           `json:"tokens"`
	Best   string        `json:"best"` // the most likely mark
	Scored int           `json:"scored"`
	LogP   float64       `json:"ln_p"` // of the best, corrected for the number of marks
	Marks  []markInText  `json:"marks"`
	Spans  []spanFinding `json:"spans,omitempty"`
	source string        // the text itself, for spans
	ends   []int         // of its tokens in it
}

type markInText struct {
	Name   string  `json:"name"`
	Scored int     `json:"scored"`
	LogP   float64 `json:"ln_p"`
}

// A spanFinding is a part of a text that carries a mark.
type spanFinding struct {
	Mark   string  `json:"mark"`
	Begin  int     `json:"begin"` // in tokens
	End    int     `json:"end"`
	Bytes  []int   `json:"bytes,omitempty"` // [begin, end) in the text, where known
	LogP   float64 `json:"ln_p"`            // corrected for all spans of the text
	number int     // of the mark
}

// A corpusFinding is what is found in all texts together.
type corpusFinding struct {
	Name    string            `json:"name"`
	Mark    string            `json:"mark"`
	Kind    watermark.Kind    `json:"kind"`
	Raw     int               `json:"raw"`
	Scored  int               `json:"scored"`
	Dropped watermark.Dropped `json:"-"`
	Score   float64           `json:"score"`
	LogP    float64           `json:"ln_p"`
	Holm    float64           `json:"ln_p_corrected"`
	Found   bool              `json:"found"`
	Texts   int               `json:"texts_found"` // alone at alpha over texts and marks; 0 unless each was asked for
}

// A batchResult is what a worker makes of a batch.
type batchResult struct {
	findings []textFinding
	corpus   []watermark.Text // with many marks
	texts    int
	tokens   int64
	err      error
}

// run returns what was found under each mark, and how much was read.
func (d *detection) run(parent context.Context) (found []corpusFinding, texts int, tokens int64, err error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	type job struct {
		batch []document
		out   chan batchResult
	}
	cores := runtime.GOMAXPROCS(0)
	jobs := make(chan job, cores)
	ordered := make(chan chan batchResult, 4*cores)
	workers := make([]*detectWorker, cores)
	var group sync.WaitGroup
	for i := range workers {
		workers[i] = d.newWorker()
		group.Go(func() {
			for j := range jobs {
				j.out <- workers[i].work(ctx, j.batch)
			}
		})
	}
	var readErr error
	go func() {
		readErr = d.in.read(ctx, func(batch []document) error {
			out := make(chan batchResult, 1)
			select {
			case ordered <- out:
			case <-ctx.Done():
				return ctx.Err()
			}
			jobs <- job{batch, out} // a worker takes it: they end after jobs are closed
			return nil
		})
		close(jobs)
		close(ordered)
	}()
	tallies := make([]tally, len(d.marks))
	var corpus []watermark.Text
	for out := range ordered {
		var r batchResult
		select {
		case r = <-out:
		case <-ctx.Done():
			if parent.Err() != nil { // whoever interrupts waits for no long text
				return nil, 0, 0, parent.Err()
			}
			r = <-out
		}
		if err == nil {
			err = r.err
		}
		if err != nil {
			cancel()
			continue
		}
		texts, tokens = texts+r.texts, tokens+r.tokens
		corpus = append(corpus, r.corpus...)
		for _, f := range r.findings {
			for i, m := range f.Marks {
				tallies[i].add(m.LogP)
			}
			if err = d.show(f); err != nil {
				cancel()
				break
			}
		}
	}
	group.Wait()
	if err == nil || errors.Is(err, context.Canceled) && readErr != nil {
		err = readErr
	}
	if err != nil {
		return nil, 0, 0, err
	}
	found, err = d.sum(workers, corpus)
	if err != nil {
		return nil, 0, 0, err
	}
	level := math.Log(d.alpha) - math.Log(float64(max(1, texts)*len(d.marks)))
	for i := range found {
		found[i].Texts = tallies[i].below(level)
	}
	return found, texts, tokens, nil
}

// sum adds up what the workers found, and corrects for the number of marks.
func (d *detection) sum(workers []*detectWorker, corpus []watermark.Text) ([]corpusFinding, error) {
	results := make([]watermark.Result, len(d.marks))
	if len(d.marks) > manyMarks {
		matches, err := watermark.Search(corpus, d.candidates())
		if err != nil {
			return nil, err
		}
		byName := map[string]watermark.Result{}
		for _, m := range matches {
			byName[m.Name] = m.Result
		}
		for i, m := range d.marks {
			results[i] = byName[m.name]
		}
	} else {
		for i := range d.marks {
			for _, w := range workers[1:] {
				if err := workers[0].corpus[i].Merge(w.corpus[i]); err != nil {
					return nil, err
				}
			}
			results[i] = workers[0].corpus[i].Result()
		}
	}
	logP := make([]float64, len(results))
	for i, r := range results {
		logP[i] = r.LogP
	}
	decisions, err := evidence.Family{Alpha: d.alpha}.Holm(logP)
	if err != nil {
		return nil, err
	}
	found := make([]corpusFinding, len(results))
	for i, r := range results {
		found[i] = corpusFinding{Name: d.marks[i].name, Mark: r.Mark, Kind: d.marks[i].mark.Info().Kind, Raw: r.Raw, Scored: r.Scored,
			Dropped: r.Dropped, Score: r.Score, LogP: r.LogP, Holm: decisions[i].LogP, Found: decisions[i].Rejected}
	}
	return found, nil
}

func (d *detection) candidates() []watermark.Candidate {
	all := make([]watermark.Candidate, len(d.marks))
	for i, m := range d.marks {
		all[i] = watermark.Candidate{Name: m.name, Mark: m.mark}
	}
	return all
}

// A tally counts texts by their p-value, so that no text has to be remembered.
type tally struct{ counts map[int]int }

// tallyStep is in nats: a text counts only if it is below a level by less than that
// at least, which errs against the claim.
const tallyStep = 1.0 / 16

func (t *tally) add(logP float64) {
	if t.counts == nil {
		t.counts = map[int]int{}
	}
	t.counts[int(math.Min(-logP, 1e6)/tallyStep)]++
}

func (t *tally) below(level float64) (n int) {
	least := int(math.Ceil(-level / tallyStep))
	for step, count := range t.counts {
		if step >= least {
			n += count
		}
	}
	return n
}
