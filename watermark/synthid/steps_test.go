package synthid

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

// Mutants killed in this file, each by the tests in brackets: factors exchanged, one
// layer less, the head of an answer left alone or marked against the configuration
// [VectorsSteps]; one leaf more, the lower logit of an id given twice [Tournaments];
// words of the next state [DenseWords]; an unsigned remainder
// [TablesWithoutEvidence, NegativeRemainder]; a history without end, repeats with
// NoHistory [History]; a hash pushed once only, a history that begins empty [Recent].

// drawAgainst lets sessions of a mark draw and compares with the largest sum of want
// and the request's own noise, which a session that has opted out shows. Near ties in
// float32 are left out.
func drawAgainst(t *testing.T, w *watermark.Watermark, answer, ids []watermark.Token, logits []float32, want []float64, marked bool, seeds uint64) (compared int) {
	t.Helper()
	for seed := range seeds {
		opt := watermark.SessionOptions{Seed: watermark.SeedOf(seed)}
		s, err := w.NewSession(opt)
		require.NoError(t, err)
		opt.Off = true
		off, err := w.NewSession(opt)
		require.NoError(t, err)
		for _, token := range answer {
			require.NoError(t, s.Accept(token))
			require.NoError(t, off.Accept(token))
		}
		require.Equal(t, marked, s.Marked())
		noise := make([]float32, len(ids))
		_, err = off.Perturb(ids, noise)
		require.NoError(t, err)
		got, err := s.Sample(ids, logits)
		require.NoError(t, err)
		if i := conformance.Winner(want, noise); i >= 0 {
			assert.Equal(t, ids[i], got, "seed %d", seed)
			compared++
		}
	}
	return compared
}

// exactScores returns the scores after the tournament in float64, and what float32 may
// be off by: where all but a little of the probability has g-value 1, the rest is
// multiplied by 1 − m, a difference of nearly equal numbers that are off by as much as
// 2^-21, torch's fast exponential included.
func exactScores(r *reader, depth, leaves int, ids []watermark.Token, logits []float32) (scores, noise []float64) {
	p, sum := make([]float64, len(ids)), 0.0
	scores, noise = make([]float64, len(ids)), make([]float64, len(ids))
	for i, l := range logits {
		p[i] = math.Exp(float64(l) - 40)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	for l := range depth {
		red := 0.0
		for i, t := range ids {
			red += p[i] * float64(1-r.Word(0, t)>>(63-l)&1)
		}
		for i, t := range ids {
			if r.Word(0, t)>>(63-l)&1 == 1 {
				p[i] *= (1 - math.Pow(red, float64(leaves))) / (1 - red)
			} else {
				p[i] *= math.Pow(red, float64(leaves-1))
				noise[i] += float64(leaves-1) * 0x1p-21 / red
			}
		}
	}
	for i := range p {
		scores[i] = math.Log(p[i])
	}
	return scores, noise
}

// Rows of writing: the scores after the tournament, and what sessions draw from them.
func TestVectorsSteps(t *testing.T) {
	type row struct {
		Pos        int               `json:"pos"`
		Context    []watermark.Token `json:"context"`
		Hash       string            `json:"context_hash"`
		Marked     bool              `json:"marked"`
		Candidates []watermark.Token `json:"candidates"`
		Logits     []string          `json:"logits_f32"`
		Scores     []string          `json:"out_scores_f32"`
		Group      string            `json:"group"`
		Config     *config           `json:"config"`
	}
	compared, rows := 0, conformance.Rows[row](t, "synthid_steps.jsonl")
	for _, v := range rows {
		hash := Table
		if v.Config.Seed == nil {
			hash = TableFree
		}
		c := v.Config.parse(t, hash, 0)
		s, err := newSource(c)
		require.NoError(t, err)
		r := s.Open().(*reader)
		_, ok := r.Seek(v.Context)
		require.True(t, ok)
		assert.Equal(t, v.Hash, strconv.FormatInt(int64(r.context), 10))
		logits, want := make([]float32, len(v.Logits)), make([]float64, len(v.Scores))
		top := negativeInfinity
		for i := range logits {
			logits[i], want[i] = conformance.Float32(t, v.Logits[i]), float64(conformance.Float32(t, v.Scores[i]))
			top = max(top, logits[i])
		}
		if v.Marked {
			scores := append([]float32{}, logits...)
			softmax(scores, top)
			s.scheme().(tournament).play(r, v.Candidates, scores)
			exact, noise := exactScores(r, s.depth, s.config.NumLeaves, v.Candidates, logits)
			for i := range scores {
				if want[i] < -1e11 { // the engine's −∞
					assert.Equal(t, negativeInfinity, scores[i])
					continue
				}
				tolerance := 1e-5 + noise[i]
				assert.InDelta(t, exact[i], scores[i], tolerance, "%s %d", v.Group, v.Pos)
				if want[i] > -14 { // a millionth
					tolerance = 1e-5 * math.Max(1, -want[i])
				}
				assert.InDelta(t, want[i], scores[i], tolerance, "%s %d", v.Group, v.Pos)
			}
		} else {
			for i := range logits {
				assert.InDelta(t, want[i], logits[i], 0, "an unmarked position is left alone")
			}
		}

		// The answer so far: as many tokens as the context holds after its zeros.
		answer := v.Context
		if v.Pos < len(v.Context) {
			answer = v.Context[len(v.Context)-v.Pos:]
		}
		w, err := New(c)
		require.NoError(t, err)
		if !v.Marked && v.Pos >= len(v.Context) { // a context that came before in the answer
			answer = append(append([]watermark.Token{}, v.Context...), append([]watermark.Token{901, 902, 903, 904}, v.Context...)...)
		}
		compared += drawAgainst(t, w, answer, v.Candidates, logits, want, v.Marked, 100)
	}
	assert.Greater(t, compared, 95*len(rows), "near ties are few: of 100 draws a row")
}

// naiveScores is the tournament with N leaves, in float64 and without haste.
func naiveScores(g func(layer int, t watermark.Token) byte, depth, leaves int, ids []watermark.Token, logits []float32) []float64 {
	p, sum := make([]float64, len(ids)), 0.0
	for i, l := range logits {
		p[i] = math.Exp(float64(l))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	for l := range depth {
		m := 0.0
		for i, t := range ids {
			m += p[i] * float64(g(l, t))
		}
		for i, t := range ids {
			if g(l, t) == 1 && p[i] > 0 {
				p[i] *= (1 - math.Pow(1-m, float64(leaves))) / m
			} else {
				p[i] *= math.Pow(1-m, float64(leaves-1))
			}
		}
	}
	for i := range p {
		p[i] = math.Log(p[i])
	}
	return p
}

// Both hashes, leaves other than two, more layers than a word has bits, dense and
// sparse calls, candidates that cannot be.
func TestTournaments(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []Config{
		{Keys: randomKeys(rng, 30)},
		{Keys: randomKeys(rng, 12), NumLeaves: 3},
		{Keys: randomKeys(rng, 4), NumLeaves: 17, NgramLen: 2},
		{Keys: randomKeys(rng, 100), Hash: TableFree},
		{Keys: randomKeys(rng, 70), SamplingTableSize: 1000},
	} {
		w, err := New(c)
		require.NoError(t, err)
		s, err := newSource(c)
		require.NoError(t, err)
		h := s.config.NgramLen - 1
		answer := make([]watermark.Token, h)
		for i := range answer {
			answer[i] = rng.Int32N(50000)
		}
		r := s.Open().(*reader)
		_, ok := r.Seek(answer)
		require.True(t, ok)
		g := func(layer int, token watermark.Token) byte {
			return byte(r.Word(layer/64, token) >> (63 - layer%64) & 1)
		}
		ids, logits := make([]watermark.Token, 20), make([]float32, 20)
		for i := range ids {
			ids[i], logits[i] = int32(i)*500+rng.Int32N(500), 2*float32(rng.NormFloat64())
		}
		want := naiveScores(g, s.depth, s.config.NumLeaves, ids, logits)
		assert.Greater(t, drawAgainst(t, w, answer, ids, logits, want, true, 60), 56)

		nothing := float32(math.Inf(-1))
		dense := make([]float32, 10000)
		for i := range dense {
			dense[i] = nothing
		}
		for i, id := range ids {
			dense[id] = logits[i]
		}
		twice, low := append(append([]watermark.Token{3}, ids...), ids...), append([]float32{float32(math.NaN())}, logits...)
		for i := range ids {
			low[1+i] -= 1 + float32(i%3)
		}
		for seed := range uint64(20) {
			session, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(seed)})
			require.NoError(t, err)
			for _, token := range answer {
				require.NoError(t, session.Accept(token))
			}
			one, err := session.Sample(ids, logits)
			require.NoError(t, err)
			two, err := session.Sample(nil, dense)
			require.NoError(t, err)
			assert.Equal(t, one, two, "dense and sparse")
			three, err := session.Sample(twice, append(low, logits...))
			require.NoError(t, err)
			assert.Equal(t, one, three, "ids given twice")
		}
	}
}

// Words held for all states are those worked out one by one.
func TestDenseWords(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s, err := newSource(Config{Keys: randomKeys(rng, 30)})
	require.NoError(t, err)
	r := s.Open().(*reader)
	_, ok := r.Seek([]watermark.Token{1, 2, 3, 4})
	require.True(t, ok)
	weight := make([]float32, 70000)
	for i := range weight {
		weight[i] = 1
	}
	r.fill(0, nil, weight)
	for i := 0; i < len(weight); i += 7 {
		require.Equal(t, r.Word(0, watermark.Token(i)), r.words[i])
	}
}

// A table whose size is no power of two takes the remainder of a signed integer.
func TestNegativeRemainder(t *testing.T) {
	table, err := SamplingTable(3, 1000)
	require.NoError(t, err)
	l := newLookup(table)
	negative := 0
	rng := rand.New(rand.NewPCG(1, 3))
	for range 200 {
		x, k := rng.Uint64(), rng.Uint64()
		key := int64((x+k)*multiplier + 1)
		i := key % 1000
		if i < 0 {
			i += 1000
			negative++
		}
		assert.Equal(t, uint64(table[i]), l.at(x, k))
	}
	assert.NotZero(t, negative)
}

func randomKeys(rng *rand.Rand, n int) Keys {
	keys := make([]int64, n)
	for i := range keys {
		keys[i] = int64(rng.Uint64())
	}
	return NewKeys(keys...)
}

// A session leaves a context alone that is among the last ones, and only then.
func TestHistory(t *testing.T) {
	for _, v := range []struct {
		history int
		skip    bool
		marked  []bool // before each token of the answer and after the last
	}{
		// Contexts of two tokens: 00 01 12 21 12 21 11 11.
		{1024, false, []bool{true, true, true, true, false, false, true, false}},
		{1024, true, []bool{false, false, true, true, false, false, true, false}},
		{1, false, []bool{true, true, true, true, true, true, true, false}},
		{2, false, []bool{true, true, true, true, false, false, true, false}},
		{NoHistory, false, []bool{true, true, true, true, true, true, true, true}},
	} {
		w, err := New(Config{Keys: NewKeys(1, 2, 3), NgramLen: 3, ContextHistorySize: v.history, SkipFirstNgramCalls: v.skip})
		require.NoError(t, err)
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Prompt: []watermark.Token{1, 2, 1, 2}})
		require.NoError(t, err)
		for i, token := range []watermark.Token{1, 2, 1, 2, 1, 1, 1, 1} {
			assert.Equal(t, v.marked[i], s.Marked(), "history %d, skip %v, position %d", v.history, v.skip, i)
			require.NoError(t, s.Accept(token))
		}
	}
}

// The engine's history begins as zeros, so that a hash of 0 counts as repeated.
func TestRecent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	var r recent
	for range 200 {
		n, size := rng.IntN(60), rng.IntN(12)
		r.reset(n, size)
		history := make([]uint64, size)
		seen := map[uint64]bool{}
		for range n {
			hash := rng.Uint64N(15)
			wantRepeated := false
			for _, h := range history {
				wantRepeated = wantRepeated || h == hash
			}
			gotSeen, gotRepeated := r.add(hash)
			require.Equal(t, seen[hash], gotSeen)
			require.Equal(t, wantRepeated, gotRepeated, "hash %d, size %d", hash, size)
			history = append([]uint64{hash}, history...)[:size]
			seen[hash] = true
		}
	}
}
