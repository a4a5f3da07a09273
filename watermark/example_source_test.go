package watermark_test

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"log"

	"github.com/dyetrace/dyetrace/watermark"
)

// An fnvSource is the source of an engine whose words are a public hash of a small
// integer key, the window and the token.
type fnvSource struct{ key uint64 }

func (s fnvSource) Info() watermark.SourceInfo {
	return watermark.SourceInfo{Name: "fnv", KeyID: "integer", Kind: watermark.Statistical}
}

func (s fnvSource) Open() watermark.Reader { return &fnvReader{key: s.key} }

func (s fnvSource) Decoy(seed [32]byte) watermark.Source {
	return fnvSource{binary.LittleEndian.Uint64(seed[:])}
}

type fnvReader struct{ key, seed uint64 }

func (r *fnvReader) Seek(window []watermark.Token) (watermark.Place, bool) {
	r.seed = fnvHash(r.key, window...)
	return watermark.Place{Seed: r.seed}, true
}

func (r *fnvReader) Ahead([][]watermark.Token) {}

func (r *fnvReader) Seed(watermark.Token) uint64 { return r.seed }

func (r *fnvReader) Word(_ int, t watermark.Token) uint64 { return fnvHash(r.seed, t) }

func (r *fnvReader) Coarse(int, []watermark.Token, watermark.Token, []byte) bool { return false }

func fnvHash(key uint64, tokens ...watermark.Token) uint64 {
	h := fnv.New64a()
	b := binary.LittleEndian.AppendUint64(nil, key)
	for _, t := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(t))
	}
	h.Write(b)
	x := h.Sum64()
	x = (x ^ x>>32) * 0xD6E8FEB86659FD93 // FNV's high bits are poor
	return x ^ x>>32
}

// The mark of another engine is a source of its words with a scheme and rules.
func ExampleSource() {
	w, err := watermark.Build(fnvSource{key: 42}, watermark.GreenList{Gamma: 0.5, Delta: 2}, watermark.Rules{Width: 1})
	if err != nil {
		log.Fatal(err)
	}
	answer, err := serve(w, watermark.SeedOf(1), 200)
	if err != nil {
		log.Fatal(err)
	}
	r, err := w.Detect(watermark.Text{Tokens: answer})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s words: %d of %d scored tokens are green\n", w.Info().Kind, int(r.Score), r.Scored)
	// Output: statistical words: 174 of 197 scored tokens are green
}
