package main

import (
	"context"
	"errors"
	"fmt"
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
func (d *detection) run(ctx context.Context) (found []corpusFinding, texts int, tokens int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
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
		r := <-out
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

// A detectWorker looks for the marks in documents, one after another.
type detectWorker struct {
	*detection
	corpus []*watermark.Detector // one a mark
	text   []*watermark.Detector
	room   int // tokens that the detectors of a text have grown to
	err    error
}

func (d *detection) newWorker() *detectWorker {
	w := &detectWorker{detection: d}
	if len(d.marks) > manyMarks {
		return w
	}
	for _, m := range d.marks {
		c := m.mark.NewDetector()
		w.err = errors.Join(w.err, d.skipIn(c))
		w.corpus = append(w.corpus, c)
		w.text = append(w.text, m.mark.NewDetector())
	}
	return w
}

// skipIn makes a detector leave out what --skip names. Without it nothing is said:
// a text of no tokens has a window, too, that of the head of every answer.
func (d *detection) skipIn(detector *watermark.Detector) error {
	if d.skip == nil {
		return nil
	}
	return detector.Skip(d.skip)
}

func (w *detectWorker) work(ctx context.Context, batch []document) (r batchResult) {
	if r.err = w.err; r.err != nil {
		return r
	}
	for i := range batch {
		if r.err = ctx.Err(); r.err != nil {
			return r
		}
		d := &batch[i]
		if r.err = w.in.parse(d); r.err != nil {
			return r
		}
		if d.skip {
			continue
		}
		if !d.isIDs && w.tok == nil {
			r.err = usage(fmt.Errorf("%s is text: give the --tokenizer of the marked model, or with --ids token ids", d.name()))
			return r
		}
		t := watermark.Text{PromptKnown: d.hasPrompt, Tokens: w.encode(d.text, d.ids), Prompt: w.encode(d.prompt, d.promptIDs)}
		r.texts++
		r.tokens += int64(len(t.Tokens))
		f, err := w.look(d, t)
		if err != nil {
			r.err = fmt.Errorf("%s: %w", d.name(), err)
			return r
		}
		if w.each || w.spans {
			r.findings = append(r.findings, f)
		}
		if len(w.marks) > manyMarks {
			r.corpus = append(r.corpus, t)
		}
	}
	return r
}

func (w *detectWorker) encode(text string, ids []int32) []int32 {
	if ids == nil && text != "" {
		return w.tok.Encode(text)
	}
	return ids
}

// look scores a text: for itself if that was asked for, and for the corpus.
func (w *detectWorker) look(d *document, t watermark.Text) (f textFinding, err error) {
	f = textFinding{Text: d.name(), Tokens: len(t.Tokens)}
	if !w.each && !w.spans {
		for _, c := range w.corpus {
			if err := c.Add(t); err != nil {
				return f, err
			}
		}
		return f, nil
	}
	if f.Marks, err = w.score(t); err != nil {
		return f, err
	}
	best := 0
	for i, m := range f.Marks {
		if m.LogP < f.Marks[best].LogP {
			best = i
		}
	}
	f.Best, f.Scored = f.Marks[best].Name, f.Marks[best].Scored
	f.LogP = math.Min(0, f.Marks[best].LogP+math.Log(float64(len(f.Marks))))
	if !w.spans {
		return f, nil
	}
	return f, w.localize(d, t, &f)
}

// score returns the evidence of one text, and adds it to that of the corpus.
func (w *detectWorker) score(t watermark.Text) ([]markInText, error) {
	out := make([]markInText, len(w.marks))
	if len(w.marks) > manyMarks {
		matches, err := watermark.Search([]watermark.Text{t}, w.candidates())
		if err != nil {
			return nil, err
		}
		byName := map[string]watermark.Result{}
		for _, m := range matches {
			byName[m.Name] = m.Result
		}
		for i, m := range w.marks {
			r := byName[m.name]
			out[i] = markInText{m.name, r.Scored, r.LogP}
		}
		return out, nil
	}
	// What a detector has grown to it goes through again for each text.
	shrink := w.room > 1<<14 && len(t.Tokens) < w.room/16
	if shrink || len(t.Tokens) > w.room {
		w.room = len(t.Tokens)
	}
	for i, m := range w.marks {
		if shrink {
			w.text[i] = m.mark.NewDetector()
		}
		s := w.text[i]
		s.Reset()
		if err := errors.Join(w.skipIn(s), s.Add(t)); err != nil {
			return nil, err
		}
		r := s.Result()
		out[i] = markInText{m.name, r.Scored, r.LogP}
		if err := w.corpus[i].Merge(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// localize finds the marked spans of a text, at rate alpha over all marks.
func (w *detectWorker) localize(d *document, t watermark.Text, f *textFinding) error {
	for i, m := range w.marks {
		spans, err := m.mark.Localize(t, w.alpha/float64(len(w.marks)))
		if err != nil {
			return err
		}
		for _, s := range spans {
			f.Spans = append(f.Spans, spanFinding{Mark: m.name, Begin: s.Begin, End: s.End, LogP: s.LogPFamily + math.Log(float64(len(w.marks))), number: i})
		}
	}
	if w.tok == nil {
		return nil
	}
	if d.isIDs {
		text, err := w.tok.Decode(t.Tokens)
		if err != nil {
			return nil // of another vocabulary: spans are in tokens
		}
		ends, err := w.tok.Ends(t.Tokens)
		if err != nil {
			return err
		}
		f.source, f.ends = text, ends
	} else {
		f.source = d.text
		for _, token := range w.tok.Tokens(d.text) {
			f.ends = append(f.ends, token.End)
		}
	}
	for i := range f.Spans {
		f.Spans[i].Bytes = bytesOf(f.ends, f.Spans[i].Begin, f.Spans[i].End)
	}
	return nil
}

// bytesOf returns the bytes of tokens [begin, end), given where tokens end; −1 is
// an end that nobody knows.
func bytesOf(ends []int, begin, end int) []int {
	from, to := 0, 0
	for i := begin - 1; i >= 0; i-- {
		if ends[i] >= 0 {
			from = ends[i]
			break
		}
	}
	for i := end - 1; i < len(ends); i++ {
		if ends[i] >= 0 {
			to = ends[i]
			break
		}
	}
	return []int{from, max(from, to)}
}
