package sglang

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
	"github.com/dyetrace/dyetrace/watermark/internal/murmur"
)

// source is the engine's hash under one key or two.
type source struct {
	info      watermark.SourceInfo
	threshold uint64 // of the coin: below it is key A
	// keys returns those of the streams. It is a function for the reason of
	// intkey.Key.
	keys func() []uint64
}

// newSource requires a resolved configuration with a key.
func newSource(c Config) *source {
	s := &source{threshold: uint64(c.MixingProbability * 0x1p32)}
	s.info = watermark.SourceInfo{
		Name: fmt.Sprintf("sglang murmur3 width=%d", c.ContextWindow), KeyID: c.Key.ID(), Kind: watermark.Statistical,
		Windows: "murmur3 of tokens",
	}
	keys := []uint64{c.Key.secret.Value()}
	public := intkey.Public(keys[0])
	if !c.KeyB.IsZero() {
		keys = append(keys, c.KeyB.secret.Value())
		public = public || intkey.Public(keys[1])
		s.info.Name += fmt.Sprintf(" mixing=%v", c.MixingProbability)
		s.info.KeyID += "+" + c.KeyB.ID()
	}
	if public {
		s.info.Kind = watermark.PublicKey
	}
	s.keys = func() []uint64 { return keys }
	return s
}

// Info implements [watermark.Source].
func (s *source) Info() watermark.SourceInfo { return s.info }

// Decoy implements [watermark.Source].
func (s *source) Decoy(seed [32]byte) watermark.Source {
	d := *s
	keys := make([]uint64, len(s.keys()))
	for i := range keys {
		keys[i] = intkey.Decoy(seed, uint32(i))
	}
	d.keys = func() []uint64 { return keys }
	d.info.KeyID = fmt.Sprintf("decoy %x", seed[:8])
	d.info.Kind = watermark.Statistical
	return &d
}

// Open implements [watermark.Source].
func (s *source) Open() watermark.Reader { return s.open() }

func (s *source) open() *reader {
	r := &reader{threshold: s.threshold}
	for i, key := range s.keys() {
		r.keyed[i] = mixKey(0, key)
		r.coin = mixKey(r.coin, key)
		r.n = i + 1
	}
	return r
}

func mixKey(state uint32, key uint64) uint32 {
	return murmur.Mix(murmur.Mix(state, uint32(key)), uint32(key>>32))
}

// reader reads one stream or two at a context.
type reader struct {
	n         int
	keyed     [2]uint32 // states after the key of a stream
	coin      uint32    // state after both keys
	threshold uint64
	context   uint32    // hash of the context
	at        [2]uint32 // states after the key of a stream and the context's hash
}

// seek hashes a context, which is not empty, and returns the stream that the
// coin chooses.
func (r *reader) seek(context []watermark.Token) (stream int) {
	state := uint32(0)
	for _, t := range context {
		state = murmur.Mix(state, uint32(t))
	}
	r.context = murmur.Sum(state, len(context))
	r.at[0] = murmur.Mix(r.keyed[0], r.context)
	if r.n == 1 {
		return 0
	}
	r.at[1] = murmur.Mix(r.keyed[1], r.context)
	if uint64(r.toss()) < r.threshold {
		return 0
	}
	return 1
}

// toss returns the coin of the context.
func (r *reader) toss() uint32 { return murmur.Sum(murmur.Mix(r.coin, r.context), 5) }

func (r *reader) word(stream int, t watermark.Token) uint32 {
	return murmur.Sum(murmur.Mix(r.at[stream], uint32(t)), 4)
}

// Seek implements [watermark.Reader]. The seed is the context's hash of 32 bits:
// it is all that words know of a context, and what the engine's generator counts
// repeats by.
func (r *reader) Seek(window []watermark.Token) (watermark.Place, bool) {
	if len(window) == 0 {
		return watermark.Place{}, false
	}
	stream := r.seek(window)
	return watermark.Place{Seed: uint64(r.context), Stream: stream}, true
}

// Ahead implements [watermark.Reader].
func (r *reader) Ahead([][]watermark.Token) {}

// Seed implements [watermark.Reader].
func (r *reader) Seed(watermark.Token) uint64 { return uint64(r.context) }

// Word implements [watermark.Reader]: the engine's 32 bits, with zeros below.
func (r *reader) Word(stream int, t watermark.Token) uint64 { return uint64(r.word(stream, t)) << 32 }

// Coarse implements [watermark.Reader]: words are as cheap.
func (r *reader) Coarse(int, []watermark.Token, watermark.Token, []byte) bool { return false }
