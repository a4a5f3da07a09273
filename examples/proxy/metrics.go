package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Metrics are what a server of Prometheus reads, in its text format.
type metrics struct {
	answers counters // by what was decided
	units   counters // planted, by tree

	passed, refusedOptOuts, gone, upstreamErrors atomic.Int64
	endless, hangups                             atomic.Int64
	inFlight                                     atomic.Int64
	leaves, known, ledgerErrors                  atomic.Int64
	appends                                      histogram
}

func newMetrics() *metrics { return &metrics{} }

// Counters are one metric with a label.
type counters struct{ values sync.Map } // string → *atomic.Int64

func (c *counters) add(label string, n int64) {
	v, ok := c.values.Load(label)
	if !ok {
		v, _ = c.values.LoadOrStore(label, new(atomic.Int64))
	}
	v.(*atomic.Int64).Add(n)
}

func (c *counters) write(w io.Writer, name, label string) {
	var lines []string
	c.values.Range(func(key, v any) bool {
		lines = append(lines, fmt.Sprintf("%s{%s=%q} %d\n", name, label, key, v.(*atomic.Int64).Load()))
		return true
	})
	slices.Sort(lines)
	for _, l := range lines {
		_, _ = io.WriteString(w, l)
	}
}

// bounds of the histogram's buckets.
var bounds = [...]time.Duration{500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// A histogram counts durations.
type histogram struct {
	buckets [len(bounds) + 1]atomic.Int64
	sum     atomic.Int64 // nanoseconds
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) write(w io.Writer, name string) {
	n := int64(0)
	for i := range h.buckets {
		n += h.buckets[i].Load()
		bound := "+Inf"
		if i < len(bounds) {
			bound = fmt.Sprint(bounds[i].Seconds())
		}
		fmt.Fprintf(w, "%s_bucket{le=%q} %d\n", name, bound, n)
	}
	fmt.Fprintf(w, "%s_sum %g\n%s_count %d\n", name, time.Duration(h.sum.Load()).Seconds(), name, n)
}

func head(w io.Writer, name, kind, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func one(w io.Writer, name, kind, help string, v int64) {
	head(w, name, kind, help)
	fmt.Fprintf(w, "%s %d\n", name, v)
}

func flag01(ok bool) int64 {
	if ok {
		return 1
	}
	return 0
}

// admin serves /metrics and /healthz, on an address of their own: on that of the
// answers these paths are the upstream's.
func (p *proxy) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		p.writeMetrics(w)
	})
	// Plain text is served in health: taking the proxy out because its ledger is
	// broken would make users pay for it. The body says what is wrong.
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		switch why := p.unusable(); {
		case why != nil:
			fmt.Fprintf(w, "ok, serving plain text: %v\n", why)
		default:
			fmt.Fprintln(w, "ok, planting")
		}
	})
	return mux
}

// unusable returns why nothing is planted, nil if it is.
func (p *proxy) unusable() error {
	if p.vendor == nil {
		return errBook
	}
	return p.keeper.state()
}

func (p *proxy) writeMetrics(w io.Writer) {
	m := p.metrics
	one(w, "dyetrace_book_usable", "gauge", "Whether the book and its keys were read.", flag01(p.vendor != nil))
	one(w, "dyetrace_ledger_usable", "gauge", "Whether the ledger is open and took the last leaf.", flag01(p.vendor != nil && p.keeper.state() == nil))
	head(w, "dyetrace_answers_total", "counter", "Answers by what was decided: planted, nothing to plant, or why they were left as they are.")
	m.answers.write(w, "dyetrace_answers_total", "decision")
	head(w, "dyetrace_units_planted_total", "counter", "Units planted, by the tree whose key decided.")
	m.units.write(w, "dyetrace_units_planted_total", "tree")
	one(w, "dyetrace_passed_total", "counter", "Requests to other endpoints.", m.passed.Load())
	one(w, "dyetrace_opt_outs_refused_total", "counter", "Requests that ask for plain text without being trusted to.", m.refusedOptOuts.Load())
	one(w, "dyetrace_endless_events_total", "counter", "Streams that went on untouched from an event too large to hold.", m.endless.Load())
	one(w, "dyetrace_in_flight", "gauge", "Requests that are being answered.", m.inFlight.Load())
	one(w, "dyetrace_clients_gone_total", "counter", "Answers that their clients did not wait for, or that could not be sent to their end.", m.gone.Load())
	one(w, "dyetrace_upstream_hangups_total", "counter", "Answers that broke off because the upstream hung up in the middle of them.", m.hangups.Load())
	one(w, "dyetrace_upstream_errors_total", "counter", "Requests that the upstream did not answer.", m.upstreamErrors.Load())
	one(w, "dyetrace_ledger_leaves_total", "counter", "Leaves appended.", m.leaves.Load())
	one(w, "dyetrace_ledger_known_total", "counter", "Leaves that were there already: retries.", m.known.Load())
	one(w, "dyetrace_ledger_errors_total", "counter", "Appends that failed.", m.ledgerErrors.Load())
	head(w, "dyetrace_ledger_append_seconds", "histogram", "How long an answer waited for its leaves.")
	m.appends.write(w, "dyetrace_ledger_append_seconds")
}
