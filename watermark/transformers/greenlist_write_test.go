package transformers

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/mt19937"
)

// Writing against the engine's processor written down naively. Mutants seen to be
// killed: 39 or 41 candidates tested; bias on red tokens; windows that stop at the
// prompt; int(V·γ) rounded to nearest; lefthash modulo 2^64 instead of 2^64−1.

// naiveGreens is _get_greenlist_ids, in unbounded integers.
type naiveGreens struct {
	c     GreenListConfig
	table []int32
}

func newNaiveGreens(c GreenListConfig) *naiveGreens {
	n := &naiveGreens{c: c, table: make([]int32, tableSize)}
	var g mt19937.Generator
	g.Seed(c.HashingKey.Value())
	g.Perm(n.table)
	return n
}

func (n *naiveGreens) list(ids []watermark.Token) map[int32]bool {
	ids = ids[len(ids)-min(n.c.ContextWidth, len(ids)):]
	key := new(big.Int).SetUint64(n.c.HashingKey.Value())
	seed := new(big.Int)
	if n.c.SeedingScheme == LeftHash {
		seed.Mul(key, big.NewInt(int64(ids[len(ids)-1])))
	} else {
		b := int64(n.table[int(ids[len(ids)-1])%tableSize]) + 1
		for i, id := range ids {
			a := int64(n.table[int(id)%tableSize]) + 1
			x := key.Int64() * a * b
			if i == 0 || x < seed.Int64() {
				seed.SetInt64(x)
			}
		}
	}
	m := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 64), big.NewInt(1))
	seed.Mod(seed, m)
	var g mt19937.Generator
	g.Seed(seed.Uint64())
	perm := make([]int32, n.c.VocabSize)
	g.Perm(perm)
	list := map[int32]bool{}
	for _, t := range perm[:int(float64(n.c.VocabSize)*n.c.GreenlistRatio)] {
		list[t] = true
	}
	return list
}

// process is the engine's __call__ on a dense row.
func (n *naiveGreens) process(ids []watermark.Token, scores []float32) []float32 {
	out := slices.Clone(scores)
	if len(ids) < n.c.ContextWidth {
		return out
	}
	if n.c.SeedingScheme == LeftHash {
		for t := range n.list(ids) {
			out[t] += float32(n.c.Bias)
		}
		return out
	}
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return scores[order[a]] > scores[order[b]] })
	for _, t := range order[:40] {
		if n.list(append(slices.Clone(ids), watermark.Token(t)))[int32(t)] {
			out[t] += float32(n.c.Bias)
		}
	}
	return out
}

func greenConfigs() []GreenListConfig {
	return []GreenListConfig{
		{HashingKey: NewHashingKey(99194853), VocabSize: 300, ContextWidth: 1, Bias: 1.7},
		{HashingKey: NewHashingKey(1<<63 + 12345), VocabSize: 301, ContextWidth: 3, GreenlistRatio: 0.5},
		{HashingKey: NewHashingKey(99194853), VocabSize: 300, SeedingScheme: SelfHash, ContextWidth: 1},
		{HashingKey: NewHashingKey(1<<62 + 987654321), VocabSize: 257, SeedingScheme: SelfHash, ContextWidth: 4, Bias: 3.3, GreenlistRatio: 0.4},
	}
}

// TestGreenListSessionIsTheEngine draws with the mark and, with the same request,
// without it from the logits that the engine's processor would have made.
func TestGreenListSessionIsTheEngine(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 1))
	for _, c := range greenConfigs() {
		c, err := c.withDefaults()
		require.NoError(t, err)
		naive := newNaiveGreens(c)
		w, err := NewGreenList(c)
		require.NoError(t, err)
		prompt := []watermark.Token{5, 17}
		opt := watermark.SessionOptions{Seed: watermark.Seed{9}, Prompt: prompt}
		marked, err := w.NewSession(opt)
		require.NoError(t, err)
		opt.Off = true
		plain, err := w.NewSession(opt)
		require.NoError(t, err)
		ids := slices.Clone(prompt)
		raised := 0
		for step := range 40 {
			logits := make([]float32, c.VocabSize)
			for i := range logits {
				logits[i] = float32(3 * rng.NormFloat64())
				if step%3 == 1 && rng.IntN(3) > 0 {
					logits[i] = float32(math.Inf(-1)) // truncated
				}
				if step%4 == 2 {
					logits[i] = float32(rng.IntN(8)) // many equals
				}
			}
			engine := naive.process(ids, logits)
			if !slices.Equal(engine, logits) {
				raised++
			}
			assert.Equal(t, len(ids) >= c.ContextWidth, marked.Marked())
			want, err := plain.Sample(nil, engine)
			require.NoError(t, err)
			got, err := marked.Sample(nil, logits)
			require.NoError(t, err)
			require.Equal(t, want, got, "%v, step %d", c, step)
			// Sparse, in another order, with an id given twice.
			perm := rng.Perm(c.VocabSize)
			var few []watermark.Token
			var row []float32
			for _, i := range perm {
				few, row = append(few, watermark.Token(i)), append(row, logits[i])
			}
			few, row = append(few, few[0]), append(row, row[0]-1)
			got, err = marked.Sample(few, row)
			require.NoError(t, err)
			require.Equal(t, want, got, "%v, step %d, sparse", c, step)
			next := watermark.Token(rng.IntN(c.VocabSize))
			require.NoError(t, marked.Accept(next))
			require.NoError(t, plain.Accept(next))
			ids = append(ids, next)
		}
		assert.Greater(t, raised, 30)
	}
}

func TestGreenListPerturb(t *testing.T) {
	for _, c := range greenConfigs() {
		c, err := c.withDefaults()
		require.NoError(t, err)
		naive := newNaiveGreens(c)
		w, err := NewGreenList(c)
		require.NoError(t, err)
		prompt := []watermark.Token{5, 17, 40, 0}
		s, err := w.NewSession(watermark.SessionOptions{Prompt: prompt, Seed: watermark.Seed{1}})
		require.NoError(t, err)
		few := []watermark.Token{250, 3, 7, 8, 9, 10, 256, 12}
		dst := make([]float32, len(few))
		then, err := s.Perturb(few, dst)
		require.NoError(t, err)
		assert.Equal(t, watermark.SampleSum, then)
		for i, x := range few {
			ids := prompt
			if c.SeedingScheme == SelfHash {
				ids = append(slices.Clone(prompt), x)
			}
			want := float32(0)
			if naive.list(ids)[x] {
				want = float32(c.Bias)
			}
			assert.Equal(t, want, dst[i], "%v, token %d", c, x)
		}
		dense := make([]float32, c.VocabSize)
		_, err = s.Perturb(nil, dense)
		if c.SeedingScheme == SelfHash {
			assert.ErrorContains(t, err, "candidates with selfhash, which tests the 40 most likely ones")
			continue
		}
		require.NoError(t, err)
		for i, x := range few {
			assert.Equal(t, dst[i], dense[x])
		}
	}
}

func TestGreenListWrittenIsRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 2))
	for _, c := range greenConfigs() {
		w, err := NewGreenList(c)
		require.NoError(t, err)
		s, err := w.NewSession(watermark.SessionOptions{Prompt: []watermark.Token{1, 2, 3}, Seed: watermark.Seed{1}})
		require.NoError(t, err)
		var text []watermark.Token
		logits := make([]float32, c.VocabSize)
		for range 150 {
			for i := range logits {
				logits[i] = float32(rng.NormFloat64())
			}
			x, err := s.Sample(nil, logits)
			require.NoError(t, err)
			require.NoError(t, s.Accept(x))
			text = append(text, x)
		}
		known, err := w.Detect(watermark.Text{Prompt: []watermark.Token{1, 2, 3}, PromptKnown: true, Tokens: text})
		require.NoError(t, err)
		assert.Less(t, known.LogP, -8.0, "%v", c)
		unknown, err := w.Detect(watermark.Text{Tokens: text})
		require.NoError(t, err)
		assert.Less(t, unknown.LogP, -8.0)
		full, err := c.withDefaults()
		require.NoError(t, err)
		assert.Equal(t, full.ContextWidth, unknown.Dropped.Head)
		if full.ContextWidth <= 3 {
			assert.Zero(t, known.Dropped.Head)
		}
		decoy, err := w.Decoy([32]byte{1}, 1).Detect(watermark.Text{Tokens: text})
		require.NoError(t, err)
		assert.Greater(t, decoy.LogP, -8.0)
	}
}

func TestGreenListDoesNotAllocate(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 3))
	for _, c := range greenConfigs() {
		w, err := NewGreenList(c)
		require.NoError(t, err)
		s, err := w.NewSession(watermark.SessionOptions{Prompt: []watermark.Token{1, 2, 3, 4}, Seed: watermark.Seed{1}})
		require.NoError(t, err)
		logits := make([]float32, c.VocabSize)
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
		assert.Zero(t, testing.AllocsPerRun(50, step), "%v", c)
	}
}

// wordsOnly hides what readers of this package can do besides [watermark.Reader].
type wordsOnly struct{ watermark.Source }

func (s wordsOnly) Open() watermark.Reader { return struct{ watermark.Reader }{s.Source.Open()} }

func TestGreenListSchemeOfAnotherSource(t *testing.T) {
	for _, c := range greenConfigs() {
		c, err := c.withDefaults()
		require.NoError(t, err)
		w, err := NewGreenList(c)
		require.NoError(t, err)
		other, err := watermark.Build(wordsOnly{newGreenSource(c)}, w.Scheme(), w.Rules())
		require.NoError(t, err)
		opt := watermark.SessionOptions{Seed: watermark.Seed{1}, Prompt: []watermark.Token{1, 2, 3, 4}}
		a, err := w.NewSession(opt)
		require.NoError(t, err)
		b, err := other.NewSession(opt)
		require.NoError(t, err)
		logits := make([]float32, c.VocabSize)
		for range 20 {
			x, err := a.Sample(nil, logits)
			require.NoError(t, err)
			y, err := b.Sample(nil, logits)
			require.NoError(t, err)
			require.Equal(t, x, y)
			require.NoError(t, a.Accept(x))
			require.NoError(t, b.Accept(x))
		}
	}
}
