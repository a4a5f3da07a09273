package main

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	metric "github.com/dyetrace/dyetrace/examples/internal/metrics"
)

// Metrics are what the server counts besides what is planted and what the engine
// counts.
type metrics struct {
	requests                     metric.Counters // by status
	inFlight                     atomic.Int64
	gone, refusedOptOuts, errors atomic.Int64
}

// A recorder knows which status was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// counted counts the requests to a handler.
func (s *server) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.metrics.inFlight.Add(1)
		defer s.metrics.inFlight.Add(-1)
		rec := &recorder{ResponseWriter: w}
		defer func() {
			status := "none" // the client hung up before there was one
			if rec.status != 0 {
				status = strconv.Itoa(rec.status)
			}
			s.metrics.requests.Add(status, 1)
		}()
		h.ServeHTTP(rec, r)
	})
}

// showMetrics serves what a server of Prometheus reads.
func (s *server) showMetrics(w http.ResponseWriter, r *http.Request) {
	if !s.mayLook(r) {
		fail(w, errWrongKey)
		return
	}
	var b strings.Builder
	m, e := s.metrics, s.engine.Stats()
	metric.Head(&b, "dyetrace_requests_total", "counter", "Requests by the status that they were answered with.")
	m.requests.Write(&b, "dyetrace_requests_total", "status")
	for _, v := range []struct {
		name, kind, help string
		value            float64
	}{
		{"dyetrace_in_flight", "gauge", "Requests that are being answered.", float64(m.inFlight.Load())},
		{"dyetrace_clients_gone_total", "counter", "Answers that their clients did not wait for.", float64(m.gone.Load())},
		{"dyetrace_opt_outs_refused_total", "counter", "Requests that ask for plain text without being trusted to.", float64(m.refusedOptOuts.Load())},
		{"dyetrace_errors_total", "counter", "Requests that failed by the server's own fault.", float64(m.errors.Load())},
		{"dyetrace_engine_requests_total", "counter", "Prompts that were begun.", float64(e.Requests)},
		{"dyetrace_engine_prompt_tokens_total", "counter", "Tokens of prompts computed.", float64(e.Prompt)},
		{"dyetrace_engine_reused_tokens_total", "counter", "Tokens of prompts that an earlier request had computed.", float64(e.Reused)},
		{"dyetrace_engine_tokens_total", "counter", "Tokens generated.", float64(e.Generated)},
		{"dyetrace_engine_marked_tokens_total", "counter", "Tokens drawn with the mark.", float64(e.Marked)},
		{"dyetrace_engine_steps_total", "counter", "Batches computed.", float64(e.Steps)},
		{"dyetrace_engine_batched_tokens_total", "counter", "Tokens in them.", float64(e.Batched)},
		{"dyetrace_engine_drafted_tokens_total", "counter", "Tokens drafted.", float64(e.Drafted)},
		{"dyetrace_engine_accepted_tokens_total", "counter", "Tokens drafted and kept.", float64(e.Accepted)},
		{"dyetrace_engine_decode_seconds_total", "counter", "Time inside llama.cpp.", e.Decode.Seconds()},
		{"dyetrace_engine_sampling_seconds_total", "counter", "Time between logits and tokens.", e.Sampling.Seconds()},
		{"dyetrace_engine_running", "gauge", "Sequences at work.", float64(e.Running)},
		{"dyetrace_engine_waiting", "gauge", "Requests that wait for a sequence.", float64(e.Waiting)},
	} {
		metric.One(&b, v.name, v.kind, v.help, v.value)
	}
	s.garden.WriteState(&b)
	s.garden.WriteLedger(&b)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write([]byte(b.String()))
}
