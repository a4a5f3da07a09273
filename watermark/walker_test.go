package watermark

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// What is hashed ahead is what is sought: the native source under rules of every
// kind, which New does not offer, with padded and short heads, prompts, texts in
// one buffer that changes and walks that are given up half way. Each position is
// compared with a new reader that seeks nothing but its window.
func TestNativeReadsAheadUnderAnyRules(t *testing.T) {
	key, err := keys.New(bytes.NewReader(bytes.Repeat([]byte{3}, 32)))
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	buffer := make([]Token, 200)
	for _, rules := range []Rules{
		{Width: 3}, {Width: 1}, {Width: 16},
		{Width: 3, Pad: 5, Read: ReadRules{Head: HeadPadded}},
		{Width: 9, Read: ReadRules{Head: HeadShort}},
		{Width: 3, Prompt: true},
		{Width: 4, Prompt: true, Read: ReadRules{Head: HeadPadded}},
		{Width: 4, Prompt: true, Read: ReadRules{Head: HeadShort}},
	} {
		for streams := 1; streams <= 2; streams++ {
			source, err := newNative(key, prf.FamilyGumbel, streams, rules.Width)
			require.NoError(t, err)
			w, err := Build(source, DualGumbel{Alpha: 0.5 * float64(streams-1)}, rules)
			require.NoError(t, err)
			d := w.NewDetector()
			for range 60 {
				for i := range buffer {
					buffer[i] = r.Int32N(5)
				}
				cut := r.IntN(20)
				text := Text{Prompt: buffer[:cut], PromptKnown: r.IntN(2) == 0, Tokens: buffer[cut : cut+r.IntN(90)]}
				checkWalk(t, d, source, rules, text, r.IntN(100))
				require.NoError(t, d.Add(text)) // leaves its readers somewhere
				require.NoError(t, d.Skip(buffer[:r.IntN(9)]))
			}
		}
	}
}

// checkWalk walks over a text up to a position and compares words and seeds.
func checkWalk(t *testing.T, d *Detector, source *native, rules Rules, text Text, stop int) {
	t.Helper()
	d.walk.open(text)
	seen := map[uint64]bool{}
	history, start := text.Tokens, 0
	if rules.Prompt {
		history, start = append(append([]Token(nil), text.Prompt...), text.Tokens...), len(text.Prompt)
	}
	for i, x := range text.Tokens {
		if i > stop {
			return
		}
		y, what := d.walk.at(i)
		window := naiveWindow(history[:start+i], rules)
		if window == nil || rules.Prompt && !text.PromptKnown && start+i < rules.Width {
			assert.Equal(t, atHead, what, "position %d", i)
			continue
		}
		q := source.Open()
		place, _ := q.Seek(window)
		if seen[place.Seed] {
			assert.Equal(t, repeats, what, "position %d", i)
			continue
		}
		seen[place.Seed] = true
		require.Equal(t, marked, what, "position %d", i)
		assert.Equal(t, place, y.place)
		for stream := range source.streams() {
			assert.Equal(t, q.Word(stream, x), y.reader.Word(stream, x), "position %d stream %d", i, stream)
		}
	}
}

func naiveWindow(history []Token, rules Rules) []Token {
	switch missing := rules.Width - len(history); {
	case missing <= 0:
		return history[len(history)-rules.Width:]
	case rules.Read.Head == HeadPadded:
		var window []Token
		for range missing {
			window = append(window, rules.Pad)
		}
		return append(window, history...)
	case rules.Read.Head == HeadShort && len(history) > 0:
		return history
	}
	return nil
}

// A set of seeds is the set that a map keeps, through growth and removal in any
// order, with seeds that collide.
func TestSeedSetIsASet(t *testing.T) {
	for round := range uint64(40) {
		r := rand.New(rand.NewPCG(round, 3))
		set, want := newSeedSet(r.IntN(8)), map[uint64]bool{}
		for range 600 {
			seed := r.Uint64N(60)
			if round%2 == 0 {
				seed *= 0x0123456789ABCDEF
			}
			if r.IntN(5) < 3 {
				require.Equal(t, !want[seed], set.add(seed))
				want[seed] = true
			} else {
				set.remove(seed)
				delete(want, seed)
			}
			require.Equal(t, len(want), set.len())
			probe := r.Uint64N(60)
			require.Equal(t, want[probe], set.has(probe))
		}
		got := map[uint64]bool{}
		for seed := range set.all() {
			require.False(t, got[seed])
			got[seed] = true
		}
		require.Equal(t, want, got)
	}
}

// Pairs are those of a map, over several blocks.
func TestPairTableIsASet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	type id struct {
		seed  uint64
		token Token
	}
	var table pairTable
	want := map[id]uint32{}
	for range 20_000 {
		k := id{r.Uint64N(70), r.Int32N(70)}
		table.put(pair{seed: k.seed, token: k.token, count: 1, score: k.seed*100 + uint64(k.token)})
		want[k]++
	}
	got, sum := map[id]uint32{}, uint64(0)
	for p := range table.all() {
		got[id{p.seed, p.token}] = p.count
		sum += p.score
	}
	assert.Equal(t, want, got)
	assert.Equal(t, len(want), table.n)
	assert.Equal(t, 20_000, int(table.occurrences))
	assert.Equal(t, fixedSum{lo: sum}, table.sum)
}

// The sum carries into its high half and back.
func TestFixedSumCarries(t *testing.T) {
	var s fixedSum
	for range 5 {
		s.add(1<<63 + 7)
	}
	assert.Equal(t, fixedSum{hi: 2, lo: 1<<63 + 35}, s)
	assert.InEpsilon(t, 5*(1<<63+7)/float64(1<<32), s.float(), 1e-15)
	for range 5 {
		s.subtract(1<<63 + 7)
	}
	assert.Equal(t, fixedSum{}, s)
	assert.Equal(t, uint64(3<<31), fixed(1.5))
}

// Each bound lies above every draw value of its coarse byte, and near the greatest:
// pruning lives on it.
func TestBoundsHold(t *testing.T) {
	for b := range uint64(256) {
		top := b<<56 | (1<<56 - 1)
		for _, word := range []uint64{top, top - 1, top - 1<<20, b << 56, b<<56 | 1<<55} {
			assert.LessOrEqual(t, -logRate(word), float64(bounds.hi[b]), "byte %d", b)
		}
		assert.InDelta(t, -logRate(top), float64(bounds.hi[b]), 1e-5, "byte %d", b)
		for k := range 57 {
			word := ^uint64(0) << (64 - k - 7)
			assert.LessOrEqual(t, -logRate(word), drawBound(word))
		}
	}
	for _, word := range []uint64{0, 1, 1<<63 - 1, 1 << 63, ^uint64(0), ^uint64(0) - 1} {
		assert.LessOrEqual(t, -logRate(word), drawBound(word), "word %x", word)
	}
}
