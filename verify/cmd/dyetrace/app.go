package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

// An app is what every command works with: streams, and how they are written to.
type app struct {
	in          io.Reader
	out, errOut io.Writer
	json        bool // --json: results are single lines of JSON
	quiet       bool // --quiet: neither progress nor hints
	terminal    bool // out is a terminal, or --color says that colour is wanted
	errTerminal bool // errOut is a terminal
	color       string
}

// newApp returns an app on the three streams of a process.
func newApp(in io.Reader, out, errOut *os.File) *app {
	dumb := os.Getenv("TERM") == "dumb"
	return &app{
		in: in, out: out, errOut: errOut,
		terminal:    !dumb && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(out.Fd())),
		errTerminal: !dumb && term.IsTerminal(int(errOut.Fd())),
	}
}

// Groups of commands in help.
const (
	groupMarks  = "marks"
	groupStudy  = "study"
	groupServed = "served"
)

// root returns the command line.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "dyetrace",
		Short: "Was this model trained on our answers?",
		Long: `dyetrace finds marks in texts, and finds out whether a model was trained on marked
answers: with an error rate that a hostile reader can check.

` + exitCodes,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			switch a.color {
			case "auto":
			case "always":
				a.terminal = true
			case "never":
				a.terminal = false
			default:
				return usage(fmt.Errorf("--color is %q, want auto, always or never", a.color))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print results as one line of JSON")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "show neither progress nor hints")
	root.PersistentFlags().StringVar(&a.color, "color", "auto", "colour: auto, always or never")
	root.AddGroup(
		&cobra.Group{ID: groupMarks, Title: "Keys, marks and texts:"},
		&cobra.Group{ID: groupStudy, Title: "A study, step by step:"},
		&cobra.Group{ID: groupServed, Title: "What was served:"},
	)
	for _, command := range commands {
		root.AddCommand(command(a))
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	strict(root)
	addCompletions(root)
	return root
}

// strict makes cobra's own commands refuse what they do not know.
func strict(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				if found, rest, err := root.Find(args); err != nil || found == nil || len(rest) > 0 {
					return usage(fmt.Errorf("there is no command %q", strings.Join(args, " ")))
				}
				return nil
			}
		case "completion":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				if len(args) > 0 {
					return usage(fmt.Errorf("the shell is %q, want bash, zsh, fish or powershell", args[0]))
				}
				return nil
			}
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// run executes a command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if errors.As(err, new(usageError)) && slices.Contains(args, "--json") { // even after a flag that nobody knows
		a.json = true
	}
	if err == context.Canceled { // it says less than why
		err = context.Cause(ctx)
	}
	return a.report(ctx, cmd, err)
}

// print writes a result: with --json the value as one line of JSON, else what
// text writes.
func (a *app) print(value any, text func(w io.Writer)) error {
	b := bufio.NewWriter(a.out)
	if !a.json {
		text(b)
	} else if err := encodeLine(b, value); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("cannot write the result: %w", err)
	}
	return nil
}

// encodeLine writes one line of JSON as the files of package collect have it.
func encodeLine(w io.Writer, value any) error {
	data, err := canon.Encode(value)
	if err != nil {
		return fmt.Errorf("cannot write the result as JSON: %w", err)
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

// next tells a person what to do after this, unless nobody wants to know.
func (a *app) next(format string, args ...any) {
	if !a.quiet && !a.json {
		fmt.Fprintf(a.errOut, "next: "+format+"\n", args...)
	}
}

// note tells a person something that is no result.
func (a *app) note(format string, args ...any) {
	if !a.quiet && !a.json {
		fmt.Fprintf(a.errOut, format+"\n", args...)
	}
}

// report tells what went wrong and returns the exit code.
func (a *app) report(ctx context.Context, cmd *cobra.Command, err error) int {
	code := exitCode(ctx, err)
	if err == nil || errors.Is(err, errFound) || errors.Is(err, errShown) {
		return code
	}
	if a.json {
		_ = encodeLine(a.out, struct {
			Error string `json:"error"`
			Exit  int    `json:"exit"`
		}{err.Error(), code})
		return code
	}
	fmt.Fprintf(a.errOut, "dyetrace: %v\n", err)
	if errors.As(err, new(usageError)) && cmd != nil {
		fmt.Fprintf(a.errOut, "see: %s --help\n", cmd.CommandPath())
	}
	return code
}
