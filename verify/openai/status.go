package openai

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// A refusedError is a status by which a service's content filter refuses a
// prompt: an answer, not a failure.
type refusedError struct{ error }

// again reports whether a status says nothing of the question, which is then asked
// again: that the server is busy, or that whoever asks is not known or has not paid.
// Services behind proxies have numbers of their own for an overloaded origin, all of
// them above 500.
func again(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// refusal is the error that a status other than 200 means.
func (c *Client) refusal(ctx context.Context, path string, res *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("openai: %s: %w", path, context.Cause(ctx))
	}
	said, code := c.message(data)
	err = c.hidden(fmt.Errorf("openai: %s: status %d%s%s", path, res.StatusCode, c.advice(res), said))
	switch {
	case again(res.StatusCode):
		return &collect.TransportError{Err: err, RetryAfter: c.retryAfter(res.Header)}
	case res.StatusCode == http.StatusBadRequest && code == "content_filter":
		return refusedError{err}
	}
	return err
}

// advice says what a status means for whoever set the client up.
func (c *Client) advice(res *http.Response) string {
	switch s := res.StatusCode; {
	case s == http.StatusUnauthorized:
		return ", the API key is missing or wrong"
	case s == http.StatusPaymentRequired:
		return ", the account has to be paid for"
	case s == http.StatusForbidden:
		return fmt.Sprintf(", the API key has no access to model %q", c.cfg.Model)
	case s == http.StatusNotFound:
		return fmt.Sprintf(", there is no model %q, or nothing at this URL", c.cfg.Model)
	case s == http.StatusBadRequest, s == http.StatusUnprocessableEntity:
		return ", the server does not take the request as it is"
	case s == http.StatusRequestEntityTooLarge:
		return ", the request is too long"
	case s >= 300 && s < 400:
		to := "nowhere"
		if u, err := url.Parse(res.Header.Get("Location")); err == nil && u.Host != "" {
			to = u.Scheme + "://" + u.Host
		}
		return fmt.Sprintf(", a redirect to %s that is not followed: the API key is for this host only", to)
	}
	return ""
}

// message is what a server says of an error, bounded, with its code. Servers
// have it in error.message, error, message or detail.
func (c *Client) message(data []byte) (said, code string) {
	var m struct {
		Error   json.RawMessage `json:"error"`
		Message json.RawMessage `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	text := string(data)
	if json.Unmarshal(data, &m) == nil {
		var inner struct {
			Message string          `json:"message"`
			Code    json.RawMessage `json:"code"`
		}
		if json.Unmarshal(m.Error, &inner) == nil {
			// A code may be a number, which says no more than the status.
			_ = json.Unmarshal(inner.Code, &code)
		}
		for _, raw := range []json.RawMessage{m.Error, m.Message, m.Detail} {
			var s string
			if inner.Message != "" {
				text = inner.Message
				break
			} else if json.Unmarshal(raw, &s) == nil && s != "" {
				text = s
				break
			} else if len(raw) > 0 && string(raw) != "null" {
				text = string(raw)
			}
		}
	}
	if text = c.brief(text); text == "" {
		return "", code
	}
	return ": " + text, code
}

// escapedASCII is how JSON may write a character that needs no escape.
var escapedASCII = regexp.MustCompile(`\\u00[2-7][0-9A-Fa-f]`)

// brief is text without the API key on one line, cut after 300 bytes.
func (c *Client) brief(text string) string {
	const most = 300
	text = escapedASCII.ReplaceAllStringFunc(text, func(e string) string {
		b, _ := hex.DecodeString(e[4:]) // escapedASCII has matched
		return string(b)
	})
	text = c.scrub(text) // before any cut: half a key is a secret too
	cut := len(text) > 4*most
	if cut {
		text = text[:4*most]
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if len(text) <= most && !cut {
		return text
	}
	for n := min(most, len(text)); ; n-- {
		if n == len(text) || utf8.RuneStart(text[n]) {
			return text[:n] + " …"
		}
	}
}

// retryAfter is how long a server asks to be left alone: Retry-After in seconds
// or as a date (RFC 9110, 10.2.3), or OpenAI's retry-after-ms. What cannot be
// understood is 0.
func (c *Client) retryAfter(h http.Header) time.Duration {
	const most = 1e9 // seconds, far below what overflows
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 && ms <= 1000*most {
		return time.Duration(ms * float64(time.Millisecond))
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		if s >= 0 && s <= most {
			return time.Duration(s * float64(time.Second))
		}
		return 0
	}
	t, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now := time.Now
	if c.cfg.Clock != nil {
		now = c.cfg.Clock.Now
	}
	return max(0, t.Sub(now()))
}
