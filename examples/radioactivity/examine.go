package main

import (
	"context"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/zeebo/blake3"
)

// alpha is the error rate of all tests of one look at a suspect.
const alpha = 1e-3

// Tests of texts, of predictions, and of those of a model with a reference.
var (
	writes   = []verify.Test{{Name: verify.G1}, {Name: verify.G2}, {Name: verify.G1, Fresh: true}, {Name: verify.G2, Fresh: true}}
	predicts = []verify.Test{{Name: verify.R1}, {Name: verify.R2}, {Name: verify.R3}}
	compares = []verify.Test{{Name: verify.R4}, {Name: verify.R4h}}
)

// A row is a finding on a suspect.
type row struct {
	suspect    string
	supervised bool
	lists      int // tokens that a position lists, in R tests
	verify.Finding
}

// examine makes every test that a suspect's files allow.
func (r *recording) examine(ctx context.Context, name string, decoys int) ([]row, error) {
	var rows []row
	look := func(rec *verify.Record, supervised bool, what string, tests []verify.Test) error {
		e := verify.Examination{Name: r.keys.Name, Mark: r.mark, Tests: tests, Alpha: alpha, Decoys: decoys, Seed: blake3.Sum256([]byte(name + " " + what))}
		found, err := e.Run(ctx, rec)
		for _, f := range found {
			rows = append(rows, row{name, supervised, lists(rec), f})
		}
		return err
	}
	if r.has("gen_" + name) {
		said, err := r.texts("gen_" + name)
		if err != nil {
			return nil, err
		}
		rec := &verify.Record{Served: served(r.train)}
		for _, t := range said {
			rec.Texts = append(rec.Texts, watermark.Text{Tokens: t.Completion})
			rec.Prompts = append(rec.Prompts, t.Prompt)
		}
		if err := look(rec, false, "gen", writes); err != nil {
			return nil, err
		}
	}
	for _, reading := range []struct {
		file       string
		texts      []text
		supervised bool
	}{{"read_sup_", r.train, true}, {"read_new_", r.fresh, false}} {
		if !r.has(reading.file + name) {
			continue
		}
		rec := &verify.Record{Served: served(r.train)}
		var err error
		if rec.Passages, rec.Predictions, err = r.predictions(reading.file+name, reading.texts); err != nil {
			return nil, err
		}
		tests := predicts
		if rec.Predictions[0][0].Reference != nil {
			tests = append(tests[:len(tests):len(tests)], compares...)
		}
		if !reading.supervised { // most windows of other texts were not served: look at those that were
			for _, t := range tests {
				t.Served = true
				tests = append(tests[:len(tests):len(tests)], t)
			}
		}
		if err := look(rec, reading.supervised, reading.file, tests); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// served returns texts as served answers.
func served(texts []text) []watermark.Text {
	out := make([]watermark.Text, len(texts))
	for i, t := range texts {
		out[i] = watermark.Text{Prompt: t.Prompt, PromptKnown: true, Tokens: t.Completion}
	}
	return out
}

// lists returns how many tokens the first position lists.
func lists(rec *verify.Record) int {
	if len(rec.Predictions) == 0 {
		return 0
	}
	return len(rec.Predictions[0][0].IDs)
}
