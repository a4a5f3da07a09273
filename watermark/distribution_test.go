package watermark_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// zipfLogits fall as those of a language model do: a few likely tokens, many
// unlikely ones, in no order of ids.
func zipfLogits(n int) []float32 {
	r := rand.New(rand.NewPCG(6, 7))
	l := fill(n, func(i int) float32 { return float32(-1.3*math.Log(float64(i+1)) + 0.3*r.NormFloat64()) })
	r.Shuffle(n, func(i, j int) { l[i], l[j] = l[j], l[i] })
	return l
}

// draws returns how many samples a simulation takes.
func draws(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// unbiased are the schemes that leave a token's distribution over keys alone.
var unbiased = []watermark.Scheme{
	watermark.Gumbel{},
	watermark.DualGumbel{Alpha: 0.3},
	watermark.Tournament{Depth: 1},
	watermark.Tournament{Depth: 30},
}

// Over keys, after one window, a token has the model's distribution; with two keys
// so it has in each role of speculative decoding.
func TestTokenDistributionOverKeys(t *testing.T) {
	t.Parallel()
	logits := zipfLogits(40)
	p := softmax(logits)
	for _, scheme := range unbiased {
		for role := watermark.Target; role <= watermark.Bonus; role++ {
			if _, dual := scheme.(watermark.DualGumbel); !dual && role > watermark.Target {
				break
			}
			counts := make([]int, len(logits))
			for key := range draws(4000) {
				w, err := watermark.New(worldKey(t, 1, uint64(key)), scheme, watermark.Options{Width: 1})
				require.NoError(t, err)
				s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(uint64(key)), Role: role, Tokens: 2})
				require.NoError(t, err)
				require.NoError(t, s.Accept(7))
				require.True(t, s.Marked())
				x, err := s.Sample(nil, logits)
				require.NoError(t, err)
				counts[x]++
			}
			assertChiSquare(t, counts, p, scheme.String())
		}
	}
}

// Under one key, after distinct windows, too; and so has a pair of tokens in a
// row, the second after the first.
func TestTokenDistributionOverWindows(t *testing.T) {
	t.Parallel()
	logits := zipfLogits(40)
	p := softmax(logits)
	for _, scheme := range unbiased {
		w := testMark(t, 1, scheme)
		counts := make([]int, len(logits))
		pairs := make([]int, 9)
		s, first := testSession(t, w, 1), -1
		for i := range draws(30000) {
			require.NoError(t, s.Accept(int32(i)))
			x, err := s.Sample(nil, logits)
			require.NoError(t, err)
			if i >= 3 {
				require.True(t, s.Marked())
				counts[x]++
			}
			if third := thirdOf(p, x); i%2 == 1 {
				pairs[3*first+third]++
			} else {
				first = third
			}
		}
		assertChiSquare(t, counts, p, scheme.String())
		assertChiSquare(t, pairs, pairProbabilities(p), scheme.String()+" pairs")
	}
}

// thirdOf puts tokens into three classes of a similar probability.
func thirdOf(p []float64, x watermark.Token) int {
	switch {
	case p[x] > 0.1:
		return 0
	case x%2 == 0:
		return 1
	}
	return 2
}

func pairProbabilities(p []float64) []float64 {
	var class [3]float64
	for x := range p {
		class[thirdOf(p, int32(x))] += p[x]
	}
	out := make([]float64, 9)
	for i := range out {
		out[i] = class[i/3] * class[i%3]
	}
	return out
}

// A green list raises the odds of green tokens and nothing else: with each of six
// candidates green with probability gamma on its own, the expected distribution
// is an average over 64 lists.
func TestGreenListDistributionIsThePredicted(t *testing.T) {
	t.Parallel()
	logits := []float32{1, 0.5, 0, -0.5, -1, 2}
	for _, g := range []watermark.GreenList{{Gamma: 0.25, Delta: 2}, {Gamma: 0.4, Delta: 1}, {Gamma: 0.9, Delta: 5}} {
		want := make([]float64, len(logits))
		for list := range 1 << len(logits) {
			chance, raised := 1.0, make([]float32, len(logits))
			for i, l := range logits {
				raised[i] = l
				if list>>i&1 == 1 {
					raised[i] += float32(g.Delta)
					chance *= g.Gamma
				} else {
					chance *= 1 - g.Gamma
				}
			}
			for i, x := range softmax(raised) {
				want[i] += chance * x
			}
		}
		counts := make([]int, len(logits))
		s := testSession(t, testMark(t, 1, g), 1)
		for i := range draws(30000) {
			require.NoError(t, s.Accept(int32(i)))
			x, err := s.Sample(nil, logits)
			require.NoError(t, err)
			if s.Marked() {
				counts[x]++
			}
		}
		assertChiSquare(t, counts, want, g.String())
	}
}

// Plain draws are ordinary sampling: over positions of one request and over
// requests at one position, in every role.
func TestPlainDrawsAreTheModels(t *testing.T) {
	t.Parallel()
	logits := zipfLogits(40)
	p := softmax(logits)
	w := testMark(t, 1, watermark.Gumbel{})
	for role := watermark.Target; role <= watermark.Bonus; role++ {
		counts := make([]int, len(logits))
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Off: true, Role: role})
		require.NoError(t, err)
		for range draws(20000) {
			x, err := s.Sample(nil, logits)
			require.NoError(t, err)
			require.NoError(t, s.Accept(x))
			counts[x]++
		}
		assertChiSquare(t, counts, p, "positions")
		counts = make([]int, len(logits))
		for seed := range draws(5000) {
			s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(uint64(seed)), Role: role, Tokens: 1})
			require.NoError(t, err)
			x, err := s.Sample(nil, logits)
			require.NoError(t, err)
			counts[x]++
		}
		assertChiSquare(t, counts, p, "requests")
	}
}

// The roles' plain draws are independent of each other: a recovery says nothing
// of the draft. So are siblings' after a fork.
func TestPlainDrawsOfRolesAreIndependent(t *testing.T) {
	t.Parallel()
	const k = 4
	logits := make([]float32, k)
	w := testMark(t, 1, watermark.Gumbel{})
	uniform := make([]float64, k*k)
	for i := range uniform {
		uniform[i] = 1
	}
	for role := watermark.Draft; role <= watermark.Bonus; role++ {
		pairs, siblings := make([]int, k*k), make([]int, k*k)
		for seed := range draws(4000) {
			var x [4]watermark.Token
			s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(uint64(seed)), Tokens: 1})
			require.NoError(t, err)
			x[0], err = s.Sample(nil, logits)
			require.NoError(t, err)
			for i := range 2 {
				f, err := s.Fork(i, 2)
				require.NoError(t, err)
				x[2+i], err = f.Sample(nil, logits)
				require.NoError(t, err)
			}
			require.NoError(t, s.SetRole(role))
			x[1], err = s.Sample(nil, logits)
			require.NoError(t, err)
			pairs[k*x[0]+x[1]]++
			siblings[k*x[2]+x[3]]++
		}
		assertChiSquare(t, pairs, uniform, "roles")
		assertChiSquare(t, siblings, uniform, "siblings")
	}
}

// What Perturb writes, added to the logits, makes the largest sum the token that
// Sample chooses; a green list writes delta for a share gamma of the tokens.
func TestPerturb(t *testing.T) {
	ids, logits := sparse50()
	dst := make([]float32, len(ids))
	for _, scheme := range []watermark.Scheme{watermark.Gumbel{}, watermark.DualGumbel{Alpha: 0.3}} {
		s := testSession(t, testMark(t, 1, scheme), 1)
		for i := range int32(500) {
			want, err := s.Sample(ids, logits)
			require.NoError(t, err)
			then, err := s.Perturb(ids, dst)
			require.NoError(t, err)
			require.Equal(t, watermark.TakeLargest, then)
			for j := range dst {
				dst[j] += logits[j]
			}
			got, err := watermark.Argmax(ids, dst)
			require.NoError(t, err)
			assert.Equal(t, want, got)
			require.NoError(t, s.Accept(i))
		}
	}
	g := watermark.GreenList{Gamma: 0.25, Delta: 1.5}
	s := testSession(t, testMark(t, 1, g), 1)
	green, all := 0, 0
	row := make([]float32, 3000)
	for i := range int32(20) {
		then, err := s.Perturb(nil, row)
		require.NoError(t, err)
		if !s.Marked() {
			assert.Equal(t, watermark.TakeLargest, then)
		} else {
			assert.Equal(t, watermark.SampleSum, then)
			for _, x := range row {
				require.Contains(t, []float32{0, 1.5}, x)
				if all++; x > 0 {
					green++
				}
			}
		}
		require.NoError(t, s.Accept(i))
	}
	assertAtMost(t, green, all, 0.25, "green tokens")
	assertAtLeast(t, green, all, 0.25, "green tokens")
}

// Tokens that a green list raises are those that its readers score, at shares on a
// coarse byte and between two, dense and sparse, with high bytes and without.
func TestGreenListWritesWhatItReads(t *testing.T) {
	window := []watermark.Token{1, 2, 3}
	ids := make([]watermark.Token, 5000)
	for i := range ids {
		ids[i] = int32(i)
	}
	for _, gamma := range []float64{0.25, 0.3, 1.0 / 256, 0.001, 0.9999, 0.5 + 1.0/512} {
		g := watermark.GreenList{Gamma: gamma, Delta: 1}
		marks := []*watermark.Watermark{testMark(t, 1, g)}
		for _, withoutBytes := range []bool{true, false} {
			source := &testSource{name: "lists", word: hashedWords(1), withoutBytes: withoutBytes}
			marks = append(marks, must(watermark.Build(source, g, watermark.Rules{Width: 3})))
		}
		for _, w := range marks {
			s := testSession(t, w, 1)
			for _, x := range window {
				require.NoError(t, s.Accept(x))
			}
			scores := make([]float64, len(ids))
			require.True(t, w.Scores(window, ids, scores))
			for _, candidates := range [][]watermark.Token{nil, ids} {
				row := make([]float32, len(ids))
				_, err := s.Perturb(candidates, row)
				require.NoError(t, err)
				for i := range row {
					require.Equal(t, scores[i], float64(row[i]), "gamma %g, token %d", gamma, i)
				}
			}
		}
	}
}
