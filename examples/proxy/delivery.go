package main

import (
	"io"
	"net/http"
)

// A delivery is an answer on its way to the client. It knows which side ended the
// copy before its end: that a client's context is done says nothing, because a
// client that has everything may hang up too.
type delivery struct {
	http.ResponseWriter
	gone bool // the client
	cut  bool // the upstream hung up
}

type deliveryKey struct{}

// Unwrap is for http.ResponseController.
func (d *delivery) Unwrap() http.ResponseWriter { return d.ResponseWriter }

// Write implements http.ResponseWriter.
func (d *delivery) Write(b []byte) (int, error) {
	n, err := d.ResponseWriter.Write(b)
	if err != nil {
		d.gone = true
	}
	return n, err
}

func (d *delivery) count(m *metrics) {
	switch {
	case d.gone:
		m.gone.Add(1)
	case d.cut:
		m.hangups.Add(1)
	}
}

// follow notes why the body of an answer ended early. The body of a connection
// that switches protocols is left alone: it is written to as well.
func follow(r *http.Response) {
	d, ok := r.Request.Context().Value(deliveryKey{}).(*delivery)
	if ok && r.StatusCode != http.StatusSwitchingProtocols {
		r.Body = &followed{r.Body, r.Request, d}
	}
}

// A followed body tells its delivery how it ended.
type followed struct {
	io.ReadCloser
	request  *http.Request
	delivery *delivery
}

func (f *followed) Read(b []byte) (int, error) {
	n, err := f.ReadCloser.Read(b)
	switch {
	case err == nil || err == io.EOF:
	case f.request.Context().Err() != nil: // the request was given up, so reading ends
		f.delivery.gone = true
	default:
		f.delivery.cut = true
	}
	return n, err
}
