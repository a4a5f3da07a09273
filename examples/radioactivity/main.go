// Radioactivity runs every test of package verify on the recorded outputs of a
// really distilled model: one that was fine-tuned on marked texts, and its base,
// which never saw a mark.
//
//	go run ./examples/radioactivity [-dir DIR] [-decoys N] [-json]
//
// A row is a test of a suspect: G tests look at what it writes, R tests at what it
// predicts when it reads marked texts: those that it is said to have been trained
// on (supervised), or others under the same key. The folder that comes with the
// example is a part of a recording; README.md beside it says what its files are.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case interrupted:
		fmt.Fprintln(os.Stderr, "radioactivity: interrupted")
		os.Exit(130)
	case errors.As(err, new(usageError)):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	rec, err := open(o.dir)
	if err != nil {
		return fmt.Errorf("radioactivity: %w", err)
	}
	var rows []row
	for _, name := range rec.models() {
		found, err := rec.examine(ctx, name, o.decoys)
		if err != nil {
			return fmt.Errorf("radioactivity: suspect %s: %w", name, err)
		}
		rows = append(rows, found...)
	}
	if len(rows) == 0 {
		return fmt.Errorf("radioactivity: the folder has no file of %s, want gen_NAME, read_sup_NAME or read_new_NAME of some model", strings.Join(rec.models(), ", "))
	}
	if o.json {
		return writeLines(stdout, rows)
	}
	return writeTable(stdout, rec, rows, o.decoys)
}

// options are the command line.
type options struct {
	dir    string // empty for the folder that comes with the example
	decoys int
	json   bool
}

// A usageError is a command line that makes no sense.
type usageError struct{ error }

func parse(args []string, usage io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("radioactivity", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.dir, "dir", "", "read the recording in this `directory` (default: the one that comes with the example)")
	flags.IntVar(&o.decoys, "decoys", 1000, "compare with this `number` of decoy keys")
	flags.BoolVar(&o.json, "json", false, "print a line of JSON for each row instead of a table")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(usage, "Usage: radioactivity [-dir DIR] [-decoys N] [-json]")
		flags.SetOutput(usage)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, usageError{fmt.Errorf("radioactivity: %w; -h lists the flags", err)}
	case flags.NArg() > 0:
		return o, usageError{fmt.Errorf("radioactivity: argument %q, want flags only; -h lists them", flags.Arg(0))}
	case o.decoys < 1000 || o.decoys > 1_000_000:
		return o, usageError{fmt.Errorf("radioactivity: %d decoy keys, want 1000 to 1000000", o.decoys)}
	}
	return o, nil
}
