// Plant is a filter: it reads an answer and writes it as a server would send it
// that plants canaries of the default book.
//
//	go run ./examples/plant -seed N < text > planted
//	go run ./examples/plant -seed N -json < text
//
// With -json it writes, instead of the text, a line of JSON for each unit that it
// planted, with byte offsets before and after.
//
// The keys follow from the seed, so that one can look at what a key does. Real
// keys come from crypto/rand.
package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.As(err, new(usageError)):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	seed         uint64
	book, prompt string
	json         bool
}

// A usageError is a command line that makes no sense.
type usageError struct{ error }

func parse(args []string, usage io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("plant", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Uint64Var(&o.seed, "seed", 1, "the keys follow from this `number`")
	flags.StringVar(&o.book, "book", "", "plant from the book in this `file` (default: the English book)")
	flags.StringVar(&o.prompt, "prompt", "", "the `request` that is answered: it has a class, and what it contains is left alone")
	flags.BoolVar(&o.json, "json", false, "print a line of JSON for each planted unit instead of the text")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(usage, "Usage: plant [-seed N] [-book FILE] [-prompt REQUEST] [-json] < TEXT")
		flags.SetOutput(usage)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, usageError{fmt.Errorf("plant: %w; -h lists the flags", err)}
	case flags.NArg() > 0:
		return o, usageError{fmt.Errorf("plant: argument %q, want flags only and the text on standard input; -h lists the flags", flags.Arg(0))}
	}
	return o, nil
}

func run(args []string, in io.Reader, out, usage io.Writer) error {
	o, err := parse(args, usage)
	if err != nil {
		return err
	}
	choices, err := choose(o)
	if err != nil {
		return err
	}
	text := out
	if o.json {
		text = io.Discard
	}
	planter, err := choices.NewPlanter(text, canary.Request{Prompt: o.prompt})
	if err != nil {
		return err
	}
	if _, err := io.Copy(planter, in); err != nil {
		return fmt.Errorf("plant: %w", err)
	}
	if err := planter.Close(); err != nil {
		return fmt.Errorf("plant: %w", err)
	}
	if !o.json {
		return nil
	}
	return list(out, choices.Book(), planter.Planted())
}

// choose draws the options of all trees of the book.
func choose(o options) (*canary.Choices, error) {
	book, err := canary.English()
	if o.book != "" {
		book, err = canary.ReadFile(o.book)
	}
	if err != nil {
		return nil, err
	}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], o.seed)
	copy(seed[8:], "dyetrace plant")
	root, err := keys.New(rand.NewChaCha8(seed))
	if err != nil {
		return nil, err
	}
	var trees []canary.TreeKey
	for _, t := range book.Trees() {
		trees = append(trees, canary.Holder(t.Name, root.Purpose(t.Name)))
	}
	return book.Choose(trees...)
}

// A line is what -json says of one planted unit: offsets are of bytes
// [begin, end), before and after.
type line struct {
	Unit     string `json:"unit"`
	Option   int    `json:"option"`
	Form     string `json:"form"`
	Begin    int64  `json:"begin"`
	End      int64  `json:"end"`
	NewBegin int64  `json:"new_begin"`
	NewEnd   int64  `json:"new_end"`
}

func list(out io.Writer, book *canary.Book, planted []canary.Planted) error {
	lines := json.NewEncoder(out)
	for _, p := range planted {
		forms, err := book.Options(p.Unit)
		if err != nil {
			return err
		}
		if err := lines.Encode(line{p.Unit.String(), p.Option, forms[p.Option], p.Begin, p.End, p.NewBegin, p.NewEnd}); err != nil {
			return fmt.Errorf("plant: %w", err)
		}
	}
	return nil
}
