package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
)

// options are the command line.
type options struct {
	listen    string
	engine    engine.Config
	name      string
	speculate bool

	keys     string
	ledger   string
	accounts string
	policy   string
	book     string
	epoch    string
	origin   string

	header     bool
	maxRequest int64
	patience   time.Duration
	again      time.Duration
	drain      time.Duration
	stall      time.Duration

	writeMarks string
}

// A usageError is a command line that makes no sense.
type usageError struct{ error }

const usageText = `Usage: llamacpp [flags]
       llamacpp -write-marks DIR [flags]

Serves a GGUF model behind OpenAI's API. Answers carry a mark and canaries. Without
flags it serves what fetch.sh fetched, and keeps its keys and its ledger in data.

`

func parse(args []string, now time.Time, usage io.Writer) (options, error) {
	o := options{}
	fetched := ".cache" // where fetch.sh puts it
	flags := flag.NewFlagSet("llamacpp", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "serve at this `address`")
	flags.StringVar(&o.engine.Library, "library", filepath.Join(fetched, "lib"), "llama.cpp's shared libraries are in this `folder`")
	flags.StringVar(&o.engine.Model, "model", filepath.Join(fetched, "model.gguf"), "the model in this GGUF `file`")
	flags.StringVar(&o.engine.Draft, "draft", "", "a draft model in this GGUF `file`, of the same vocabulary (default: drafts by n-gram lookup)")
	flags.IntVar(&o.engine.Drafts, "drafts", 8, "draft at most this `number` of tokens a step")
	flags.BoolVar(&o.speculate, "speculate", false, "decode speculatively, unless a request says \"speculate\": false: the same tokens, faster where text repeats")
	flags.IntVar(&o.engine.Sequences, "sequences", 8, "generate this `number` of answers at once")
	flags.IntVar(&o.engine.Context, "context", 0, "`tokens` of a prompt with its answer (default 2048, or what the model has)")
	flags.IntVar(&o.engine.Threads, "threads", max(1, runtime.NumCPU()/2), "compute on this `number` of threads")
	flags.IntVar(&o.engine.Queue, "queue", 256, "let this `number` of requests wait; more are told that the server is overloaded")
	flags.StringVar(&o.name, "name", "", "the model's `name` in the API (default: the file's, without its end)")
	flags.StringVar(&o.keys, "keys", filepath.Join("data", "keys"), "the root key is root.key in this `folder`, made at the first start")
	flags.StringVar(&o.ledger, "ledger", filepath.Join("data", "ledger"), "keep the ledger in this `folder`; the key of an epoch's pseudonyms is made beside it, in FOLDER.EPOCH.pseudonyms")
	flags.StringVar(&o.accounts, "accounts", "", "API keys in this `file`: on each line the SHA-256 of a key, a cohort or -, and perhaps trusted (default: anybody may ask)")
	flags.StringVar(&o.policy, "policy", "", "layers of the mark and canaries as this `file` says (default: vendor 70, epoch 20, cohort 10, canaries)")
	flags.StringVar(&o.book, "book", "", "the book of canaries in this `file` (default: the English one)")
	flags.StringVar(&o.epoch, "epoch", now.UTC().Format("2006-01"), "the `name` of the current epoch: a new book or policy needs a new one")
	flags.StringVar(&o.origin, "origin", "dyetrace.example/planted", "the `name` of the ledger in its checkpoints, best a URL without scheme that is yours")
	flags.BoolVar(&o.header, "header", false, "say in the header "+headerName+" what was planted; for tests and trusted callers: whoever reads it knows which answers carry canaries")
	flags.Int64Var(&o.maxRequest, "max-request", 16<<20, "refuse requests of more than this many `bytes`")
	flags.DurationVar(&o.patience, "patience", 2*time.Second, "how long an answer waits for the ledger before it is served plain")
	flags.DurationVar(&o.again, "again", 5*time.Second, "how often the ledger is signed, or opened again if it could not be")
	flags.DurationVar(&o.drain, "drain", time.Minute, "how long answers may take to finish after SIGTERM")
	flags.DurationVar(&o.stall, "stall", 30*time.Second, "how long a client may leave a write waiting before it is given up")
	flags.StringVar(&o.writeMarks, "write-marks", "", "write the marks with their secrets, the model's tokenizer.json and the ledger's public key into this `folder`, for the command dyetrace, and end")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(usage, usageText)
		flags.SetOutput(usage)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, usageError{fmt.Errorf("llamacpp: %w; -h lists the flags", err)}
	case flags.NArg() > 0:
		return o, usageError{fmt.Errorf("llamacpp: argument %q, want flags only; -h lists them", flags.Arg(0))}
	}
	if err := o.check(); err != nil {
		return o, usageError{fmt.Errorf("llamacpp: %w", err)}
	}
	if o.name == "" {
		o.name = strings.TrimSuffix(filepath.Base(o.engine.Model), ".gguf")
	}
	return o, nil
}

func (o *options) check() error {
	for _, r := range []struct{ name, value string }{{"listen", o.listen}, {"library", o.engine.Library}, {"model", o.engine.Model}, {"keys", o.keys}, {"ledger", o.ledger}} {
		if r.value == "" {
			return fmt.Errorf("-%s is required; -h lists the flags", r.name)
		}
	}
	if o.maxRequest < 1 {
		return fmt.Errorf("-max-request is %d, want at least 1 byte", o.maxRequest)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"patience", o.patience}, {"again", o.again}, {"drain", o.drain}, {"stall", o.stall}} {
		if d.value <= 0 {
			return fmt.Errorf("-%s is %v, want more than nothing", d.name, d.value)
		}
	}
	return planting.CheckEpoch(o.epoch)
}
