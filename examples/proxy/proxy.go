package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// Names of headers.
const (
	// headerName says in answers what was decided: an item of RFC 9651 such as
	// planted;units=3;leaves="17 18", nothing, or plain;reason=logprobs. A stream
	// begins before it is known and says stream. In a request of a trusted caller
	// "off" asks for an answer in which nothing is planted; upstream never sees it.
	headerName = "Dyetrace-Canary"

	// trailerName says at the end of a stream what its header could not.
	trailerName = "Dyetrace-Canary-Planted"
)

// A proxy is the handler.
type proxy struct {
	vendor     *vendor // nil: the book is unusable
	keeper     *keeper // nil: as long as there is no vendor
	cohorts    cohorts
	header     bool
	maxRequest int64 // how much of a request is read to be understood, in bytes
	maxAnswer  int64 // how much of an answer that is not streamed is held, in bytes
	metrics    *metrics
	reverse    *httputil.ReverseProxy
}

// limits are how much of a body is held. Whatever is larger passes untouched.
type limits struct{ request, answer int64 }

func newProxy(upstream *url.URL, v *vendor, k *keeper, c cohorts, header bool, l limits, lg *log.Logger) *proxy {
	p := &proxy{vendor: v, keeper: k, cohorts: c, header: header, maxRequest: l.request, maxAnswer: l.answer, metrics: newMetrics()}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // else what passes is not what came
	transport.MaxIdleConnsPerHost = 256
	p.reverse = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			if q := upstream.RawQuery; q != "" {
				r.Out.URL.RawQuery = strings.TrimSuffix(q+"&"+r.In.URL.RawQuery, "&")
			}
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if v, ok := r.In.Header[name]; ok {
					r.Out.Header[name] = v
				}
			}
			r.Out.Header.Del(headerName)
			if exchangeOf(r.In.Context()) != nil {
				r.Out.Header.Set("Accept-Encoding", "identity")
			}
		},
		ModifyResponse: p.modify,
		FlushInterval:  -1,
		Transport:      transport,
		ErrorLog:       lg,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // else the client went away
				p.metrics.upstreamErrors.Add(1)
				lg.Printf("upstream: %v", err)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	return p
}

// An exchange is a request for an answer that is looked at.
type exchange struct {
	ask         ask
	account     account
	idempotency string
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.metrics.inFlight.Add(1)
	defer p.metrics.inFlight.Add(-1)
	defer func() {
		if r.Context().Err() != nil {
			p.metrics.gone.Add(1)
		}
	}()
	if r.ContentLength > 0 {
		// The transport looks for more behind the end. A server refuses to read a
		// body once its answer has begun, and the connection would break off.
		r.Body = bodyOf(io.LimitReader(r.Body, r.ContentLength), r.Body)
	}
	if chat, ok := endpoint(r.URL.Path); ok && r.Method == http.MethodPost {
		x := &exchange{account: p.cohorts.of(r.Header), idempotency: r.Header.Get("Idempotency-Key")}
		x.ask = p.read(r, chat)
		if asked := r.Header.Get(headerName); asked != "" {
			switch {
			case asked == "off" && x.account.trusted:
				x.ask.reason = reasonOptOut
			default:
				p.metrics.refusedOptOuts.Add(1)
			}
		}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	} else {
		p.metrics.passed.Add(1)
	}
	p.reverse.ServeHTTP(w, r)
}

// read reads the body of a request without taking anything from it.
func (p *proxy) read(r *http.Request, chat bool) ask {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return ask{reason: reasonRequest}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return ask{reason: reasonRequest}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, p.maxRequest+1))
	if err == nil && int64(len(body)) <= p.maxRequest {
		r.Body = bodyOf(bytes.NewReader(body), r.Body)
		return parseAsk(chat, body)
	}
	r.Body = bodyOf(io.MultiReader(bytes.NewReader(body), failing{err}, r.Body), r.Body)
	if err != nil {
		return ask{reason: reasonRequest}
	}
	return ask{reason: reasonSize}
}

// modify makes an answer of the upstream one that is planted.
func (p *proxy) modify(r *http.Response) error {
	x := exchangeOf(r.Request.Context())
	if x == nil {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	a, reason := p.begin(x, r, kind)
	switch {
	case reason != "":
		p.leave(r, reason)
	case kind == "text/event-stream":
		p.stream(r, a)
	default:
		return p.plant(r, a)
	}
	return nil
}

// leave leaves an answer as it is.
func (p *proxy) leave(r *http.Response, reason string) {
	p.metrics.answers.add(reason, 1)
	p.say(r, "plain;reason="+reason)
}

func (p *proxy) say(r *http.Response, decided string) {
	if p.header {
		r.Header.Set(headerName, decided)
	}
}

// begin says whether an answer is planted, and why not.
func (p *proxy) begin(x *exchange, r *http.Response, kind string) (*answer, string) {
	switch encoding := r.Header.Get("Content-Encoding"); {
	case r.StatusCode != http.StatusOK:
		return nil, reasonStatus
	case x.ask.reason != "":
		return nil, x.ask.reason
	case encoding != "" && encoding != "identity":
		return nil, reasonCompressed
	case kind != "application/json" && kind != "text/event-stream":
		return nil, reasonContentType
	case p.vendor == nil:
		return nil, reasonBook
	}
	of, err := p.vendor.plots[x.account.cohort]()
	if err != nil {
		return nil, reasonBook
	}
	o, err := p.ready(of)
	if err != nil {
		return nil, reasonLedger
	}
	a := &answer{proxy: p, plot: of, ledger: o, ask: x.ask, account: x.account, idempotency: x.idempotency}
	if x.account.hash != "" {
		if a.name, err = p.vendor.names.Account(x.account.hash); err != nil {
			return nil, reasonLedger
		}
	}
	if _, err := p.vendor.book.Classify(x.ask.request(0)); err != nil {
		return nil, reasonClass
	}
	return a, ""
}

// ready returns the open ledger in which the keys of a plot are bound.
func (p *proxy) ready(of *plot) (*opened, error) {
	o, err := p.keeper.current()
	if err != nil {
		return nil, err
	}
	if _, ok := o.bound.Load(of); ok {
		return o, nil
	}
	if _, err := p.append(o, of.bindings); err != nil {
		return nil, err
	}
	o.bound.Store(of, true)
	return o, nil
}

// append appends leaves and measures it.
func (p *proxy) append(o *opened, leaves []ledger.Leaf) ([]ledger.Receipt, error) {
	began := time.Now()
	receipts, err := p.keeper.append(o, leaves)
	if err != nil {
		p.metrics.ledgerErrors.Add(1)
		return nil, err
	}
	p.metrics.appends.observe(time.Since(began))
	for _, r := range receipts {
		if r.Known {
			p.metrics.known.Add(1)
		} else {
			p.metrics.leaves.Add(1)
		}
	}
	return receipts, nil
}

// stream plants an answer that comes in pieces.
func (p *proxy) stream(r *http.Response, a *answer) {
	changed(r.Header)
	r.ContentLength = -1
	r.Header.Del("Content-Length")
	p.say(r, "stream")
	if p.header {
		if r.Trailer == nil {
			r.Trailer = http.Header{}
		}
		r.Trailer[trailerName] = nil
		r.Body = newStream(r.Body, a, r.Trailer)
		return
	}
	r.Body = newStream(r.Body, a, nil)
}

// plant plants an answer that comes whole.
func (p *proxy) plant(r *http.Response, a *answer) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, p.maxAnswer+1))
	rest := r.Body
	if err != nil || int64(len(body)) > p.maxAnswer {
		// What came passes, and then whatever made the reading end.
		r.Body = bodyOf(io.MultiReader(bytes.NewReader(body), failing{err}, rest), rest)
		if err != nil {
			p.leave(r, reasonBody)
		} else {
			p.leave(r, reasonSize)
		}
		return nil
	}
	if err := rest.Close(); err != nil && !errors.Is(err, io.EOF) {
		p.metrics.upstreamErrors.Add(1)
	}
	out, ok := a.plantWhole(body)
	if !ok {
		r.Body = io.NopCloser(bytes.NewReader(body))
		p.leave(r, reasonBody)
		return nil
	}
	a.end(false)
	if !bytes.Equal(out, body) {
		changed(r.Header)
		if r.ContentLength >= 0 {
			r.ContentLength = int64(len(out))
			r.Header.Set("Content-Length", strconv.Itoa(len(out)))
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(out))
	p.say(r, a.String())
	return nil
}

func bodyOf(r io.Reader, c io.Closer) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{r, c}
}

// A failing reader fails with an error, if it is one.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// changed takes away what upstream says of the bytes of a body that is changed.
func changed(h http.Header) {
	for _, name := range []string{"Etag", "Digest", "Content-Digest", "Repr-Digest", "Content-Md5"} {
		h.Del(name)
	}
}
