package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
)

// options are the command line.
type options struct {
	seed uint64
	json bool
	dir  string // empty for a new temporary one
}

// A usageError is a command line that makes no sense.
type usageError struct{ error }

func parse(args []string, usage io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Uint64Var(&o.seed, "seed", 1, "who gets which passage, keys, answers and prompts follow from this `number`; decoy keys also from the time")
	flags.BoolVar(&o.json, "json", false, "print a line of JSON for each finding instead of tables")
	flags.StringVar(&o.dir, "o", "", "write plans, transcripts, seals and reports to this `directory`, over those of an earlier run (default: a new temporary one)")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(usage, "Usage: quickstart [-seed N] [-json] [-o DIR]")
		flags.SetOutput(usage)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, usageError{fmt.Errorf("quickstart: %w; -h lists the flags", err)}
	case flags.NArg() > 0:
		return o, usageError{fmt.Errorf("quickstart: argument %q, want flags only; -h lists them", flags.Arg(0))}
	}
	return o, nil
}

// A luck is where everything random comes from, so that one seed tells one
// story; but decoy keys follow from the seal, and so from the time of day in
// transcripts. Where keys and nonces matter, they come from crypto/rand.
type luck struct{ *rand.ChaCha8 }

func newLuck(seed uint64) luck {
	var s [32]byte
	binary.LittleEndian.PutUint64(s[:], seed)
	copy(s[8:], "dyetrace quickstart")
	return luck{rand.NewChaCha8(s)}
}

// bytes returns 32 random bytes.
func (l luck) bytes() (b [32]byte) {
	_, _ = l.Read(b[:]) // it has no end
	return b
}
