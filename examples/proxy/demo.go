package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// The accounts of the demonstration: API key, cohort, and whether it is trusted.
var demoAccounts = []struct{ key, cohort, trusted string }{
	{"alice-key", "blue", ""}, {"bob-key", "blue", ""}, {"carol-key", "green", ""}, {"admin-key", "-", "trusted"},
}

const demoQuestion = "How do I keep a lawn green?"

// demo asks a small upstream the same question under several API keys, through a
// proxy and without, and shows what was planted and what the ledger says of it.
func demo(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "dyetrace-proxy")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o, root, err := demoOptions(dir)
	if err != nil {
		return err
	}
	upstream, stopUpstream, err := listen(demoUpstream())
	if err != nil {
		return err
	}
	defer stopUpstream()
	o.upstream = &url.URL{Scheme: "http", Host: upstream}
	s, err := newService(o, log.New(io.Discard, "", 0))
	if err != nil {
		return err
	}
	front, stopFront, err := listen(s.proxy)
	if err != nil {
		return errors.Join(err, s.close())
	}
	d := demonstration{ctx, out, s.proxy, "http://" + front, "http://" + upstream}
	err = d.show()
	stopFront()
	if err = errors.Join(err, s.close()); err != nil {
		return err
	}
	_, verifier, _, err := planting.Signer(root, o.origin)
	if err != nil {
		return err
	}
	return showLedger(out, o.ledger, verifier)
}

func demoOptions(dir string) (options, keys.Key, error) {
	o, err := parse([]string{"-demo"}, io.Discard)
	if err != nil {
		return o, keys.Key{}, err
	}
	o.header = true // the demonstration is a trusted caller
	o.epoch, o.ledger = "2026-11", filepath.Join(dir, "ledger")
	o.key, o.cohorts = filepath.Join(dir, "root.key"), filepath.Join(dir, "cohorts")
	root, err := keys.New(rand.Reader)
	if err != nil {
		return o, root, err
	}
	var lines strings.Builder
	for _, a := range demoAccounts {
		fmt.Fprintf(&lines, "%x %s %s\n", sha256.Sum256([]byte(a.key)), a.cohort, a.trusted)
	}
	return o, root, errors.Join(keys.WriteFile(o.key, root), os.WriteFile(o.cohorts, []byte(lines.String()), 0o600))
}

// listen serves on a free port of this machine.
func listen(h http.Handler) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	return l.Addr().String(), func() { _ = s.Close() }, nil
}

type demonstration struct {
	ctx             context.Context
	out             io.Writer
	proxy           *proxy
	front, upstream string
}

func (d *demonstration) show() error {
	plain, _, err := d.ask(d.upstream, "", "", false)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%s\n\nupstream:\n%s\n", demoQuestion, indent(plain))
	var streamed, whole string
	for _, a := range demoAccounts[:3] {
		text, decided, err := d.ask(d.front, a.key, "", false)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "\n%s, of cohort %s (%s):\n%s\n", a.key, a.cohort, decided, indent(d.marked(text)))
		whole = text
		if streamed, decided, err = d.ask(d.front, a.key, "", true); err != nil {
			return err
		}
		if streamed != whole {
			return fmt.Errorf("proxy: streamed answer to %s differs from the one that is not", a.key)
		}
		fmt.Fprintf(d.out, "  streamed: the same (%s)\n", decided)
	}
	text, decided, err := d.ask(d.front, "admin-key", "off", false)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nadmin-key, trusted, with %s: off (%s): as upstream has it: %v\n", headerName, decided, text == plain)
	fmt.Fprintln(d.out, "\nmetrics:")
	var m bytes.Buffer
	d.proxy.writeMetrics(&m)
	for line := range strings.Lines(m.String()) {
		if strings.HasPrefix(line, "dyetrace_answers") || strings.HasPrefix(line, "dyetrace_units") || strings.HasPrefix(line, "dyetrace_ledger_leaves") {
			fmt.Fprint(d.out, "  ", line)
		}
	}
	return nil
}

// ask asks the question and returns the text and what was decided.
func (d *demonstration) ask(server, key, opt string, stream bool) (text, decided string, err error) {
	body := fmt.Sprintf(`{"model":"demo","stream":%v,"messages":[{"role":"user","content":%q}]}`, stream, demoQuestion)
	r, err := http.NewRequestWithContext(d.ctx, http.MethodPost, server+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return "", "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+key)
	if opt != "" {
		r.Header.Set(headerName, opt)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", "", err
	}
	var e events
	e.add(all)
	for block, ok := e.take(true); ok; block, ok = e.take(true) {
		data := block
		if stream {
			data, _ = payload(block)
		}
		var answer struct {
			Choices []struct{ Message, Delta struct{ Content string } }
		}
		if json.Unmarshal(data, &answer) == nil && len(answer.Choices) > 0 {
			text += answer.Choices[0].Message.Content + answer.Choices[0].Delta.Content
		}
	}
	if stream {
		return text, resp.Trailer.Get(trailerName), nil
	}
	return text, resp.Header.Get(headerName), nil
}

// marked puts brackets around what may have been planted.
func (d *demonstration) marked(text string) string {
	uses, err := d.proxy.garden.Vendor.Book.Occurrences(canary.Request{Prompt: demoQuestion}, text)
	if err != nil {
		return text
	}
	var b strings.Builder
	from := 0
	for _, u := range uses {
		b.WriteString(text[from:u.Begin] + "[" + text[u.Begin:u.End] + "]")
		from = u.End
	}
	return b.String() + text[from:]
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// showLedger verifies a ledger and proves every planting in it.
func showLedger(out io.Writer, dir string, v note.Verifier) error {
	report, err := ledger.Verify(dir, v)
	if err != nil {
		return err
	}
	r, err := ledger.OpenReader(dir, v)
	if err != nil {
		return err
	}
	defer r.Close()
	proved := 0
	for e, err := range r.Scan(ledger.Filter{Kind: ledger.KindPlanting}) {
		if err != nil {
			return err
		}
		proof, err := r.Prove(e.Index, report.Signed.Size)
		if err != nil {
			return err
		}
		if err := report.Signed.CheckInclusion(e.Index, e.Leaf, proof); err != nil {
			return err
		}
		proved++
	}
	fmt.Fprintf(out, "\nledger: %d leaves verified, %d plantings proved to be in its signed checkpoint\n", report.Leaves, proved)
	return nil
}

// demoAnswer is what the demonstration's model always says.
const demoAnswer = `A green lawn is mainly a matter of patience. Most of the work is done with a lot of water, and almost all of it early in the morning. Check if the soil is dry before you begin. If you mow each day, the grass gets weak. Instead of that, cut it once a week, and never more than a third of its height.

There are several things that help each other. For example, clover feeds the grass, and in addition it stays green in a dry summer. As a result, you need less fertilizer. Furthermore, bees like it. That said, no one has to plant clover. Maybe a bit of compost is enough, especially in spring.`

// demoUpstream is a small server of OpenAI's chat interface.
func demoUpstream() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ask struct{ Stream bool }
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			http.Error(w, `{"error":{"message":"no JSON"}}`, http.StatusBadRequest)
			return
		}
		if !ask.Stream {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"id":"demo","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}]}`, quote(nil, []byte(demoAnswer)))
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, word := range strings.SplitAfter(demoAnswer, " ") {
			fmt.Fprintf(w, "data: {\"id\":\"demo\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%s},\"finish_reason\":null}]}\n\n", quote(nil, []byte(word)))
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
		}
		fmt.Fprint(w, "data: {\"id\":\"demo\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	})
}
