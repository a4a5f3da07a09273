package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/cmd/dyetrace/report"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

func newReportCommand(a *app) *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:     "report [STUDY|FILE]",
		GroupID: groupStudy,
		Short:   "Draw a report as a page that people like to read",
		Long: `Draw a report as one HTML file: the finding in plain words, tables, plots, sample texts
with their marks, and how to make every figure again. It needs no network and no
script, follows the reader's light or dark theme, and prints.

FILE is a bundle, which is checked on the way, or the ` + reportJSON + ` of a study; STUDY is a
folder that was judged. Of a report alone, or of a study whose keys are elsewhere,
the page has no plots: they are made again from answers and keys.

Exit codes: 0 the page was written, 3 the bundle or the study does not hold; of a
bundle the page was written all the same, and says so first.`,
		Example: `  dyetrace report study/
  dyetrace report study/bundle.dyetrace -o report.html
  dyetrace report study/bundle.dyetrace -v ledger.pub          which holds proofs of a ledger
  dyetrace report study/report.json -o - | less`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(fmt.Errorf("got %d arguments, want the folder of a study, or the file of a bundle or report", len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.from = "."
			if len(args) > 0 {
				f.from = args[0]
			}
			return a.drawReport(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "the page's `file`, - for standard output; defaults to "+reportHTML+" in the study, or beside FILE")
	flags.IntVar(&f.texts, "texts", 3, "how `many` sample texts are shown with their marks, at most")
	flags.StringVar(&f.keys, "keys", "", "`folder` with the marks, keys and nonces of a study; defaults to STUDY/keys")
	flags.StringVar(&f.tokenizer, "tokenizer", "", "tokenizer.json `file`, for a bundle that holds none")
	flags.StringArrayVarP(&f.verifiers, "verifier", "v", nil, "public `key` of a ledger of which the bundle holds proofs: the line, or a file with it; may be given again")
	return cmd
}

type reportFlags struct {
	from, out, keys, tokenizer string
	verifiers                  []string
	texts                      int
}

// reportResult is what is printed of a page that was written.
type reportResult struct {
	File  string `json:"file"`
	Bytes int    `json:"bytes"`
	// OK says that a bundle was checked and holds, Plots that figures were made again.
	OK    *bool `json:"ok,omitempty"`
	Plots bool  `json:"plots"`
}

func (a *app) drawReport(ctx context.Context, f reportFlags) error {
	if f.texts < 0 {
		return usage(fmt.Errorf("--texts is %d, want at least 0", f.texts))
	}
	source, err := a.reportSource(ctx, &f)
	if err != nil {
		return err
	}
	source.Texts = f.texts
	var page bytes.Buffer
	if err := report.Write(&page, source); err != nil {
		return err
	}
	r := reportResult{File: f.out, Bytes: page.Len(), Plots: len(source.Details) > 0}
	if f.out == "-" {
		if _, err := a.out.Write(page.Bytes()); err != nil {
			return fmt.Errorf("cannot write the page: %w", err)
		}
	} else if err := writeFile(f.out, page.Bytes(), 0o644); err != nil {
		return err
	}
	if v := source.Verification; v != nil {
		ok := v.OK()
		r.OK = &ok
	}
	if f.out != "-" {
		if err := a.print(r, func(w io.Writer) { fmt.Fprintf(w, "%s, %s\n", r.File, byteSize(int64(r.Bytes))) }); err != nil {
			return err
		}
	}
	if s := (study{f.from}); isFolder(f.from) && r.Plots {
		a.next("%s", s.next())
	}
	if r.OK != nil && !*r.OK {
		if a.json && f.out != "-" { // which has said so
			return errShown
		}
		words := "does not hold"
		if !slices.ContainsFunc(source.Verification.Checks, func(c verify.Check) bool { return c.Result == verify.Failed }) {
			words = "could not be checked whole"
		}
		return invalid(fmt.Errorf("%s %s, and its page says so: dyetrace bundle verify %s lists why", f.from, words, shellWord(f.from)))
	}
	if !r.Plots {
		a.note("without plots: those are made again from a bundle, or from a study with its keys")
	}
	return nil
}

// reportSource reads what a page is made of, and says where it goes if nobody has.
func (a *app) reportSource(ctx context.Context, f *reportFlags) (report.Source, error) {
	if isFolder(f.from) {
		return a.studySource(ctx, f)
	}
	if f.out == "" {
		f.out = strings.TrimSuffix(f.from, filepath.Ext(f.from)) + ".html"
	}
	file, err := os.Open(f.from)
	if err != nil {
		return report.Source{}, fmt.Errorf("no bundle and no report: %w", err)
	}
	defer file.Close()
	const begin = `{"schema":"dyetrace/bundle/`
	if head, _ := bufio.NewReader(file).Peek(len(begin)); string(head) == begin {
		b, err := readBundle(f.from)
		if err != nil {
			return report.Source{}, err
		}
		return a.bundleSource(ctx, b, f, filepath.Base(f.from))
	}
	data, err := readFile("report", f.from)
	if err != nil {
		return report.Source{}, err
	}
	r, err := verify.ParseReport(data)
	if err != nil {
		return report.Source{}, invalid(fmt.Errorf("%s is no bundle, and as a report: %w", f.from, err))
	}
	return report.Source{Report: r, Name: filepath.Base(f.from)}, nil
}

// studySource judges a study again, if its keys are there.
func (a *app) studySource(ctx context.Context, f *reportFlags) (report.Source, error) {
	s, err := openStudy([]string{f.from})
	if err != nil {
		return report.Source{}, err
	}
	if f.out == "" {
		f.out = s.path(reportHTML)
	}
	r, err := s.report()
	if err != nil {
		return report.Source{}, err
	}
	if f.keys == "" && !isFolder(s.path(keysFolder)) {
		out := report.Source{Report: r, Name: reportJSON}
		if out.Plan, err = s.plan(); err != nil {
			return out, err
		}
		out.Transcript, err = s.transcript()
		return out, err
	}
	c, x, err := s.openCase(f.keys)
	if err != nil {
		return report.Source{}, err
	}
	b, err := verify.NewBundle(c, r, x)
	if err != nil {
		return report.Source{}, invalid(err)
	}
	out, err := a.bundleSource(ctx, b, f, bundleFile)
	if err != nil {
		return out, err
	}
	if i := slices.IndexFunc(out.Verification.Checks, func(c verify.Check) bool { return c.Result == verify.Failed }); i >= 0 {
		return out, invalid(fmt.Errorf("%v does not hold: %s %s (dyetrace judge %v makes its report again)", s, out.Verification.Checks[i].Name, out.Verification.Checks[i].Detail, s))
	}
	return out, nil
}

// bundleSource checks a bundle, which makes the figures of its plots again.
func (a *app) bundleSource(ctx context.Context, b *verify.Bundle, f *reportFlags, name string) (report.Source, error) {
	checkLedger, err := openLedgerChecker(f.verifiers)
	if err != nil {
		return report.Source{}, err
	}
	total := int64(1)
	if p, err := b.Plan(); err == nil {
		total = int64(p.Decoys * p.Size())
	}
	var words *tokenizer.Tokenizer
	read := recomputeTokenizer(f.tokenizer)
	bar := a.progress("decoys", total)
	s, err := report.FromBundle(ctx, b, verify.Recompute{
		Mark: marks.Open,
		Tokenizer: func(want verify.TokenizerID, data []byte) (verify.Tokenizer, error) {
			t, err := read(want, data)
			if err != nil {
				return t, err
			}
			if data != nil {
				words, err = tokenizer.Parse(data)
			} else {
				words, _, err = readTokenizer(f.tokenizer)
			}
			return t, err
		},
		Ledger:   checkLedger,
		Progress: a.caseProgress(bar),
	})
	bar.Done()
	if err != nil {
		if ctx.Err() != nil {
			return s, err
		}
		return s, invalid(err)
	}
	s.Name = name
	if words != nil {
		s.Ends = func(text string) []int {
			var out []int
			for _, t := range words.Tokens(text) {
				out = append(out, t.End)
			}
			return out
		}
		s.Piece = func(id int32) (string, bool) {
			piece, ok := words.Piece(id)
			return string(piece), ok
		}
	}
	return s, nil
}
