package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dyetrace/dyetrace/canary"
)

func newCanaryCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "canary",
		GroupID: groupServed,
		Short:   "Measure a book of canaries on one's own texts",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCanaryMeasureCommand(a))
	return cmd
}

type measureFlags struct {
	book  string
	lines bool
	in    inputs
	laws  string
	units bool
	dose  measuredDose
}

// A measuredDose is what will be served and asked.
type measuredDose struct {
	tree               string
	answers            float64
	share, adoption    float64
	queries, reference float64
	reserve            bool
}

func newCanaryMeasureCommand(a *app) *cobra.Command {
	f := measureFlags{in: inputs{a: a}}
	cmd := &cobra.Command{
		Use:   "measure [FILE]...",
		Short: "What does a book find in texts, and what would planting it show?",
		Long: `Read answers of a server in which nothing was planted, find every place where a book
would plant, and say

  - how often text has each form of each carrier by itself, which is the law that a
    sampled book needs (--laws writes it into a new book);
  - whether forms keep the same company: which share of a form's uses has a previous
    and a next word that also stands next to another form. Of free variants it is near 1;
  - which units occur, how much would be planted in an answer, and what a test of a
    suspect could show that was trained on so many answers (--answers, --queries).

Files are texts, lines, JSON lines or Parquet, as dyetrace detect reads them. The
prompt (--prompt-field) says of which class an answer is: without it all are taken
for answers to no request.`,
		Example: `  dyetrace canary measure answers.jsonl --field answer --prompt-field prompt
  dyetrace canary measure answers.jsonl.gz --book book.txt --laws weighed.txt
  dyetrace canary measure answers.jsonl --answers 2e6 --share 0.1 --queries 5000 --reference 5000 --units`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return a.measure(cmd.Context(), &f, args) },
	}
	f.add(cmd.Flags())
	return cmd
}

func (f *measureFlags) add(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVarP(&f.book, "book", "b", "english", "book of canaries: `file`, or english for the default one")
	flags.StringVarP(&f.in.field, "field", "f", "text", "`field` with the answer, like answer or choices.0.message.content")
	flags.StringVar(&f.in.prompt, "prompt-field", "", "`field` with the prompt")
	flags.StringVar(&f.in.format, "format", "", "text, lines, jsonl or parquet; defaults to what the file's name says")
	flags.BoolVar(&f.lines, "lines", false, "every line is a text: --format lines")
	flags.StringVar(&f.laws, "laws", "", "write the book with the measured laws to this new `file`")
	flags.BoolVar(&f.units, "units", false, "list every unit with what the dose makes of it")
	flags.StringVar(&f.dose.tree, "tree", "", "only this `tree` of the book")
	flags.Float64Var(&f.dose.answers, "answers", 100_000, "`answers` that will be served under a tree's key, of classes as in the texts")
	flags.Float64Var(&f.dose.share, "share", 1, "`share` of planted answers among those that a student reads")
	flags.Float64Var(&f.dose.adoption, "adoption", canary.PilotAdoption, "how far a student moves that reads nothing else")
	flags.Float64Var(&f.dose.queries, "queries", 2000, "`answers` of a suspect that will be read")
	flags.Float64Var(&f.dose.reference, "reference", 0, "`answers` of a reference model that will be read; 0: there is none")
	flags.BoolVar(&f.dose.reserve, "reserve", false, "plan for the reserve of units, not for the other half")
}

func (a *app) measure(ctx context.Context, f *measureFlags, args []string) error {
	book, err := f.check(args)
	if err != nil {
		return err
	}
	bar := a.progressBytes("measure", f.in.total())
	defer bar.Done()
	f.in.bytes = bar.Add
	begun := time.Now()
	m, err := measureTexts(ctx, &f.in, book)
	if err != nil {
		return err
	}
	bar.Done()
	if m.Texts() == 0 {
		return errors.New("there is no text in what was read")
	}
	r, err := measured(book, m, f)
	if err != nil {
		return err
	}
	r.Seconds = time.Since(begun).Seconds()
	if f.laws != "" {
		if err := f.writeLaws(book, m); err != nil {
			return err
		}
		r.Laws = f.laws
	}
	if err := a.print(r, r.writeText); err != nil {
		return err
	}
	if r.Laws != "" {
		a.next("dyetrace canary measure --book %s, with texts that the laws were not measured on", shellWord(r.Laws))
	}
	return nil
}

// check opens the book and checks everything that can be before texts are read.
func (f *measureFlags) check(args []string) (*canary.Book, error) {
	if f.lines {
		if f.in.format != "" {
			return nil, usage(errors.New("--lines and --format are given, want one"))
		}
		f.in.format = "lines"
	}
	switch f.in.format {
	case "", "text", "lines", "jsonl", "parquet":
	default:
		return nil, usage(fmt.Errorf("--format is %q, want text, lines, jsonl or parquet", f.in.format))
	}
	if f.in.paths = args; len(args) == 0 {
		f.in.paths = []string{"-"}
	}
	for _, path := range f.in.paths {
		if _, err := os.Stat(path); path != "-" && err != nil {
			return nil, fmt.Errorf("no text: %w", err)
		}
	}
	book, err := readBook(f.book)
	if err != nil {
		return nil, err
	}
	if f.laws != "" && exists(f.laws) {
		return nil, fmt.Errorf("%s is there already and is not written over: take another name, or move it away", f.laws)
	}
	if f.laws != "" && !book.Sampled() {
		return nil, usage(fmt.Errorf("book %s is in mode tilt: its laws are chosen, not measured", book.Name()))
	}
	return book, f.dose.check(book)
}

func (d *measuredDose) check(book *canary.Book) error {
	for _, x := range []struct {
		name       string
		value      float64
		most, zero float64
	}{{"answers", d.answers, 1e15, 1}, {"share", d.share, 1, 1e-9}, {"adoption", d.adoption, 1, 1e-9}, {"queries", d.queries, 1e15, 1}, {"reference", d.reference, 1e15, 0}} {
		if !(x.value >= x.zero && x.value <= x.most) {
			return usage(fmt.Errorf("--%s is %v, want %v to %v", x.name, x.value, x.zero, x.most))
		}
	}
	if d.tree == "" {
		return nil
	}
	var names []string
	for _, t := range book.Trees() {
		if t.Name == d.tree {
			return nil
		}
		names = append(names, t.Name)
	}
	return usage(fmt.Errorf("--tree is %q, book %s has %q", d.tree, book.Name(), names))
}

// writeLaws writes the book with the measured laws, with the comments of its file.
func (f *measureFlags) writeLaws(book *canary.Book, m *canary.Measurement) error {
	text := book.Text()
	if f.book != "english" {
		var err error
		if text, err = readFile("book", f.book); err != nil {
			return err
		}
	}
	weighed, err := m.WithLaws(string(text))
	if err != nil {
		return err
	}
	return writeNew(f.laws, []byte(weighed), 0o644)
}
