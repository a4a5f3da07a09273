package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testDrawer(t testing.TB, s *Sampling, off bool) *drawer {
	t.Helper()
	key, err := keys.New(rand.NewChaCha8([32]byte{1}))
	require.NoError(t, err)
	w, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{})
	require.NoError(t, err)
	session, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Off: off})
	require.NoError(t, err)
	for i := range 10 { // beyond the head of the answer
		require.NoError(t, session.Accept(watermark.Token(i)))
	}
	return &drawer{sampling: s, session: session}
}

func TestPenaltiesAndBias(t *testing.T) {
	s := newSampler(6)
	history := []watermark.Token{0, 1, 1, 2, 2, 2} // the prompt is 0, 1, 1
	for _, c := range []struct {
		name     string
		sampling Sampling
		want     []float32
	}{
		{"none", Sampling{RepeatPenalty: 1}, []float32{1, -1, 2, 0, 3, -3}},
		{"repeat, all", Sampling{RepeatPenalty: 2, PenaltyLast: -1}, []float32{0.5, -2, 1, 0, 3, -3}},
		{"repeat, standard", Sampling{RepeatPenalty: 2}, []float32{0.5, -2, 1, 0, 3, -3}},
		{"repeat, last four", Sampling{RepeatPenalty: 2, PenaltyLast: 4}, []float32{1, -2, 1, 0, 3, -3}},
		{"frequency", Sampling{FrequencyPenalty: 0.5}, []float32{1, -1, 0.5, 0, 3, -3}},
		{"presence", Sampling{PresencePenalty: 0.5}, []float32{1, -1, 1.5, 0, 3, -3}},
		{"both", Sampling{FrequencyPenalty: 0.5, PresencePenalty: -1}, []float32{1, -1, 1.5, 0, 3, -3}},
		{"bias", Sampling{Bias: map[watermark.Token]float32{4: -100, 5: 2}}, []float32{1, -1, 2, 0, -97, -1}},
	} {
		d := &drawer{sampling: &c.sampling, prompt: 3}
		for id, b := range c.sampling.Bias {
			d.biases = append(d.biases, candidate{id, b})
		}
		row := []float32{1, -1, 2, 0, 3, -3}
		s.adjust(row, d, history)
		assert.Equal(t, c.want, row, c.name)
		assert.Equal(t, make([]int32, 6), s.counts, c.name)
	}
}

func TestScale(t *testing.T) {
	row := []float32{1, 3, -2}
	scale(row, 2)
	assert.Equal(t, []float32{0.5, 1.5, -1}, row)
	scale(row, 1)
	assert.Equal(t, []float32{0.5, 1.5, -1}, row)
	low := []float32{3e37, 1, float32(math.Inf(-1))}
	scale(low, 0.001)
	assert.Equal(t, float32(0), low[0])
	assert.Less(t, low[1], float32(0))
	assert.True(t, math.IsInf(float64(low[2]), -1))
}

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		tokens, want []watermark.Token
		n            int
	}{
		{nil, nil, 4},
		{[]watermark.Token{1}, nil, 4},
		{[]watermark.Token{1, 2, 3, 4}, nil, 4},
		{[]watermark.Token{1, 2, 3, 1, 2}, []watermark.Token{3, 1, 2}, 4},
		{[]watermark.Token{1, 2, 3, 1, 2}, []watermark.Token{3}, 1},
		{[]watermark.Token{2, 3, 1, 2}, nil, 4},                                                         // one token is too short a run
		{[]watermark.Token{1, 2, 5, 1, 2, 6, 1, 2}, []watermark.Token{6, 1, 2}, 4},                      // the latest
		{[]watermark.Token{0, 1, 2, 5, 9, 1, 2, 6, 0, 1, 2}, []watermark.Token{5, 9, 1, 2}, 4},          // the longest
		{[]watermark.Token{7, 7, 7, 7, 7}, []watermark.Token{7}, 4},                                     // overlaps itself
		{[]watermark.Token{9, 1, 2, 3, 4, 5, 8, 1, 2, 3, 4, 6, 1, 2, 3, 4}, []watermark.Token{6, 1}, 2}, // no longer than four
	} {
		assert.Equal(t, c.want, lookup(nil, c.tokens, c.n), "%v", c.tokens)
	}
}

func TestDrawsDoNotAllocate(t *testing.T) {
	const vocabulary = 5000
	s := newSampler(vocabulary)
	fresh, row := gaussian(vocabulary), make([]float32, vocabulary)
	for _, sampling := range testSamplings {
		d := testDrawer(t, &sampling, false)
		d.biases = []candidate{{3, 1}}
		history := make([]watermark.Token, 100)
		assert.Zero(t, testing.AllocsPerRun(20, func() {
			copy(row, fresh)
			if _, _, err := s.draw(row, d, history); err != nil {
				t.Fatal(err)
			}
		}), "%+v", sampling)
	}
}

var testSamplings = []Sampling{
	{},
	{Temperature: 1},
	{Temperature: 0.8, TopK: 40},
	{Temperature: 1, TopP: 0.95},
	{Temperature: 0.7, TopK: 50, TopP: 0.9, MinP: 0.02, RepeatPenalty: 1.1, FrequencyPenalty: 0.5},
}

// gaussian is a row of logits like a language model's: σ = 3.
func gaussian(n int) []float32 {
	r := rand.New(rand.NewPCG(3, 4))
	row := make([]float32, n)
	for i := range row {
		row[i] = float32(3 * r.NormFloat64())
	}
	return row
}

// BenchmarkDraw is what a token costs between its logits and its id, over a
// vocabulary of 49,152: with the mark, without it, and by an ordinary sampler,
// which computes the softmax and walks along it. Copying the row is included, as
// the sampler changes it.
func BenchmarkDraw(b *testing.B) {
	const vocabulary = 49152
	s := newSampler(vocabulary)
	fresh, row := gaussian(vocabulary), make([]float32, vocabulary)
	for _, sampling := range testSamplings[1:] {
		name := fmt.Sprintf("T=%v,k=%d,p=%v", sampling.Temperature, sampling.TopK, sampling.TopP)
		for _, off := range []bool{false, true} {
			d := testDrawer(b, &sampling, off)
			history := make([]watermark.Token, 100)
			b.Run(map[bool]string{false: "marked/", true: "plain/"}[off]+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					copy(row, fresh)
					if _, _, err := s.draw(row, d, history); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	b.Run("softmax/T=1", func(b *testing.B) {
		r := rand.New(rand.NewPCG(5, 6))
		p := make([]float64, vocabulary)
		for b.Loop() {
			copy(row, fresh)
			top, total := maximum(row), 0.0
			for i, l := range row {
				p[i] = math.Exp(float64(l - top))
				total += p[i]
			}
			u := r.Float64() * total
			for _, q := range p {
				if u -= q; u < 0 {
					break
				}
			}
		}
	})
}

func TestSeedsDifferByPrompt(t *testing.T) {
	seen := map[watermark.Seed]bool{}
	prompts := [][]watermark.Token{{}, {0}, {0, 0}, {1}, {0, 1}, {1, 0}, {2}, {1 << 30}}
	for _, p := range prompts {
		seen[seedOf(7, p)] = true
		seen[seedOf(8, p)] = true
	}
	assert.Len(t, seen, 2*len(prompts))
	assert.Equal(t, seedOf(7, prompts[3]), seedOf(7, []watermark.Token{1}))
}

func TestLikeliest(t *testing.T) {
	v := &vocabulary{pieces: make([][]byte, 7)}
	inf := float32(math.Inf(-1))
	row := []float32{1, 3, inf, 2, 3, 2, float32(math.NaN())}
	ids := func(n int) (list []watermark.Token) {
		for _, a := range v.likeliest(row, 0, n) {
			assert.Equal(t, float64(row[a.ID]), a.LogProb)
			list = append(list, a.ID)
		}
		return list
	}
	assert.Empty(t, ids(0))
	assert.Equal(t, []watermark.Token{1}, ids(1))
	assert.Equal(t, []watermark.Token{1, 4, 3}, ids(3), "the lower id first among equals")
	assert.Equal(t, []watermark.Token{1, 4, 3, 5, 0}, ids(9))
	assert.InDelta(t, math.Log(math.Exp(1)+2*math.Exp(3)+2*math.Exp(2)), logTotal(row), 1e-8)
	assert.Equal(t, math.Inf(-1), logTotal([]float32{inf, inf}))
}
