package openai_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

const body = `{"model":"m","choices":[{"index":0,"message":{"content":"an answer"}}]}`

// raw is a server that reads a request and answers with these very bytes; then
// it hangs up. With no bytes and unread it hangs up at once.
func raw(t testing.TB, unread bool, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed by the test
			}
			if !unread {
				if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
				}
				_, _ = io.WriteString(c, answer)
			}
			_ = c.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func answer(t testing.TB, url string) (collect.Answer, error) {
	return client(t, openai.Config{URL: url}).Suspect().Text.Answer(context.Background(), "?")
}

// A line that breaks before the first byte of an answer is the line's failure.
// One that breaks later is the answer's.
func TestHangUpAtEveryByte(t *testing.T) {
	whole := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n\n ", len(body)+2) + body
	begin := len(whole) - len(body)
	chunked := func(n int) string {
		return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n", n, body[:n])
	}
	var te *collect.TransportError
	_, err := answer(t, raw(t, true, ""))
	assert.ErrorAs(t, err, &te, "hangs up at once")
	for n := range whole {
		_, err := answer(t, raw(t, false, whole[:n]))
		require.Error(t, err, "after %d bytes", n)
		if n <= begin {
			assert.ErrorAs(t, err, &te, "after %q", whole[:n])
			continue
		}
		assert.NotErrorAs(t, err, &te, "after %q", whole[:n])
		assert.ErrorContains(t, err, fmt.Sprintf("answer broke off after %d bytes", n-begin+2))
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	for n := 1; n <= len(body); n++ {
		_, err := answer(t, raw(t, false, chunked(n)))
		assert.NotErrorAs(t, err, &te, "chunk of %d", n)
		assert.ErrorContains(t, err, "answer broke off")
	}
	got, err := answer(t, raw(t, false, whole))
	require.NoError(t, err)
	assert.Equal(t, "an answer", got.Text)
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	_, err = answer(t, url)
	var te *collect.TransportError
	require.ErrorAs(t, err, &te)
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
}

// A slow server: before the first byte the line has failed, after it the answer.
func TestTimeOuts(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/headers/v1/chat/completions" {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
		}
		<-release
	}))
	defer s.Close()
	defer close(release)
	for _, path := range []string{"", "/headers"} {
		c := client(t, openai.Config{URL: s.URL + path, HTTP: &http.Client{Timeout: 50 * time.Millisecond}})
		_, err := c.Suspect().Text.Answer(context.Background(), "?")
		var te *collect.TransportError
		require.ErrorAs(t, err, &te, path)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout, path)
		assert.True(t, timeout.Timeout(), path)
	}
	// Cancelled by whoever asks: neither, but his own error.
	ctx, cancel := context.WithCancelCause(context.Background())
	reason := errors.New("enough for today")
	time.AfterFunc(20*time.Millisecond, func() { cancel(reason) })
	for _, path := range []string{"", "/headers"} {
		_, err := client(t, openai.Config{URL: s.URL + path}).Suspect().Text.Answer(ctx, "?")
		assert.ErrorIs(t, err, reason)
		assert.NotErrorAs(t, err, new(*collect.TransportError))
	}
}

// failing is a body that fails after some bytes, as one does when time is up.
type failing struct {
	io.Reader
	err error
}

func (f failing) Read(b []byte) (int, error) {
	if n, _ := f.Reader.Read(b); n > 0 {
		return n, nil
	}
	return 0, f.err
}

func (failing) Close() error { return nil }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTimeIsUpWithinTheBody(t *testing.T) {
	for n := range body {
		h := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r,
				Body: failing{strings.NewReader("\n" + body[:n]), context.DeadlineExceeded}}, nil
		})}
		_, err := client(t, openai.Config{URL: "http://h", HTTP: h}).Suspect().Text.Answer(context.Background(), "?")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		if n == 0 {
			assert.ErrorAs(t, err, new(*collect.TransportError))
		} else {
			assert.NotErrorAs(t, err, new(*collect.TransportError), "%d bytes", n)
		}
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	for _, c := range []struct{ kind, body, want string }{
		{"text/html", "<html>log in</html>", `answer of type "text/html" is not JSON`},
		{"application/json", body[:20], "it ends too soon"},
		{"application/json", "", "it ends too soon"},
		{"application/json", body + "x", "invalid character 'x' after top-level value at byte"},
		{"application/json", `{"model":NaN}`, "invalid character 'N'"},
		{"text/event-stream; charset=utf-8", "data: {}\n\n", "the server streams its answer"},
		{"application/json", `{"model":"m","choices":[{"index":0,"message":{"content":7}}]}`, "content of the message is neither text nor a list of parts"},
		{"application/json", `{"model":"m","choices":[{"index":0,"text":"x"},{"index":1,"text":"y"}]}`, "answer has 2 choices, want 1"},
		{"application/json", `{"model":"m","choices":"none"}`, "cannot unmarshal string"},
	} {
		_, err := answer(t, serve(t, 200, c.kind, c.body).url)
		assert.ErrorContains(t, err, c.want)
		assert.NotErrorAs(t, err, new(*collect.TransportError), c.body)
	}
}

// The body is bounded as it is after decompression.
func TestSize(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := io.WriteString(z, body+strings.Repeat(" ", 1<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped.Bytes())
			return
		}
		_, _ = io.WriteString(w, body)
	}))
	defer s.Close()
	for limit, want := range map[int64]string{int64(len(body)): "", int64(len(body)) - 1: fmt.Sprintf("answer is longer than %d bytes", len(body)-1)} {
		_, err := client(t, openai.Config{URL: s.URL, MaxBytes: limit}).Suspect().Text.Answer(context.Background(), "?")
		if want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, want)
		assert.NotErrorAs(t, err, new(*collect.TransportError))
	}
	_, err = client(t, openai.Config{URL: s.URL + "/gzip", MaxBytes: 4096}).Suspect().Text.Answer(context.Background(), "?")
	assert.ErrorContains(t, err, "answer is longer than 4096 bytes")
	got, err := client(t, openai.Config{URL: s.URL + "/gzip"}).Suspect().Text.Answer(context.Background(), "?")
	require.NoError(t, err)
	assert.Equal(t, "an answer", got.Text)
}

// Of a question of several requests the first decides: if it is not answered, the
// question was not; if a later one is not, the question has failed.
func TestReadingThatBreaksOff(t *testing.T) {
	for good := range 4 {
		n := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if n++; n > good {
				w.Header().Set("Retry-After", "9")
				w.WriteHeader(503)
				return
			}
			_, _ = io.WriteString(w, `{"model":"m","choices":[{"index":0,"text":"a"}]}`)
		}))
		p := client(t, openai.Config{URL: s.URL, Reading: &openai.Reading{Vocabulary: vocabulary{}}}).Suspect().Prefix
		a := &collect.Passage{PromptText: "a", Tokens: []int32{1, 1}, Pieces: []string{"a", "a"}}
		_, err := p.Predict(context.Background(), collect.Reading{Passage: a, End: 2, Want: collect.Want{Argmax: true, Sample: true}})
		s.Close()
		var te *collect.TransportError
		if good == 0 {
			require.ErrorAs(t, err, &te)
			assert.Equal(t, 9*time.Second, te.RetryAfter)
			continue
		}
		assert.NotErrorAs(t, err, &te)
		assert.ErrorContains(t, err, fmt.Sprintf("the reading broke off after %d answered requests", good))
		assert.ErrorContains(t, err, "status 503")
	}
}
