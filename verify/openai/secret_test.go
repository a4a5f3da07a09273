package openai_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

const secret = "sk-test-0123456789abcdef"

func TestNothingPrintsTheKey(t *testing.T) {
	cfg := openai.Config{URL: "https://api.example.com", Model: "m", Key: secret, Reading: &openai.Reading{Vocabulary: vocabulary{}, Top: 3}}
	c := client(t, cfg)
	s := c.Suspect()
	for _, v := range []any{cfg.Key, cfg, &cfg, c, *c, s, s.Text, s.Prefix, c.Reference(), []any{cfg, c}, map[string]any{"c": c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			assert.NotContains(t, fmt.Sprintf(verb, v), secret, verb)
			assert.NotContains(t, fmt.Sprintf(verb, v), fmt.Sprintf("%x", secret), verb)
		}
		if data, err := json.Marshal(v); err == nil {
			assert.NotContains(t, string(data), secret)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("asking", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("asking", "v", v)
		assert.NotContains(t, log.String(), secret)
	}
	assert.Equal(t, "[API key]", fmt.Sprint(cfg.Key))
	assert.Equal(t, "", fmt.Sprint(openai.Key("")))
	assert.Equal(t, `openai.Config("m" at api.example.com)`, fmt.Sprint(cfg))
	assert.Equal(t, `openai.Client("m" at api.example.com)`, fmt.Sprint(c))
}

// A server that repeats the key, whole, cut, escaped or in a place of its own,
// brings it into no error and no answer.
func TestErrorsDoNotRepeatTheKey(t *testing.T) {
	escaped := ""
	for _, r := range secret {
		escaped += fmt.Sprintf(`\u%04x`, r)
	}
	long := strings.Repeat("x", 290) + " " + secret
	for _, status := range []int{200, 302, 400, 401, 404, 429, 500} {
		for _, b := range []string{
			secret, long, `{"error":{"message":"wrong key ` + secret + `"}}`, `{"error":{"message":"` + long + `"}}`, `{"error":"` + escaped + `"}`,
			`{"detail":[{"input":"` + escaped + `"}]}`, `{"model":"` + secret + `","choices":[{"index":0,"message":{"content":"x"}}]}`,
			`{"model":"m","choices":[{"index":0,"message":{"content":"your key is ` + escaped + `"}}]}`,
			`{"model":"m","choices":[{"index":0,"finish_reason":"` + secret + `","message":{"refusal":"` + secret + `"}}]}`,
			`{"model":"m","choices":[{"index":0,"text":"x","logprobs":{"content":[{"token":"` + secret + `","logprob":3,"top_logprobs":[{"token":"` + secret + `","logprob":3}]}]}}]}`,
			`{"model":"m","choices":"` + secret + `"}`,
			`{"model":"` + secret + `","choices":[{"index":0,"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[-1],"top_logprobs":[{"a":-1}]}}]}`,
			`{"data":[{"id":"` + secret + `"}]}`, `{"data":"` + secret + `"}`,
		} {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/"+secret)
				w.Header().Set("Location", "http://127.0.0.1/"+secret)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, b)
			}))
			c := client(t, openai.Config{URL: s.URL, Key: secret, Reading: &openai.Reading{Vocabulary: vocabulary{}, Top: 1}})
			for _, api := range []func() (any, error){
				func() (any, error) { return c.Suspect().Text.Answer(context.Background(), "?") },
				func() (any, error) {
					return c.Suspect().TopLogProbs.Predict(context.Background(), collect.Reading{
						Passage: &collect.Passage{PromptText: "a", Tokens: []int32{1}, Pieces: []string{"a"}}, End: 1, Want: collect.Want{Top: 1}})
				},
				func() (any, error) { return nil, c.Check(context.Background()) },
			} {
				got, err := api()
				for e := err; e != nil; e = errors.Unwrap(e) {
					assert.NotContains(t, e.Error(), secret, b)
					assert.NotContains(t, e.Error(), secret[:12], b)
					assert.NotContains(t, e.Error(), escaped[:36], b)
				}
				assert.NotContains(t, fmt.Sprintf("%+v", got), secret, b)
			}
			s.Close()
		}
	}
	// Errors of encoding/json repeat numbers that are too large.
	s := serve(t, 200, "application/json", `{"choices":[{"index":12345678901234567890}]}`)
	_, err := client(t, openai.Config{URL: s.url, Key: "12345678901234567890"}).Suspect().Text.Answer(context.Background(), "?")
	assert.ErrorContains(t, err, "cannot unmarshal number [API key]")

	// A word that local servers are sent as a key is a word in answers.
	s = serve(t, 200, "application/json", `{"model":"m","choices":[{"index":0,"message":{"content":"EMPTY"}}]}`)
	got, err := client(t, openai.Config{URL: s.url, Key: "EMPTY"}).Suspect().Text.Answer(context.Background(), "?")
	require.NoError(t, err)
	assert.Equal(t, "EMPTY", got.Text)
}

// The key goes to its host only: redirects to others are not followed, whatever
// the caller's client would do.
func TestRedirects(t *testing.T) {
	var there []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there = append(there, r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, body)
	}))
	defer other.Close()
	var to string
	status := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			assert.Equal(t, "Bearer "+secret, r.Header.Get("Authorization"))
			assert.Equal(t, http.MethodPost, r.Method)
			_, _ = io.WriteString(w, body)
			return
		}
		http.Redirect(w, r, to, status)
	}))
	defer s.Close()
	follow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	for _, h := range []*http.Client{nil, follow} {
		c := client(t, openai.Config{URL: s.URL, Key: secret, HTTP: h})
		for status = range 309 {
			if status < 300 || status == 304 || status == 305 || status == 306 {
				continue
			}
			to = other.URL + "/v1/chat/completions"
			_, err := c.Suspect().Text.Answer(context.Background(), "?")
			require.ErrorContains(t, err, fmt.Sprintf("status %d, a redirect to %s that is not followed", status, other.URL))
			assert.NotErrorAs(t, err, new(*collect.TransportError))

			to = "/moved"
			got, err := c.Suspect().Text.Answer(context.Background(), "?")
			if status == 307 || status == 308 {
				require.NoError(t, err, status)
				assert.Equal(t, "an answer", got.Text)
				continue
			}
			assert.ErrorContains(t, err, "a redirect to", "the request would become a GET")
		}
	}
	assert.Empty(t, there)

	// Nor to the same host without encryption.
	var asked []string
	h := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String())
		return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"http://h/v1/chat/completions"}}, Request: r, Body: http.NoBody}, nil
	})}
	_, err := client(t, openai.Config{URL: "https://h", HTTP: h}).Suspect().Text.Answer(context.Background(), "?")
	assert.ErrorContains(t, err, "status 307, a redirect to http://h that is not followed")
	assert.Equal(t, []string{"https://h/v1/chat/completions"}, asked)

	status, to = 307, "/v1/chat/completions" // to itself
	_, err = client(t, openai.Config{URL: s.URL}).Suspect().Text.Answer(context.Background(), "?")
	assert.ErrorContains(t, err, "stopped after 10 redirects")
	refuse := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("not with me") }}
	_, err = client(t, openai.Config{URL: s.URL, HTTP: refuse}).Suspect().Text.Answer(context.Background(), "?")
	assert.ErrorContains(t, err, "not with me")
	assert.NotErrorAs(t, err, new(*collect.TransportError))
}

// A proxy of the environment is not used: the key would go there. The go command
// looks at the environment once in a process, so this needs one of its own.
func TestNoProxyUnlessTheCallerSaysSo(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, body)
	}))
	defer proxy.Close()
	for mode, want := range map[string]string{"default": "no byte of an answer", "caller": "an answer"} {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "DYETRACE_TEST_OPENAI=proxy", "DYETRACE_TEST_PROXY="+mode, "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=")
		out, err := cmd.Output()
		require.NoError(t, err)
		assert.Contains(t, string(out), want)
	}
	assert.Equal(t, []string{"Bearer " + secret}, asked)
}

// askBehindProxy is what the process of the test above does. The address is one
// at which nobody listens and that proxies are not left out for.
func askBehindProxy(mode string) int {
	cfg := openai.Config{URL: "http://0.0.0.0:1", Model: "m", Key: secret}
	if mode == "caller" {
		cfg.HTTP = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}
	}
	c, err := openai.New(cfg)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	got, err := c.Suspect().Text.Answer(context.Background(), "?")
	fmt.Println(got.Text, err)
	return 0
}
