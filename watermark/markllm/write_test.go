package markllm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/mt19937"
)

// Writing against the engine's own steps written down naively. Mutants seen to be
// killed: delta on red tokens; windows that stop at the prompt; the first id in place of the product; the
// cheap bound of EXP with a margin on the wrong side; a first token that Unigram leaves alone.

const testKey = 991948537

func kgwConfigs() []KGWConfig {
	key := NewHashKey(testKey)
	return []KGWConfig{
		{HashKey: key, VocabSize: 307, PrefixLength: 2},
		{HashKey: key, VocabSize: 300, PrefixLength: 2, FScheme: Additive, Gamma: 0.25, Delta: 3.3},
		{HashKey: key, VocabSize: 307, PrefixLength: 3, FScheme: Skip},
		{HashKey: NewHashKey(1<<63 + 11), VocabSize: 301, PrefixLength: 3, FScheme: Min},
	}
}

// naiveKGW returns the engine's list after ids.
func naiveKGW(c KGWConfig, ids []watermark.Token) map[int32]bool {
	prf := permutation(c.HashKey.Value(), c.VocabSize)()
	n := uint64(c.VocabSize)
	last := ids[len(ids)-c.PrefixLength:]
	f := uint64(0)
	switch c.FScheme {
	case Time:
		f = 1
		for _, id := range last {
			f = f * uint64(id) % n
		}
		f = uint64(prf[f])
	case Additive:
		for _, id := range last {
			f += uint64(id)
		}
		f = uint64(prf[f%n])
	case Skip:
		f = uint64(prf[last[0]])
	case Min:
		f = n
		for _, id := range last {
			f = min(f, uint64(prf[id]))
		}
	}
	var g mt19937.Generator
	g.Seed(c.HashKey.Value() % n * f % n)
	p := make([]int32, n)
	g.Perm(p)
	list := map[int32]bool{}
	for _, t := range p[:int(float64(n)*c.Gamma)] {
		list[t] = true
	}
	return list
}

// assertWrites draws with a mark and, with the same request, without it from the
// logits that the engine would have made.
func assertWrites(t *testing.T, w *watermark.Watermark, vocab, head int, engine func(ids []watermark.Token, logits []float32) []float32) {
	t.Helper()
	rng := rand.New(rand.NewPCG(51, 1))
	prompt := []watermark.Token{5, 17}
	opt := watermark.SessionOptions{Seed: watermark.Seed{9}, Prompt: prompt}
	marked, err := w.NewSession(opt)
	require.NoError(t, err)
	opt.Off = true
	plain, err := w.NewSession(opt)
	require.NoError(t, err)
	ids := slices.Clone(prompt)
	for step := range 30 {
		logits := make([]float32, vocab)
		for i := range logits {
			logits[i] = float32(3 * rng.NormFloat64())
			if step%3 == 1 && rng.IntN(3) > 0 {
				logits[i] = float32(math.Inf(-1))
			}
		}
		want := slices.Clone(logits)
		if len(ids) >= head {
			want = engine(ids, logits)
			added := make([]float32, vocab)
			then, err := marked.Perturb(nil, added)
			require.NoError(t, err)
			assert.Equal(t, watermark.SampleSum, then)
			for i := range added {
				if logits[i] > -math.MaxFloat32 {
					require.Equal(t, want[i], logits[i]+added[i])
				}
			}
		}
		assert.Equal(t, len(ids) >= head, marked.Marked())
		a, err := plain.Sample(nil, want)
		require.NoError(t, err)
		b, err := marked.Sample(nil, logits)
		require.NoError(t, err)
		require.Equal(t, a, b, "step %d", step)
		next := watermark.Token(rng.IntN(vocab))
		require.NoError(t, marked.Accept(next))
		require.NoError(t, plain.Accept(next))
		ids = append(ids, next)
	}
}

func TestKGWSessionIsTheEngine(t *testing.T) {
	for _, c := range kgwConfigs() {
		c, err := c.withDefaults()
		require.NoError(t, err)
		w, err := NewKGW(c)
		require.NoError(t, err)
		assertWrites(t, w, c.VocabSize, c.PrefixLength, func(ids []watermark.Token, logits []float32) []float32 {
			out := slices.Clone(logits)
			for x := range naiveKGW(c, ids) {
				out[x] += float32(c.Delta)
			}
			return out
		})
	}
}

func TestUnigramSessionIsTheEngine(t *testing.T) {
	c, err := UnigramConfig{HashKey: NewHashKey(testKey), VocabSize: 301, Gamma: 0.3, Delta: 1.7}.withDefaults()
	require.NoError(t, err)
	w, err := NewUnigram(c)
	require.NoError(t, err)
	mask := newUnigramSource(c).mask()
	assertWrites(t, w, c.VocabSize, 0, func(_ []watermark.Token, logits []float32) []float32 {
		out := slices.Clone(logits)
		for x, green := range mask {
			if green {
				out[x] += float32(c.Delta)
			}
		}
		return out
	})
}

// TestEXPSessionIsTheEngine computes u^(1/p) of all tokens, without the bound by which
// most take none.
func TestEXPSessionIsTheEngine(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 2))
	c, err := EXPConfig{HashKey: NewHashKey(testKey), VocabSize: 3001}.withDefaults()
	require.NoError(t, err)
	w, err := NewEXP(c)
	require.NoError(t, err)
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.Seed{9}, Prompt: []watermark.Token{5, 17, 21, 300}})
	require.NoError(t, err)
	ids := []watermark.Token{5, 17, 21, 300}
	for step := range 60 {
		logits := make([]float32, c.VocabSize)
		for i := range logits {
			logits[i] = float32(float64(step%12) * rng.NormFloat64())
		}
		product := uint64(1)
		for _, id := range ids[len(ids)-4:] {
			product = product * uint64(id) % uint64(c.VocabSize)
		}
		var g mt19937.Generator
		g.Seed(testKey * product)
		sum, top := 0.0, float64(slices.Max(logits))
		for _, l := range logits {
			sum += math.Exp(float64(l) - top)
		}
		best, winner := float32(-1), watermark.Token(0)
		for i, l := range logits {
			u := float64(g.Uint32()&0xFFFFFF) / (1 << 24)
			p := float32(math.Exp(float64(l)-top) / sum)
			if v := float32(math.Pow(u, float64(1/p))); v > best {
				best, winner = v, watermark.Token(i)
			}
		}
		got, err := s.Sample(nil, logits)
		require.NoError(t, err)
		require.Equal(t, winner, got, "step %d", step)

		// Few candidates, and the engine's additive form.
		order := rng.Perm(c.VocabSize)
		few, row, noise := make([]watermark.Token, c.VocabSize), make([]float32, c.VocabSize), make([]float32, c.VocabSize)
		for i, x := range order {
			few[i], row[i] = watermark.Token(x), logits[x]
		}
		got, err = s.Sample(few, row)
		require.NoError(t, err)
		require.Equal(t, winner, got, "step %d, sparse", step)
		then, err := s.Perturb(few, noise)
		require.NoError(t, err)
		assert.Equal(t, watermark.TakeLargest, then)
		most := 0
		for i := range noise {
			if row[i]+noise[i] > row[most]+noise[most] {
				most = i
			}
		}
		assert.Equal(t, winner, few[most], "step %d, additive", step)

		next := watermark.Token(1 + rng.IntN(c.VocabSize-1))
		require.NoError(t, s.Accept(next))
		ids = append(ids, next)
	}
}

func marks(t testing.TB) map[string]*watermark.Watermark {
	t.Helper()
	kgw, err := NewKGW(KGWConfig{HashKey: NewHashKey(testKey), VocabSize: 307})
	require.NoError(t, err)
	unigram, err := NewUnigram(UnigramConfig{HashKey: NewHashKey(testKey), VocabSize: 307})
	require.NoError(t, err)
	exp, err := NewEXP(EXPConfig{HashKey: NewHashKey(testKey), VocabSize: 307})
	require.NoError(t, err)
	return map[string]*watermark.Watermark{"kgw": kgw, "unigram": unigram, "exp": exp}
}

func TestWrittenIsRead(t *testing.T) {
	for name, w := range marks(t) {
		rng := rand.New(rand.NewPCG(51, 3))
		s, err := w.NewSession(watermark.SessionOptions{Prompt: []watermark.Token{1, 2, 3}, Seed: watermark.Seed{1}})
		require.NoError(t, err)
		var text []watermark.Token
		logits := make([]float32, 307)
		for range 300 {
			for i := range logits {
				logits[i] = float32(rng.NormFloat64())
			}
			x, err := s.Sample(nil, logits)
			require.NoError(t, err)
			require.NoError(t, s.Accept(x))
			text = append(text, x)
		}
		r, err := w.Detect(watermark.Text{Tokens: text})
		require.NoError(t, err)
		assert.Less(t, r.LogP, -14.0, name)
		decoy, err := w.Decoy([32]byte{1}, 1).Detect(watermark.Text{Tokens: text})
		require.NoError(t, err)
		assert.Greater(t, decoy.LogP, -14.0, name)

		// Skipping the text leaves nothing, in units and in sums alike.
		d := w.NewDetector()
		require.NoError(t, d.Add(watermark.Text{Tokens: text}))
		require.NoError(t, d.Skip(text))
		assert.Zero(t, d.Result().Scored, name)
		units, err := w.Units([]watermark.Text{{Tokens: text}}, [][]watermark.Token{text[:50]})
		require.NoError(t, err)
		d = w.NewDetector()
		require.NoError(t, d.Add(watermark.Text{Tokens: text}))
		require.NoError(t, d.Skip(text[:50]))
		assert.Equal(t, len(units), d.Result().Scored, name)
	}
}

func TestSamplingDoesNotAllocate(t *testing.T) {
	for name, w := range marks(t) {
		s, err := w.NewSession(watermark.SessionOptions{Prompt: []watermark.Token{1, 2, 3, 4}, Seed: watermark.Seed{1}})
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(51, 4))
		logits := make([]float32, 307)
		for i := range logits {
			logits[i] = float32(rng.NormFloat64())
		}
		step := func() {
			x, err := s.Sample(nil, logits)
			if err != nil || s.Accept(x) != nil {
				t.Fail()
			}
		}
		for range 5 {
			step()
		}
		assert.Zero(t, testing.AllocsPerRun(50, step), name)
	}
}

// A product of 0 has seed 0 under every key.
func TestSeedZeroIsNoEvidence(t *testing.T) {
	c := EXPConfig{HashKey: NewHashKey(testKey), VocabSize: 1024, PrefixLength: 2}
	w, err := NewEXP(c)
	require.NoError(t, err)
	ids := make([]watermark.Token, 1024)
	for i := range ids {
		ids[i] = watermark.Token(i)
	}
	scores := make([]float64, len(ids))
	for _, window := range [][]watermark.Token{{0, 5}, {32, 32}, {512, 6}} {
		require.True(t, w.Scores(window, ids, scores))
		assert.Zero(t, slices.Max(scores), window)
	}
	require.True(t, w.Scores([]watermark.Token{3, 5}, ids, scores))
	assert.Greater(t, slices.Max(scores), 3.0)
	d, err := NewEXPDetector(c)
	require.NoError(t, err)
	r, err := d.Detect([]watermark.Token{0, 5, 9, 4})
	require.NoError(t, err)
	assert.Equal(t, 2, r.Scored)
	one, err := d.Detect([]watermark.Token{5, 9, 4})
	require.NoError(t, err)
	assert.Equal(t, one.Score, r.Score)
	assert.Greater(t, r.EngineScore, one.EngineScore)
}
