package openai_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

// fixed is a clock that stands.
type fixed struct{ collect.Clock }

func (fixed) Now() time.Time { return time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC) }

func TestStatuses(t *testing.T) {
	for status := 201; status < 600; status++ {
		again := status == 401 || status == 402 || status == 408 || status == 409 || status == 425 || status == 429 || status >= 500 && status != 501 && status != 505
		s := serve(t, status, "application/json", `{"error":{"message":"because","type":"t","param":null,"code":null}}`)
		_, err := answer(t, s.url)
		require.ErrorContains(t, err, fmt.Sprintf("status %d", status))
		var te *collect.TransportError
		assert.Equal(t, again, errors.As(err, &te), "status %d", status)
		if again {
			assert.Zero(t, te.RetryAfter)
		}
	}
	for status, want := range map[int]string{
		400: "the server does not take the request as it is: because",
		401: "the API key is missing or wrong: because",
		402: "the account has to be paid for: because",
		403: `the API key has no access to model "m": because`,
		404: `there is no model "m", or nothing at this URL: because`,
		413: "the request is too long: because",
		422: "the server does not take the request as it is: because",
	} {
		s := serve(t, status, "application/json", `{"error":{"message":"because"}}`)
		_, err := answer(t, s.url)
		assert.ErrorContains(t, err, want)
	}
}

// Azure refuses a prompt with a status. It is an answer.
func TestContentFilterOfThePrompt(t *testing.T) {
	s := serve(t, 400, "application/json", `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}`)
	got, err := answer(t, s.url)
	require.NoError(t, err)
	assert.Equal(t, collect.Answer{Refused: true}, got)

	p := client(t, openai.Config{URL: s.url, Reading: &openai.Reading{Vocabulary: vocabulary{}}}).Suspect().Prefix
	_, err = p.Predict(context.Background(), collect.Reading{Passage: &collect.Passage{PromptText: "a", Tokens: []int32{1}, Pieces: []string{"a"}}, End: 1, Want: collect.Want{Argmax: true}})
	assert.ErrorContains(t, err, "content management policy", "a prefix that is refused is no prediction")

	for _, code := range []string{"null", "400", `"context_length_exceeded"`} {
		s := serve(t, 400, "application/json", `{"error":{"message":"x","code":`+code+`}}`)
		_, err := answer(t, s.url)
		assert.ErrorContains(t, err, "status 400", code)
	}
}

// Servers put their message in different places.
func TestMessages(t *testing.T) {
	for in, want := range map[string]string{
		`{"error":{"message":"Invalid API Key","code":401,"type":"authentication_error"}}`:                 ": Invalid API Key",
		`{"object":"error","message":"max_tokens must be at least 1","type":"BadRequestError","code":400}`: ": max_tokens must be at least 1",
		`{"detail":"Not Found"}`: ": Not Found",
		`{"detail":[{"loc":["body","prompt"],"msg":"field required"}]}`: `: [{"loc":["body","prompt"],"msg":"field required"}]`,
		`{"error":"Model is overloaded","error_type":"overloaded"}`:     ": Model is overloaded",
		"<html>\n<h1>502\tBad   Gateway</h1>":                           ": <html> <h1>502 Bad Gateway</h1>",
		"":                                                              "",
		`{}`:                                                            ": {}",
		`{"error":{"message":"` + strings.Repeat("é", 400) + `"}}`:   ": " + strings.Repeat("é", 150) + " …",
		`{"error":{"message":"x` + strings.Repeat("é", 4000) + `"}}`: ": x" + strings.Repeat("é", 149) + " …",
	} {
		s := serve(t, 422, "text/plain", in)
		_, err := answer(t, s.url)
		assert.EqualError(t, err, "openai: /chat/completions: status 422, the server does not take the request as it is"+want)
	}
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Retry-After", "20", 20 * time.Second},
		{"Retry-After", "0.5", 500 * time.Millisecond},
		{"Retry-After", "0", 0},
		{"Retry-After", "-5", 0},
		{"Retry-After", "NaN", 0},
		{"Retry-After", "1e300", 0},
		{"Retry-After", "soon", 0},
		{"Retry-After", "Wed, 25 Nov 2026 03:02:05 GMT", 125 * time.Second},
		{"Retry-After", "Wednesday, 25-Nov-26 03:02:05 GMT", 125 * time.Second},
		{"Retry-After", "Wed, 25 Nov 2026 02:00:00 GMT", 0},
		{"Retry-After-Ms", "1500", 1500 * time.Millisecond},
		{"", "", 0},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c.name != "" {
				w.Header().Set(c.name, c.value)
			}
			w.WriteHeader(429)
		}))
		_, err := client(t, openai.Config{URL: s.URL, Clock: fixed{}}).Suspect().Text.Answer(context.Background(), "?")
		s.Close()
		var te *collect.TransportError
		require.ErrorAs(t, err, &te)
		assert.Equal(t, c.want, te.RetryAfter, "%s: %s", c.name, c.value)
	}
}
