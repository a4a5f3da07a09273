package watermark_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

var (
	inf32 = float32(math.Inf(1))
	nan32 = float32(math.NaN())
)

// shapes are rows of logits as models and their pipelines make them, and worse.
var shapes = []struct {
	name string
	make func(n int, r *rand.Rand) []float32
}{
	{"peaked", func(n int, r *rand.Rand) []float32 {
		l := fill(n, func(int) float32 { return float32(3 * r.NormFloat64()) })
		for range min(n, 5) {
			l[r.IntN(n)] += 15
		}
		return l
	}},
	{"normal", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(int) float32 { return float32(3*r.NormFloat64()) - 8 })
	}},
	{"zipf", func(n int, r *rand.Rand) []float32 {
		l := fill(n, func(i int) float32 { return float32(-1.2 * math.Log(float64(i+1))) })
		r.Shuffle(n, func(i, j int) { l[i], l[j] = l[j], l[i] })
		return l
	}},
	{"flat", func(n int, r *rand.Rand) []float32 { return make([]float32, n) }},
	{"masked", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(int) float32 {
			if r.IntN(50) > 0 {
				return -inf32
			}
			return float32(3 * r.NormFloat64())
		})
	}},
	{"masked by a large number", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(int) float32 {
			if r.IntN(50) > 0 {
				return -math.MaxFloat32
			}
			return float32(3 * r.NormFloat64())
		})
	}},
	{"ascending", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(i int) float32 { return float32(i) * 40 / float32(n) })
	}},
	{"descending", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(i int) float32 { return -float32(i) * 40 / float32(n) })
	}},
	{"huge and equal", func(n int, r *rand.Rand) []float32 { return fill(n, func(int) float32 { return 1e30 }) }},
	{"about 2^20, a step of 1/8 apart", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(int) float32 { return 1<<20 + float32(r.IntN(64))/8 })
	}},
	{"greatest finite", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(int) float32 { return math.MaxFloat32 * float32(1-2*r.IntN(2)) })
	}},
	{"denormal", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(int) float32 { return float32(r.IntN(9)-4) * math.SmallestNonzeroFloat32 })
	}},
	{"every exponent", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(int) float32 { return math.Float32frombits(r.Uint32()) })
	}},
	{"NaN among them", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(int) float32 {
			if r.IntN(3) == 0 {
				return nan32
			}
			return float32(3 * r.NormFloat64())
		})
	}},
	{"some infinite", func(n int, r *rand.Rand) []float32 {
		l := fill(n, func(int) float32 { return float32(3 * r.NormFloat64()) })
		for range 1 + r.IntN(3) {
			l[r.IntN(n)] = inf32
		}
		l[r.IntN(n)], l[r.IntN(n)] = nan32, -inf32
		return l
	}},
	{"cancelling the bound", func(n int, r *rand.Rand) []float32 {
		return fill(n, func(int) float32 { return float32(-naiveDraw(uint64(r.IntN(256))<<56 | (1<<56 - 1))) })
	}},
}

func fill(n int, f func(int) float32) []float32 {
	l := make([]float32, n)
	for i := range l {
		l[i] = f(i)
	}
	return l
}

// awkwardWords are random but for one in eight, which is at an edge: of a coarse
// byte, of the whole range, or of the two formulas.
func awkwardWords(seed uint64) func(watermark.Token) uint64 {
	return func(t watermark.Token) uint64 {
		x := mix(seed, uint64(t))
		b := x >> 56 << 56
		switch x & 63 {
		case 0:
			return math.MaxUint64
		case 1:
			return 0
		case 2:
			return 1<<63 - uint64(x>>6&1)
		case 3:
			return math.MaxUint64 - x>>6&7
		case 4:
			return b
		case 5:
			return b | (1<<56 - 1)
		case 6:
			return 254<<56 | (1<<56 - 1) - x>>6&7
		case 7:
			return 255<<56 | x>>6&7
		}
		return x
	}
}

// wordsMark is a race on given words; *reads counts the words that are read.
func wordsMark(t testing.TB, word func(watermark.Token) uint64, withoutBytes bool, reads *int) *watermark.Watermark {
	t.Helper()
	source := &testSource{name: "awkward", withoutBytes: withoutBytes, words: reads,
		word: func(_ []watermark.Token, _ int, id watermark.Token) uint64 { return word(id) }}
	w, err := watermark.Build(source, watermark.Gumbel{}, watermark.Rules{Width: 1})
	require.NoError(t, err)
	return w
}

// Words of any kind, at every shape and at sizes about the borders of blocks:
// the pruned race chooses as the naive rule does, over high bytes or without,
// dense, sparse in any order and with ids repeated.
func TestRaceIsTheNaiveRule(t *testing.T) {
	sizes := []int{1, 2, 15, 16, 17, 31, 32, 33, 100, 1023, 1024, 1025, 2100}
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			for i, n := range sizes {
				for round := range 4 {
					seed := uint64(100*i + round)
					r := rand.New(rand.NewPCG(seed, 11))
					checkRace(t, shape.make(n, r), awkwardWords(seed), r)
				}
			}
		})
	}
}

func checkRace(t *testing.T, logits []float32, word func(watermark.Token) uint64, r *rand.Rand) {
	t.Helper()
	for _, withoutBytes := range []bool{false, true} {
		s := testSession(t, wordsMark(t, word, withoutBytes, nil), 1)
		require.NoError(t, s.Accept(7))
		require.True(t, s.Marked())
		checkSample(t, s, nil, logits, word)
		ids := make([]watermark.Token, len(logits))
		for j := range ids {
			ids[j] = r.Int32()
			if r.IntN(4) == 0 {
				ids[j] = ids[r.IntN(j+1)] // repeated with another logit
			}
			if r.IntN(16) == 0 {
				ids[j] = math.MaxInt32
			}
		}
		checkSample(t, s, ids, logits, word)
	}
}

func checkSample(t *testing.T, s *watermark.Session, ids []watermark.Token, logits []float32, word func(watermark.Token) uint64) {
	t.Helper()
	want, ok := naiveRace(ids, logits, word)
	got, err := s.Sample(ids, logits)
	if !ok {
		assert.ErrorIs(t, err, watermark.ErrNoToken)
		return
	}
	assert.NoError(t, err)
	assert.Equal(t, want, got, "%d candidates", len(logits))
}

// The native words, at sizes up to 256k entries. Above 4,096 entries, where a word
// by the specification's letter takes too long for all, the noise that Perturb
// writes for every candidate picks out those near the greatest sum.
func TestRaceNativeLarge(t *testing.T) {
	t.Parallel()
	const width = 2
	key := testKey(t, 3)
	w, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{Width: width})
	require.NoError(t, err)
	naive := newNaiveWords(t, key, familyGumbel, 0, width)
	sizes := []int{32, 4096, 1 << 18}
	if testing.Short() {
		sizes = sizes[:2]
	}
	for i, n := range sizes {
		for j, shape := range shapes {
			window := []watermark.Token{int32(i), int32(j)}
			s := testSession(t, w, 1)
			require.NoError(t, s.Accept(window[0]))
			require.NoError(t, s.Accept(window[1]))
			require.True(t, s.Marked())
			logits := shape.make(n, rand.New(rand.NewPCG(uint64(n), uint64(j))))
			if n <= 4096 {
				checkSample(t, s, nil, logits, func(id watermark.Token) uint64 { return naive.word(window, id) })
				continue
			}
			got, err := s.Sample(nil, logits)
			require.NoError(t, err)
			ids := make([]watermark.Token, n)
			for i := range ids {
				ids[i] = int32(i)
			}
			values := make([]float32, n)
			then, err := s.Perturb(ids, values) // −ln E of each candidate, without pruning
			require.NoError(t, err)
			require.Equal(t, watermark.TakeLargest, then)
			want := contenders(logits, values)
			assert.Contains(t, want, got, "%s: %d", shape.name, n)
			exact, ok := naiveRace(want, pick(logits, want), func(id watermark.Token) uint64 { return naive.word(window, id) })
			require.True(t, ok)
			assert.Equal(t, exact, got, "%s: %d", shape.name, n)
		}
	}
}

// contenders returns the candidates whose sum, of noise rounded to float32, is so
// near to the greatest that theirs may be it. Where the noise is lost in the
// logits they are many, and the lowest ids stand for all.
func contenders(logits, noise []float32) []watermark.Token {
	infinite := slices.ContainsFunc(logits, func(l float32) bool { return l > math.MaxFloat32 })
	value := func(i int) float64 {
		switch l := logits[i]; {
		case infinite && l > math.MaxFloat32:
			return float64(noise[i])
		case infinite || l != l || l < -math.MaxFloat32:
			return math.Inf(-1)
		default:
			return float64(l) + float64(noise[i])
		}
	}
	best := math.Inf(-1)
	for i := range logits {
		best = math.Max(best, value(i))
	}
	var near []watermark.Token
	for i := range logits {
		if value(i) >= best-1e-4 && len(near) < 64 {
			near = append(near, int32(i))
		}
	}
	return near
}

func pick(logits []float32, ids []watermark.Token) []float32 {
	out := make([]float32, len(ids))
	for i, id := range ids {
		out[i] = logits[id]
	}
	return out
}

// A bound that is rounded to the nearest float32 instead of outward loses the
// winner here: its logit cancels the bound, so that nothing hides the rounding.
func TestRaceBoundsAreOutward(t *testing.T) {
	for b := range uint64(256) {
		top := b<<56 | (1<<56 - 1)
		draw := naiveDraw(top)
		for _, logit := range []float32{float32(-draw), math.Nextafter32(float32(-draw), inf32), math.Nextafter32(float32(-draw), -inf32)} {
			value := float64(logit) + draw // of the token of this byte: nearly nothing
			for _, gap := range []float64{0.5, 0.999, 1.001, 2} {
				rival := float32(gap * value)
				if value < 0 {
					rival = float32(value / gap)
				}
				// The rival's word has −ln E nearly 0: E = 1.
				one := uint64(math.Exp(-1) * (1 << 63) * 2)
				words := []uint64{one, top}
				logits := []float32{rival, logit}
				word := func(id watermark.Token) uint64 { return words[id] }
				s := testSession(t, wordsMark(t, word, false, nil), 1)
				require.NoError(t, s.Accept(0))
				checkSample(t, s, nil, logits, word)
			}
		}
	}
}

// Pruning shows: of 131,072 candidates a peaked or ordinary row needs the words
// of few, and only a flat one those with the high byte 255, 1 in 256.
func TestRacePruning(t *testing.T) {
	const n = 1 << 17
	for _, c := range []struct {
		shape string
		most  int
	}{
		{"peaked", 1200}, {"normal", 1500}, {"zipf", 1200}, {"flat", 1500}, {"masked", 1200}, {"descending", 1500},
	} {
		i := slices.IndexFunc(shapes, func(s struct {
			name string
			make func(int, *rand.Rand) []float32
		}) bool {
			return s.name == c.shape
		})
		logits := shapes[i].make(n, rand.New(rand.NewPCG(4, 5)))
		reads := 0
		s := testSession(t, wordsMark(t, func(id watermark.Token) uint64 { return mix(9, uint64(id)) }, false, &reads), 1)
		require.NoError(t, s.Accept(7))
		_, err := s.Sample(nil, logits)
		require.NoError(t, err)
		assert.Less(t, reads, c.most, c.shape)
	}
}

// Equal draw values go to the lowest id, in whatever order candidates come: at
// 1e30 the noise is lost, and all candidates are equal.
func TestTiesGoToTheLowestID(t *testing.T) {
	ids := []watermark.Token{50, 9, 70000, 3, 12, 8}
	logits := []float32{1e30, 1e30, 1e30, 1e29, 1e30, 1e30}
	for _, marked := range []bool{true, false} {
		s := testSession(t, testMark(t, 1, watermark.Gumbel{}), 1)
		if marked {
			for i := range 3 {
				require.NoError(t, s.Accept(int32(i)))
			}
		}
		require.Equal(t, marked, s.Marked())
		r := rand.New(rand.NewPCG(1, 1))
		for range 20 {
			r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i]; logits[i], logits[j] = logits[j], logits[i] })
			got, err := s.Sample(ids, logits)
			require.NoError(t, err)
			assert.Equal(t, watermark.Token(8), got)
			top, err := watermark.Argmax(ids, logits)
			require.NoError(t, err)
			assert.Equal(t, watermark.Token(8), top)
		}
	}
}

// FuzzRace takes candidates of eleven bytes: four of a logit, four of an id,
// three that choose its word, at the edges of the range more often than not.
func FuzzRace(f *testing.F) {
	for _, shape := range shapes {
		r := rand.New(rand.NewPCG(1, 2))
		var b []byte
		for i, l := range shape.make(12, r) {
			x := math.Float32bits(l)
			b = append(b, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(i), 0, 0, byte(i), byte(r.Uint32()), byte(r.Uint32()), byte(i))
		}
		f.Add(b, true)
	}
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, b []byte, coarse bool) {
		words := map[watermark.Token]uint64{}
		var ids []watermark.Token
		var logits []float32
		for ; len(b) >= 11; b = b[11:] {
			l := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
			id := watermark.Token((uint32(b[4]) | uint32(b[5])<<8 | uint32(b[6])<<16 | uint32(b[7])<<24) & math.MaxInt32)
			ids, logits = append(ids, id), append(logits, math.Float32frombits(l))
			if _, ok := words[id]; !ok {
				words[id] = fuzzWord(b[8], b[9], b[10])
			}
		}
		word := func(id watermark.Token) uint64 { return words[id] }
		s := testSession(t, wordsMark(t, word, !coarse, nil), 1)
		require.NoError(t, s.Accept(0))
		checkSample(t, s, ids, logits, word)
		dense := func(id watermark.Token) uint64 { return words[ids[id]] }
		s = testSession(t, wordsMark(t, dense, !coarse, nil), 1)
		require.NoError(t, s.Accept(0))
		checkSample(t, s, nil, logits, dense)
	})
}

func fuzzWord(a, b, c byte) uint64 {
	high := uint64(a) << 56
	switch c % 5 {
	case 0:
		return high | uint64(b)
	case 1:
		return high | (1<<56 - 1) - uint64(b)
	case 2:
		return math.MaxUint64 - uint64(b)
	case 3:
		return 1<<63 - 128 + uint64(b)
	}
	return high | mix(uint64(b), uint64(c))>>8
}
