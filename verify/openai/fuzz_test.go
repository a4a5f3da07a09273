package openai_test

import (
	"context"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

// Whatever a server answers, nothing panics, no error or answer has the key in
// it, and predictions are as collect wants them.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		body, "[" + body + "]", "[]", "", "null", `{"choices":[null]}`, `{"choices":[{"index":0,"text":"a","logprobs":{"content":[{"top_logprobs":[{}]}]}}]}`,
		`{"model":"m","choices":[{"index":0,"text":"a","token_ids":[-1],"logprobs":{"tokens":["a"],"token_logprobs":[-1],"top_logprobs":[{"a":-1,"b":-1}]}}]}`,
		`{"model":"m","choices":[{"index":0,"text":"a","logprobs":{"content":[{"token":"a","logprob":-1,"id":7,"bytes":[97],"top_logprobs":[{"token":"a","logprob":-1,"id":7},{"token":"b","logprob":-2,"id":-7}]}]}}]}`,
		`{"model":"m","choices":[{"index":0,"text":"a","prompt_logprobs":[null,{"3":{"logprob":-1,"rank":1}}],"logprobs":{"tokens":["token_id:99999999999999999999"],"token_logprobs":[-1],"top_logprobs":[[{"token":"token_id:3","logprob":-1e400}]]}}]}`,
		`{"model":"m","choices":[{"index":0,"text":"a","logprobs":{"tokens":["c","ab","a"],"token_logprobs":[null,-1,-1],"top_logprobs":[null,{"ab":-1,"a":-2},{"b":-0.5}]}}]}`,
		`{"error":{"message":7,"code":[]}}`,
	} {
		f.Add(s, 200)
		f.Add(s, 400)
	}
	f.Fuzz(func(t *testing.T, s string, status int) {
		h := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(s))}, nil
		})}
		a := &collect.Passage{Prompt: []int32{5}, PromptText: "c", Tokens: []int32{3}, Pieces: []string{"ab"}}
		for _, cfg := range []openai.Config{
			{Reading: &openai.Reading{Vocabulary: vocabulary{}, Top: 2}},
			{Server: openai.VLLM, Reading: &openai.Reading{SameTokenizer: true, Top: 2, Whole: openai.PromptLogProbs}},
			{Server: openai.VLLM, Reading: &openai.Reading{Vocabulary: vocabulary{}, SameTokenizer: true, Top: 2, Whole: openai.Echo}},
			{Server: openai.LlamaCPP, Reading: &openai.Reading{SameTokenizer: true, Top: 2}},
			{Server: openai.SGLang, Reading: &openai.Reading{API: openai.Chat, Vocabulary: vocabulary{}, Top: 2}},
		} {
			cfg.URL, cfg.HTTP, cfg.Key = "http://h", h, secret
			c := client(t, cfg)
			got, err := c.Suspect().Text.Answer(context.Background(), "?")
			assert.NotContains(t, got.Text+got.Model, secret)
			noKey(t, err)
			noKey(t, c.Check(context.Background()))
			q := collect.Reading{Passage: a, End: 1, Want: collect.Want{Argmax: true, Sample: true, Top: 2}}
			p, err := c.Suspect().TopLogProbs.Predict(context.Background(), q)
			noKey(t, err)
			if err == nil {
				require.Len(t, p.At, 1)
				checkPrediction(t, p.At[0])
			}
			r, err := c.Reference().Rescore(context.Background(), q, [][]int32{{1, 3, 7}})
			noKey(t, err)
			if err == nil {
				require.Len(t, r, 1)
				require.Len(t, r[0], 3)
				for _, l := range r[0] {
					assert.True(t, l <= 0 && !math.IsInf(l, 0), "%v", l)
				}
			}
		}
	})
}

func noKey(t *testing.T, err error) {
	if err != nil {
		assert.NotContains(t, err.Error(), secret)
	}
}

func checkPrediction(t *testing.T, p collect.Prediction) {
	assert.GreaterOrEqual(t, p.Argmax, collect.NoToken)
	assert.GreaterOrEqual(t, p.Sample, collect.NoToken)
	require.LessOrEqual(t, len(p.IDs), 2)
	require.Len(t, p.LogProbs, len(p.IDs))
	sum := 0.0
	for i, l := range p.LogProbs {
		assert.True(t, l <= 0 && !math.IsInf(l, 0), "%v", l)
		assert.GreaterOrEqual(t, p.IDs[i], int32(0))
		if i > 0 {
			assert.True(t, l < p.LogProbs[i-1] || l == p.LogProbs[i-1] && p.IDs[i] > p.IDs[i-1], "%+v", p)
		}
		sum += math.Exp(l)
	}
	assert.LessOrEqual(t, sum, 1+1e-3)
}
