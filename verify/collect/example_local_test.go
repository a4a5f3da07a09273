package collect_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// words are the tokens of this example: a word's id is its place.
var words = strings.Fields("the dye is in water . river runs red green to sea")

func ids(text string) (out []int32) {
	for _, w := range strings.Fields(text) {
		out = append(out, int32(slices.Index(words, w)))
	}
	return out
}

// bigram is a language model: [a][b] is how often b followed a, and 1 besides.
type bigram [][]float64

func train(text string) bigram {
	m := make(bigram, len(words))
	for i := range m {
		m[i] = slices.Repeat([]float64{1}, len(words))
	}
	tokens := ids(text)
	for i, id := range tokens[1:] {
		m[tokens[i]][id]++
	}
	return m
}

// next returns ln p of every token after a prefix, and the tokens, the most likely
// first.
func (m bigram) next(prefix []int32) (lnP []float64, order []int32) {
	row, sum := m[prefix[len(prefix)-1]], 0.0
	for _, n := range row {
		sum += n
	}
	for id, n := range row {
		lnP, order = append(lnP, math.Log(n/sum)), append(order, int32(id))
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(lnP[b], lnP[a]) })
	return lnP, order
}

// Answer makes the model a [collect.TextModel]: five words that follow the prompt.
func (m bigram) Answer(_ context.Context, prompt string) (collect.Answer, error) {
	text := ids(prompt)
	for range 5 {
		_, order := m.next(text)
		text = append(text, order[0])
	}
	var said []string
	for _, id := range text[len(text)-5:] {
		said = append(said, words[id])
	}
	return collect.Answer{Text: strings.Join(said, " "), Model: "bigram"}, nil
}

// Predict makes it a [collect.Predictor], of one token or of several with ln p.
func (m bigram) Predict(_ context.Context, q collect.Reading) (collect.Predictions, error) {
	out := collect.Predictions{Model: "bigram"}
	for pos := q.Begin; pos < q.End; pos++ {
		lnP, order := m.next(slices.Concat(q.Passage.Prompt, q.Passage.Tokens[:pos]))
		p := collect.Prediction{Argmax: order[0], Sample: collect.NoToken, IDs: order[:q.Want.Top]}
		for _, id := range p.IDs {
			p.LogProbs = append(p.LogProbs, lnP[id])
		}
		out.At = append(out.At, p)
	}
	return out, nil
}

// Rescore makes it a [collect.Rescorer].
func (m bigram) Rescore(_ context.Context, q collect.Reading, ids [][]int32) ([][]float64, error) {
	out := make([][]float64, len(ids))
	for i := range ids {
		lnP, _ := m.next(slices.Concat(q.Passage.Prompt, q.Passage.Tokens[:q.Begin+i]))
		for _, id := range ids[i] {
			out[i] = append(out[i], lnP[id])
		}
	}
	return out, nil
}

// A model that runs in this process is a suspect in some thirty lines: one that
// was trained on other texts is the reference.
func ExampleSuspect() {
	model := train("the river runs red . the river runs to the sea . the dye is in the river .")
	base := train("the river runs to the sea . the water is green . the sea is in the river .")
	suspect := collect.Suspect{Name: "bigram", Text: model, TopLogProbs: model, Reference: base}

	task := collect.Task{
		Plan:      collect.Digest{1},
		Prompts:   []string{"dye"},
		Passages:  []collect.Passage{{Prompt: ids("the dye is in the water ."), Tokens: ids("the river runs red .")}},
		Want:      collect.Want{Argmax: true, Top: 2},
		Reference: true,
	}
	dir, err := os.MkdirTemp("", "collect")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	transcript, err := collect.Run(context.Background(), task, suspect, filepath.Join(dir, "journal"), collect.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("dye", transcript.Prompts[0].Text)
	for i, p := range transcript.Readings[0].Predictions {
		fmt.Printf("%-6s expected %-6s", words[task.Passages[0].Tokens[i]], words[p.Argmax])
		for k, id := range p.IDs {
			fmt.Printf("  %s %.3f (reference %.3f)", words[id], p.LogProbs[k], p.Reference[k])
		}
		fmt.Println()
	}
	// Output:
	// dye is in the river runs
	// the    expected the     the -1.540 (reference -1.540)  dye -2.639 (reference -2.639)
	// river  expected river   river -1.447 (reference -1.735)  dye -2.140 (reference -2.833)
	// runs   expected runs    runs -1.609 (reference -1.946)  . -2.015 (reference -1.946)
	// red    expected red     red -1.946 (reference -2.565)  to -1.946 (reference -1.872)
	// .      expected .       . -1.872 (reference -2.485)  the -2.565 (reference -2.485)
}
