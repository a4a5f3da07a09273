package synthid

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Mutants killed in this file, each by the test in brackets: states counted once
// however often they occur, one layer fewer, a threshold one higher
// [NullByEnumeration]; blocks in another order, bytes that overflow
// [DirectIsTheTransform]; Binomial(n·D, ½) for the law [BinomialDrifts,
// TextsChosenByTheTable]; sums rounded down to a unit [LawOf]; what follows the end
// scored [End]; a bound in proportion to the tokens, an e-value against nine tenths of
// the layers [Entangled].

// enumerate returns ln P(S >= sum) by going through all keys mod the table's size.
func enumerate(table []uint64, counts []uint32, depth int, sum int64) float64 {
	layer := map[int64]float64{}
	for k := range table {
		s := int64(0)
		for x, c := range counts {
			s += int64(c) * int64(table[(x+k)%len(table)])
		}
		layer[s] += 1 / float64(len(table))
	}
	law := map[int64]float64{0: 1}
	for range depth {
		next := map[int64]float64{}
		for a, p := range law {
			for b, q := range layer {
				next[a+b] += p * q
			}
		}
		law = next
	}
	p := 0.0
	for s, q := range law {
		if s >= sum {
			p += q
		}
	}
	return math.Log(p)
}

// turned returns the table by which enumerate needs no hash.
func turned(n *Null) []uint64 {
	t := make([]uint64, n.States())
	for y := range t {
		t[y] = uint64(n.lookup.table[accumulate(uint64(y), 0)&n.lookup.mask])
	}
	return t
}

func TestNullByEnumeration(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{1, 2, 4, 8, 64} {
		for _, largest := range []uint32{1, 3, 700} {
			n, err := NewNull(Config{SamplingTableSize: size, SamplingTableSeed: int64(size)})
			require.NoError(t, err)
			counts := make([]uint32, size)
			total := int64(0)
			for range max(1, size/2) {
				s := rng.IntN(size)
				counts[s] = 1 + rng.Uint32N(largest)
			}
			for _, c := range counts {
				total += int64(c)
			}
			const depth = 3
			for _, sum := range []int64{0, 1, depth * total / 3, depth * total / 2, depth*total/2 + total/9, 2 * depth * total / 3, depth * total, depth*total + 1} {
				want := enumerate(turned(n), counts, depth, sum)
				got := n.LogTail(counts, depth, sum)
				if math.IsInf(want, -1) {
					assert.Equal(t, want, got, "size %d sum %d", size, sum)
					continue
				}
				assert.InDelta(t, want, got, 1e-10*math.Max(1, -want), "size %d largest %d sum %d of %d", size, largest, sum, depth*total)
			}
		}
	}
}

// Both ways to correlate agree.
func TestDirectIsTheTransform(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	n, err := NewNull(Config{})
	require.NoError(t, err)
	for _, states := range []int{1, 300} {
		counts := make([]float64, n.States())
		var list []stateCount
		for range states {
			s, c := rng.Uint32N(65536), 1+rng.Uint32N(3)*rng.Uint32N(600)
			if counts[s] == 0 {
				counts[s] = float64(c)
				list = append(list, stateCount{s, c})
			}
		}
		f := n.fast()
		require.Equal(t, f.transform.Correlate(counts, f.table), n.direct(list))
	}
}

// Counts so large that the law is coarsened still give a bound, and a close one.
func TestWideCountsAreBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	n, err := NewNull(Config{SamplingTableSize: 16, SamplingTableSeed: 5})
	require.NoError(t, err)
	counts := make([]uint32, 16)
	for i := range counts {
		counts[i] = rng.Uint32N(1 << 24)
	}
	table := turned(n)
	layer := func(k int) (s int64) {
		for x, c := range counts {
			s += int64(c) * int64(table[(x+k)%16])
		}
		return s
	}
	for k := range 16 { // at the values themselves, which must not be rounded away
		sum := layer(k) + layer(3*k%16)
		want, got := enumerate(table, counts, 2, sum), n.LogTail(counts, 2, sum)
		assert.GreaterOrEqual(t, got, want-1e-9)
		assert.Less(t, got, want+2, "which is as close as Chernoff is")
	}
}

// A coarsened law lies above the law, by less than its unit.
func TestLawOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	for _, spread := range []int64{1, 1000, 1 << 20, 1<<20 + 1, 5_000_000} {
		sums := make([]int64, 200)
		for i := range sums {
			sums[i] = rng.Int64N(spread+1) - spread/3
		}
		sums[0], sums[1] = -spread/3, spread-spread/3
		law, unit := lawOf(sums, len(sums))
		assert.Equal(t, spread/(1<<20)+1, unit)
		slices.Sort(sums)
		at, mass := 0, 0.0
		for i, p := range law.P {
			mass += p
			for n := int(math.Round(p * 200)); n > 0; n-- {
				value := unit * (law.First + int64(i))
				require.True(t, value >= sums[at] && value < sums[at]+unit, "%d for %d", value, sums[at])
				at++
			}
		}
		assert.Equal(t, 200, at)
		assert.InDelta(t, 1, mass, 1e-12)
	}
}

// Over half a million n-grams the binomial law is off by three standard deviations,
// since the table has 25 ones too few; the exact law is not.
func TestBinomialDrifts(t *testing.T) {
	if testing.Short() {
		t.Skip("half a million n-grams under 24 keys")
	}
	const tokens, depth, keys = 500_000, 30, 24
	n, err := NewNull(Config{})
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 4))
	counts := make([]uint32, n.States())
	for range tokens {
		counts[rng.IntN(len(counts))]++
	}
	sumLogP, sumZ := 0.0, 0.0
	for range keys {
		sum := int64(0)
		for range depth {
			k := rng.IntN(len(counts))
			for s, c := range counts {
				sum += int64(c) * int64(n.tiled[s+k])
			}
		}
		sumLogP -= n.LogTail(counts, depth, sum)
		sumZ += (float64(sum) - tokens*depth/2) / math.Sqrt(tokens*depth/4)
	}
	assert.Greater(t, tail.Gamma(sumLogP, keys), conformance.FalseAlarm, "ln p are a sum of exponentials, not too large")
	assert.Greater(t, math.Log(-math.Expm1(tail.Gamma(sumLogP, keys))), conformance.FalseAlarm, "nor too small")
	// A tenth of the variance of the binomial law: the same table for all layers.
	assert.InDelta(t, -2.95, sumZ/keys, 5/math.Sqrt(keys))
	t.Logf("mean z by the binomial law %.2f, mean −ln p by the exact one %.2f", sumZ/keys, sumLogP/keys)
}

// A text whose n-grams are chosen by the public table, not by a key: under key 0 all
// layers are ones. The binomial law takes that for proof.
func TestTextsChosenByTheTable(t *testing.T) {
	n, err := NewNull(Config{})
	require.NoError(t, err)
	counts := make([]uint32, n.States())
	chosen := int64(0)
	for s := 0; chosen < 200; s += 7 {
		if n.tiled[s] == 1 {
			counts[s], chosen = 1, chosen+1
		}
	}
	const depth = 2
	assert.Less(t, tail.Binomial(depth*chosen, depth*chosen, 0.5), -270.0)
	assert.InDelta(t, -depth*math.Log(65536), n.LogTail(counts, depth, depth*chosen), 1e-9)
}

func TestNullErrors(t *testing.T) {
	_, err := NewNull(Config{Hash: TableFree})
	assert.ErrorContains(t, err, `hash is "table-free", want "table"`)
	_, err = NewNull(Config{SamplingTableSize: 1000})
	assert.ErrorContains(t, err, "sampling_table_size is 1000, want a power of two")
	n, err := NewNull(Config{SamplingTableSize: 8})
	require.NoError(t, err)
	assert.Zero(t, n.LogTail(make([]uint32, 7), 1, 1))
	assert.Zero(t, n.LogTail(make([]uint32, 8), 0, 1))
	assert.Zero(t, n.LogTail(make([]uint32, 8), 3, 1), "nothing scored")
}

func TestCalibration(t *testing.T) {
	for name, v := range map[string]struct {
		c             Config
		depth, texts  int
		keys, largest int
	}{
		"small table":   {Config{NgramLen: 2, SamplingTableSize: 64, SamplingTableSeed: 9}, 3, 200, 100, 0},
		"default table": {Config{}, 30, 200, 100, 0},
		"table-free":    {Config{Hash: TableFree, NgramLen: 3}, 4, 200, 100, 0},
		"small keys":    {Config{Hash: TableFree}, 30, 40, 120, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(7, 7))
			if testing.Short() {
				v.texts = min(v.texts, 20)
			}
			texts := conformance.Templates(v.texts, 130)
			var logP, weighted [][]float64
			for range v.keys {
				c := v.c
				if c.Keys = randomKeys(rng, v.depth); v.largest > 0 {
					small := make([]int64, v.depth)
					for i := range small {
						small[i] = rng.Int64N(int64(v.largest))
					}
					c.Keys = NewKeys(small...)
				}
				d, err := NewDetector(c)
				require.NoError(t, err)
				row, other := make([]float64, len(texts)), make([]float64, (len(texts)+7)/8)
				for j, text := range texts {
					r, err := d.Detect(text, NoEOS)
					require.NoError(t, err)
					row[j] = r.LogP()
					if j%8 == 0 {
						other[j/8] = r.LogPWeighted()
					}
				}
				logP, weighted = append(logP, row), append(weighted, other)
			}
			conformance.Calibrated(t, logP, name)
			conformance.Calibrated(t, weighted, name+", weighted")
		})
	}
}

// What follows the end counts for nothing, in the engine's figures and in ours.
func TestEnd(t *testing.T) {
	c := Config{Keys: NewKeys(11, 12, 13, 14), NgramLen: 3}
	d, err := NewDetector(c)
	require.NoError(t, err)
	text := conformance.Templates(1, 100)[0]
	for _, end := range []int{0, 1, 2, 3, 40, 99} {
		cut := append([]watermark.Token{}, text...)
		cut[end] = 60000
		r, err := d.Detect(cut, 60000)
		require.NoError(t, err)
		if end < 3 {
			assert.Zero(t, r.NumUnmasked)
			assert.Zero(t, r.LogP())
			assert.Zero(t, r.LogPWeighted())
			continue
		}
		short, err := d.Detect(cut[:end], NoEOS)
		require.NoError(t, err)
		assert.Equal(t, short.NumUnmasked, r.NumUnmasked)
		assert.Equal(t, short.SumG, r.SumG)
		assert.Equal(t, short.LogP(), r.LogP())
	}
}

// The law that knows nothing of the table bounds the one that does, and so does its
// e-value.
func TestEntangled(t *testing.T) {
	s, err := newSource(Config{Keys: NewKeys(1, 2, 3), SamplingTableSize: 64, SamplingTableSeed: 1})
	require.NoError(t, err)
	law, err := s.scheme().Law()
	require.NoError(t, err)
	n := newNull(s.lookup)
	rng := rand.New(rand.NewPCG(1, 6))
	for text := range 20 {
		counts := make([]uint32, 64)
		total := int64(0)
		for range 40 {
			counts[rng.IntN(64)*min(1, text)]++ // the first text has one state only
			total++
		}
		mean := 0.0
		for sum := int64(0); sum <= 3*total; sum++ {
			exact := n.LogTail(counts, 3, sum)
			bound := law.LogTail(float64(sum), total)
			assert.GreaterOrEqual(t, bound, exact-1e-9)
			mass := math.Exp(exact) - math.Exp(n.LogTail(counts, 3, sum+1))
			mean += mass * math.Exp(law.LogE(float64(sum), total))
		}
		assert.LessOrEqual(t, mean, 1+1e-9, "the expectation of an e-value")
		if text == 0 {
			assert.InDelta(t, 1, mean, 1e-9, "which this dependence attains")
		}
	}
	share := float64(s.lookup.ones) / 64
	assert.InDelta(t, 3*share, law.Moments().Mean, 1e-12)
	assert.InDelta(t, 3*math.Log(1-share+share*math.E), law.Cumulant(1), 1e-12)
	assert.InDelta(t, 3*math.Log(share), law.LogTail(300, 100), 1e-12)
	assert.Equal(t, math.Inf(-1), law.LogTail(301, 100))
	assert.Zero(t, law.LogTail(math.NaN(), 5))
	assert.Zero(t, law.LogTail(5, 0))
	assert.Equal(t, math.Inf(-1), law.LogE(-1, 5))
	assert.Zero(t, law.LogE(1, 0))
	assert.Zero(t, law.Joint(0, []float64{1, -2}))
	assert.Equal(t, math.Inf(1), law.Joint(0.01, []float64{1}), "windows share the table")
}

// A table of zeros, of ones and of another size than a power of two says nothing.
func TestTablesWithoutEvidence(t *testing.T) {
	text := conformance.Templates(1, 60)[0]
	ones := make([]byte, 16)
	for i := range ones {
		ones[i] = 1
	}
	for name, c := range map[string]Config{
		"zeros": {SamplingTable: make([]byte, 16), SamplingTableSize: 16},
		"ones":  {SamplingTable: ones, SamplingTableSize: 16},
		"1000":  {SamplingTableSize: 1000},
		"2^21":  {SamplingTableSize: 1 << 21},
	} {
		c.Keys = NewKeys(5, 6, 7)
		r, err := Detect(c, text, NoEOS)
		require.NoError(t, err)
		assert.Zero(t, r.LogP(), name)
		assert.Zero(t, r.LogPWeighted(), name)
		w, err := New(c)
		require.NoError(t, err)
		shared, err := w.Detect(watermark.Text{Tokens: text})
		require.NoError(t, err)
		assert.Zero(t, shared.LogP, name)
		assert.LessOrEqual(t, w.Law().LogTail(3, 1), 0.0)
	}
}
