package watermark_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// standing returns a session that stands at a marked position, or at a plain one.
func standing(t testing.TB, w *watermark.Watermark, marked bool, seed ...uint64) *watermark.Session {
	t.Helper()
	s := testSession(t, w, seed...)
	if marked {
		for i := range w.Rules().Width {
			require.NoError(t, s.Accept(int32(i)))
		}
	}
	require.Equal(t, marked, s.Marked())
	return s
}

// everywhere runs a test at marked and plain positions of every scheme.
func everywhere(t *testing.T, f func(t *testing.T, s *watermark.Session)) {
	for _, scheme := range schemes {
		for _, marked := range []bool{true, false} {
			name := scheme.String() + " plain"
			if marked {
				name = scheme.String() + " marked"
			}
			t.Run(name, func(t *testing.T) {
				for seed := range uint64(8) {
					f(t, standing(t, testMark(t, 1, scheme), marked, seed))
				}
			})
		}
	}
}

func TestMaskedIsNeverChosen(t *testing.T) {
	everywhere(t, func(t *testing.T, s *watermark.Session) {
		r := rand.New(rand.NewPCG(1, 2))
		for range 100 {
			logits := fill(1+r.IntN(40), func(int) float32 {
				return [...]float32{nan32, -inf32, -inf32, float32(r.NormFloat64())}[r.IntN(4)]
			})
			r.Shuffle(len(logits), func(i, j int) { logits[i], logits[j] = logits[j], logits[i] })
			token, err := s.Sample(nil, logits)
			if slices.ContainsFunc(logits, func(l float32) bool { return l > -inf32 }) {
				assert.NoError(t, err)
				assert.Greater(t, logits[token], -inf32)
			} else {
				assert.ErrorIs(t, err, watermark.ErrNoToken)
			}
		}
	})
}

// Where logits are +Inf only those compete, as equals: each of three is chosen at
// some position, and never another candidate.
func TestInfiniteCompeteAlone(t *testing.T) {
	for _, scheme := range schemes {
		t.Run(scheme.String(), func(t *testing.T) {
			counts := make([]int, 6)
			for i := range int32(300) {
				s := testSession(t, testMark(t, 1, scheme), uint64(i))
				for range 3 {
					require.NoError(t, s.Accept(i))
				}
				token, err := s.Sample(nil, []float32{3e38, inf32, nan32, inf32, -inf32, inf32})
				require.NoError(t, err)
				counts[token]++
			}
			require.Equal(t, 300, counts[1]+counts[3]+counts[5])
			assertChiSquare(t, []int{counts[1], counts[3], counts[5]}, []float64{1, 1, 1}, "the infinite")
		})
	}
}

func TestNoTokenLeavesTheSession(t *testing.T) {
	everywhere(t, func(t *testing.T, s *watermark.Session) {
		ids, logits := sparse50()
		want, err := s.Sample(ids, logits)
		require.NoError(t, err)
		length := s.Len()
		for _, row := range [][]float32{nil, {}, {-inf32}, {nan32, nan32}, {-inf32, nan32, -inf32}} {
			_, err := s.Sample(nil, row)
			require.ErrorIs(t, err, watermark.ErrNoToken)
			_, err = s.Sample(ids[:len(row)], row)
			require.ErrorIs(t, err, watermark.ErrNoToken)
			_, err = watermark.Argmax(nil, row)
			require.ErrorIs(t, err, watermark.ErrNoToken)
		}
		assert.Equal(t, length, s.Len())
		got, err := s.Sample(ids, logits)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

// A dense row, its candidates alone in any order, and these with repeats of lower
// logits, are one draw.
func TestDenseAndSparseAgree(t *testing.T) {
	everywhere(t, func(t *testing.T, s *watermark.Session) {
		r := rand.New(rand.NewPCG(3, 4))
		for range 30 {
			dense := fill(1500, func(int) float32 { return -inf32 })
			var ids []watermark.Token
			var logits []float32
			for range 1 + r.IntN(60) {
				id, l := r.Int32N(1500), float32(3*r.NormFloat64())
				ids, logits = append(ids, id), append(logits, l)
				dense[id] = max(dense[id], l)
			}
			want, err := s.Sample(nil, dense)
			require.NoError(t, err)
			for range 3 {
				got, err := s.Sample(ids, logits)
				require.NoError(t, err)
				require.Equal(t, want, got)
				r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i]; logits[i], logits[j] = logits[j], logits[i] })
			}
		}
	})
}

// Neither candidates nor logits are changed by a draw.
func TestSampleLeavesItsArguments(t *testing.T) {
	everywhere(t, func(t *testing.T, s *watermark.Session) {
		ids, logits := sparse50()
		logits[3], logits[9] = nan32, inf32
		ids2, logits2 := slices.Clone(ids), bits32(logits)
		_, err := s.Sample(ids, logits)
		require.NoError(t, err)
		assert.Equal(t, ids2, ids)
		assert.Equal(t, logits2, bits32(logits))
	})
}

func bits32(l []float32) []uint32 {
	b := make([]uint32, len(l))
	for i, x := range l {
		b[i] = math.Float32bits(x)
	}
	return b
}

// The first Width tokens do not depend on the key, only on the request, and every
// request begins otherwise.
func TestHeadIsPlain(t *testing.T) {
	const width = 5
	var beginnings [][]watermark.Token
	for seed := range uint64(20) {
		var texts [2][]watermark.Token
		for i := range texts {
			w, err := watermark.New(testKey(t, byte(1+i)), watermark.Gumbel{}, watermark.Options{Width: width})
			require.NoError(t, err)
			s := testSession(t, w, seed)
			for range width {
				require.False(t, s.Marked())
				texts[i] = append(texts[i], write(t, s, toyModelAfter(1, texts[i]), 1)...)
			}
			require.True(t, s.Marked())
		}
		require.Equal(t, texts[0], texts[1])
		require.NotContains(t, beginnings, texts[0])
		beginnings = append(beginnings, texts[0])
	}
}

// A window that occurred before in the answer is drawn plainly, so that a loop
// does not repeat one choice for ever, and detectors pass over it.
func TestRepeatedWindowIsPlain(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	s := testSession(t, w, 1)
	text := []watermark.Token{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 9}
	var marked []bool
	for _, x := range text {
		marked = append(marked, s.Marked())
		require.NoError(t, s.Accept(x))
	}
	// 123, 234, 341, 412 are new, then 123, 234, 341, 412 and 123 again.
	assert.Equal(t, []bool{false, false, false, true, true, true, true, false, false, false, false, false}, marked)
	assert.True(t, s.Marked(), "239 is new")
	r, err := w.Detect(watermark.Text{Tokens: text})
	require.NoError(t, err)
	assert.Equal(t, 4, r.Scored)
	assert.Equal(t, watermark.Dropped{Head: 3, Repeat: 5}, r.Dropped)
}

// Earlier answers of the conversation count as seen.
func TestEarlierTurnsAreNotMarkedAgain(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	turns := [][]watermark.Token{{1, 2, 3, 4, 5}, {}, {7, 8}, {9, 8, 7, 6}}
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Turns: turns})
	require.NoError(t, err)
	var marked []bool
	for _, x := range []watermark.Token{1, 2, 3, 4, 5, 9, 8, 7, 8, 9} {
		marked = append(marked, s.Marked())
		require.NoError(t, s.Accept(x))
	}
	// 123 and 234 were followed by a token, 345 was the end of its turn; 987 again.
	assert.Equal(t, []bool{false, false, false, false, false, true, true, true, false, true}, marked)
}

// A forced token and a prompt advance without a draw: what follows is as if the
// tokens had been sampled.
func TestForcedTokensAdvance(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	sampled, forced := testSession(t, w, 5), testSession(t, w, 5)
	text := write(t, sampled, newToyModel(1), 60)
	for i, x := range text {
		if i%3 == 0 {
			require.Equal(t, text[i:i+1], write(t, forced, toyModelAfter(1, text[:i]), 1))
		} else {
			require.NoError(t, forced.Accept(x))
		}
	}
	assert.Equal(t, 60, forced.Len())
}

// The native mark never looks at a prompt: with one or without, the marked tokens
// of an answer are the same, and its first tokens are plain.
func TestPromptsEnterNoWindow(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	ids, logits := sparse50()
	draw := func(prompt ...watermark.Token) (marked []bool, tokens []watermark.Token) {
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Prompt: prompt})
		require.NoError(t, err)
		for i := range int32(6) {
			marked = append(marked, s.Marked())
			x, err := s.Sample(ids, logits)
			require.NoError(t, err)
			if s.Marked() {
				tokens = append(tokens, x)
			}
			require.NoError(t, s.Accept(i))
		}
		return marked, tokens
	}
	marked, tokens := draw()
	require.Equal(t, []bool{false, false, false, true, true, true}, marked)
	for _, prompt := range [][]watermark.Token{{5}, {0, 1, 2}, {0, 1, 2, 3, 4, 5, 6, 7}} {
		m, x := draw(prompt...)
		assert.Equal(t, marked, m)
		assert.Equal(t, tokens, x)
	}
}

// After a tool's result the answer goes on as a new part, with a head of its own
// and with the memory of the parts before.
func TestToolResultsEnterNoWindow(t *testing.T) {
	s := testSession(t, testMark(t, 1, watermark.Gumbel{}), 1)
	accept := func(tokens ...watermark.Token) (marked []bool) {
		for _, x := range tokens {
			marked = append(marked, s.Marked())
			require.NoError(t, s.Accept(x))
		}
		return marked
	}
	assert.Equal(t, []bool{false, false, false, true, true}, accept(1, 2, 3, 4, 5))
	require.NoError(t, s.AcceptPrompt([]watermark.Token{1, 2, 3}))
	require.NoError(t, s.AcceptPrompt(nil))
	assert.Equal(t, 8, s.Len())
	assert.Equal(t, []bool{false, false, false, false, false, true}, accept(1, 2, 3, 4, 6, 7), "123 and 234 occurred, 346 is new")
}

// Temperature 0 is the server's choice: greedy tokens, accepted. The text is
// that of no key, and the session goes on marking when it is asked to again.
func TestTemperatureZero(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	s, m := testSession(t, w, 1), newToyModel(1)
	for range 40 {
		best, err := watermark.Argmax(m.next())
		require.NoError(t, err)
		ids, logits := m.next()
		top := slices.Max(logits)
		require.Equal(t, top, logits[slices.Index(ids, best)])
		require.NoError(t, s.Accept(best))
		m.history = append(m.history, best)
	}
	r, err := w.Detect(watermark.Text{Tokens: m.history})
	require.NoError(t, err)
	assert.Greater(t, r.LogP, -7.0)
	assert.True(t, s.Marked())
}

// A request that has opted out is drawn plainly throughout: its text is the same
// under any key.
func TestOff(t *testing.T) {
	var texts [2][]watermark.Token
	for i := range texts {
		s, err := testMark(t, byte(1+i), schemes[0]).NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(3), Off: true})
		require.NoError(t, err)
		texts[i] = write(t, s, newToyModel(1), 50)
		require.False(t, s.Marked())
	}
	assert.Equal(t, texts[0], texts[1])
	other, err := testMark(t, 1, schemes[0]).NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(4), Off: true})
	require.NoError(t, err)
	assert.NotEqual(t, texts[0], write(t, other, newToyModel(1), 50))
}

// Reset makes a used session a new one.
func TestReset(t *testing.T) {
	for _, scheme := range schemes {
		w := testMark(t, 1, scheme)
		opt := watermark.SessionOptions{Seed: watermark.SeedOf(3), Turns: [][]watermark.Token{{1, 2, 3, 4}}, Tokens: 10}
		used, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Off: true, Prompt: make([]int32, 9), Role: watermark.Bonus, Tokens: 5})
		require.NoError(t, err)
		write(t, used, newToyModel(2), 50)
		used, err = used.Fork(1, 3)
		require.NoError(t, err)
		require.NoError(t, used.Reset(opt))
		fresh, err := w.NewSession(opt)
		require.NoError(t, err)
		assert.Equal(t, write(t, fresh, newToyModel(1), 50), write(t, used, newToyModel(1), 50))
	}
}

// Seeds: a request repeats under its seed and differs under another.
func TestSeeds(t *testing.T) {
	seen := map[watermark.Seed]bool{}
	for _, numbers := range [][]uint64{{}, {0}, {1}, {0, 0}, {0, 1}, {1, 0}, {1, 1}, {0, 0, 0}} {
		seed := watermark.SeedOf(numbers...)
		assert.False(t, seen[seed], "%v", numbers)
		assert.Equal(t, seed, watermark.SeedOf(numbers...))
		seen[seed] = true
	}
	w := testMark(t, 1, watermark.Gumbel{})
	a, b, c := testSession(t, w, 1), testSession(t, w, 1), testSession(t, w, 2)
	text := write(t, a, newToyModel(1), 50)
	assert.Equal(t, text, write(t, b, newToyModel(1), 50))
	assert.NotEqual(t, text, write(t, c, newToyModel(1), 50))
}

// One mark serves many goroutines, each with its own sessions and detectors.
func TestConcurrentUse(t *testing.T) {
	l := testLayout(t, 2, 3)
	w := l.Mark("a")
	alone, err := l.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	require.NoError(t, err)
	want := write(t, alone, newToyModel(1), 60)
	result, err := w.Detect(watermark.Text{Tokens: want})
	require.NoError(t, err)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			s, err := l.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
			assert.NoError(t, err)
			text := write(t, s, newToyModel(1), 60)
			assert.Equal(t, want, text)
			r, err := w.Detect(watermark.Text{Tokens: text})
			assert.NoError(t, err)
			assert.Equal(t, result, r)
			_ = w.Decoy([32]byte{1}, 2).NewScorer()
		})
	}
	workers.Wait()
}
