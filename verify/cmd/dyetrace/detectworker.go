package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
)

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
