package collect_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/dyetrace/dyetrace/verify/collect"
)

const vocabulary = 50

// logProbs are ln p of all tokens after a prefix, of a model with a seed: softmax
// of logits that are drawn from the two last tokens. Passages leave no room for
// tokens that come later.
func logProbs(seed uint64, prefix []int32) []float64 {
	h := seed
	for _, id := range prefix[max(0, len(prefix)-2):] {
		h = h*1_000_003 + uint64(id) + 1
	}
	rng := rand.New(rand.NewPCG(seed, h))
	out := make([]float64, vocabulary)
	sum := 0.0
	for i := range out {
		out[i] = 3 * rng.NormFloat64()
		sum += math.Exp(out[i])
	}
	for i := range out {
		out[i] -= math.Log(sum)
	}
	return out
}

// predict answers q as the model with the seed does.
func predict(seed uint64, q collect.Reading) collect.Predictions {
	out := collect.Predictions{Model: fmt.Sprintf("bigram-%d", seed)}
	for pos := q.Begin; pos < q.End; pos++ {
		l := logProbs(seed, append(slices.Clone(q.Passage.Prompt), q.Passage.Tokens[:pos]...))
		ids := make([]int32, len(l))
		for i := range ids {
			ids[i] = int32(i)
		}
		slices.SortStableFunc(ids, func(a, b int32) int {
			if l[a] > l[b] {
				return -1
			}
			return 1
		})
		p := collect.Prediction{Argmax: ids[0], Sample: ids[pos%3], IDs: ids[:q.Want.Top]}
		for _, id := range p.IDs {
			p.LogProbs = append(p.LogProbs, l[id])
		}
		if q.Want.Own {
			p.Own = &l[q.Passage.Tokens[pos]]
		}
		out.At = append(out.At, p)
	}
	return out
}

// name says which positions a question is about.
func name(q collect.Reading) string {
	return fmt.Sprintf("%d [%d, %d)", q.Passage.Tokens[0], q.Begin, q.End)
}

// reader predicts as its function says, like a model if there is none, and counts
// how often each question came.
type reader struct {
	seed  uint64
	f     func(q collect.Reading, time int) (collect.Predictions, error)
	mu    sync.Mutex
	n     map[string]int
	order []string
}

func (r *reader) count(q collect.Reading) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == nil {
		r.n = map[string]int{}
	}
	r.n[name(q)]++
	r.order = append(r.order, name(q))
	return r.n[name(q)]
}

func (r *reader) Predict(ctx context.Context, q collect.Reading) (collect.Predictions, error) {
	if err := ctx.Err(); err != nil {
		return collect.Predictions{}, err
	}
	k := r.count(q)
	if r.f != nil {
		return r.f(q, k)
	}
	return predict(r.seed, q), nil
}

// scorer is a reference, like reader.
type scorer struct {
	reader
	f func(q collect.Reading, ids [][]int32, time int) ([][]float64, error)
}

func (s *scorer) Rescore(ctx context.Context, q collect.Reading, ids [][]int32) ([][]float64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k := s.count(q)
	if s.f != nil {
		return s.f(q, ids, k)
	}
	return rescore(s.seed, q, ids), nil
}

func rescore(seed uint64, q collect.Reading, ids [][]int32) [][]float64 {
	out := make([][]float64, len(ids))
	for i := range ids {
		l := logProbs(seed, append(slices.Clone(q.Passage.Prompt), q.Passage.Tokens[:q.Begin+i]...))
		for _, id := range ids[i] {
			out[i] = append(out[i], l[id])
		}
	}
	return out
}

// passages are n passages of 3 + i tokens that begin with i.
func passages(n int) []collect.Passage {
	rng := rand.New(rand.NewPCG(5, 8))
	out := make([]collect.Passage, n)
	for i := range out {
		p := collect.Passage{Prompt: []int32{1, 2}, Tokens: []int32{int32(i)}}
		for range 2 + i {
			p.Tokens = append(p.Tokens, rng.Int32N(vocabulary))
		}
		if i%2 == 1 {
			p.Key, p.PromptText = "odd", "\xffbytes"
			for j := range p.Tokens {
				p.Pieces = append(p.Pieces, fmt.Sprintf("piece %d", j))
			}
		}
		out[i] = p
	}
	return out
}

// readTask has n passages in spans of 2 positions, 4 tokens a position, and a
// reference.
func readTask(n int) collect.Task {
	return collect.Task{Plan: digest(1), Passages: passages(n), Want: collect.Want{Argmax: true, Top: 4}, Reference: true, Span: 2}
}

// reading returns a suspect that reads, with a reference.
func reading() (collect.Suspect, *reader, *scorer) {
	r, s := &reader{seed: 1}, &scorer{reader: reader{seed: 2}}
	return collect.Suspect{Name: "s", TopLogProbs: r, Prefix: r, Reference: s}, r, s
}

func run(t *testing.T, task collect.Task, s collect.Suspect, path string, opt collect.Options) *collect.Transcript {
	t.Helper()
	got, err := collect.Run(context.Background(), task, s, path, opt)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
