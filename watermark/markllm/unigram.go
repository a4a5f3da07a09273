package markllm

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
)

// NewUnigram returns the mark Unigram of a configuration: one list for all positions.
// Detectors of the mark score each token of the vocabulary once.
func NewUnigram(c UnigramConfig) (*watermark.Watermark, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return watermark.Build(newUnigramSource(c), newGreenScheme("unigram", c.Gamma, c.Delta, c.VocabSize), watermark.Rules{
		// There is no window. One token of padding stands for it at the beginning.
		Width: 1, Pad: -1,
		Write: watermark.WriteRules{Head: watermark.HeadPadded, Repeats: true},
		Read:  watermark.ReadRules{Head: watermark.HeadPadded, OnePerSeed: true},
	})
}

// unigramSource makes the list of a key: words are 0 for green tokens and 2^64−1 for
// red ones.
type unigramSource struct {
	info        watermark.SourceInfo
	green, size int
	mask        func() []bool // made when a reader first opens
}

func newUnigramSource(c UnigramConfig) *unigramSource {
	s := &unigramSource{green: listSize(c.Gamma, c.VocabSize), size: c.VocabSize}
	s.info = infoOf(c.HashKey, fmt.Sprintf("markllm unigram vocab_size=%d greenlist_size=%d", s.size, s.green))
	s.mask = sync.OnceValue(unigramMask(c.HashKey.Value(), s.green, s.size))
	return s
}

func unigramMask(key uint64, green, size int) func() []bool {
	return func() []bool {
		mask := make([]bool, size)
		for i := range green {
			mask[i] = true
		}
		newPCG64(unigramSeed(key)).shuffle(size, func(i, j int) { mask[i], mask[j] = mask[j], mask[i] })
		return mask
	}
}

// unigramSeed returns the first four bytes of SHA-256 of the key's eight, all
// little-endian.
func unigramSeed(key uint64) uint32 {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, key))
	return binary.LittleEndian.Uint32(sum[:])
}

// Info implements [watermark.Source].
func (s *unigramSource) Info() watermark.SourceInfo { return s.info }

// Decoy implements [watermark.Source].
func (s *unigramSource) Decoy(seed [32]byte) watermark.Source {
	d := *s
	d.info = decoyInfo(s.info, seed)
	d.mask = sync.OnceValue(unigramMask(intkey.Decoy(seed, 0)&math.MaxInt64, s.green, s.size))
	return &d
}

// Open implements [watermark.Source].
func (s *unigramSource) Open() watermark.Reader { return unigramReader{s.mask()} }

type unigramReader struct{ mask []bool }

// Seek implements [watermark.Reader].
func (r unigramReader) Seek([]watermark.Token) (watermark.Place, bool) {
	return watermark.Place{}, true
}

// Ahead implements [watermark.Reader].
func (r unigramReader) Ahead([][]watermark.Token) {}

// Seed implements [watermark.Reader]: it is by tokens that repeats are counted.
func (r unigramReader) Seed(t watermark.Token) uint64 { return uint64(t) }

// Word implements [watermark.Reader].
func (r unigramReader) Word(_ int, t watermark.Token) uint64 { return wordOf(r.has(t)) }

func (r unigramReader) has(t watermark.Token) bool {
	return t >= 0 && int(t) < len(r.mask) && r.mask[t]
}

// Coarse implements [watermark.Reader].
func (r unigramReader) Coarse(_ int, ids []watermark.Token, first watermark.Token, dst []byte) bool {
	for i := range dst {
		dst[i] = byte(r.Word(0, tokenOf(ids, first, i)))
	}
	return true
}

// raise adds delta to green tokens.
func (r unigramReader) raise(ids []watermark.Token, row []float32, delta float32) {
	for i := range row {
		if r.has(tokenOf(ids, 0, i)) {
			row[i] += delta
		}
	}
}
