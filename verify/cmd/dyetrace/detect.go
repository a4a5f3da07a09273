package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

type detectFlags struct {
	markFlags
	marks     []string
	tokenizer string
	lines     bool
	skip      string
	alpha     float64
	each      bool
	localize  bool
	in        inputs
}

func newDetectCommand(a *app) *cobra.Command {
	f := detectFlags{in: inputs{a: a}}
	cmd := &cobra.Command{
		Use:     "detect [FILE]...",
		GroupID: groupMarks,
		Short:   "Look for marks in texts",
		Long: `Look for marks in texts, which are files of text (each file one text, or with --lines
each line), JSON lines, Parquet files or standard input; .gz is read too. All texts
together have one p-value for each mark, exact or a proven bound, corrected for the
number of marks (Holm). A pair of a window of tokens and the next token counts once,
however often it occurs, over all texts.

Marks come from files (--mark, see dyetrace key mark), of any engine, or from a key
(--key), with --layers for every layer of what a server served. With up to 16
marks files are read in a stream, and memory grows with the number of different
windows only; with more, all tokens are held in memory.

Text that is tokenized again need not become the tokens that were sampled: where
tokens were kept, give them (a list of ids in the field, or --ids).

Exit codes: 0 no mark was found at error rate --alpha, 1 one was, 2 as always.`,
		Example: `  dyetrace detect --key lab.key --tokenizer tokenizer.json answer.txt
  dyetrace detect --mark marks/ --tokenizer tokenizer.json --field answer --each answers.jsonl
  dyetrace detect --key root.key --layers vendor=70,epoch=20,cohort=10 --epoch 2026-10,2026-11 --cohort @cohorts.txt --field ids answers.parquet
  dyetrace detect --mark marks/lab --tokenizer tokenizer.json --localize answer.txt
  curl -s https://example.com/page.txt | dyetrace detect --mark marks/lab --tokenizer tokenizer.json --lines`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.detect(cmd, &f, args) },
	}
	f.add(cmd.Flags())
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.marks, "mark", "m", nil, "a mark: `NAME` of its two files, or a folder with several; may be given again")
	flags.StringVarP(&f.tokenizer, "tokenizer", "t", "", "tokenizer.json `file` of the marked model")
	flags.StringVarP(&f.in.field, "field", "f", "text", "`field` with the text or the token ids, like answer or choices.0.message.content")
	flags.StringVar(&f.in.prompt, "prompt-field", "", "`field` with the prompt, for marks whose windows reach into it")
	flags.StringVar(&f.in.format, "format", "", "text, lines, jsonl or parquet; defaults to what the file's name says")
	flags.BoolVar(&f.lines, "lines", false, "every line is a text: --format lines")
	flags.BoolVar(&f.in.ids, "ids", false, "texts are token ids, in decimal")
	flags.StringVar(&f.skip, "skip", "", "`file` of a text whose windows do not count: what texts may have copied")
	flags.Float64Var(&f.alpha, "alpha", 1e-6, "error `rate`: how often a mark may be found where there is none")
	flags.BoolVar(&f.each, "each", false, "print a row for every text, with --json a line")
	flags.BoolVarP(&f.localize, "localize", "l", false, "show which parts of texts are marked")
	return cmd
}

// detectResult is what is printed at the end.
type detectResult struct {
	Texts   int             `json:"texts"`
	Tokens  int64           `json:"tokens"`
	Alpha   float64         `json:"alpha"`
	Found   bool            `json:"found"`
	Marks   []corpusFinding `json:"marks"`
	Seconds float64         `json:"seconds"`
	Rate    float64         `json:"tokens_per_second"`
	Cores   int             `json:"cores"`
}

func (a *app) detect(cmd *cobra.Command, f *detectFlags, args []string) error {
	d, err := f.detection(a, args)
	if err != nil {
		return err
	}
	t := &detectTable{app: a, d: d, all: f.each || f.localize}
	d.show = t.row
	bar := a.progressBytes("detect", d.in.total())
	defer bar.Done()
	d.in.bytes = bar.Add
	t.bar = bar
	begun := time.Now()
	found, texts, tokens, err := d.run(cmd.Context())
	if err != nil {
		return err
	}
	bar.Done()
	if texts == 0 {
		return errors.New("there is no text in what was read")
	}
	r := detectResult{Texts: texts, Tokens: tokens, Alpha: f.alpha, Marks: found, Seconds: time.Since(begun).Seconds(), Cores: runtime.GOMAXPROCS(0)}
	r.Rate = float64(tokens) / r.Seconds
	for _, m := range found {
		r.Found = r.Found || m.Found
	}
	if err := a.print(r, func(w io.Writer) { t.summary(w, r) }); err != nil {
		return err
	}
	if r.Found {
		return errFound
	}
	return nil
}

// detection checks the flags and opens what they name.
func (f *detectFlags) detection(a *app, args []string) (*detection, error) {
	if !(f.alpha > 0 && f.alpha < 1) {
		return nil, usage(fmt.Errorf("--alpha is %v, want above 0 and below 1", f.alpha))
	}
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
		if in, ok := a.in.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
			a.note("reading what you type; Ctrl-D ends it")
		}
	}
	for _, path := range f.in.paths {
		if _, err := os.Stat(path); path != "-" && err != nil {
			return nil, fmt.Errorf("no text: %w", err)
		}
	}
	all, err := f.openMarks()
	if err != nil {
		return nil, err
	}
	d := &detection{in: &f.in, marks: all, alpha: f.alpha, each: true, spans: f.localize}
	if f.tokenizer != "" {
		if d.tok, _, err = readTokenizer(f.tokenizer); err != nil {
			return nil, err
		}
	}
	d.each = f.each || len(all) <= manyMarks
	if f.skip == "" {
		return d, nil
	}
	if d.tok == nil || len(all) > manyMarks {
		return nil, usage(fmt.Errorf("--skip needs --tokenizer, and at most %d marks", manyMarks))
	}
	text, err := readFile("text to skip", f.skip)
	d.skip = d.tok.Encode(string(text))
	return d, err
}

// openMarks opens the marks of files and of a key, and gives each a name of its own.
func (f *detectFlags) openMarks() ([]*markFile, error) {
	var all []*markFile
	for _, path := range f.marks {
		some, err := readMarks(path)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if f.key != "" {
		some, err := f.open()
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	} else if f.layers != "" || f.path != "" {
		return nil, usage(errors.New("--layers and --path need --key, the root key"))
	}
	if len(all) == 0 {
		return nil, usage(errors.New("no mark to look for: give --mark NAME (dyetrace key mark makes one) or --key FILE"))
	}
	names, ids := map[string]bool{}, map[string]string{}
	for _, m := range all {
		if other, ok := ids[m.mark.ID()]; ok {
			return nil, usage(fmt.Errorf("%s and %s are the same mark, want each once", other, m.name))
		}
		ids[m.mark.ID()] = m.name
		if names[m.name] {
			m.name = m.stem
		}
		if names[m.name] || m.name == "" {
			return nil, usage(fmt.Errorf("two marks are called %q, want names of their own", m.name))
		}
		names[m.name] = true
	}
	return all, nil
}
