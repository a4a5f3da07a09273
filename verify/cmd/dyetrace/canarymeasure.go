package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// measureTexts reads texts and measures a book on them, on all cores.
func measureTexts(ctx context.Context, in *inputs, book *canary.Book) (*canary.Measurement, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches := make(chan []document, runtime.GOMAXPROCS(0))
	parts := make([]*canary.Measurement, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for i := range parts {
		parts[i] = book.NewMeasurement()
		group.Go(func() {
			for batch := range batches {
				for j := range batch {
					if ctx.Err() != nil {
						break
					}
					if err := measureText(in, parts[i], &batch[j]); err != nil {
						cancel(err)
					}
				}
			}
		})
	}
	err := in.read(ctx, func(batch []document) error {
		select {
		case batches <- batch:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(batches)
	group.Wait()
	if ctx.Err() != nil { // of a text, or interrupted
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	for _, p := range parts[1:] {
		if err := parts[0].Merge(p); err != nil {
			return nil, err
		}
	}
	return parts[0], nil
}

func measureText(in *inputs, m *canary.Measurement, d *document) error {
	if err := in.parse(d); err != nil || d.skip {
		return err
	}
	if d.isIDs || d.promptIDs != nil {
		return fmt.Errorf("%s holds token ids, want text: a book is of words", d.name())
	}
	if !utf8.ValidString(d.text) {
		return fmt.Errorf("%s is not UTF-8", d.name())
	}
	if err := m.Add(canary.Request{Prompt: d.prompt}, d.text); err != nil {
		return fmt.Errorf("%s: %w", d.name(), err)
	}
	return nil
}

// measureResult is what is printed of a measurement.
type measureResult struct {
	Book     string          `json:"book"`
	Hash     collect.Digest  `json:"hash"`
	Texts    int             `json:"texts"`
	Bytes    int64           `json:"bytes"`
	Seconds  float64         `json:"seconds"`
	Classes  []classResult   `json:"classes"`
	Carriers []carrierResult `json:"carriers"`
	Trees    []treeResult    `json:"trees"`
	Laws     string          `json:"laws,omitempty"` // the file they were written to

	dose  measuredDose
	units bool
}

type classResult struct {
	Class string `json:"class"`
	Texts int    `json:"texts"`
}

type carrierResult struct {
	Carrier string       `json:"carrier"`
	First   int          `json:"first"`  // texts in which it is used
	Enough  bool         `json:"enough"` // for a law
	Forms   []formResult `json:"forms"`
}

type formResult struct {
	Form  string  `json:"form"`
	First int     `json:"first"` // texts whose first use has it
	Share float64 `json:"share"`
	Law   float64 `json:"law"` // of the book
	Uses  int     `json:"uses"`
	Left  float64 `json:"left"`
	Right float64 `json:"right"`
}

// treeResult is what planting a tree would come to.
type treeResult struct {
	Tree      string       `json:"tree"`
	Units     int          `json:"units"`
	Seen      int          `json:"seen"`
	Planted   float64      `json:"planted_per_answer"`
	Touched   float64      `json:"answers_planted"` // share of answers with one planting or more
	Shift     float64      `json:"shift"`           // part of its mass that a student moves
	Plantings float64      `json:"plantings"`       // of all answers that will be served
	Cells     int          `json:"cells"`           // units of the half that is tested whose uses suffice
	Z         float64      `json:"z"`               // median of the test of these cells
	LogP      float64      `json:"ln_p"`            // of that z, by the normal law
	TooFew    int          `json:"too_few"`         // units that expect fewer than canary.MinPlantings plantings
	Few       []unitExpect `json:"few,omitempty"`   // the first of them
	Doses     []unitExpect `json:"unit_doses,omitempty"`
}

type unitExpect struct {
	Unit      string  `json:"unit"`
	Plantings float64 `json:"plantings"`
	Uses      float64 `json:"uses"`
}

// measured turns a measurement into a result.
func measured(book *canary.Book, m *canary.Measurement, f *measureFlags) (*measureResult, error) {
	r := &measureResult{Book: book.Name(), Hash: book.Hash(), Texts: m.Texts(), Bytes: m.Bytes(), dose: f.dose, units: f.units}
	answers := map[string]float64{}
	for _, class := range book.Classes() {
		if n := m.Tally().Answers(class); n > 0 {
			r.Classes = append(r.Classes, classResult{class, n})
			answers[class] = f.dose.answers * float64(n) / float64(m.Texts())
		}
	}
	carriers := book.Carriers()
	for i, c := range m.Carriers() {
		row := carrierResult{Carrier: c.Name, First: c.First, Enough: c.Enough()}
		for k, form := range c.Forms {
			row.Forms = append(row.Forms, formResult{form.Form, form.First, form.Share, float64(carriers[i].Law[k]) / canary.Whole, form.Uses, form.Left, form.Right})
		}
		r.Carriers = append(r.Carriers, row)
	}
	for _, t := range m.Trees() {
		if f.dose.tree != "" && f.dose.tree != t.Tree || t.Units == 0 {
			continue
		}
		row, err := planTree(book, m, f, t, answers)
		if err != nil {
			return nil, err
		}
		r.Trees = append(r.Trees, row)
	}
	return r, nil
}

const fewShown = 3

func planTree(book *canary.Book, m *canary.Measurement, f *measureFlags, t canary.TreeFigures, answers map[string]float64) (treeResult, error) {
	lambda := float64(book.Lambda()) / canary.Whole
	row := treeResult{Tree: t.Tree, Units: t.Units, Seen: t.Seen, Planted: lambda * float64(t.Places) / float64(m.Texts())}
	row.Touched = float64(t.Texts) / float64(m.Texts())
	plan, err := book.PlanDose(canary.Dose{
		Tree: t.Tree, Answers: answers, Sample: m.Tally(), Share: f.dose.share, Adoption: f.dose.adoption,
		Queries: f.dose.queries, Reference: f.dose.reference, Reserve: f.dose.reserve,
	})
	var few *canary.TooFewError
	switch {
	case errors.As(err, &few):
		row.TooFew = len(few.Units)
		for _, u := range few.Units[:min(fewShown, len(few.Units))] {
			row.Few = append(row.Few, unitExpect{u.Unit.String(), u.Plantings, u.Uses})
		}
	case err != nil:
		return row, err
	}
	row.Shift, row.Cells, row.Z = plan.Delta, plan.Cells, plan.Z
	row.LogP = tail.Normal(plan.Z)
	for _, u := range plan.Units {
		row.Plantings += u.Plantings
		if f.units {
			row.Doses = append(row.Doses, unitExpect{u.Unit.String(), u.Plantings, u.Uses})
		}
	}
	return row, nil
}

func (r *measureResult) writeText(w io.Writer) {
	fmt.Fprintf(w, "book %s: %s, %s", r.Book, plural(int64(r.Texts), "text"), byteSize(r.Bytes))
	if r.Seconds >= 1 {
		fmt.Fprintf(w, ", %s/s", byteSize(int64(float64(r.Bytes)/r.Seconds)))
	}
	fmt.Fprint(w, "\n\n")
	t := newTable(w)
	fmt.Fprintf(t, "carrier\tform\ttexts\tshare\tlaw\tuses\tleft\tright\n")
	unseen := 0
	for _, c := range r.Carriers {
		if c.First == 0 {
			unseen++
			continue
		}
		for i, f := range c.Forms {
			note := ""
			if i == 0 && !c.Enough {
				note = "\ttoo few for a law"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%.3f\t%.3f\t%s\t%.2f\t%.2f%s\n", c.Carrier, f.Form, grouped(f.First), f.Share, f.Law, grouped(f.Uses), f.Left, f.Right, note)
		}
	}
	_ = t.Flush() // to a buffer
	if unseen > 0 {
		fmt.Fprintf(w, "%s of %s never occurred\n", grouped(unseen), plural(int64(len(r.Carriers)), "carrier"))
	}
	fmt.Fprintln(w)
	t = newTable(w)
	fmt.Fprintf(t, "class\ttexts\n")
	for _, c := range r.Classes {
		fmt.Fprintf(t, "%s\t%s\n", c.Class, grouped(c.Texts))
	}
	_ = t.Flush()
	half := "the half for screening"
	if r.dose.reserve {
		half = "the reserve"
	}
	fmt.Fprintf(w, "\nWith %s served under each key, a share of %g of what a student reads, who moves %.3g of its mass,\nand %s of a suspect, %s of a reference, on %s:\n\n",
		plural(int64(r.dose.answers), "answer"), r.dose.share, r.shift(), plural(int64(r.dose.queries), "answer"), plural(int64(r.dose.reference), "answer"), half)
	t = newTable(w)
	fmt.Fprintf(t, "tree\tunits\tseen\tplanted an answer\tanswers planted\tcells\tmedian z\tp\tunits with under %d plantings\n", canary.MinPlantings)
	for _, x := range r.Trees {
		fmt.Fprintf(t, "%s\t%s\t%s\t%.2f\t%.1f %%\t%s\t%.1f\t10^%s\t%s\n", x.Tree, grouped(x.Units), grouped(x.Seen), x.Planted, 100*x.Touched, grouped(x.Cells), x.Z, log10(x.LogP), grouped(x.TooFew))
	}
	_ = t.Flush()
	r.writeFew(w)
	if !r.units {
		return
	}
	fmt.Fprintln(w)
	t = newTable(w)
	fmt.Fprintf(t, "unit\tplantings\tuses of the suspect\n")
	for _, x := range r.Trees {
		for _, u := range x.Doses {
			fmt.Fprintf(t, "%s\t%s\t%.1f\n", u.Unit, grouped(int64(math.Round(u.Plantings))), u.Uses)
		}
	}
	_ = t.Flush()
}

// shift is how far a student moves, which is the same in all trees.
func (r *measureResult) shift() float64 {
	if len(r.Trees) == 0 {
		return 0
	}
	return r.Trees[0].Shift
}

func (r *measureResult) writeFew(w io.Writer) {
	var some []string
	for _, x := range r.Trees {
		for _, u := range x.Few {
			some = append(some, fmt.Sprintf("%s (%.0f)", u.Unit, u.Plantings))
		}
	}
	if len(some) > 0 {
		fmt.Fprintf(w, "\nToo few plantings, such as of %s:\nserve more answers, or leave carriers or classes out of the book, or have fewer buckets.\n", strings.Join(some[:min(fewShown, len(some))], ", "))
	}
}
