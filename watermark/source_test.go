package watermark_test

import (
	"fmt"
	"math/bits"

	"github.com/dyetrace/dyetrace/watermark"
)

// A testSource is a source whose words and seeds a test chooses, with windows of
// any width. Reads are counted through the pointers, for one goroutine.
type testSource struct {
	name         string
	word         func(window []watermark.Token, stream int, t watermark.Token) uint64
	seed         func(window []watermark.Token) uint64                    // nil: a hash of the window
	marks        func(window []watermark.Token) bool                      // nil: every window
	seedOf       func(window []watermark.Token, t watermark.Token) uint64 // nil: the window's seed
	withoutBytes bool                                                     // high bytes are not offered
	words        *int                                                     // nil: not counted
}

func (s *testSource) Info() watermark.SourceInfo {
	return watermark.SourceInfo{Name: "test " + s.name, KeyID: "test", Kind: watermark.PublicKey}
}

func (s *testSource) Open() watermark.Reader { return &testReader{source: s} }

func (s *testSource) Decoy(seed [32]byte) watermark.Source {
	d := *s
	d.name += fmt.Sprintf(" decoy %x", seed[:4])
	d.word = func(window []watermark.Token, stream int, t watermark.Token) uint64 {
		return mix(uint64(seed[0])<<32, uint64(seed[1]), s.word(window, stream, t))
	}
	return &d
}

type testReader struct {
	source *testSource
	window []watermark.Token
	place  watermark.Place
}

func (r *testReader) Seek(window []watermark.Token) (watermark.Place, bool) {
	r.window = append(r.window[:0], window...)
	r.place.Seed = hashTokens(window)
	if r.source.seed != nil {
		r.place.Seed = r.source.seed(window)
	}
	return r.place, r.source.marks == nil || r.source.marks(window)
}

func (r *testReader) Ahead([][]watermark.Token) {}

func (r *testReader) Seed(t watermark.Token) uint64 {
	if r.source.seedOf != nil {
		return r.source.seedOf(r.window, t)
	}
	return r.place.Seed
}

func (r *testReader) Word(stream int, t watermark.Token) uint64 {
	if r.source.words != nil {
		*r.source.words++
	}
	return r.source.word(r.window, stream, t)
}

func (r *testReader) Coarse(stream int, ids []watermark.Token, first watermark.Token, dst []byte) bool {
	if r.source.withoutBytes {
		return false
	}
	for i := range dst {
		t := first + watermark.Token(i)
		if ids != nil {
			t = ids[i]
		}
		dst[i] = byte(r.source.word(r.window, stream, t) >> 56)
	}
	return true
}

// mix is a hash of integers that passes for random.
func mix(numbers ...uint64) uint64 {
	h := uint64(0x9E3779B97F4A7C15)
	for _, n := range numbers {
		hi, lo := bits.Mul64(h^n^0xA0761D6478BD642F, 0xE7037ED1A0B428DB)
		h = bits.RotateLeft64(hi^lo, 29) * 0x9E3779B97F4A7C15
		h ^= h >> 32
	}
	return h
}

func hashTokens(tokens []watermark.Token) uint64 {
	h := uint64(len(tokens))
	for _, t := range tokens {
		h = mix(h, uint64(uint32(t)))
	}
	return h
}

// hashedWords are words like those of an engine with a statistical hash.
func hashedWords(key uint64) func([]watermark.Token, int, watermark.Token) uint64 {
	return func(window []watermark.Token, stream int, t watermark.Token) uint64 {
		return mix(key, hashTokens(window), uint64(stream), uint64(t))
	}
}
