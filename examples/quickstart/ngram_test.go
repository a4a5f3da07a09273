package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A naive model is Chen and Goodman's equation 27 word for word, with strings
// for n-grams and no thought of speed.
type naive struct {
	vocab  int
	counts [order + 1]map[string]float64 // by length of the gram
}

func naiveKey(ids []int32) string {
	var b []byte
	for _, id := range ids {
		b = append(b, byte(id), byte(id>>8))
	}
	return string(b)
}

func newNaive(sequences [][]int32, vocab int) *naive {
	m := &naive{vocab: vocab}
	for n := range m.counts {
		m.counts[n] = map[string]float64{}
	}
	for _, seq := range sequences {
		padded := append(append([]int32{endOfText, endOfText, endOfText}, seq...), endOfText)
		for i := order; i <= len(padded); i++ {
			m.counts[order][naiveKey(padded[i-order:i])]++
		}
	}
	for n := order - 1; n > 0; n-- {
		for gram := range m.counts[n+1] {
			m.counts[n][gram[2:]]++
		}
	}
	return m
}

func (m *naive) prob(context []int32, id int32) float64 {
	for len(context) < order-1 {
		context = append([]int32{endOfText}, context...)
	}
	return m.level(context[len(context)-order+1:], id)
}

func (m *naive) level(context []int32, id int32) float64 {
	n := len(context) + 1
	var ones, twos, total, kinds float64
	for gram, c := range m.counts[n] {
		switch c {
		case 1:
			ones++
		case 2:
			twos++
		}
		if gram[:2*n-2] == naiveKey(context) {
			total += c
			kinds++
		}
	}
	lower := func() float64 {
		if n == 1 {
			return 1 / float64(m.vocab)
		}
		return m.level(context[1:], id)
	}
	if total == 0 {
		return lower()
	}
	d := 0.5
	if ones > 0 && twos > 0 {
		d = ones / (ones + 2*twos)
	}
	c := m.counts[n][naiveKey(append(slices.Clone(context), id))]
	return max(c-d, 0)/total + d*kinds/total*lower()
}

// story is sequences over a small vocabulary in which phrases repeat.
func story(seed uint64, n, vocab int) [][]int32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	all := make([][]int32, n)
	for i := range all {
		id := int32(1)
		for range rng.IntN(30) {
			if rng.IntN(3) > 0 {
				id = 1 + (id*7+3)%int32(vocab-1)
			} else {
				id = 1 + rng.Int32N(int32(vocab-1))
			}
			all[i] = append(all[i], id)
		}
	}
	return all
}

func contextsOf(sequences [][]int32) [][]int32 {
	all := [][]int32{nil, {endOfText}, {5, 5, 5}, {1, 2, 3, 4, 5, 6}}
	for _, seq := range sequences {
		for i := 0; i < len(seq); i += 3 {
			all = append(all, seq[:i])
		}
	}
	return all
}

func TestCandidatesEqualNaiveModel(t *testing.T) {
	const vocab = 23
	sequences := story(1, 12, vocab)
	want := newNaive(sequences, vocab)
	all := train(sequences, vocab).newPredictor(vocab)
	for _, context := range contextsOf(sequences) {
		ids, logits := all.candidates(context)
		sum := 0.0
		for i, id := range ids {
			p := want.prob(context, id)
			require.InDelta(t, math.Log(p), float64(logits[i]), 1e-5, "token %d after %v", id, context)
			require.True(t, i == 0 || logits[i] <= logits[i-1], "descending order after %v", context)
			sum += p
		}
		// The rest is what smoothing keeps for tokens that training never met.
		for id := range int32(vocab) {
			if !slices.Contains(ids, id) {
				sum += want.prob(context, id)
			}
		}
		require.InDelta(t, 1, sum, 1e-12, "after %v", context)
	}
}

func TestFewCandidatesAreTheMostProbable(t *testing.T) {
	const vocab = 200
	sequences := story(2, 300, vocab)
	m := train(sequences, vocab)
	few, all := m.newPredictor(7), m.newPredictor(vocab)
	for _, context := range contextsOf(sequences) {
		wantIDs, wantLogits := all.candidates(context)
		ids, logits := few.candidates(context)
		require.Equal(t, wantIDs[:7], ids)
		require.Equal(t, wantLogits[:7], logits)
	}
}

func TestDistributionOfTheBooksSumsToOne(t *testing.T) {
	all, err := passages()
	require.NoError(t, err)
	tok, err := newTokenizer(all)
	require.NoError(t, err)
	var sequences [][]int32
	for _, passage := range all[:400] {
		sequences = append(sequences, tok.encode(passage))
	}
	p := train(sequences, tok.size()).newPredictor(tok.size())
	for _, seq := range sequences[:20] {
		for i := range 20 {
			_, logits := p.candidates(seq[:i])
			sum := 0.0
			for _, l := range logits {
				sum += math.Exp(float64(l))
			}
			// All but what is kept for words that these passages lack.
			assert.Less(t, sum, 1+1e-5)
			assert.Greater(t, sum, 0.9)
		}
	}
}

func TestTrainingIgnoresOrderOfTexts(t *testing.T) {
	sequences := story(3, 50, 40)
	a := train(sequences, 40)
	slices.Reverse(sequences)
	assert.Equal(t, a, train(sequences, 40))
}

func TestEmptyModelOffersTheEnd(t *testing.T) {
	ids, _ := train([][]int32{nil}, 10).newPredictor(5).candidates([]int32{1, 2})
	assert.Equal(t, []int32{endOfText}, ids)
}

func BenchmarkCandidates(b *testing.B) {
	sequences := story(4, 5000, 5000)
	p := train(sequences, 5000).newPredictor(64)
	b.ReportAllocs()
	for i := range b.N {
		seq := sequences[i%len(sequences)]
		p.candidates(seq[:len(seq)/2])
	}
}
