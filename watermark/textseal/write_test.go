package textseal_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/textseal"
)

// Mutants killed in this file, each by the test in brackets: delta on tokens that are
// not green, layers at t−d, one leaf too many [WriterDrawsWhatTheEngineSays]; routes
// exchanged, the bonus token by key B, another offset of key B [Routes]; −ln r for
// −ln(−ln r) [Perturb]; ties to the highest id, the lower logit of an id given twice,
// repeats left alone [RulesOfWriting].

// naiveUniform is the engine's hash in integers without bounds, wrapped by hand.
func naiveUniform(window []watermark.Token, t watermark.Token, key int64) float64 {
	primes := []int64{10000019, 10000247, 10000439, 10000643, 10000747, 10000867, 10000993, 10001213, 10001357, 10001501}
	wrap := func(x *big.Int) *big.Int {
		m := new(big.Int).Lsh(big.NewInt(1), 64)
		x.Mod(x, m)
		if x.Bit(63) == 1 {
			x.Sub(x, m)
		}
		return x
	}
	h := new(big.Int)
	for i, w := range window {
		h.Add(h, new(big.Int).Mul(big.NewInt(int64(w)), big.NewInt(primes[i])))
	}
	h.Add(h, new(big.Int).Mul(big.NewInt(100000007), big.NewInt(int64(t))))
	h.Add(h, new(big.Int).Mul(big.NewInt(500001713), big.NewInt(key)))
	h = wrap(h.Mul(h, big.NewInt(15485863)))
	h = wrap(h.Mul(h, big.NewInt(40499)))
	h = wrap(h.Xor(h, new(big.Int).Rsh(h, 13))) // big.Int's Rsh is arithmetic
	return float64(float32(new(big.Int).Mod(h, big.NewInt(8191)).Int64()) / 8191)
}

const testKey = 0x0123_4567_89AB

// randomRow returns 30 candidates with their logits.
func randomRow(rng *rand.Rand) ([]watermark.Token, []float32) {
	ids, logits := make([]watermark.Token, 30), make([]float32, 30)
	for i := range ids {
		ids[i], logits[i] = int32(i)*1000+rng.Int32N(1000), 2*float32(rng.NormFloat64())
	}
	return ids, logits
}

// sessions returns a session of a mark at the end of a prompt, and the request's own
// Gumbel noise there, with which it draws what the mark leaves free.
func sessions(t *testing.T, w *watermark.Watermark, seed uint64, prompt, ids []watermark.Token) (*watermark.Session, []float32) {
	t.Helper()
	opt := watermark.SessionOptions{Seed: watermark.SeedOf(seed), Prompt: prompt}
	s, err := w.NewSession(opt)
	require.NoError(t, err)
	require.True(t, s.Marked())
	opt.Off = true
	off, err := w.NewSession(opt)
	require.NoError(t, err)
	noise := make([]float32, len(ids))
	then, err := off.Perturb(ids, noise)
	require.NoError(t, err)
	require.Equal(t, watermark.TakeLargest, then)
	return s, noise
}

func TestWriterDrawsWhatTheEngineSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	window := []watermark.Token{5, 77, 1234}
	for _, c := range []textseal.Config{
		{WatermarkType: textseal.GreenList, Ngram: 3, Gamma: 0.25, Delta: 1.5},
		{WatermarkType: textseal.SynthID, Ngram: 3, Depth: 20},
		{WatermarkType: textseal.SynthIDWeighted, Ngram: 3, Gamma: 0.4, Depth: 7},
	} {
		c.SecretKey = textseal.NewKey(testKey)
		w, err := textseal.New(c)
		require.NoError(t, err)
		compared := 0
		for seed := range uint64(120) {
			ids, logits := randomRow(rng)
			want := expected(c, window, ids, logits)
			s, noise := sessions(t, w, seed, window, ids)
			got, err := s.Sample(ids, logits)
			require.NoError(t, err)
			if i := conformance.Winner(want, noise); i >= 0 {
				assert.Equal(t, ids[i], got, "%s seed %d", c.WatermarkType, seed)
				compared++
			}
		}
		assert.Greater(t, compared, 114)
	}
}

// expected returns the logarithms of the probabilities that the engine samples from,
// but for a constant, in float64 and without haste.
func expected(c textseal.Config, window, ids []watermark.Token, logits []float32) []float64 {
	green := func(t watermark.Token) bool { return float32(naiveUniform(window, t, testKey)) < float32(c.Gamma) }
	out := make([]float64, len(ids))
	if c.WatermarkType == textseal.GreenList {
		for i, t := range ids {
			out[i] = float64(logits[i])
			if green(t) {
				out[i] += c.Delta
			}
		}
		return out
	}
	if c.Gamma == 0 {
		c.Gamma = 0.5
	}
	sum := 0.0
	for i, l := range logits {
		out[i] = math.Exp(float64(l))
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	for d := range c.Depth {
		mass := 0.0
		for i, t := range ids {
			if green(t + int32(d)) {
				mass += out[i]
			}
		}
		for i, t := range ids {
			if green(t + int32(d)) {
				out[i] *= (1 - (1-mass)*(1-mass)) / mass
			} else {
				out[i] *= 1 - mass
			}
		}
	}
	for i := range out {
		out[i] = math.Log(out[i])
	}
	return out
}

// naiveRace returns the candidate of the largest r^(1/p).
func naiveRace(window, ids []watermark.Token, logits []float32, key int64) watermark.Token {
	best, winner := math.Inf(-1), watermark.Token(-1)
	for i, t := range ids {
		if v := math.Log(naiveUniform(window, t, key)) / math.Exp(float64(logits[i])); v > best {
			best, winner = v, t
		}
	}
	return winner
}

func TestRoutes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	window := []watermark.Token{8}
	for _, second := range []textseal.Key{{}, textseal.NewKey(-77)} {
		c := textseal.Config{WatermarkType: textseal.TextSeal, SecretKey: textseal.NewKey(testKey), SecretKeyB: second, MixingAlpha: 0.3}
		keyB := int64(-77)
		if second.IsZero() {
			keyB = testKey + 12345
		}
		w, err := textseal.New(c)
		require.NoError(t, err)
		byA, told := 0, 0
		for seed := range uint64(300) {
			ids, logits := randomRow(rng)
			a, b := naiveRace(window, ids, logits, testKey), naiveRace(window, ids, logits, keyB)
			s, _ := sessions(t, w, seed, window, ids)
			draw := func(role watermark.Role) watermark.Token {
				require.NoError(t, s.SetRole(role))
				token, err := s.Sample(ids, logits)
				require.NoError(t, err)
				return token
			}
			assert.Equal(t, a, draw(watermark.Draft))
			assert.Equal(t, a, draw(watermark.Bonus))
			assert.Equal(t, b, draw(watermark.Recovery))
			token := draw(watermark.Target)
			assert.Contains(t, []watermark.Token{a, b}, token)
			if a != b {
				told++
				if token == a {
					byA++
				}
			}
		}
		assert.Greater(t, told, 200)
		// Five standard deviations, a false alarm in 3.5 million.
		assert.InDelta(t, 0.3, float64(byA)/float64(told), 5*math.Sqrt(0.3*0.7/float64(told)))
	}
}

func TestPerturb(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 6))
	window := []watermark.Token{8}
	for _, kind := range []string{textseal.GumbelMax, textseal.TextSeal, textseal.GreenList, textseal.SynthID} {
		w, err := textseal.New(textseal.Config{WatermarkType: kind, SecretKey: textseal.NewKey(testKey)})
		require.NoError(t, err)
		for seed := range uint64(200) {
			ids, logits := randomRow(rng)
			s, noise := sessions(t, w, seed, window, ids)
			add := make([]float32, len(ids))
			then, err := s.Perturb(ids, add)
			if kind == textseal.SynthID {
				assert.ErrorContains(t, err, "no additive perturbation")
				continue
			}
			require.NoError(t, err)
			sum := make([]float64, len(ids))
			for i, l := range logits {
				sum[i] = float64(l) + float64(add[i])
			}
			if then == watermark.TakeLargest {
				clear(noise)
			}
			got, err := s.Sample(ids, logits)
			require.NoError(t, err)
			if i := conformance.Winner(sum, noise); i >= 0 {
				assert.Equal(t, ids[i], got, kind)
			}
		}
	}
}

// A repeated window is marked again, the head of an answer without a prompt is not,
// and a token given twice counts with its higher logit.
func TestRulesOfWriting(t *testing.T) {
	w, err := textseal.New(textseal.Config{SecretKey: textseal.NewKey(testKey), Ngram: 2})
	require.NoError(t, err)
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	require.NoError(t, err)
	for i := range 6 {
		assert.Equal(t, i >= 2, s.Marked())
		require.NoError(t, s.Accept(3))
	}
	rng := rand.New(rand.NewPCG(1, 7))
	for range 200 {
		ids, logits := randomRow(rng)
		want, err := s.Sample(ids, logits)
		require.NoError(t, err)
		twice, low := append(ids, ids...), append([]float32{}, logits...)
		for i := range low {
			low[i] -= 1 + float32(i%3)
		}
		got, err := s.Sample(twice, append(low, logits...))
		require.NoError(t, err)
		assert.Equal(t, want, got)
		got, err = s.Sample(twice, append(append([]float32{}, logits...), low...))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	// Two tokens with one value of the hash and one logit: the lowest id.
	low, high := watermark.Token(-1), watermark.Token(-1)
	byValue := map[float64]watermark.Token{}
	for x := watermark.Token(0); high < 0; x++ {
		r := naiveUniform([]watermark.Token{3, 3}, x, testKey)
		if other, ok := byValue[r]; ok {
			low, high = other, x
		}
		byValue[r] = x
	}
	for _, ids := range [][]watermark.Token{{low, high}, {high, low}} {
		got, err := s.Sample(ids, []float32{1, 1})
		require.NoError(t, err)
		assert.Equal(t, low, got)
	}
	inf := float32(math.Inf(1))
	got, err := s.Sample([]watermark.Token{9, 8, 7}, []float32{-inf, inf, 3})
	require.NoError(t, err)
	assert.Equal(t, watermark.Token(8), got)
	_, err = s.Sample([]watermark.Token{9}, []float32{-inf})
	assert.ErrorIs(t, err, watermark.ErrNoToken)
	// So unlikely that every power is 0 but the first's: the most likely token.
	got, err = s.Sample([]watermark.Token{9, 8, 7}, []float32{-60, 40, -70})
	require.NoError(t, err)
	assert.Equal(t, watermark.Token(8), got)
}

// What a session writes its detectors find.
func TestRoundTrip(t *testing.T) {
	for _, kind := range []string{textseal.GumbelMax, textseal.GreenList, textseal.SynthID, textseal.SynthIDWeighted, textseal.TextSeal} {
		c := textseal.Config{WatermarkType: kind, SecretKey: textseal.NewKey(testKey), Ngram: 2}
		w, err := textseal.New(c)
		require.NoError(t, err)
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(2), Prompt: []watermark.Token{4, 5, 6}})
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(2, 7))
		var text []watermark.Token
		for range 150 {
			token, err := s.Sample(randomRow(rng))
			require.NoError(t, err)
			require.NoError(t, s.Accept(token))
			text = append(text, token)
		}
		r, err := textseal.Detect(c, text)
		require.NoError(t, err)
		assert.Less(t, r.LogP, -20.0, kind)
		assert.True(t, r.Detected, kind)
		c.SecretKey = textseal.NewKey(testKey + 1)
		c.SecretKeyB = textseal.NewKey(1)
		r, err = textseal.Detect(c, text)
		require.NoError(t, err)
		assert.Greater(t, r.LogP, -9.0, kind)
	}
}

func TestSampleDoesNotAllocate(t *testing.T) {
	ids, logits := randomRow(rand.New(rand.NewPCG(1, 8)))
	for _, kind := range []string{textseal.GumbelMax, textseal.GreenList, textseal.SynthID, textseal.TextSeal} {
		w, err := textseal.New(textseal.Config{WatermarkType: kind, SecretKey: textseal.NewKey(testKey)})
		require.NoError(t, err)
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(2), Prompt: []watermark.Token{4}})
		require.NoError(t, err)
		_, err = s.Sample(ids, logits)
		require.NoError(t, err)
		assert.Zero(t, testing.AllocsPerRun(50, func() {
			_, _ = s.Sample(ids, logits)
			_ = s.Accept(7)
		}), kind)
	}
}
