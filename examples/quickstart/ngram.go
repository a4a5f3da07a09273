package main

import (
	"cmp"
	"math"
	"slices"
)

// order is the length of the longest n-gram: a prediction looks at three
// tokens. Four 16-bit ids fill a uint64.
const order = 4

// A model is an n-gram language model with interpolated Kneser–Ney smoothing
// (Kneser and Ney 1995; Chen and Goodman 1999, equation 27, one discount an
// order). It is immutable and safe for concurrent use.
type model struct {
	levels [order]level // levels[n] predicts from n tokens
}

// A level holds the n-grams of one length, grouped by the tokens before the
// last.
type level struct {
	contexts map[uint64]span
	next     []entry // each span by probability, the highest first
}

// A span is the continuations of one context, next[begin:end), and the
// probability mass that goes to shorter contexts instead.
type span struct {
	begin, end uint32
	backoff    float32
}

type entry struct {
	prob  float32 // interpolated with all shorter contexts
	token uint16
}

// train counts the sequences, each ended by endOfText, and returns the model.
// Ids are below vocab, vocab at most 65,536.
func train(sequences [][]int32, vocab int) *model {
	m := &model{}
	counts := count(grams(sequences))
	var tables [order + 1]table // tables[n] has the n-grams
	for n := order; n > 0; n-- {
		tables[n] = counts
		counts = continuations(counts, n)
	}
	lower := func(uint64) float64 { return 1 / float64(vocab) }
	for n := 1; n <= order; n++ {
		t := tables[n]
		probs := m.levels[n-1].fill(t, lower)
		mask := uint64(1)<<(16*n) - 1
		lower = func(gram uint64) float64 {
			i, _ := slices.BinarySearch(t.grams, gram&mask)
			return probs[i]
		}
	}
	for n := range m.levels {
		m.levels[n].rank()
	}
	return m
}

// A table is distinct n-grams in ascending order and how often each occurs.
// The last token of a gram is in its lowest 16 bits.
type table struct {
	grams  []uint64
	counts []uint32
}

// grams returns every run of four tokens in the sequences, each of which
// begins after three endOfText and ends with one.
func grams(sequences [][]int32) []uint64 {
	total := 0
	for _, seq := range sequences {
		total += len(seq) + 1
	}
	all := make([]uint64, 0, total)
	for _, seq := range sequences {
		gram := uint64(endOfText)
		for _, id := range seq {
			gram = gram<<16 | uint64(uint16(id))
			all = append(all, gram)
		}
		all = append(all, gram<<16|endOfText)
	}
	return all
}

// count sorts grams in place and counts them.
func count(grams []uint64) table {
	slices.Sort(grams)
	var t table
	for i, gram := range grams {
		if i == 0 || gram != grams[i-1] {
			t.grams = append(t.grams, gram)
			t.counts = append(t.counts, 0)
		}
		t.counts[len(t.counts)-1]++
	}
	return t
}

// continuations turns a table of n-grams into one of (n-1)-grams. What counts
// is in how many different contexts a gram occurs, not how often: "Francisco"
// is frequent but follows one word only.
func continuations(t table, n int) table {
	mask := uint64(1)<<(16*(n-1)) - 1
	short := make([]uint64, len(t.grams))
	for i, gram := range t.grams {
		short[i] = gram & mask
	}
	return count(short)
}

// discount is n1/(n1+2·n2), the estimate of Ney, Essen and Kneser (1994) from
// how many grams occur once and twice, or ½ where the text is too small.
func (t table) discount() float64 {
	var n1, n2 float64
	for _, c := range t.counts {
		switch c {
		case 1:
			n1++
		case 2:
			n2++
		}
	}
	if n1 == 0 || n2 == 0 {
		return 0.5
	}
	return n1 / (n1 + 2*n2)
}

// fill computes the level's probabilities from its table and those of the
// level below, and returns them in the table's order.
func (l *level) fill(t table, lower func(gram uint64) float64) []float64 {
	d := t.discount()
	probs := make([]float64, len(t.grams))
	l.contexts = make(map[uint64]span, len(t.grams)/2)
	l.next = make([]entry, len(t.grams))
	for begin := 0; begin < len(t.grams); {
		context := t.grams[begin] >> 16
		end, total := begin, 0.0
		for ; end < len(t.grams) && t.grams[end]>>16 == context; end++ {
			total += float64(t.counts[end])
		}
		backoff := d * float64(end-begin) / total
		for i := begin; i < end; i++ {
			probs[i] = (float64(t.counts[i])-d)/total + backoff*lower(t.grams[i])
			l.next[i] = entry{prob: float32(probs[i]), token: uint16(t.grams[i])}
		}
		l.contexts[context] = span{uint32(begin), uint32(end), float32(backoff)}
		begin = end
	}
	return probs
}

// rank sorts the continuations of each context, ties by id.
func (l *level) rank() {
	for _, s := range l.contexts {
		slices.SortFunc(l.next[s.begin:s.end], func(a, b entry) int {
			return cmp.Or(cmp.Compare(b.prob, a.prob), cmp.Compare(a.token, b.token))
		})
	}
}

// A predictor reads a model's distributions. Each goroutine needs its own.
type predictor struct {
	model  *model
	top    int
	ids    []int32
	logits []float32
	seen   []uint32 // by token: the last prediction that offered it
	stamp  uint32
}

// newPredictor returns a predictor that offers the top candidates of each
// prediction.
func (m *model) newPredictor(top int) *predictor {
	return &predictor{
		model: m,
		top:   top,
		seen:  make([]uint32, maxVocab),
	}
}

// candidates returns the most probable tokens after context, in descending
// order, and the natural logarithms of their probabilities in the whole
// vocabulary: those of the top few do not sum to one. Tokens that training
// never met are not offered. Context is the text so far; before its beginning
// there is endOfText. The slices are valid until the next call.
//
// Each level's continuations are sorted, so the best of the whole is always
// the best head of the four lists; a token's first appearance is in the
// longest context that has it, where its probability is complete.
func (p *predictor) candidates(context []int32) (ids []int32, logits []float32) {
	lists, scales := p.lists(context)
	p.stamp++
	p.ids, p.logits = p.ids[:0], p.logits[:0]
	for len(p.ids) < p.top {
		best, bestProb := -1, float32(0)
		for n := order - 1; n >= 0; n-- {
			if len(lists[n]) > 0 && scales[n]*lists[n][0].prob > bestProb {
				best, bestProb = n, scales[n]*lists[n][0].prob
			}
		}
		if best < 0 {
			break
		}
		token := lists[best][0].token
		lists[best] = lists[best][1:]
		if p.seen[token] != p.stamp {
			p.seen[token] = p.stamp
			p.ids = append(p.ids, int32(token))
			p.logits = append(p.logits, float32(math.Log(float64(bestProb))))
		}
	}
	return p.ids, p.logits
}

// lists returns the continuations of the context's last 0 to 3 tokens and the
// weight of each list after backing off from all longer ones.
func (p *predictor) lists(context []int32) (lists [order][]entry, scales [order]float32) {
	var key uint64
	for _, id := range context[max(0, len(context)-order+1):] {
		key = key<<16 | uint64(uint16(id))
	}
	scale := float32(1)
	for n := order - 1; n >= 0; n-- {
		s, ok := p.model.levels[n].contexts[key&(1<<(16*n)-1)]
		if ok {
			lists[n], scales[n] = p.model.levels[n].next[s.begin:s.end], scale
			scale *= s.backoff
		}
	}
	return lists, scales
}
