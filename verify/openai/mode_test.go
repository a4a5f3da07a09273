package openai_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

// A mode is a way to read, over a server that speaks a dialect.
type mode struct {
	name    string
	server  openai.Server
	reading openai.Reading
	toy     *toy
}

// ids and strings say how a mode knows tokens.
func (m mode) sendsIDs() bool { return m.reading.SameTokenizer && m.reading.API != openai.Chat }

// knows reports whether the client can tell the token in what the server shows.
func (m mode) knows(id int32) bool {
	if m.reading.SameTokenizer && (m.server == openai.VLLM || m.server == openai.LlamaCPP) {
		return true
	}
	bytes := m.server == openai.OpenAI || m.server == openai.LlamaCPP
	return id != endOfText && !strings.Contains(pieces[id], "\uFFFD") && (bytes || utf8.ValidString(pieces[id]))
}

func modes() []mode {
	v := vocabulary{}
	return []mode{
		{"OpenAI, text", openai.OpenAI, openai.Reading{Vocabulary: v, Top: 5}, &toy{}},
		{"OpenAI, ids", openai.OpenAI, openai.Reading{Vocabulary: v, SameTokenizer: true, Top: 5, Batch: 4}, &toy{}},
		{"OpenAI, echo", openai.OpenAI, openai.Reading{Vocabulary: v, SameTokenizer: true, Top: 5, Whole: openai.Echo}, &toy{}},
		{"OpenAI, echo, capped", openai.OpenAI, openai.Reading{Vocabulary: v, SameTokenizer: true, Top: 5, Whole: openai.Echo, Batch: 3}, &toy{most: 3}},
		{"vLLM, text", openai.VLLM, openai.Reading{Vocabulary: v, Top: 6, Batch: 2}, &toy{}},
		{"vLLM, ids", openai.VLLM, openai.Reading{SameTokenizer: true, Top: 6}, &toy{}},
		{"vLLM, echo", openai.VLLM, openai.Reading{SameTokenizer: true, Top: 6, Whole: openai.Echo}, &toy{}},
		{"vLLM, echo, capped", openai.VLLM, openai.Reading{SameTokenizer: true, Top: 6, Whole: openai.Echo}, &toy{most: 4}},
		{"vLLM, prompt_logprobs", openai.VLLM, openai.Reading{SameTokenizer: true, Top: 6, Whole: openai.PromptLogProbs, Batch: 8}, &toy{}},
		{"vLLM, prompt_logprobs, capped", openai.VLLM, openai.Reading{SameTokenizer: true, Top: 6, Whole: openai.PromptLogProbs}, &toy{most: 4}},
		{"vLLM, chat", openai.VLLM, openai.Reading{API: openai.Chat, Vocabulary: v, Top: 6}, &toy{}},
		{"vLLM, chat, ids", openai.VLLM, openai.Reading{API: openai.Chat, SameTokenizer: true, Top: 6}, &toy{}},
		{"SGLang, text", openai.SGLang, openai.Reading{Vocabulary: v, Top: 7}, &toy{}},
		{"SGLang, echo", openai.SGLang, openai.Reading{Vocabulary: v, SameTokenizer: true, Top: 7, Whole: openai.Echo}, &toy{}},
		{"SGLang, chat", openai.SGLang, openai.Reading{API: openai.Chat, Vocabulary: v, Top: 7}, &toy{}},
		{"llama.cpp, text", openai.LlamaCPP, openai.Reading{Vocabulary: v, Top: 4, Batch: 3}, &toy{}},
		{"llama.cpp, ids", openai.LlamaCPP, openai.Reading{SameTokenizer: true, Top: 4, Batch: 5}, &toy{}},
		{"llama.cpp, chat", openai.LlamaCPP, openai.Reading{API: openai.Chat, Vocabulary: v, Top: 4}, &toy{}},
		{"llama.cpp, chat, ids", openai.LlamaCPP, openai.Reading{API: openai.Chat, SameTokenizer: true, Top: 4}, &toy{}},
		{"TGI, text", openai.TGI, openai.Reading{Vocabulary: v}, &toy{}},
		{"vLLM, ids, no log-probabilities", openai.VLLM, openai.Reading{SameTokenizer: true}, &toy{}},
	}
}

func (m *mode) client(t testing.TB) *openai.Client {
	m.toy.t, m.toy.server = t, m.server
	c, err := openai.New(openai.Config{URL: m.toy.start(), Model: "toy", Server: m.server, Reading: &m.reading})
	require.NoError(t, err, m.name)
	return c
}

func (m *mode) suspect(t testing.TB) collect.Predictor {
	s := m.client(t).Suspect()
	if m.reading.Top > 0 {
		require.NotNil(t, s.TopLogProbs)
		return s.TopLogProbs
	}
	require.Nil(t, s.TopLogProbs)
	return s.Prefix
}

// passage is a text of random tokens, its pieces and all.
func passage(rng *rand.Rand, prompt, n int) *collect.Passage {
	p := &collect.Passage{}
	for range prompt {
		id := 1 + rng.Int32N(15) // whole characters
		p.Prompt, p.PromptText = append(p.Prompt, id), p.PromptText+pieces[id]
	}
	for len(p.Tokens) < n {
		p.Tokens = append(p.Tokens, anyTokens(rng)...)
	}
	p.Tokens = p.Tokens[:n]
	p.Pieces = spell(p.Tokens)
	return p
}

// anyTokens are a token, or the parts of a character.
func anyTokens(rng *rand.Rand) []int32 {
	switch id := 1 + rng.Int32N(int32(len(pieces))-1); id {
	case 16, 17:
		return []int32{16, 17}
	case 18, 19:
		return []int32{18, 19, 17}
	case 20, 21:
		return []int32{20, 21}
	default:
		return []int32{id}
	}
}

func spell(ids []int32) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = pieces[id]
	}
	return out
}

// before is what the toy sees before position p, or that there is no prediction.
func (m mode) before(a *collect.Passage, p int) ([]int32, bool) {
	if m.sendsIDs() {
		ids := slices.Concat(a.Prompt, a.Tokens[:p])
		return ids, len(ids) > 0
	}
	said := strings.Join(a.Pieces[:p], "")
	if a.PromptText+said == "" || !utf8.ValidString(said) {
		return nil, false
	}
	if m.reading.API == openai.Chat {
		return tokenize(chatText(a.PromptText, said)), true
	}
	return tokenize(a.PromptText + said), true
}

// written is how a client knows a token that the suspect writes.
func (m mode) written(id int32) int32 {
	if m.knows(id) || m.server == openai.SGLang && m.reading.SameTokenizer {
		return id
	}
	return collect.NoToken
}

// asked is how many tokens the server lists.
func (m mode) asked(w collect.Want) int {
	n := w.Top
	if !m.reading.SameTokenizer {
		n = m.reading.Top
	}
	if m.reading.Whole != openai.Separate {
		n = max(n, min(5, m.reading.Top))
	}
	if m.toy.most > 0 {
		n = min(n, m.toy.most)
	}
	return n
}

// expected is what the toy predicts at position p, by its own distribution.
func (m mode) expected(a *collect.Passage, p int, w collect.Want) collect.Prediction {
	out := collect.Prediction{Argmax: collect.NoToken, Sample: collect.NoToken}
	ids, ok := m.before(a, p)
	if !ok {
		return out
	}
	lp := logProbs(ids)
	if w.Argmax {
		out.Argmax = m.written(best(lp, 1)[0])
		if list := best(lp, m.asked(w)); len(list) > 0 && !slices.ContainsFunc(list, func(id int32) bool { return !m.knows(id) }) {
			out.Argmax = list[0]
		}
	}
	if w.Sample {
		out.Sample = m.written(draw(ids))
	}
	// llama.cpp says nothing of a token that is part of a character.
	silent := m.server == openai.LlamaCPP && !utf8.ValidString(pieces[best(lp, 1)[0]])
	if silent {
		out.Argmax = collect.NoToken
	}
	if m.server == openai.LlamaCPP && !utf8.ValidString(pieces[draw(ids)]) {
		out.Sample = collect.NoToken
	}
	if w.Top == 0 || silent {
		return out
	}
	for _, id := range best(lp, m.asked(w)) {
		if m.knows(id) && len(out.IDs) < w.Top {
			out.IDs, out.LogProbs = append(out.IDs, id), append(out.LogProbs, lp[id])
		}
	}
	return out
}
