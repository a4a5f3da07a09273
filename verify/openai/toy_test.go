package openai_test

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// pieces are a vocabulary with what makes trouble: tokens that are the beginning
// of others, parts of characters, U+FFFD itself, an end of text.
var pieces = []string{
	"</s>", "a", "b", "ab", "abc", "c", "bc", " ", " a", "the", " the", "re", "there", "\n", "d", "e",
	"\xe2\x82", "\xac", "\xe2", "\x82", "\xf0\x9f", "\x98\x84", "é", "\uFFFD", "x", "y", "z", "<", "&", "\"", "1", "2",
}

const endOfText = 0

// vocabulary is the marked model's: every piece but the end of text.
type vocabulary struct{}

func (vocabulary) ID(piece string) (int32, bool) {
	i := slices.Index(pieces, piece)
	return int32(i), i > endOfText
}

// tokenize cuts text into the longest pieces.
func tokenize(text string) []int32 {
	ids := []int32{}
	for len(text) > 0 {
		best := -1
		for i, p := range pieces[1:] {
			if strings.HasPrefix(text, p) && (best < 0 || len(p) > len(pieces[best])) {
				best = i + 1
			}
		}
		if best < 0 {
			best, text = 1, text[1:] // no toy's business
			ids = append(ids, int32(best))
			continue
		}
		ids, text = append(ids, int32(best)), text[len(pieces[best]):]
	}
	return ids
}

// logProbs is a toy model: ln p of every token after the ids, which is a function
// of them and nothing else.
func logProbs(ids []int32) []float64 {
	h := fnv.New64a()
	for _, id := range ids {
		fmt.Fprintf(h, "%d,", id)
	}
	rng := rand.New(rand.NewPCG(h.Sum64(), 1))
	out := make([]float64, len(pieces))
	var sum float64
	for i := range out {
		out[i] = math.Round(8*rng.NormFloat64()) / 4 // coarse, so that there are ties
		sum += math.Exp(out[i])
	}
	for i := range out {
		out[i] -= math.Log(sum)
	}
	return out
}

// best are the m most likely tokens, ties by id.
func best(lp []float64, m int) []int32 {
	ids := make([]int32, len(lp))
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortStableFunc(ids, func(a, b int32) int {
		switch {
		case lp[a] > lp[b]:
			return -1
		case lp[a] < lp[b]:
			return 1
		}
		return int(a - b)
	})
	return ids[:min(m, len(ids))]
}

// draw is one sample: the toy's is a function of the prefix too.
func draw(ids []int32) int32 {
	u := rand.New(rand.NewPCG(uint64(len(ids)), 7)).Float64()
	for i, l := range logProbs(ids) {
		if u -= math.Exp(l); u < 0 {
			return int32(i)
		}
	}
	return 1
}
