// Proxy stands before an inference server that speaks OpenAI's HTTP API and plants
// canaries in its answers: choices among equally good wordings, and orders of
// parallel tool calls, that a key decides. What was planted is in a ledger before
// it leaves. Everything else passes byte for byte.
//
//	go run ./examples/proxy -demo
//
// shows it at work with an upstream of its own. Before a server of yours, say
// llama.cpp's or vLLM's on port 8000:
//
//	go run ./examples/proxy -make-key -key root.key
//	go run ./examples/proxy -upstream http://127.0.0.1:8000 -key root.key -epoch 2026-11 -ledger ledger
//	curl -i http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' \
//	    -d '{"model":"default","messages":[{"role":"user","content":"How do I keep a lawn green?"}]}'
//	curl -N http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' \
//	    -d '{"model":"default","stream":true,"messages":[{"role":"user","content":"How do I keep a lawn green?"}]}'
//	curl http://127.0.0.1:8081/metrics
//
// What was decided is not in the answers, since whoever reads it, the suspect
// too, knows which of them carry canaries. For tests and trusted callers, -header
// says it in each answer's header Dyetrace-Canary, and at the end of streams in the
// trailer Dyetrace-Canary-Planted.
//
// # What is planted
//
// Answers to POST …/chat/completions and …/completions of status 200: the text of
// each choice by itself, in a stream too, and the order of parallel tool calls.
// Left as they are, and counted with the reason: answers whose form or tokens
// the caller fixed (response formats, grammars, guided decoding, log-probabilities,
// token ids, echoes, citations, audio), compressed ones, and those of callers
// that are trusted and send
//
//	Dyetrace-Canary: off
//
// In a stream at most 63 bytes of text are held back, and all of it from the
// first tool call on until the calls are complete, if two tools were offered.
// The leaf of a planting is on the disk before the event that has it is sent;
// the hash of the whole text follows in another leaf before the end of the stream
// is sent, or when the client or the upstream hang up.
//
// Who wants plain text can have it by asking for log-probabilities, say: watch
// the counts by reason. Other interfaces of the upstream are not planted; give
// out no way around the proxy.
//
// # What goes wrong
//
// If the book or the ledger is unusable (damaged, locked, removed, a full disk),
// answers are plain, and /metrics, /healthz and the log say so. A ledger that was
// open and is gone is not begun anew before the next start. A leaf may stand in
// the ledger for a text that was then not sent: after kill -9, and after an
// append that was given up.
//
// A request with an Idempotency-Key has leaves whose names follow from it, so its
// retry adds none unless the answer is another, or came in other pieces.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
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
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	l := log.New(stderr, "proxy: ", log.LstdFlags)
	switch {
	case o.demo:
		return demo(ctx, stdout)
	case o.makeKey:
		return makeKey(o.key, l)
	}
	s, err := newService(o, l)
	if err != nil {
		return err
	}
	return s.serve(ctx, o, l)
}

func makeKey(path string, l *log.Logger) error {
	key, err := keys.New(rand.Reader)
	if err != nil {
		return err
	}
	switch err := keys.WriteFile(path, key); {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("proxy: key file %s exists, want a new path", path)
	case err != nil:
		return err
	}
	l.Printf("wrote key %v to %s: keep a copy where nobody finds it", key.ID(), path)
	return nil
}

// policy are the rules of planting: see [planting.Rules].
const policy = `dyetrace proxy policy/1
Chat completions and completions are planted, streamed or not, each choice by itself.
The prompt is what everybody but the model said, in order, joined by line feeds.
Answers with a response format, a grammar, log-probabilities, token ids, citations, audio or an echo are not.
Parallel tool calls are ordered; their arguments stay as they are.
A leaf says what was planted before it is sent, and another the output's hash when it ends.
`

// A service is a proxy with what it needs open.
type service struct {
	proxy  *proxy
	keeper *planting.Keeper
}

// newService opens keys, book and ledger. An unusable book or ledger is no error:
// plain text is served.
func newService(o options, l *log.Logger) (*service, error) {
	root, err := keys.ReadFile(o.key)
	if err != nil {
		return nil, err
	}
	c, err := planting.ReadCohorts(o.cohorts)
	if err != nil {
		return nil, err
	}
	s, v, public, err := planting.Signer(root, o.origin)
	if err != nil {
		return nil, err
	}
	l.Printf("the ledger is verified with %s", public)
	g := &planting.Garden{Metrics: new(planting.Metrics)}
	if g.Vendor, err = openVendor(o, root, c); err != nil {
		l.Printf("book unusable, serving plain text: %v", err)
	} else {
		g.Keeper = planting.NewKeeper(o.ledger, ledger.Options{Origin: o.origin, Signer: s, Verifier: v}, o.patience, o.again, l)
	}
	return &service{newProxy(o.upstream, g, c, o.header, o.limits, l), g.Keeper}, nil
}

func openVendor(o options, root keys.Key, c planting.Cohorts) (*planting.Vendor, error) {
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
	return planting.NewVendor(planting.Rules{Book: book, Root: root, Epoch: o.epoch, Names: names, Policy: policy, Cohorts: c})
}

// serve serves until ctx ends, then lets answers finish and closes the ledger.
func (s *service) serve(ctx context.Context, o options, l *log.Logger) error {
	main := &http.Server{Handler: s.proxy, ErrorLog: l, ReadHeaderTimeout: time.Minute}
	servers := []*http.Server{main}
	failed := make(chan error, 2)
	start := func(server *http.Server, address, what string) error {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("proxy: %w", err)
		}
		l.Printf("%s at http://%v", what, listener.Addr())
		go func() { failed <- server.Serve(listener) }()
		return nil
	}
	err := start(main, o.listen, "serving "+o.upstream.Host)
	if err == nil && o.admin != "" {
		admin := &http.Server{Handler: s.proxy.admin(), ErrorLog: l, ReadHeaderTimeout: time.Minute}
		servers = append(servers, admin)
		err = start(admin, o.admin, "metrics")
	}
	if err == nil {
		select {
		case <-ctx.Done():
			l.Printf("ending: answers have %v to finish", o.drain)
		case err = <-failed:
		}
	}
	drain, cancel := context.WithTimeout(context.Background(), o.drain)
	defer cancel()
	for _, server := range servers {
		if late := server.Shutdown(drain); late != nil {
			err = errors.Join(err, fmt.Errorf("proxy: answers did not finish: %w", late), server.Close())
		}
	}
	return errors.Join(err, s.close())
}

func (s *service) close() error {
	if s.keeper == nil {
		return nil
	}
	return s.keeper.Close()
}
