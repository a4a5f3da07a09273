package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
)

// Names of headers. In a request of a trusted caller "off" asks for an answer
// without canaries, or without the mark.
const (
	headerName  = "Dyetrace-Canary" // in answers, under -header, what was planted
	trailerName = "Dyetrace-Canary-Planted"
	markName    = "Dyetrace-Mark"
)

// A server answers requests of OpenAI's API with a model.
type server struct {
	engine      *engine.Engine
	name        string // of the model
	fingerprint string
	created     int64
	dialect     dialect
	speculate   bool

	garden   *planting.Garden
	marking  *marking
	accounts planting.Cohorts // nil: anybody may ask

	header     bool
	maxRequest int64
	stall      time.Duration
	metrics    *metrics
	log        *log.Logger
}

// handler returns the routes. Whatever goes wrong is said in the API's own form.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	for path, h := range map[string]http.HandlerFunc{
		"POST /v1/chat/completions": s.answers(true),
		"POST /v1/completions":      s.answers(false),
		"GET /v1/models":            s.known(s.models),
		"GET /v1/models/{name...}":  s.known(s.model),
		"GET /healthz":              s.health,
		"GET /metrics":              s.showMetrics,
	} {
		mux.HandleFunc(path, h)
	}
	for _, path := range []string{"/v1/chat/completions", "/v1/completions", "/v1/models", "/healthz", "/metrics"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			fail(w, invalid("", "Not allowed to %s on %s.", brief(r.Method), r.URL.Path).as(http.StatusMethodNotAllowed, "method_not_allowed"))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, invalid("", "Unknown request URL: %s %s.", brief(r.Method), brief(r.URL.Path)).as(http.StatusNotFound, "unknown_url"))
	})
	return s.counted(mux)
}

// who returns whose request it is. Where there is a file of accounts, a key is
// required that is in it.
func (s *server) who(r *http.Request) (planting.Account, *failure) {
	a := s.accounts.Of(r.Header)
	if s.accounts == nil {
		return a, nil
	}
	if a.Hash == "" {
		return a, errNoKey
	}
	if _, ok := s.accounts[a.Hash]; !ok {
		return a, errWrongKey
	}
	return a, nil
}

// known wraps a handler that anybody with a key may call.
func (s *server) known(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, f := s.who(r); f != nil {
			fail(w, f)
			return
		}
		h(w, r)
	}
}

// A modelBody is a model in the API.
type modelBody struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	Owner   string `json:"owned_by"`
	Context int    `json:"context_length"`
}

func (s *server) modelBody() modelBody {
	return modelBody{s.name, "model", s.created, "dyetrace", s.engine.Info().Context}
}

func (s *server) models(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": []modelBody{s.modelBody()}})
}

func (s *server) model(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("name"); name != s.name {
		fail(w, invalid("model", "The model '%s' does not exist.", brief(name)).as(http.StatusNotFound, "model_not_found"))
		return
	}
	writeJSON(w, http.StatusOK, s.modelBody())
}

// answers returns the handler of one of the two endpoints.
func (s *server) answers(chat bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, f := s.who(r)
		if f != nil {
			fail(w, f)
			return
		}
		a, err := s.read(w, r, chat)
		if err == nil {
			err = s.mark(a, r, account)
		}
		if err != nil {
			fail(w, s.failed(err))
			return
		}
		s.answer(w, r, a, account)
	}
}

func (s *server) read(w http.ResponseWriter, r *http.Request, chat bool) (*ask, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.maxRequest))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, invalid("", "Request body is larger than %d bytes.", s.maxRequest).as(http.StatusRequestEntityTooLarge, "request_too_large")
	case err != nil:
		return nil, invalid("", "Request body broke off.")
	}
	return s.understand(chat, body)
}

// mark says what marks an answer, what is planted and by which seed it is drawn.
func (s *server) mark(a *ask, r *http.Request, account planting.Account) error {
	marked := !s.optOut(r, account, markName)
	if s.optOut(r, account, headerName) {
		a.reason = reasonOptOut
	}
	if !s.marking.policy.canaries && a.reason == "" {
		a.reason = reasonPolicy
	}
	layers, err := s.marking.of(account.Cohort)
	if err != nil {
		return err
	}
	if layers != nil && marked {
		a.request.Mark = layers
	}
	if a.seed != nil {
		a.request.Sampling.Seed = uint64(*a.seed)
		return nil
	}
	a.request.Sampling.Seed, err = freshSeed(r.Header.Get("Idempotency-Key"), account.Hash)
	return err
}

// freshSeed returns a random seed, or one that a retry repeats.
func freshSeed(idempotency, account string) (uint64, error) {
	if idempotency != "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", idempotency, account))
		return binary.LittleEndian.Uint64(sum[:]), nil
	}
	var b [8]byte
	_, err := rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// optOut reports whether a trusted caller wants to go without.
func (s *server) optOut(r *http.Request, account planting.Account, header string) bool {
	switch asked := r.Header.Get(header); {
	case asked == "":
	case asked == "off" && account.Trusted:
		return true
	default:
		s.metrics.refusedOptOuts.Add(1)
	}
	return false
}

// answer answers a request that was understood.
func (s *server) answer(w http.ResponseWriter, r *http.Request, a *ask, account planting.Account) {
	o := &output{server: s, ask: a, w: w, control: http.NewResponseController(w)}
	o.body = answerBody{ID: newID(a.chat), Created: time.Now().Unix(), Model: s.name, Fingerprint: s.fingerprint}
	if a.reason == "" {
		o.planted, a.reason = s.garden.Begin(planting.Request{Account: account, Idempotency: r.Header.Get("Idempotency-Key"), Of: a.planter})
	}
	if a.reason != "" {
		s.garden.Metrics.Answers.Add(a.reason, 1)
	}
	for i := range len(a.prompts) * a.n {
		o.choices = append(o.choices, o.newChoice(i))
	}
	if err := o.run(r.Context()); err != nil {
		o.abort(r.Context(), err)
	}
}

func newID(chat bool) string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // it does not fail
	if chat {
		return "chatcmpl-" + hex.EncodeToString(b[:])
	}
	return "cmpl-" + hex.EncodeToString(b[:])
}

// fingerprintOf names what computes the answers.
func fingerprintOf(i engine.Info) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d\n%s", i.Name, i.Parameters, i.Bytes, i.Library))
	return "fp_" + hex.EncodeToString(sum[:5])
}

// health says that answers are given, and to those who may know it, whether
// anything is planted. Plain text is served in health.
func (s *server) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	var b bytes.Buffer
	switch why := s.garden.Unusable(); {
	case !s.mayLook(r):
		b.WriteString("ok\n")
	case why != nil:
		fmt.Fprintf(&b, "ok, serving plain text: %v\n", why)
	default:
		b.WriteString("ok, planting\n")
	}
	_, _ = w.Write(b.Bytes())
}

// mayLook reports whether a caller may see what is planted how often: where there
// are accounts only trusted ones may, since whoever sees it between two answers
// knows which of them carry canaries.
func (s *server) mayLook(r *http.Request) bool {
	return s.accounts == nil || s.accounts.Of(r.Header).Trusted
}
