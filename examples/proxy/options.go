package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
)

// options are the command line.
type options struct {
	upstream *url.URL
	listen   string
	admin    string

	book    string // empty for the default one
	ledger  string
	key     string
	epoch   string
	cohorts string
	origin  string

	header   bool
	limits   limits
	patience time.Duration
	again    time.Duration
	drain    time.Duration

	makeKey bool
	demo    bool
}

// A usageError is a command line that makes no sense.
type usageError struct{ error }

const usageText = `Usage: proxy -upstream URL -ledger DIR -key FILE -epoch NAME [flags]
       proxy -make-key -key FILE
       proxy -demo

Serves an OpenAI-compatible API and plants canaries in its answers.

`

func parse(args []string, usage io.Writer) (options, error) {
	o := options{}
	var upstream string
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&upstream, "upstream", "", "answers come from the server at this `URL`, such as http://127.0.0.1:8000; a path in it stands before that of requests")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "serve at this `address`")
	flags.StringVar(&o.admin, "admin", "127.0.0.1:8081", "serve /metrics and /healthz at this `address`; empty for nowhere")
	flags.StringVar(&o.book, "book", "", "the book of canaries in this `file` (default: the English one)")
	flags.StringVar(&o.ledger, "ledger", "", "keep the ledger in this `directory`; the key of an epoch's pseudonyms is made beside it, in DIR.EPOCH.pseudonyms")
	flags.StringVar(&o.key, "key", "", "the root key in this `file`, as package keys writes it")
	flags.StringVar(&o.epoch, "epoch", "", "the `name` of the current epoch, such as 2026-11: a new book or policy needs a new one")
	flags.StringVar(&o.cohorts, "cohorts", "", "cohorts and trusted callers in this `file`: on each line the SHA-256 of an API key, a cohort or -, and perhaps trusted")
	flags.StringVar(&o.origin, "origin", "dyetrace.example/planted", "the `name` of the ledger in its checkpoints, best a URL without scheme that is yours")
	flags.BoolVar(&o.header, "header", false, "say in the header "+headerName+" what was decided, and at the end of streams in the trailer "+trailerName+"; for tests and trusted callers: whoever reads it knows which answers carry canaries")
	flags.Int64Var(&o.limits.request, "max-request", 16<<20, "understand requests of up to this many `bytes`; answers to larger ones stay as they are")
	flags.Int64Var(&o.limits.answer, "max-answer", 16<<20, "hold answers of up to this many `bytes` that are not streamed; larger ones stay as they are")
	flags.DurationVar(&o.patience, "patience", 2*time.Second, "how long an answer waits for the ledger before it is served plain")
	flags.DurationVar(&o.again, "again", 5*time.Second, "how often the ledger is signed, or opened again if it could not be")
	flags.DurationVar(&o.drain, "drain", time.Minute, "how long answers may take to finish after SIGTERM")
	flags.BoolVar(&o.makeKey, "make-key", false, "write a new root key to the file of -key and end")
	flags.BoolVar(&o.demo, "demo", false, "show it at work with a small upstream of its own and end")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(usage, usageText)
		flags.SetOutput(usage)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, usageError{fmt.Errorf("proxy: %w; -h lists the flags", err)}
	case flags.NArg() > 0:
		return o, usageError{fmt.Errorf("proxy: argument %q, want flags only; -h lists them", flags.Arg(0))}
	}
	if err := o.check(upstream); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

func (o *options) check(upstream string) error {
	if err := o.setUpstream(upstream); err != nil {
		return err
	}
	required := map[string]string{"key": o.key}
	if !o.makeKey {
		required = map[string]string{"upstream": upstream, "ledger": o.ledger, "key": o.key, "epoch": o.epoch, "listen": o.listen}
	}
	if o.demo {
		required = nil
	}
	for _, name := range []string{"upstream", "ledger", "key", "epoch", "listen"} {
		if value, ok := required[name]; ok && value == "" {
			return fmt.Errorf("proxy: -%s is required; -h lists the flags", name)
		}
	}
	if o.limits.request < 1 || o.limits.answer < 1 {
		return fmt.Errorf("proxy: -max-request is %d and -max-answer %d, want at least 1 byte each", o.limits.request, o.limits.answer)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"patience", o.patience}, {"again", o.again}, {"drain", o.drain}} {
		if d.value <= 0 {
			return fmt.Errorf("proxy: -%s is %v, want more than nothing", d.name, d.value)
		}
	}
	if o.epoch == "" {
		return nil
	}
	if err := planting.CheckEpoch(o.epoch); err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	return nil
}

func (o *options) setUpstream(upstream string) error {
	if upstream == "" {
		return nil
	}
	u, err := url.Parse(upstream)
	if err == nil && (u.User != nil || u.Fragment != "") {
		return fmt.Errorf("proxy: -upstream has a user or a fragment, want neither")
	}
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("proxy: -upstream is %q, want http://… or https://…", upstream)
	}
	o.upstream = u
	return nil
}
