package main

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

//go:embed testdata
var carried embed.FS

// A recording is a folder of recorded outputs. Files:
//
//	meta.json                 the mark, the models, which model is whose reference
//	keys.json                 the mark's key, and keys that nothing was made with
//	train_marked.jsonl.gz     marked texts that some model was trained on
//	fresh_marked.jsonl.gz     marked texts that none was
//	gen_NAME.jsonl.gz         texts of the model NAME
//	read_sup_NAME.jsonl.gz    what it predicts in train_marked, position by position
//	read_new_NAME.jsonl.gz    what it predicts in fresh_marked
//
// A folder may lack files of a model, but not all of all models; keys and marked texts
// it has.
type recording struct {
	fs   fs.FS
	meta meta
	mark *watermark.Watermark
	keys keyFile

	train, fresh []text
}

type meta struct {
	Mark struct {
		Engine       string `json:"engine"`
		Algorithm    string `json:"algorithm"`
		ContextWidth int    `json:"context_width"`
		Deduplicate  string `json:"deduplicate_contexts"`
		Vocab        int    `json:"vocab"` // 0 if it is not said
	} `json:"mark"`
	Models      map[string]json.RawMessage `json:"models"`
	ReferenceOf map[string]string          `json:"reference_of"`
}

type keyFile struct {
	Name  string   `json:"name"`
	Key   string   `json:"key"` // decimal
	Wrong []string `json:"wrong_keys"`
}

// A text is one record of a file of texts.
type text struct {
	ID         int     `json:"id"`
	Prompt     []int32 `json:"prompt_ids"`
	Completion []int32 `json:"completion_ids"`
}

// A position is one record of a file of predictions.
type position struct {
	Text      *int      `json:"t"`
	Pos       *int      `json:"p"`
	Argmax    *int32    `json:"a"`
	Sample    *int32    `json:"s"`
	IDs       []int32   `json:"i"`
	LogProbs  []float64 `json:"l"`
	Reference []float64 `json:"r"`
}

// open reads what every suspect of a folder needs. An empty dir is the folder that
// comes with the example.
func open(dir string) (*recording, error) {
	r := &recording{}
	if dir == "" {
		sub, err := fs.Sub(carried, "testdata")
		if err != nil {
			return nil, err
		}
		r.fs = sub
	} else {
		r.fs = os.DirFS(dir)
	}
	if err := r.json("meta.json", &r.meta); err != nil {
		return nil, fmt.Errorf("folder %q: %w", dir, err)
	}
	if len(r.meta.Models) == 0 {
		return nil, errors.New("meta.json: there are no models, want at least 1")
	}
	if err := r.json("keys.json", &r.keys); err != nil {
		return nil, err
	}
	var err error
	if r.mark, err = r.markOf(r.keys.Key); err != nil {
		return nil, fmt.Errorf("keys.json: %w", err)
	}
	if r.train, err = r.texts("train_marked"); err != nil {
		return nil, err
	}
	if r.fresh, err = r.texts("fresh_marked"); err != nil {
		return nil, err
	}
	return r, nil
}

// markOf returns the recording's mark under a key.
func (r *recording) markOf(decimal string) (*watermark.Watermark, error) {
	m := r.meta.Mark
	if !strings.HasPrefix(m.Engine, "vLLM") {
		return nil, fmt.Errorf("meta.json: mark is of engine %q, want one that begins with %q", m.Engine, "vLLM")
	}
	key, err := strconv.ParseUint(decimal, 10, 64)
	if err != nil {
		return nil, errors.New("key is no decimal number of 64 bits")
	}
	return vllm.New(vllm.Config{
		Key: vllm.NewKey(key), Algorithm: vllm.Algorithm(m.Algorithm), ContextWidth: m.ContextWidth,
		DeduplicateContexts: vllm.Scope(m.Deduplicate),
	})
}

// models returns the names of the suspects, students first: models with a
// reference before those that are one.
func (r *recording) models() []string {
	var names []string
	for name := range r.meta.Models {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		_, refA := r.meta.ReferenceOf[a]
		_, refB := r.meta.ReferenceOf[b]
		switch {
		case refA && !refB:
			return -1
		case refB && !refA:
			return 1
		}
		return strings.Compare(a, b)
	})
	return names
}

func (r *recording) json(name string, v any) error {
	data, err := fs.ReadFile(r.fs, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// texts reads a file of texts.
func (r *recording) texts(name string) ([]text, error) {
	var out []text
	err := eachRecord(r.fs, name+".jsonl.gz", func(line []byte) error {
		var t text
		if err := json.Unmarshal(line, &t); err != nil {
			return err
		}
		if len(t.Completion) == 0 {
			return errors.New("there are no completion_ids")
		}
		if err := r.inside(slices.Concat(t.Prompt, t.Completion)...); err != nil {
			return err
		}
		out = append(out, t)
		return nil
	})
	return out, err
}

// inside refuses tokens that the vocabulary does not have.
func (r *recording) inside(tokens ...int32) error {
	last := int32(math.MaxInt32)
	if n := r.meta.Mark.Vocab; n > 0 && n < math.MaxInt32 {
		last = int32(n) - 1
	}
	for _, id := range tokens {
		if id < 0 || id > last {
			return fmt.Errorf("token is %d, want 0 to %d", id, last)
		}
	}
	return nil
}

// has reports whether the folder has a file of records.
func (r *recording) has(name string) bool {
	_, err := fs.Stat(r.fs, name+".jsonl.gz")
	return err == nil
}

// predictions reads a file of predictions in texts: the passages that it has
// positions of, in order, and what is predicted there. A passage ends where the
// file's positions of it do.
func (r *recording) predictions(name string, texts []text) (passages []collect.Passage, predicted [][]collect.Prediction, err error) {
	place := make(map[int]int, len(texts))
	for i, t := range texts {
		if _, twice := place[t.ID]; twice {
			return nil, nil, fmt.Errorf("%s: text %d is there twice", name, t.ID)
		}
		place[t.ID] = i
	}
	last := -1
	err = eachRecord(r.fs, name+".jsonl.gz", func(line []byte) error {
		var p position
		if err := json.Unmarshal(line, &p); err != nil {
			return err
		}
		if p.Text == nil || p.Pos == nil || p.Argmax == nil || p.Sample == nil {
			return errors.New("a position has t, p, a and s")
		}
		if err := r.inside(append(p.IDs, *p.Argmax, *p.Sample)...); err != nil {
			return err
		}
		i, ok := place[*p.Text]
		switch {
		case !ok:
			return fmt.Errorf("there is no text %d", *p.Text)
		case i < last:
			return fmt.Errorf("text %d comes after text %d, want the order of the texts", *p.Text, texts[last].ID)
		case i > last:
			passages = append(passages, collect.Passage{Prompt: texts[i].Prompt})
			predicted = append(predicted, nil)
			last = i
		}
		n := len(passages) - 1
		if *p.Pos != len(predicted[n]) || *p.Pos >= len(texts[i].Completion) {
			return fmt.Errorf("position %d of text %d, want %d of %d", *p.Pos, *p.Text, len(predicted[n]), len(texts[i].Completion))
		}
		predicted[n] = append(predicted[n], collect.Prediction{Argmax: *p.Argmax, Sample: *p.Sample, IDs: p.IDs, LogProbs: p.LogProbs, Reference: p.Reference})
		passages[n].Tokens = texts[i].Completion[:*p.Pos+1]
		return nil
	})
	return passages, predicted, err
}
