package main

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
)

// modify makes an answer of the upstream one that is planted.
func (p *proxy) modify(r *http.Response) error {
	defer follow(r) // of the body as it leaves
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
	p.garden.Metrics.Answers.Add(reason, 1)
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
	}
	return p.answer(x)
}

// answer returns the answer to an exchange, or why nothing is planted in it.
func (p *proxy) answer(x *exchange) (*answer, string) {
	a, reason := p.garden.Begin(planting.Request{Account: x.account, Idempotency: x.idempotency, Of: x.ask.request})
	if reason != "" {
		return nil, reason
	}
	return &answer{Answer: a, order: x.ask.order, metrics: p.metrics}, ""
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
	a.End(false)
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

// changed takes away what upstream says of the bytes of a body that is changed.
func changed(h http.Header) {
	for _, name := range []string{"Etag", "Digest", "Content-Digest", "Repr-Digest", "Content-Md5"} {
		h.Del(name)
	}
}
