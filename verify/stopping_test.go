package verify_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Mutants killed in this file: stopping at the root of the level or late, counting what
// comes after, the tail for the bound of a test that stops, a level without the family
// [StoppingStopsThere].

// Clean suspects, each under a new key: a test that stops where its e-value first
// reaches 1/α does so in a share of at most α of all runs. Whoever looks at the tail
// of the sum after every score, and stops at the first that is at most α, finds far more.
func TestStoppingHoldsItsRate(t *testing.T) {
	const runs, alpha = 1500, 0.1
	tests := []verify.Test{{Name: verify.R1, Stop: true}, {Name: verify.R2, Stop: true, First: 40}, {Name: verify.R4h, Stop: true},
		{Name: verify.R3, Stop: true}, {Name: verify.R4, Stop: true}, {Name: verify.G2, Stop: true}}
	stopped := make([]int64, len(tests))
	peeked := int64(0)
	for i := range uint64(runs) {
		rng := rand.New(rand.NewPCG(i, 41))
		mark := newMark(t, newKey(t, i), watermark.Gumbel{}, 2)
		h := habits[i%uint64(len(habits))]
		suspect := &mind{own: plainSelf, reference: earlier, habit: h.make(), certain: 0.8, rng: rng}
		rec := &verify.Record{Passages: teacher.passages(t, mark, 3, 30, rng)}
		rec.Predictions = suspect.read(rec.Passages)
		rec.Texts = []watermark.Text{{Tokens: plainSelf.plain(100, rng)}}
		rec.Served = []watermark.Text{{Tokens: teacher.marked(t, mark, nil, 100, rng.Uint64())}}
		for k, test := range tests {
			// Each by itself, so that the level is alpha.
			found, err := verify.Examination{Name: "k", Mark: mark, Tests: []verify.Test{test}, Alpha: alpha}.Run(context.Background(), rec)
			require.NoError(t, err)
			f := found[0]
			require.Equal(t, f.Stopped, f.LogP <= math.Log(alpha), "%v", test)
			require.Equal(t, verify.Bound, f.Tail)
			if f.Stopped {
				stopped[k]++
			}
		}
		units, _, err := mark.FirstWindows(textsOf(rec.Passages))
		require.NoError(t, err)
		sum := 0.0
		for n, u := range units {
			var s [1]float64
			require.True(t, mark.Scores(u.Window, []token{rec.Predictions[u.Text][u.Pos].Argmax}, s[:]))
			if sum += s[0]; mark.Law().LogTail(sum, int64(n+1)) <= math.Log(alpha) {
				peeked++
				break
			}
		}
	}
	for k, n := range stopped {
		assert.Greater(t, tail.Binomial(n, runs, alpha), math.Log(1e-6/6), "%v stopped in %d of %d runs", tests[k], n, runs)
	}
	t.Logf("of %d runs %v stopped, %d by looking at the tail after every score", runs, stopped, peeked)
	assert.Greater(t, peeked, int64(3*alpha*runs), "looking at tails does no harm: the test has lost its point")
}

// A student's test ends at the very score with which e reaches 1 over the level, which
// is Alpha over the size of the family; what comes after is not counted.
func TestStoppingStopsThere(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 42))
	mark := newMark(t, newKey(t, 1), watermark.Gumbel{}, 3)
	rec := &verify.Record{Passages: teacher.passages(t, mark, 8, 80, rng)}
	rec.Predictions = newLearnt(mark, 0.8, 0.8, rng).read(t, rec.Passages)
	tests := []verify.Test{{Name: verify.R1, Stop: true}, {Name: verify.R4, Stop: true}, {Name: verify.R1}, {Name: verify.R4}}
	found, err := verify.Examination{Name: "k", Mark: mark, Tests: tests, Alpha: 4e-3}.Run(context.Background(), rec)
	require.NoError(t, err)
	level := math.Log(1e-3)

	units, _, err := mark.FirstWindows(textsOf(rec.Passages))
	require.NoError(t, err)
	sums, err := evidence.NewProcess(mark.Law())
	require.NoError(t, err)
	bets, err := evidence.NewBets(mark.Law())
	require.NoError(t, err)
	for _, u := range units {
		p := rec.Predictions[u.Text][u.Pos]
		var s [1]float64
		require.True(t, mark.Scores(u.Window, []token{p.Argmax}, s[:]))
		if sums.LogMax() < -level {
			require.NoError(t, sums.Add(s[0]))
		}
		if bets.LogMax() < -level {
			scores, coefs, x := make([]float64, len(p.IDs)), make([]float64, len(p.IDs)), 0.0
			require.True(t, mark.Scores(u.Window, p.IDs, scores))
			for i := range coefs {
				coefs[i] = math.Exp(p.LogProbs[i]/2) - math.Exp(p.Reference[i]/2)
				x += coefs[i] * (scores[i] - 1)
			}
			require.NoError(t, bets.Add(x, coefs))
		}
	}
	for i, n := range []int64{sums.N(), bets.N()} {
		f, whole := found[i], found[i+2]
		assert.True(t, f.Stopped)
		assert.EqualValues(t, n, f.Scored+dropUnmoved(t, rec, units, n, i == 1), "%s", f.Test)
		assert.LessOrEqual(t, f.LogP, level)
		assert.Equal(t, whole.Scored, f.Scored+f.Dropped.Beyond)
		assert.Less(t, f.Scored, whole.Scored/2)
		assert.False(t, whole.Stopped)
	}
	assert.InDelta(t, -sums.LogE(), found[0].LogP, 1e-8)
	assert.InDelta(t, -bets.LogE(), found[1].LogP, 1e-6)

	// With a budget it ends there, found or not.
	f := one(t, mark, verify.Test{Name: verify.R1, Stop: true, First: 3}, rec)
	assert.False(t, f.Stopped)
	assert.Equal(t, 3, f.Scored)
	assert.InDelta(t, -max(0, f.LogE), f.LogP, 1e-9)
}

// dropUnmoved counts, among the first n units, those at which R4 has nothing to weigh:
// the suspect says to the last digit what the reference says.
func dropUnmoved(t testing.TB, rec *verify.Record, units []watermark.Unit, n int64, weighted bool) (unmoved int) {
	if !weighted {
		return 0
	}
	for _, u := range units[:n] {
		p, moved := rec.Predictions[u.Text][u.Pos], false
		for i := range p.IDs {
			d := math.Exp(p.LogProbs[i]/2) - math.Exp(p.Reference[i]/2)
			moved = moved || math.Floor(d*0x1p32+0.5) != 0
		}
		if !moved {
			unmoved++
		}
	}
	return unmoved
}
