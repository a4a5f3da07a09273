package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
)

// Names of headers.
const (
	// headerName says in answers what was decided: an item of RFC 9651 such as
	// planted;units=3;leaves="17 18", nothing, or plain;reason=logprobs. A stream
	// begins before it is known and says stream. Answers have it only under -header:
	// whoever reads it knows which of them carry canaries. In a request of a trusted
	// caller "off" asks for an answer in which nothing is planted, under any flags;
	// upstream never sees it.
	headerName = "Dyetrace-Canary"

	// trailerName says at the end of a stream what its header could not, under
	// -header.
	trailerName = "Dyetrace-Canary-Planted"
)

// noAnswer is what a client gets if the upstream does not answer, in the form of
// the API's own errors. It names no address.
const noAnswer = `{"error":{"message":"The server behind this proxy did not answer.","type":"server_error","param":null,"code":null}}` + "\n"

// A proxy is the handler.
type proxy struct {
	garden     *planting.Garden
	cohorts    planting.Cohorts
	header     bool
	maxRequest int64 // how much of a request is read to be understood, in bytes
	maxAnswer  int64 // how much of an answer that is not streamed is held, in bytes
	metrics    *metrics
	reverse    *httputil.ReverseProxy
}

// limits are how much of a body is held. Whatever is larger passes untouched.
type limits struct{ request, answer int64 }

func newProxy(upstream *url.URL, g *planting.Garden, c planting.Cohorts, header bool, l limits, lg *log.Logger) *proxy {
	p := &proxy{garden: g, cohorts: c, header: header, maxRequest: l.request, maxAnswer: l.answer, metrics: new(metrics)}
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
			if d, ok := w.(*delivery); ok && r.Context().Err() != nil {
				d.gone = true
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			p.metrics.upstreamErrors.Add(1)
			lg.Printf("upstream: %v", err)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, noAnswer) // a client that is gone is counted
		},
	}
	return p
}

// An exchange is a request for an answer that is looked at.
type exchange struct {
	ask         ask
	account     planting.Account
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
	d := &delivery{ResponseWriter: w}
	defer d.count(p.metrics) // also while the handler panics, as one does whose copy broke off
	r = r.WithContext(context.WithValue(r.Context(), deliveryKey{}, d))
	if r.ContentLength > 0 {
		// The transport looks for more behind the end. A server refuses to read a
		// body once its answer has begun, and the connection would break off.
		r.Body = bodyOf(io.LimitReader(r.Body, r.ContentLength), r.Body)
	}
	if chat, ok := endpoint(r.URL.Path); ok && r.Method == http.MethodPost {
		x := &exchange{account: p.cohorts.Of(r.Header), idempotency: r.Header.Get("Idempotency-Key")}
		x.ask = p.read(r, chat)
		if asked := r.Header.Get(headerName); asked != "" {
			switch {
			case asked == "off" && x.account.Trusted:
				x.ask.reason = reasonOptOut
			default:
				p.metrics.refusedOptOuts.Add(1)
			}
		}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	} else {
		p.metrics.passed.Add(1)
	}
	p.reverse.ServeHTTP(d, r)
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
