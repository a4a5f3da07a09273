package conformance

import (
	"math/rand/v2"
	"slices"
)

// RandomTokens returns n independent ids below vocabulary.
func RandomTokens(r *rand.Rand, n int, vocabulary int32) []int32 {
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = r.Int32N(vocabulary)
	}
	return tokens
}

// Forms returns n texts of about 200 tokens, each of which repeats a form of its own
// with other fillers, as mails, tables, logs, code and licences do: one token in six is
// filled anew at each repetition.
func Forms(seed uint64, n int) [][]int32 {
	texts := make([][]int32, n)
	for i := range texts {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		form := RandomTokens(r, 8+r.IntN(30), 49152)
		for len(texts[i]) < 200 {
			row := slices.Clone(form)
			for j := range row {
				if r.IntN(6) == 0 {
					row[j] = r.Int32N(200)
				}
			}
			texts[i] = append(texts[i], row...)
		}
	}
	return texts
}

// Templates returns n texts of length tokens or a little more that repeat themselves
// and each other: ten templates of 20 to 60 tokens, each said several times with other
// words filled in at every seventh place.
func Templates(n, length int) [][]int32 {
	words := rand.New(rand.NewPCG(3, 1))
	texts := make([][]int32, n)
	for i := range texts {
		r := rand.New(rand.NewPCG(uint64(i%10), 2))
		template := RandomTokens(r, 20+r.IntN(41), 3000)
		for len(texts[i]) < length {
			for j, x := range template {
				if j%7 == 3 {
					x = words.Int32N(49152)
				}
				texts[i] = append(texts[i], x)
			}
		}
	}
	return texts
}

// Frames returns texts of a small vocabulary that repeat themselves and each other, as
// mails, table rows and log lines do: ten frames of 12 tokens, each repeated until a
// text has the tokens wanted, with the last of every so many places filled anew.
func Frames(r *rand.Rand, texts, tokens, vocabulary, every int) [][]int32 {
	const frames, length = 10, 12
	var frame [frames][length]int32
	for i := range frame {
		for j := range frame[i] {
			frame[i][j] = int32(1 + r.IntN(vocabulary-1))
		}
	}
	out := make([][]int32, texts)
	for i := range out {
		for len(out[i]) < tokens {
			for j, x := range frame[i%frames] {
				if j%every == every-1 {
					x = int32(r.IntN(vocabulary))
				}
				out[i] = append(out[i], x)
			}
		}
	}
	return out
}
