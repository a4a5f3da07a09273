package vllm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

// skips is the engine's rule, word for word: whether the generator leaves the mark
// out after this completion.
func skips(c Config, prompt, completion []watermark.Token) bool {
	w, history := c.ContextWidth, completion
	if c.DeduplicateContexts == None {
		return false
	}
	if c.DeduplicateContexts == All {
		if len(completion) < w {
			return true
		}
		history = slices.Concat(prompt, completion)
	}
	context := func(h []watermark.Token, j int) []watermark.Token {
		tuple := make([]watermark.Token, w)
		for i := range tuple {
			if tuple[i] = -1; j-w+i >= 0 {
				tuple[i] = h[j-w+i]
			}
		}
		return tuple
	}
	current := context(completion, len(completion))
	for j := range history {
		reach := c.DeduplicateContextsMaxHistory == Unlimited || j >= len(history)-c.DeduplicateContextsMaxHistory
		if reach && slices.Equal(context(history, j), current) {
			return true
		}
	}
	return false
}

// TestSkipRule holds sessions to the rule on texts of three ids, with short
// histories, prompts, and drafts that are taken back.
func TestSkipRule(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		c := Config{
			Key: NewKey(testKey), ContextWidth: 1 + r.IntN(5), DeduplicateContexts: []Scope{None, SingleTurn, All}[r.IntN(3)],
			DeduplicateContextsMaxHistory: []int{Unlimited, 1 + r.IntN(30)}[r.IntN(2)],
		}
		prompt := conformance.RandomTokens(r, r.IntN(40), 3)
		s := newSession(t, c, watermark.SessionOptions{Prompt: prompt})
		var completion []watermark.Token
		for range 60 {
			require.Equal(t, !skips(c, prompt, completion), s.Marked(), "%v after %v, %v", c, prompt, completion)
			if n := r.IntN(4); n > 0 && n < len(completion) && r.IntN(4) == 0 {
				completion = completion[:len(completion)-n]
				require.NoError(t, s.Rewind(s.Len()-n))
				continue
			}
			completion = append(completion, r.Int32N(3))
			conformance.Accept(t, s, completion[len(completion)-1])
		}
	}
}

// TestPromptStaysOutside: with every scope the same completion draws the same token
// after any prompt.
func TestPromptStaysOutside(t *testing.T) {
	ids, logits := conformance.Sparse50()
	for _, scope := range []Scope{None, SingleTurn, All} {
		var first watermark.Token
		for i, prompt := range [][]watermark.Token{nil, {1, 2, 3}, {9, 9, 9, 9, 9, 9, 9, 9}} {
			s := newSession(t, Config{Key: NewKey(testKey), DeduplicateContexts: scope}, watermark.SessionOptions{Prompt: prompt})
			conformance.Accept(t, s, 11, 12, 13, 14)
			got, err := s.Sample(ids, logits)
			require.NoError(t, err)
			if i == 0 {
				first = got
			}
			assert.Equal(t, first, got)
		}
	}
}

// TestTies: float32 sums that are equal go to the lowest id, in any order of the
// candidates; +Inf takes all, NaN and −Inf nothing.
func TestTies(t *testing.T) {
	s := newSession(t, Config{Key: NewKey(testKey)}, watermark.SessionOptions{})
	for _, c := range []struct {
		ids    []watermark.Token
		logits []float32
		want   watermark.Token
	}{
		{[]watermark.Token{9, 4, 7}, []float32{1e30, 1e30, 1e30}, 4}, // a variate is less than half a unit of the sum
		{[]watermark.Token{4, 7, 9}, []float32{1e30, 1e30, 1e30}, 4},
		{[]watermark.Token{9, 4, 7}, []float32{-minusInfinity, 0, -minusInfinity}, 7},
		{[]watermark.Token{9, 4, 7}, []float32{nan, minusInfinity, -100}, 7},
		{[]watermark.Token{5, 5, 5}, []float32{1, 3, 2}, 5},
		{nil, []float32{minusInfinity, nan, -3e38}, 2},
	} {
		got, err := s.Sample(c.ids, c.logits)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "%v", c)
	}
	_, err := s.Sample([]watermark.Token{1, 2}, []float32{nan, minusInfinity})
	assert.ErrorIs(t, err, watermark.ErrNoToken)
}

// TestPruning: no bound changes a draw, whatever the logits.
func TestPruning(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	reader := newSource(Config{Key: NewKey(testKey)}.resolved()).Open()
	s := newSession(t, Config{Key: NewKey(testKey)}, watermark.SessionOptions{})
	for round := range 300 {
		logits := make([]float32, 1+r.IntN(2000))
		spread := []float64{0, 0.1, 1, 10, 100}[round%5]
		for i := range logits {
			logits[i] = float32(r.NormFloat64() * spread)
		}
		context := append([]watermark.Token{-1, -1, -1, -1}, conformance.RandomTokens(r, round%7, 50)...)
		require.NoError(t, s.Rewind(0))
		conformance.Accept(t, s, context[4:]...)
		reader.Seek(context[len(context)-4:])
		want, best := watermark.Token(-1), minusInfinity
		for i, l := range logits {
			if v := l + gumbel(uint32(reader.Word(0, watermark.Token(i))>>32)); v > best {
				want, best = watermark.Token(i), v
			}
		}
		if !s.Marked() {
			continue
		}
		got, err := s.Sample(nil, logits)
		require.NoError(t, err)
		require.Equal(t, want, got, "round %d", round)
	}
}

// TestCoarse: high bytes are those of the words.
func TestCoarse(t *testing.T) {
	reader := newSource(Config{Key: NewKey(testKey), Algorithm: DualKeyGumbel}.resolved()).Open()
	reader.Seek([]watermark.Token{1, 2, 3, 4})
	dst := make([]byte, 100)
	for stream := range 2 {
		require.True(t, reader.Coarse(stream, nil, 32, dst))
		for i, b := range dst {
			assert.Equal(t, byte(reader.Word(stream, watermark.Token(32+i))>>56), b)
		}
	}
	assert.False(t, reader.Coarse(0, []watermark.Token{1}, 0, dst[:1]), "single words are as cheap")
}

// TestRoles: in speculative decoding gumbel leaves drafts alone, and marks what
// replaces them only if it is allowed to.
func TestRoles(t *testing.T) {
	ids, logits := conformance.Sparse50()
	draw := func(c Config, opt watermark.SessionOptions) watermark.Token {
		s := newSession(t, c, opt)
		conformance.Accept(t, s, 1, 2, 3, 4)
		got, err := s.Sample(ids, logits)
		require.NoError(t, err)
		added := make([]float32, len(logits))
		_, err = s.Perturb(ids, added)
		require.NoError(t, err)
		for i, l := range logits {
			added[i] += l
		}
		largest, err := watermark.Argmax(ids, added)
		require.NoError(t, err)
		assert.Equal(t, got, largest)
		return got
	}
	for _, role := range []watermark.Role{watermark.Target, watermark.Draft, watermark.Recovery, watermark.Bonus} {
		for _, allowed := range []bool{false, true} {
			c := Config{Key: NewKey(testKey), AllowTargetOnlyWatermarking: allowed}
			differ := false
			for seed := range uint64(20) {
				opt := watermark.SessionOptions{Seed: watermark.SeedOf(seed + 1), Role: role}
				off := opt
				off.Off = true
				marked := draw(c, opt)
				plain := draw(c, off)
				differ = differ || marked != plain
			}
			assert.Equal(t, role == watermark.Target || role != watermark.Draft && allowed, differ, "role %d, allowed %t", role, allowed)
		}
	}
}

// TestRouteIsTheRequests: the share of key B is alpha over requests, and the route
// of a position is the same however often it is drawn. False alarm: 1e-6.
func TestRouteIsTheRequests(t *testing.T) {
	ids, logits := conformance.Sparse50()
	c := Config{Key: NewKey(testKey), Algorithm: DualKeyGumbel}
	var choice [2]watermark.Token
	for i, role := range []watermark.Role{watermark.Draft, watermark.Recovery} {
		s := newSession(t, c, watermark.SessionOptions{Role: role})
		conformance.Accept(t, s, 1)
		var err error
		choice[i], err = s.Sample(ids, logits)
		require.NoError(t, err)
	}
	require.NotEqual(t, choice[0], choice[1], "the keys choose alike here: take another context")
	b := 0
	const requests = 4000
	for seed := range uint64(requests) {
		s := newSession(t, c, watermark.SessionOptions{Seed: watermark.SeedOf(seed + 1)})
		conformance.Accept(t, s, 1)
		got, err := s.Sample(ids, logits)
		require.NoError(t, err)
		again, err := s.Sample(ids, logits)
		require.NoError(t, err)
		require.Equal(t, got, again)
		require.Contains(t, choice[:], got)
		if got == choice[1] {
			b++
		}
	}
	assertBinomial(t, b, requests, defaultAlpha)
}

// TestNoAllocation of sessions in their steady state.
func TestNoAllocation(t *testing.T) {
	ids, logits := conformance.Sparse50()
	for _, algorithm := range []Algorithm{Gumbel, DualKeyGumbel} {
		s := newSession(t, Config{Key: NewKey(testKey), Algorithm: algorithm}, watermark.SessionOptions{})
		i := watermark.Token(0)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			_, err := s.Sample(ids, logits)
			if err != nil || s.Accept(i) != nil {
				t.Fail()
			}
			i++
		}))
	}
}
