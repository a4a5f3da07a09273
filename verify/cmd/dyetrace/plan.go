package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
)

// planFlags are what a plan is made of, or what is changed in it.
type planFlags struct {
	suspect            string
	sequence, earlier  int
	prompts            string
	promptField        string
	ask                int
	passages           string
	read, top, span    int
	reference, age     string
	end                int32
	twins              []string
	logged             string
	nonce, nonceSource string
	probes             []string
	tokenizer          string
	tokenizerName      string
	marks, commitments []string
	heldOut, parents   []string
	book               string
	trees              []string
	baseline           string
	tests              []string
	served             string
	servedLogged       string
	controls           []string
	products, pools    []string
	correction         string
	alpha              float64
	decoys             int
	missing            float64
	oneModel           bool
	sameProbes         bool
	answerTokens       int
}

func newPlanCommand(a *app) *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:     "plan [STUDY]",
		GroupID: groupStudy,
		Short:   "Write the plan of a study, change it, or say what it means",
		Long: `Decide everything before the suspect is asked: write the plan of a study into its
folder, with the frame of prompts, the tokenizer and the commitments to the keys.
Run again, change what flags say, as long as nothing was collected; without flags,
check the plan and say in words what it does and what it can find.

Keys: all marks in STUDY/keys, or those of --mark, are committed to; whoever has only
commitments gives them with --commitment. STUDY/keys is secret until judge opens it:
whoever collects needs none of it.

Order matters: publish the digest of the frame, then take a public number that
nobody could know before (a beacon's round, the hash of a block) as the nonce that
picks the prompts:

  dyetrace plan study/ --suspect NAME --prompts prompts.txt --tokenizer tokenizer.json
  dyetrace plan study/ --logged "where and when" --nonce 64HEX --nonce-source "drand round 5000000"

Without a nonce reports say that they are no evidence against a third party.`,
		Example: `  dyetrace key mark study/keys/ --key root.key --layers vendor=70,epoch=20,cohort=10 --epoch 2026-11 --cohort trial
  dyetrace plan study/ --suspect student --prompts prompts.txt --tokenizer tokenizer.json --ask 500
  dyetrace plan study/                                          what does it mean?
  dyetrace plan study/ --test G1,first=40000 --test G1,sparse --alpha 0.01
  dyetrace plan study/ --book book.txt --tree canaries=vendor --test cells
  dyetrace plan study/ --correction hierarchy --parent epoch-2026-11=vendor,cohort-2026-11-trial=epoch-2026-11
  dyetrace plan study/ --passages passages.jsonl --test R1 --test R4,served --top 20 --reference base --age "released 2025-03" --served served.jsonl`,
		Args: atMostStudy,
		RunE: func(cmd *cobra.Command, args []string) error { return a.plan(cmd, &f, args) },
	}
	f.add(cmd.Flags())
	return cmd
}

// atMostStudy takes the folder of a study, or nothing.
func atMostStudy(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage(fmt.Errorf("got %d arguments, want the folder of a study", len(args)))
	}
	return nil
}

func (f *planFlags) add(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&f.suspect, "suspect", "", "`name` of the model under test")
	flags.StringVar(&f.prompts, "prompts", "", "`file` of prompts that might be asked: one a line, or JSON lines with --prompt-field")
	flags.StringVar(&f.promptField, "prompt-field", "prompt", "`field` of the prompt in JSON lines")
	flags.IntVar(&f.ask, "ask", 0, "how `many` prompts are asked; defaults to all")
	flags.StringVar(&f.tokenizer, "tokenizer", "", "tokenizer.json `file` of the marked model")
	flags.StringVar(&f.tokenizerName, "tokenizer-name", "", "`name` of the tokenizer in the plan; defaults to the file's")
	flags.StringArrayVarP(&f.marks, "mark", "m", nil, "a mark to commit to: `NAME` of its files, or a folder; defaults to STUDY/keys")
	flags.StringArrayVar(&f.commitments, "commitment", nil, "a commitment's `file` NAME"+commitEnd+", of a key that others hold")
	flags.StringSliceVar(&f.heldOut, "held-out", nil, "`names` of keys under which nothing was ever made: negative controls")
	flags.StringArrayVar(&f.tests, "test", nil, "a `test`, such as G1 or G2,first=20000 or R4,difference,served; defaults to what the study has")
	flags.Float64Var(&f.alpha, "alpha", 1e-3, "error `rate` of all tests together")
	flags.IntVar(&f.decoys, "decoys", verify.FarDecoys, "`number` of decoy keys that calibrate")
	flags.StringVar(&f.nonce, "nonce", "", "public `number` that picks the prompts, 64 hexadecimal digits")
	flags.StringVar(&f.nonceSource, "nonce-source", "", "`where` anybody can look the nonce up")
	flags.StringVar(&f.logged, "logged", "", "`where` and when the digests of the frames were published, before the nonce was known")
	flags.StringVar(&f.book, "book", "", "book of canaries, for tests cells, picks, order, cohort and rank: `file`")
	flags.StringSliceVar(&f.trees, "tree", nil, "`KEY=TREE`: key STUDY/keys/KEY.key decides this tree of the book; defaults to the only ones")
	flags.StringVar(&f.baseline, "baseline", "", "`name` of the control whose own wordings are compared with")
	flags.StringSliceVar(&f.controls, "control", nil, "`names` of models that never saw the answers, asked the same")
	flags.StringArrayVar(&f.products, "product", nil, "a joint finding, `NAME=KEY:TEST+KEY:TEST`")
	flags.StringArrayVar(&f.pools, "pool", nil, "one finding for texts that were made under a key each, `NAME=TEST:KEY+KEY`")
	flags.StringVar(&f.correction, "correction", "", "holm, or hierarchy for keys that form a tree")
	flags.StringSliceVar(&f.parents, "parent", nil, "`KEY=PARENT`, with hierarchy: KEY is looked at only where its PARENT was found")
	flags.StringVar(&f.passages, "passages", "", "`file` of texts that the suspect reads, for R tests: JSON lines of prompt and text")
	flags.IntVar(&f.read, "read", 0, "how `many` passages are read; defaults to all")
	flags.IntVar(&f.top, "top", 0, "how `many` log-probabilities a position has, for R3, R4 and R4h")
	flags.StringVar(&f.reference, "reference", "", "`name` of the model that R4 compares with, such as the suspect's base")
	flags.StringVar(&f.age, "age", "", "`what` shows that the reference is older than the keys' commitments")
	flags.IntVar(&f.span, "span", 0, "`positions` of a passage a question; defaults to all")
	flags.Int32Var(&f.end, "end", -1, "`id` of the end-of-turn token, whose predictions are left out")
	flags.StringVar(&f.served, "served", "", "`file` of served answers in tokens, for G2 and served tests: JSON lines of tokens or text")
	flags.StringVar(&f.servedLogged, "served-logged", "", "`where` and when their digest was published")
	flags.StringArrayVar(&f.twins, "twins-prompt", nil, "what may stand before a candidate of twins, for rank: `text` with {item}")
	flags.StringArrayVar(&f.probes, "probe", nil, "a `prompt` asked at the start, in the middle and at the end")
	flags.BoolVar(&f.sameProbes, "same-probes", false, "void if a probe gets different answers")
	flags.BoolVar(&f.oneModel, "one-model", false, "void if the suspect says that another model answers")
	flags.Float64Var(&f.missing, "missing", 0.05, "void if more than this `share` of the answers is missing or broken")
	flags.IntVar(&f.sequence, "sequence", 1, "`number` of this plan among those on the suspect")
	flags.IntVar(&f.earlier, "earlier", 0, "`tests` made before or under other keys, which count in the family")
	flags.IntVar(&f.answerTokens, "answer-tokens", 200, "`tokens` an answer is expected to have, for what can be found; not in the plan")
}

func (a *app) plan(cmd *cobra.Command, f *planFlags, args []string) error {
	s := study{"."}
	if len(args) > 0 {
		s.dir = args[0]
	}
	changes := changed(cmd.Flags())
	var p *verify.Plan
	var err error
	if s.has(planFile) {
		if p, err = s.plan(); err != nil {
			return err
		}
		if len(changes) > 0 && s.has(journalFile) {
			return fmt.Errorf("%s is fixed: answers were collected for it in %s (make another study, with --sequence %d)", s.path(planFile), s.path(journalFile), p.Sequence+1)
		}
	} else {
		if len(changes) == 0 && len(args) > 0 && !s.has() {
			return fmt.Errorf("no study in %s: give at least --suspect and --prompts (dyetrace plan --help)", s.dir)
		}
		if len(changes) == 0 {
			return usage(fmt.Errorf("%s has no plan: give at least --suspect and --prompts", s.dir))
		}
		p = &verify.Plan{Sequence: 1, Alpha: f.alpha, Decoys: f.decoys, Void: verify.Voiding{Missing: f.missing}}
	}
	if len(changes) > 0 {
		if err := f.apply(s, p, changes); err != nil {
			return err
		}
		data, err := p.Encode()
		if err != nil {
			return usage(err)
		}
		if err := s.writeBytes(data, planFile); err != nil {
			return err
		}
	}
	if err := s.checkTask(p); err != nil {
		return err
	}
	x, err := explain(s, p, f.answerTokens)
	if err != nil {
		return err
	}
	if err := a.print(x, x.writeText); err != nil {
		return err
	}
	if p.Nonce.IsZero() && !s.has(journalFile) {
		a.note("publish the digests above, then draw a nonce: dyetrace plan %v --logged WHERE --nonce 64HEX --nonce-source WHERE", s)
	}
	a.next("%s", s.next())
	return nil
}

// changed are the flags that were given.
func changed(flags *pflag.FlagSet) map[string]bool {
	given := map[string]bool{}
	flags.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "json", "quiet", "color", "answer-tokens":
		default:
			given[f.Name] = true
		}
	})
	return given
}

// apply changes a plan as the flags say, and writes the files that it names.
func (f *planFlags) apply(s study, p *verify.Plan, given map[string]bool) error {
	for _, step := range []func(study, *verify.Plan, map[string]bool) error{
		f.applyPlain, f.applyTokenizer, f.applyPrompts, f.applyBook, f.applyKeys, f.applyServed, f.applyReading, f.applyTests, f.applyTwins, f.applyJoint,
	} {
		if err := step(s, p, given); err != nil {
			return err
		}
	}
	return nil
}

// An explanation is what is printed of a plan.
type explanation struct {
	Plan    rawJSON        `json:"plan"`
	Digest  collect.Digest `json:"digest"`
	Family  int            `json:"tests_in_family"`
	Words   []string       `json:"words"`
	Finds   []findable     `json:"finds"`
	Next    string         `json:"next"`
	digests []string
}

func (x explanation) writeText(w io.Writer) {
	for _, words := range x.Words {
		fmt.Fprintln(w, words)
	}
	fmt.Fprintln(w)
	writeFinds(w, x.Finds)
	for _, d := range x.digests {
		fmt.Fprintln(w, d)
	}
}

// readLinesOf lists the lines of a file that are not empty.
func readLinesOf(what, path string) ([]string, error) {
	data, err := readFile(what, path)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range bytes.Lines(bytes.TrimPrefix(data, byteOrderMark)) {
		if text := strings.TrimRight(string(line), "\r\n"); strings.TrimSpace(text) != "" {
			lines = append(lines, text)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s is empty, want %ss, one a line", path, what)
	}
	return lines, nil
}

// isFolder reports whether a folder is at a path.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
