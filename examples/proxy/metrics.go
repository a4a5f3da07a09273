package main

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	metric "github.com/dyetrace/dyetrace/examples/internal/metrics"
)

// Metrics are what the proxy counts besides what is planted.
type metrics struct {
	passed, refusedOptOuts, gone, upstreamErrors atomic.Int64
	endless, hangups                             atomic.Int64
	inFlight                                     atomic.Int64
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
		switch why := p.garden.Unusable(); {
		case why != nil:
			fmt.Fprintf(w, "ok, serving plain text: %v\n", why)
		default:
			fmt.Fprintln(w, "ok, planting")
		}
	})
	return mux
}

func (p *proxy) writeMetrics(w io.Writer) {
	m := p.metrics
	p.garden.WriteState(w)
	metric.One(w, "dyetrace_passed_total", "counter", "Requests to other endpoints.", m.passed.Load())
	metric.One(w, "dyetrace_opt_outs_refused_total", "counter", "Requests that ask for plain text without being trusted to.", m.refusedOptOuts.Load())
	metric.One(w, "dyetrace_endless_events_total", "counter", "Streams that went on untouched from an event too large to hold.", m.endless.Load())
	metric.One(w, "dyetrace_in_flight", "gauge", "Requests that are being answered.", m.inFlight.Load())
	metric.One(w, "dyetrace_clients_gone_total", "counter", "Answers that their clients did not wait for, or that could not be sent to their end.", m.gone.Load())
	metric.One(w, "dyetrace_upstream_hangups_total", "counter", "Answers that broke off because the upstream hung up in the middle of them.", m.hangups.Load())
	metric.One(w, "dyetrace_upstream_errors_total", "counter", "Requests that the upstream did not answer.", m.upstreamErrors.Load())
	p.garden.WriteLedger(w)
}
