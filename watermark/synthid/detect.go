package synthid

import (
	"fmt"
	"math"
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/lattice"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A Result is what the engine's functions say of a text, whose first NgramLen−1 ids
// have no n-gram and no position, and beside it what this library says.
type Result struct {
	NumPositions int
	// Mask holds for each position whether the engine counts it: its context is not
	// among the last ContextHistorySize ones, and no end-of-sequence id has come.
	Mask        []bool
	NumUnmasked int // positions counted
	NumRepeated int // positions whose context is repeated, before or after the end
	SumG        int // ones among the g-values of the positions counted

	// Mean and WeightedMean are the engine's scores in float64, with weights from 10
	// down to 1; MeanFloat32 and WeightedMeanFloat32 as the engine's float32 has
	// them, the last but for the order in which it adds up. NaN where nothing is
	// counted.
	Mean, WeightedMean               float64
	MeanFloat32, WeightedMeanFloat32 float32

	// Distinct is how many n-grams LogP rests on: those before the end whose context
	// has not occurred before in the text.
	Distinct int

	null     *Null // nil for the table-free hash
	states   []uint64
	depth    int
	sum      int64 // of the g-values of the Distinct n-grams
	weights  []float64
	weighted float64 // their sum with weights
}

// LogP returns ln of this library's p-value, that of the detector of [New] for a text
// without an end-of-sequence id: the chance that keys which have nothing to do with
// the text give its n-grams at least as many ones. The engine ships none. It is
// exact; see [Null]. The law is worked out here and not before, which takes up to
// a millisecond for a table.
func (r *Result) LogP() float64 {
	if r.null == nil {
		return tail.Binomial(r.sum, int64(r.Distinct)*int64(r.depth), 0.5)
	}
	list, ok := r.counts()
	if !ok {
		return 0
	}
	return r.null.logTail(list, r.depth, r.sum)
}

// LogPWeighted is [Result.LogP] of the sum with weights from 10 down to 1, as the
// engine's weighted mean has it. It is Chernoff's bound under the exact law of the
// layers, some 1 to 3 nats above the truth.
func (r *Result) LogPWeighted() float64 {
	if r.null == nil {
		fair := lattice.Part{P: []float64{0.5, 0.5}}
		return chernoff(fair, int64(r.Distinct), r.weights, r.weighted*roundingLoss)
	}
	list, ok := r.counts()
	if !ok {
		return 0
	}
	return r.null.logTailWeighted(list, r.weights, r.weighted*roundingLoss)
}

// roundingLoss takes from a sum more than rounding can have added.
const roundingLoss = 1 - 1e-12

// counts returns how often states occur.
func (r *Result) counts() ([]stateCount, bool) {
	if !r.null.lookup.lawful() {
		return nil, false
	}
	index := make(map[uint32]int, len(r.states))
	list := make([]stateCount, 0, len(r.states))
	for _, x := range r.states {
		s := uint32(x & r.null.lookup.mask)
		i, ok := index[s]
		if !ok {
			i = len(list)
			index[s] = i
			list = append(list, stateCount{state: s})
		}
		list[i].count++
	}
	return list, true
}

// A Detector reads texts as the engine's functions do. It is for one goroutine.
type Detector struct {
	source  *source
	null    *Null
	weights []float64 // of layers, with mean 1

	recent recent
	first  []layerCount // of n-grams whose context is new to the text, by stream
	again  []layerCount // of the others that are counted
}

// NewDetector returns a detector of a configuration.
func NewDetector(c Config) (*Detector, error) {
	s, err := newSource(c)
	if err != nil {
		return nil, err
	}
	d := &Detector{source: s, weights: layerWeights(s.depth),
		first: make([]layerCount, s.streams()), again: make([]layerCount, s.streams())}
	if s.lookup != nil {
		d.null = newNull(s.lookup)
	}
	return d, nil
}

// Detect is [Detector.Detect] with a detector of its own: for a single text.
func Detect(c Config, tokens []watermark.Token, eos watermark.Token) (*Result, error) {
	d, err := NewDetector(c)
	if err != nil {
		return nil, err
	}
	return d.Detect(tokens, eos)
}

// NoEOS as an end-of-sequence id is that of no text.
const NoEOS watermark.Token = -1

// Detect reads a text of at least NgramLen ids, of which those from the first eos on
// are not counted; they are read all the same, for the engine's counts. It fails for
// shorter texts, as the engine does, and for ids out of range.
func (d *Detector) Detect(tokens []watermark.Token, eos watermark.Token) (*Result, error) {
	s := d.source
	if err := d.check(tokens); err != nil {
		return nil, err
	}
	h := s.config.NgramLen - 1
	n := len(tokens) - h
	r := &Result{
		NumPositions: n, Mask: make([]bool, n), depth: s.depth, weights: d.weights, null: d.null,
		states: make([]uint64, 0, n),
	}
	d.recent.reset(n, s.config.ContextHistorySize)
	clear(d.first)
	clear(d.again)
	ended := slices.Contains(tokens[:h], eos)
	for i := range n {
		context := hashContext(s.start, tokens[i:i+h])
		ended = ended || tokens[i+h] == eos
		seen, repeated := d.recent.add(context)
		if repeated {
			r.NumRepeated++
		}
		if ended || repeated {
			continue
		}
		r.Mask[i] = true
		r.NumUnmasked++
		count := d.first
		x := accumulate(context, uint64(tokens[i+h]))
		if seen { // longer ago than the history reaches
			count = d.again
		} else {
			r.states = append(r.states, x)
		}
		for stream := range count {
			count[stream].add(s.word(stream, x))
		}
	}
	r.Distinct = len(r.states)
	d.means(r)
	return r, nil
}

func (d *Detector) check(tokens []watermark.Token) error {
	c := &d.source.config
	if len(tokens) < c.NgramLen {
		return fmt.Errorf("synthid: text has %d ids, want at least ngram_len = %d", len(tokens), c.NgramLen)
	}
	limit := int64(math.MaxInt32) + 1
	if c.VocabSize > 0 {
		limit = int64(c.VocabSize)
	}
	for i, t := range tokens {
		if t < 0 || int64(t) >= limit {
			return fmt.Errorf("synthid: token %d of the text is %d, want 0 to %d", i, t, limit-1)
		}
	}
	return nil
}

// GValues returns the g-values of a text of at least NgramLen ids, 0 or 1: those of
// all layers of the first n-gram, then of the second, and so on.
func (d *Detector) GValues(tokens []watermark.Token) ([]byte, error) {
	if err := d.check(tokens); err != nil {
		return nil, err
	}
	s := d.source
	var g []byte
	for i := s.config.NgramLen; i <= len(tokens); i++ {
		x := hashContext(s.start, tokens[i-s.config.NgramLen:i])
		for l := range s.depth {
			g = append(g, byte(s.word(l/64, x)>>(63-l%64)&1))
		}
	}
	return g, nil
}
