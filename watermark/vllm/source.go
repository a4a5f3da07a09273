package vllm

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
	"github.com/dyetrace/dyetrace/watermark/internal/philox"
)

// source is the engine's pseudo-random function under one key or two.
type source struct {
	info  watermark.SourceInfo
	width int
	dual  bool
	// keys returns those of the streams. It is a function for the reason of
	// intkey.Key.
	keys func() []uint64
}

func newSource(c Config) *source {
	key := c.Key.secret.Value()
	s := &source{width: c.ContextWidth, dual: c.Algorithm == DualKeyGumbel}
	s.setKey(key)
	s.info = watermark.SourceInfo{Name: fmt.Sprintf("vllm philox width=%d", s.width), KeyID: c.Key.ID(), Kind: watermark.Statistical, Windows: "tokens"}
	if s.dual {
		s.info.Name += " dual"
	}
	if intkey.Public(key) {
		s.info.Kind = watermark.PublicKey
	}
	return s
}

func (s *source) setKey(key uint64) {
	keys := []uint64{key}
	if s.dual {
		keys = []uint64{subKey("key_a", key), subKey("key_b", key)}
	}
	s.keys = func() []uint64 { return keys }
}

// Info implements [watermark.Source].
func (s *source) Info() watermark.SourceInfo { return s.info }

// Decoy implements [watermark.Source].
func (s *source) Decoy(seed [32]byte) watermark.Source {
	d := *s
	d.setKey(intkey.Decoy(seed, 0))
	d.info.KeyID = fmt.Sprintf("decoy %x", seed[:8])
	d.info.Kind = watermark.Statistical
	return &d
}

// Open implements [watermark.Source].
func (s *source) Open() watermark.Reader { return s.open() }

func (s *source) open() *reader {
	keys := s.keys()
	r := &reader{n: len(keys)}
	for i, key := range keys {
		r.streams[i] = stream{k0: uint32(key), k1: uint32(key >> 32), of: noBlock}
	}
	return r
}

// reader reads one stream or two at a context.
type reader struct {
	n       int
	streams [2]stream
}

// stream is the function under one key.
type stream struct {
	k0, k1 uint32
	state  [4]uint32 // of the context
	block  [4]uint32 // words of the tokens 4·of to 4·of+3
	of     uint32    // noBlock: none
}

const noBlock = 1 << 31

const (
	contextConstant = 0x574D4358 // "WMCX"
	tokenConstant   = 0x574D544B // "WMTK"
)

// seek absorbs a context, oldest token first, four tokens a block.
func (s *stream) seek(context []watermark.Token) {
	c0, c1, c2, c3 := uint32(contextConstant), uint32(len(context)), uint32(0), uint32(0)
	off := 0
	for ; off+4 <= len(context); off += 4 {
		w := context[off : off+4 : off+4]
		c0, c1, c2, c3 = philox.Block(c0^uint32(w[0]), c1^uint32(w[1]), c2^uint32(w[2]), c3^uint32(w[3]), s.k0^uint32(off), s.k1)
	}
	if off < len(context) {
		last := [4]uint32{0xFFFFFFFF, 0xFFFFFFFF - 1, 0xFFFFFFFF - 2, 0xFFFFFFFF - 3}
		for i, t := range context[off:] {
			last[i] = uint32(t)
		}
		c0, c1, c2, c3 = philox.Block(c0^last[0], c1^last[1], c2^last[2], c3^last[3], s.k0^uint32(off), s.k1)
	}
	s.state, s.of = [4]uint32{c0, c1, c2, c3}, noBlock
}

// load makes the block of tokens 4·of to 4·of+3.
func (s *stream) load(of uint32) {
	a, b, c, d := philox.Block(of, s.state[0], s.state[1], s.state[2], s.k0^s.state[3], s.k1^tokenConstant)
	s.block, s.of = [4]uint32{a, b, c, d}, of
}

func (s *stream) word(t watermark.Token) uint32 {
	if of := uint32(t) >> 2; of != s.of {
		s.load(of)
	}
	return s.block[t&3]
}

// seed is half of the state of a context: Philox is a bijection of the state
// before, so that two contexts share it with probability 2^-64.
func (s *stream) seed() uint64 { return uint64(s.state[0])<<32 | uint64(s.state[1]) }

// Seek implements [watermark.Reader]. The seed is that of stream 0.
func (r *reader) Seek(window []watermark.Token) (watermark.Place, bool) {
	for i := range r.n {
		r.streams[i].seek(window)
	}
	return watermark.Place{Seed: r.streams[0].seed()}, true
}

// Ahead implements [watermark.Reader].
func (r *reader) Ahead([][]watermark.Token) {}

// Seed implements [watermark.Reader].
func (r *reader) Seed(watermark.Token) uint64 { return r.streams[0].seed() }

// Word implements [watermark.Reader]: the engine's 32 bits, with zeros below.
func (r *reader) Word(stream int, t watermark.Token) uint64 {
	return uint64(r.streams[stream].word(t)) << 32
}

// Coarse implements [watermark.Reader]: four words are made at once, so that dense
// ones are cheaper than words asked for one by one.
func (r *reader) Coarse(stream int, ids []watermark.Token, first watermark.Token, dst []byte) bool {
	if ids != nil {
		return false
	}
	s := &r.streams[stream]
	for i := range dst {
		dst[i] = byte(s.word(first+watermark.Token(i)) >> 24)
	}
	return true
}
