package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// A Client asks one model behind an API. It may be used from several goroutines
// at once and remembers nothing from one request to the next.
type Client struct {
	cfg  Config // without its key
	base string
	http *http.Client
	// The key is in closures, so that no way of printing a Client shows it.
	sign  func(*http.Request)
	scrub func(string) string // puts something else in place of the key
	leaks func(string) bool   // the key, and one too long to be there by accident
}

// longKey is how many bytes make a key that no text contains by accident. Local
// servers are sent words such as EMPTY.
const longKey = 16

// New returns a client. It makes no request; see [Client.Check].
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	at, err := base(cfg.URL)
	if err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	key := string(cfg.Key)
	cfg.Key = ""
	c := &Client{
		cfg:  cfg,
		base: at,
		sign: func(r *http.Request) {
			if key != "" {
				r.Header.Set("Authorization", "Bearer "+key)
			}
		},
		scrub: func(s string) string {
			if key == "" {
				return s
			}
			return strings.ReplaceAll(s, key, redacted)
		},
		leaks: func(s string) bool { return len(key) >= longKey && strings.Contains(s, key) },
	}
	c.http = c.withoutForeignRedirects(cfg.HTTP)
	return c, nil
}

// Format implements [fmt.Formatter]: it prints which model is where.
func (c *Client) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "openai.Client(%q at %s)", c.cfg.Model, c.cfg.where())
}

// withoutForeignRedirects returns a client that follows redirects only to the
// same scheme and host and only with the same method. Others are left as they
// are, answers with a status of their own, and become errors.
func (c *Client) withoutForeignRedirects(given *http.Client) *http.Client {
	var h http.Client
	if given != nil {
		h = *given
	} else {
		h = http.Client{
			Timeout: 15 * time.Minute,
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
				TLSHandshakeTimeout: 30 * time.Second,
				ForceAttemptHTTP2:   true,
				MaxIdleConnsPerHost: 64,
				IdleConnTimeout:     90 * time.Second,
			},
		}
	}
	callers := h.CheckRedirect
	h.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		first := via[0]
		if req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host || req.Method != first.Method {
			return http.ErrUseLastResponse
		}
		if callers != nil {
			return callers(req, via)
		}
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
	return &h
}

// ask sends one request and returns the body of the answer. Whatever happens
// before the first byte of the answer, other than white space, which some
// services send to keep a connection alive, is a [*collect.TransportError].
func (c *Client) ask(ctx context.Context, method, path string, fields map[string]any) ([]byte, error) {
	var body io.Reader
	if fields != nil {
		data, err := encode(fields)
		if err != nil {
			return nil, fmt.Errorf("openai: request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("openai: request: %w", err)
	}
	if fields != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "dyetrace")
	c.sign(req)
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("openai: %s: %w", path, context.Cause(ctx))
		}
		// The URL is known; what is around the cause is only noise.
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err
		}
		err = c.hidden(fmt.Errorf("openai: %s: %w", path, err))
		if res != nil {
			return nil, err // a redirect that the caller's client refused
		}
		return nil, &collect.TransportError{Err: err}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, c.refusal(ctx, path, res)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, c.cfg.MaxBytes+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("openai: %s: %w", path, context.Cause(ctx))
	case err != nil && len(bytes.TrimSpace(data)) == 0:
		return nil, &collect.TransportError{Err: c.hidden(fmt.Errorf("openai: %s: %w", path, err))}
	case err != nil:
		return nil, c.hidden(fmt.Errorf("openai: %s: answer broke off after %d bytes: %w", path, len(data), err))
	case int64(len(data)) > c.cfg.MaxBytes:
		return nil, fmt.Errorf("openai: %s: answer is longer than %d bytes", path, c.cfg.MaxBytes)
	}
	return data, c.looksRight(path, res, data)
}

// looksRight says what came in place of JSON.
func (c *Client) looksRight(path string, res *http.Response, data []byte) error {
	kind := res.Header.Get("Content-Type")
	switch {
	case json.Valid(data):
		return nil
	case strings.HasPrefix(kind, "text/event-stream"):
		return fmt.Errorf("openai: %s: the server streams its answer (text/event-stream) though it was not asked to", path)
	}
	var syntax *json.SyntaxError
	where := "it ends too soon"
	if err := json.Unmarshal(data, new(any)); errors.As(err, &syntax) && syntax.Error() != "unexpected end of JSON input" {
		where = fmt.Sprintf("%v at byte %d", syntax, syntax.Offset)
	}
	return c.hidden(fmt.Errorf("openai: %s: answer of type %q is not JSON (%s): %q", path, c.brief(kind), where, c.brief(string(data))))
}

// encode is JSON as a server expects it: text as it is.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// hidden is an error without the API key in what it says.
func (c *Client) hidden(err error) error {
	if s := err.Error(); c.scrub(s) != s {
		return errors.New(c.scrub(s))
	}
	return err
}
