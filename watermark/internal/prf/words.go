// Package prf makes the native words dyetrace/1: a BLAKE3 keyed hash per
// window, then AES-128 per token in two levels, a coarse byte and 56 fine bits.
// The words are frozen: the vectors in testdata are never edited, a new rule is
// dyetrace/2.
package prf

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/blake3"
)

// Context is the derivation context of the words' keys.
const Context = "dyetrace 2026-11-23 words/1"

// Families of words, one for each family of schemes: the second argument of
// the derivation. A dual key has the streams 0 and 1 of FamilyGumbel.
const (
	FamilyGumbel     = 1
	FamilyGreenList  = 2
	FamilyTournament = 3
)

// MaxWidth is the largest window in tokens: one BLAKE3 block of 64 bytes.
const MaxWidth = 16

// A Func is the keyed function from windows and tokens to words. It is
// immutable and safe for concurrent use; a [Reader] evaluates it.
type Func struct {
	window       blockKey
	coarse, fine *cipherAES
}

// New returns the function of the 64 derived bytes K0‖K1‖K2.
func New(derived *[64]byte) *Func {
	return &Func{newBlockKey(derived[:32]), newAES(derived[32:48]), newAES(derived[48:])}
}

// decoyContext is the derivation context of decoys: no key of the tree can have
// their words.
const decoyContext = "dyetrace 2026-11-23 decoy words/1"

// NewDecoy returns the function of a decoy: a key made of a public seed.
func NewDecoy(seed *[32]byte, family, stream, width byte) *Func {
	var derived [64]byte
	blake3.DeriveKey(decoyContext, append(seed[:], family, stream, width), derived[:])
	return New(&derived)
}

// A Reader is a Func at a position. It is for one goroutine. Its scratch lives
// here because arguments of a cipher.Block escape to the heap.
type Reader struct {
	f       *Func
	hi, lo  uint64 // A as a big-endian integer: the counter of token 0
	b0, b1  uint64 // B, its first and last eight bytes, big endian
	message [16]uint32
	blocks  [128]byte
	ahead   *lookahead // nil until Ahead is called
}

// NewReader returns a reader at no position: call [Reader.Seek] first.
func (f *Func) NewReader() *Reader { return &Reader{f: f} }

// Seek moves to the position after the window, oldest token first, and returns
// the position's seed: the first eight bytes of P, little endian. Requires
// 1 <= len(window) <= MaxWidth and no negative token.
func (r *Reader) Seek(window []int32) uint64 {
	if p, ok := r.ahead.take(window); ok {
		return r.stand(&p)
	}
	for i, t := range window {
		r.message[i] = uint32(t)
	}
	clear(r.message[len(window):])
	return r.seek(&r.f.window, uint32(4*len(window)))
}

// SeekKey moves to the position that key and index name, whatever the window:
// how a request draws without the mark.
func (r *Reader) SeekKey(key *Key, index uint64, purpose uint32) uint64 {
	clear(r.message[3:])
	r.message[0], r.message[1], r.message[2] = uint32(index), uint32(index>>32), purpose
	return r.seek(&key.k, 12)
}

func (r *Reader) seek(key *blockKey, size uint32) uint64 {
	p := key.hash(&r.message, size)
	return r.stand(&p)
}

// stand puts the reader at position P.
func (r *Reader) stand(p *[8]uint32) uint64 {
	r.hi = bits.ReverseBytes64(uint64(p[1])<<32 | uint64(p[0]))
	r.lo = bits.ReverseBytes64(uint64(p[3])<<32 | uint64(p[2]))
	r.b0 = bits.ReverseBytes64(uint64(p[5])<<32 | uint64(p[4]))
	r.b1 = bits.ReverseBytes64(uint64(p[7])<<32 | uint64(p[6]))
	return uint64(p[1])<<32 | uint64(p[0])
}

// Word returns the word of token t >= 0.
func (r *Reader) Word(t int32) uint64 {
	r.counter(t, r.blocks[:16])
	binary.BigEndian.PutUint64(r.blocks[16:], r.b0^uint64(bits.ReverseBytes32(uint32(t)))<<32)
	binary.BigEndian.PutUint64(r.blocks[24:], r.b1)
	r.f.coarse.encryptTwo(r.f.fine, &r.blocks)
	return uint64(r.blocks[t&15])<<56 | binary.LittleEndian.Uint64(r.blocks[16:])>>8
}

// counter writes the counter block whose encryption holds the coarse byte of t.
func (r *Reader) counter(t int32, block []byte) {
	lo, carry := bits.Add64(r.lo, uint64(t)>>4, 0)
	binary.BigEndian.PutUint64(block[8:], lo)
	binary.BigEndian.PutUint64(block, r.hi+carry)
}

// Coarse writes the high byte of the word of token ids[i] to dst[i], or where ids
// is nil that of token first+i. Requires len(dst) >= len(ids), no negative id and
// first a multiple of 16.
func (r *Reader) Coarse(ids []int32, first int32, dst []byte) {
	if ids == nil {
		r.dense(uint64(first)>>4, dst)
		return
	}
	for len(ids) > 0 {
		n := min(8, len(ids))
		for i, t := range ids[:n] {
			r.counter(t, r.blocks[16*i:16*i+16])
		}
		r.f.coarse.encrypt8(&r.blocks)
		for i, t := range ids[:n] {
			dst[i] = r.blocks[16*i+int(t&15)]
		}
		ids, dst = ids[n:], dst[n:]
	}
}

// dense writes the coarse keystream from block i on.
func (r *Reader) dense(i uint64, dst []byte) {
	lo, carry := bits.Add64(r.lo, i, 0)
	done := r.f.coarse.keystream(r.hi+carry, lo, dst)
	for i += uint64(done) / 16; done < len(dst); i += 8 {
		for j := range 8 {
			r.counter(int32((i+uint64(j))<<4), r.blocks[16*j:16*j+16])
		}
		r.f.coarse.encrypt8(&r.blocks)
		done += copy(dst[done:], r.blocks[:])
	}
}

// A Key is a request's own 32 bytes as a hash key.
type Key struct{ k blockKey }

// NewKey returns the key of 32 bytes.
func NewKey(b *[32]byte) Key { return Key{newBlockKey(b[:])} }

// Hash returns the 32 bytes keyed_hash(k, index ‖ purpose) as four integers.
func (k *Key) Hash(index uint64, purpose uint32) [4]uint64 {
	var m [16]uint32
	m[0], m[1], m[2] = uint32(index), uint32(index>>32), purpose
	p := k.k.hash(&m, 12)
	var out [4]uint64
	for i := range out {
		out[i] = uint64(p[2*i+1])<<32 | uint64(p[2*i])
	}
	return out
}

// NewGate returns a reader whose Seek gives the first eight bytes of keyed_hash(k,
// window as u32le), and that has no words.
func (k *Key) NewGate() *Reader { return (&Func{window: k.k}).NewReader() }
