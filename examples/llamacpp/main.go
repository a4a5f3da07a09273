// Llamacpp serves a GGUF model behind OpenAI's API with llama.cpp. Its answers carry
// a mark in their tokens and canaries in their wording, and what was planted is in a
// ledger before it leaves.
//
//	bash fetch.sh
//	go run .
//
// fetches llama.cpp and a small model and serves it at http://127.0.0.1:8080. See
// README.md for what to ask it, and for how its answers are found again.
//
// # What it serves
//
// POST /v1/chat/completions and /v1/completions, streamed or not, GET /v1/models,
// /healthz and /metrics. Beyond OpenAI's parameters it takes top_k, min_p,
// repeat_penalty, repeat_last_n and grammar as llama.cpp does, return_token_ids as
// vLLM does, and "speculate". Penalties, bias and grammars come before the draw that
// carries the mark. With "temperature": 0 there is no draw and no mark.
//
// Tools pass through the model's chat template; calls are read back where the form
// of the model's family is known (Qwen and Hermes, Mistral, Llama 3). A template
// that says nothing of tools gets a system message that does, in Hermes' form. Where
// a call is required, a grammar makes the model write one.
//
// # Marks and canaries
//
// Each answer carries the layers of the policy: vendor, epoch and cohort, whose keys
// come from one root key. Canaries are planted in text; answers whose form or tokens
// the caller fixed (response formats, grammars, log-probabilities, token ids, echoes)
// carry the mark and no canaries. Usage counts tokens as they were sampled, before
// anything was planted. A trusted caller goes without by the headers
//
//	Dyetrace-Canary: off
//	Dyetrace-Mark: off
//
// A request with an Idempotency-Key and no seed is drawn by a seed that follows from
// the key: its retry gets the same answer, as far as llama.cpp computes the same in
// another batch, and adds no leaf to the ledger.
//
// # What goes wrong
//
// Bad requests get OpenAI's errors. More requests than can wait get status 503. A
// client that hangs up frees its sequence at once. If book or ledger are unusable,
// answers are plain, and /metrics, /healthz and the log say so. After SIGTERM answers
// finish, at most for as long as -drain says, and the ledger is closed with a signed
// checkpoint. After kill -9 the ledger opens again with every leaf that was
// acknowledged; a leaf may stand in it for a text that was then not sent.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
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

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, time.Now(), stderr)
	if err != nil {
		return err
	}
	l := log.New(stderr, "llamacpp: ", log.LstdFlags)
	if o.writeMarks != "" {
		return writeMarks(o, stdout)
	}
	s, err := open(o, l)
	if err != nil {
		return err
	}
	return s.serve(ctx, o, l)
}

// writeMarks writes the marks of a policy, for who looks for them.
func writeMarks(o options, stdout io.Writer) error {
	root, err := keys.ReadFile(filepath.Join(o.keys, "root.key"))
	if err != nil {
		return fmt.Errorf("llamacpp: %w (the first start of the server makes it)", err)
	}
	p, accounts, err := readRules(o)
	if err != nil {
		return err
	}
	names, err := newMarking(p, root, o.epoch, accounts).write(o.writeMarks, accounts)
	for _, name := range names {
		fmt.Fprintf(stdout, "%s.mark.json and %s.secret.json\n", filepath.Join(o.writeMarks, name), name)
	}
	if err != nil {
		return err
	}
	_, _, public, err := planting.Signer(root, o.origin)
	if err != nil {
		return err
	}
	path := filepath.Join(o.writeMarks, "ledger.pub")
	fmt.Fprintln(stdout, path)
	if err := os.WriteFile(path, []byte(public+"\n"), 0o644); err != nil {
		return err
	}
	data, err := tokenizerJSON(o.engine.Model)
	if err != nil {
		return fmt.Errorf("llamacpp: the marks are written; no tokenizer.json: %w", err)
	}
	path = filepath.Join(o.writeMarks, "tokenizer.json")
	fmt.Fprintln(stdout, path)
	return os.WriteFile(path, data, 0o644)
}

func readRules(o options) (policy, planting.Cohorts, error) {
	p, err := readPolicy(o.policy)
	if err != nil {
		return p, nil, fmt.Errorf("llamacpp: %w", err)
	}
	accounts, err := planting.ReadCohorts(o.accounts)
	if err != nil {
		return p, nil, fmt.Errorf("llamacpp: %w", err)
	}
	return p, accounts, nil
}

// open opens keys, book, ledger and, last because it takes longest, the model. An
// unusable book or ledger is no error: plain text is served.
func open(o options, l *log.Logger) (*server, error) {
	p, accounts, err := readRules(o)
	if err != nil {
		return nil, err
	}
	root, made, err := openRoot(o.keys)
	if err != nil {
		return nil, err
	}
	if made {
		l.Printf("made root key %v in %s: keep a copy where nobody finds it", root.ID(), o.keys)
	}
	m := newMarking(p, root, o.epoch, accounts)
	if _, err := m.of(""); err != nil {
		return nil, err
	}
	o.engine.Log = l.Printf
	e, err := engine.Open(o.engine)
	if err != nil {
		return nil, err
	}
	g, err := openGarden(o, root, m, accounts, l)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	info := e.Info()
	l.Printf("%s: %s, %d parameters, %d sequences of %d tokens", o.name, info.Architecture, info.Parameters, info.Sequences, info.Context)
	return &server{
		engine: e, name: o.name, fingerprint: fingerprintOf(info), created: time.Now().Unix(), dialect: dialectOf(info.Template), speculate: o.speculate,
		garden: g, marking: m, accounts: accounts,
		header: o.header, maxRequest: o.maxRequest, stall: o.stall, metrics: new(metrics), log: l,
	}, nil
}

// openGarden opens what is needed to plant.
func openGarden(o options, root keys.Key, m *marking, accounts planting.Cohorts, l *log.Logger) (*planting.Garden, error) {
	signer, verifier, public, err := planting.Signer(root, o.origin)
	if err != nil {
		return nil, err
	}
	l.Printf("the ledger is verified with %s", public)
	g := &planting.Garden{Metrics: new(planting.Metrics)}
	if err := os.MkdirAll(filepath.Dir(o.ledger), 0o700); err != nil {
		l.Printf("ledger: %v", err) // opening it fails for the same reason
	}
	if g.Vendor, err = openVendor(o, root, m, accounts); err != nil {
		l.Printf("book unusable, serving plain text: %v", err)
		return g, nil
	}
	g.Keeper = planting.NewKeeper(o.ledger, ledger.Options{Origin: o.origin, Signer: signer, Verifier: verifier}, o.patience, o.again, l)
	return g, nil
}

func openVendor(o options, root keys.Key, m *marking, accounts planting.Cohorts) (*planting.Vendor, error) {
	read := canary.English
	if o.book != "" {
		read = func() (*canary.Book, error) { return canary.ReadFile(o.book) }
	}
	book, err := read()
	if err != nil {
		return nil, err
	}
	names, err := planting.OpenPseudonyms(o.ledger + "." + o.epoch + ".pseudonyms")
	if err != nil {
		return nil, err
	}
	return planting.NewVendor(planting.Rules{Book: book, Root: root, Epoch: o.epoch, Names: names, Policy: rulesOfPlanting, Cohorts: accounts, Marks: m.bound})
}

// serve serves until ctx ends, then lets answers finish, closes the ledger and frees
// the model.
func (s *server) serve(ctx context.Context, o options, l *log.Logger) error {
	base, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	h := &http.Server{Handler: s.handler(), ErrorLog: l, ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return base }}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return errors.Join(fmt.Errorf("llamacpp: %w", err), s.close())
	}
	if s.accounts == nil {
		l.Printf("anybody who reaches %v may ask: -accounts has those who may", listener.Addr())
	}
	l.Printf("serving %s at http://%v", s.name, listener.Addr())
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(listener) }()
	select {
	case <-ctx.Done():
		l.Printf("ending: answers have %v to finish", o.drain)
	case err = <-failed:
	}
	drain, stop := context.WithTimeout(context.Background(), o.drain)
	defer stop()
	if late := h.Shutdown(drain); late != nil {
		err = errors.Join(err, fmt.Errorf("llamacpp: answers did not finish: %w", late))
		cancel(errEnding) // those that are left end where they are
		last, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		err = errors.Join(err, h.Shutdown(last))
	}
	return errors.Join(err, h.Close(), s.close())
}

// close closes the ledger and frees the model.
func (s *server) close() error { return errors.Join(s.garden.Close(), s.engine.Close()) }
