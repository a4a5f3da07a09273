package sglang

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

func contextHash(context []watermark.Token) uint64 {
	r := newSource(Config{Key: NewKey(testKey)}.resolved()).open()
	r.seek(context)
	return uint64(r.context)
}

// TestMarkedList holds sessions to the engine's rule, on texts of three ids with short
// prompts, a gate that is often closed, and drafts that are taken back: a position is
// marked if its context is not empty, is not in the list of marked ones, and the gate is
// open; only then it enters the list.
func TestMarkedList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		c := Config{Key: NewKey(testKey), ContextWindow: 1 + r.IntN(5), MaxProbability: 0.7}
		prompt := conformance.RandomTokens(r, r.IntN(6), 3)
		s := newSession(t, c, watermark.SessionOptions{Prompt: prompt})
		history := slices.Clone(prompt)
		lists := [][]uint64{nil} // after each token of the answer
		for range 60 {
			list := lists[len(lists)-1]
			context := history[max(0, len(history)-c.ContextWindow):]
			want := len(context) > 0 && !slices.Contains(list, contextHash(context))
			require.Equal(t, want, s.Marked(), "%v after %v", c, history)
			if n := r.IntN(4); n > 0 && n < len(lists) && r.IntN(4) == 0 {
				lists, history = lists[:len(lists)-n], history[:len(history)-n]
				require.NoError(t, s.Rewind(s.Len()-n))
				continue
			}
			peaked := r.IntN(2) == 0
			logits := []float32{0, 0, 0}
			if peaked {
				logits[1] = 5
			}
			_, err := s.Sample(nil, logits)
			require.NoError(t, err)
			if want && !peaked {
				list = append(slices.Clip(list), contextHash(context))
			}
			token := r.Int32N(3)
			conformance.Accept(t, s, token)
			history, lists = append(history, token), append(lists, list)
		}
	}
}

// TestForcedTokens: a token that is accepted without a draw leaves its context to be
// marked later.
func TestForcedTokens(t *testing.T) {
	s := newSession(t, Config{Key: NewKey(testKey), ContextWindow: 1}, watermark.SessionOptions{})
	conformance.Accept(t, s, 7, 7, 7)
	assert.True(t, s.Marked())
	_, err := s.Sample(nil, []float32{0, 0})
	require.NoError(t, err)
	conformance.Accept(t, s, 7)
	assert.False(t, s.Marked())
}

// TestLimit: the engine marks 4096 positions.
func TestLimit(t *testing.T) {
	s := newSession(t, Config{Key: NewKey(testKey), ContextWindow: 1}, watermark.SessionOptions{Prompt: []watermark.Token{1 << 20}})
	for i := range watermark.Token(maxMarked + 10) {
		require.Equal(t, i < maxMarked, s.Marked(), "position %d", i)
		_, err := s.Sample([]watermark.Token{1, 2}, []float32{0, 0})
		require.NoError(t, err)
		conformance.Accept(t, s, i)
	}
}

// collision returns two contexts of two tokens with one hash.
func collision(t *testing.T) (a, b []watermark.Token) {
	t.Helper()
	seen := map[uint32][]watermark.Token{}
	reader := newSource(Config{Key: NewKey(testKey)}.resolved()).open()
	r := rand.New(rand.NewPCG(1, 2))
	for range 1 << 20 {
		context := conformance.RandomTokens(r, 2, 49152)
		reader.seek(context)
		if other := seen[reader.context]; other != nil && !slices.Equal(other, context) {
			return other, context
		}
		seen[reader.context] = context
	}
	t.Fatal("no collision")
	return nil, nil
}

// TestCollision: sessions and the shared detector count contexts by their hash, which is
// all that words know of them; the engine's detector counts them by their tokens.
func TestCollision(t *testing.T) {
	a, b := collision(t)
	c := Config{Key: NewKey(testKey), ContextWindow: 2}
	s := newSession(t, c, watermark.SessionOptions{Prompt: a})
	require.True(t, s.Marked())
	_, err := s.Sample(nil, []float32{0, 0})
	require.NoError(t, err)
	conformance.Accept(t, s, 5)
	conformance.Accept(t, s, b...)
	assert.False(t, s.Marked())

	text := watermark.Text{Prompt: a, PromptKnown: true, Tokens: slices.Concat([]watermark.Token{5}, b, []watermark.Token{6})}
	got, err := Detect(c, DetectorOptions{}, text)
	require.NoError(t, err)
	assert.Equal(t, 4, got.Combined.N)
	result, err := newMark(t, c).Detect(text)
	require.NoError(t, err)
	assert.Equal(t, 3, result.Scored)
}

// TestGate is strict: a probability that equals the limit is marked.
func TestGate(t *testing.T) {
	for _, x := range []struct {
		most  float64
		other float32 // logit beside one of 0
		want  bool
	}{{0.5, 0, true}, {0.49999, 0, false}, {1, minusInfinity, true}, {0.99, minusInfinity, false}, {0.9, -2.2, false}, {0.9, -2.19, true}} {
		s := newSession(t, Config{Key: NewKey(testKey), ContextWindow: 1, MaxProbability: x.most}, watermark.SessionOptions{Prompt: []watermark.Token{3}})
		_, err := s.Sample(nil, []float32{0, x.other})
		require.NoError(t, err)
		conformance.Accept(t, s, 3)
		assert.Equal(t, x.want, !s.Marked(), "%v: the context was marked before", x)
	}
}

// TestPruning: no bound changes a draw, whatever the logits, and ties go to the lowest
// id in any order.
func TestPruning(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		c := Config{Key: NewKey(r.Uint64()), KeyB: NewKey(r.Uint64())}
		context := conformance.RandomTokens(r, 4, 50000)
		s := newSession(t, c, watermark.SessionOptions{Prompt: context})
		reader := newSource(c.resolved()).open()
		stream := reader.seek(context)
		logits := make([]float32, 1+r.IntN(2000))
		spread := []float64{0, 0.1, 1, 10, 100}[round%5]
		for i := range logits {
			logits[i] = float32(r.NormFloat64() * spread)
		}
		top, total := slices.Max(logits), 0.0
		for _, l := range logits {
			total += math.Exp(float64(l - top))
		}
		want, best := watermark.Token(-1), minusInfinity
		for i, l := range logits {
			if p := probability(l, top, total); p > 0 {
				if v := logUniform(reader.word(stream, watermark.Token(i))) / p; v > best {
					want, best = watermark.Token(i), v
				}
			}
		}
		got, err := s.Sample(nil, logits)
		require.NoError(t, err)
		require.Equal(t, want, got, "round %d", round)
		ids := make([]watermark.Token, len(logits))
		for i := range ids {
			ids[i] = watermark.Token(i)
		}
		ids, logits = conformance.Reversed(ids, logits)
		got, err = s.Sample(ids, logits)
		require.NoError(t, err)
		require.Equal(t, want, got, "round %d, reversed", round)
	}
}

// TestTies: equal ratios go to the lowest id; an id given twice, NaN, infinities.
func TestTies(t *testing.T) {
	s := newSession(t, Config{Key: NewKey(testKey)}, watermark.SessionOptions{Prompt: []watermark.Token{1}})
	got, err := s.Sample([]watermark.Token{5, 5, 5}, []float32{1, 3, 2})
	require.NoError(t, err)
	assert.Equal(t, watermark.Token(5), got)
	got, err = s.Sample([]watermark.Token{9, 4, 7}, []float32{nan, minusInfinity, -100})
	require.NoError(t, err)
	assert.Equal(t, watermark.Token(7), got)
	got, err = s.Sample([]watermark.Token{9, 4, 7}, []float32{-minusInfinity, 0, 1})
	require.NoError(t, err)
	assert.Equal(t, watermark.Token(9), got)
	_, err = s.Sample([]watermark.Token{1, 2}, []float32{nan, minusInfinity})
	assert.ErrorIs(t, err, watermark.ErrNoToken)

	b := bout{r: newSource(Config{Key: NewKey(testKey)}.resolved()).open(), total: 1, winner: -1, least: math.Inf(-1)}
	b.r.seek([]watermark.Token{1})
	b.consider(5, 0)
	b.best, b.winner = logUniform(b.r.word(0, 3)), 8 // as if 8 had the ratio of 3
	b.least = math.Inf(-1)
	b.consider(3, 0)
	assert.Equal(t, watermark.Token(3), b.winner)
}

// TestNoAllocation of sessions in their steady state.
func TestNoAllocation(t *testing.T) {
	ids, logits := conformance.Sparse50()
	s := newSession(t, Config{Key: NewKey(testKey), KeyB: NewKey(testKeyB), MaxProbability: 0.9}, watermark.SessionOptions{Prompt: []watermark.Token{1}})
	i := watermark.Token(0)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_, err := s.Sample(ids, logits)
		if err != nil || s.Accept(i) != nil {
			t.Fail()
		}
		i++
	}))
}

// TestFMA has sums in the middle of two float32, and beside it by less than float64 sees.
func TestFMA(t *testing.T) {
	for _, x := range []struct{ a, b, c, want float32 }{
		{1, 1, 0x1p-24, 1},                                         // the middle, to even
		{1 + 0x1p-23, 1, 0x1p-24, 1 + 0x1p-22},                     // the middle, to even
		{0x1.000002p-24, 1, 1, 1 + 0x1p-23},                        // above it
		{0x1p-12, 0x1p-12, 1, 1},                                   // 2^-24
		{0x1.000002p-12, 0x1p-12, 1, 1 + 0x1p-23},                  // 2^-24 and a little
		{0x1.000002p-12, 0x1.fffffcp-13, 1, 1},                     // less than 2^-24 by 2^-70
		{0x1.000002p-12, 0x1.fffffcp-13, 1 + 0x1p-23, 1 + 0x1p-23}, // as much below the middle, which goes up
		{0x1p-12, 0x1p-12, 0x1p30, 0x1p30},                         // far below
		{-0x1.000002p-12, 0x1p-13, 1, 1 - 0x1p-24},                 // beside the middle of smaller spacing
		{3, 5, -15, 0}, {0, 5, -1.5, -1.5}, {-2, 4, 1, -7},         // exact
	} {
		assert.Equal(t, x.want, fma(x.a, x.b, x.c), "%v", x)
	}
}

// TestLog1p is within one unit in the last place.
func TestLog1p(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		d := -float32(r.Float64()) / 2
		if r.IntN(2) == 0 {
			d = -float32(math.Exp(-23*r.Float64())) / 2
		}
		want := math.Log1p(float64(d))
		ulp := float64(math.Nextafter32(float32(-want), 2)) - float64(float32(-want))
		require.LessOrEqual(t, math.Abs(float64(log1p(d))-want), ulp, "%v", d)
	}
	assert.Equal(t, float32(-0x1p-33), log1p(-0x1p-33))
}
