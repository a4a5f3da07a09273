// Package prf makes the native words dyetrace/1: a BLAKE3 keyed hash per
// window, then AES-128 per token in two levels, a coarse byte and 56 fine bits.
// The words are frozen: the vectors in testdata are never edited, a new rule is
// dyetrace/2.
package prf

import (
	"crypto/aes"
	"crypto/cipher"
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
	coarse, fine cipher.Block
	rounds       roundKeys // of coarse
}

// New returns the function of the 64 derived bytes K0‖K1‖K2.
func New(derived *[64]byte) *Func {
	f := &Func{window: newBlockKey(derived[:32]), rounds: newRoundKeys(derived[32:48])}
	f.coarse, f.fine = mustAES(derived[32:48]), mustAES(derived[48:64])
	return f
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

// mustAES cannot fail: a key of 16 bytes is always an AES-128 key.
func mustAES(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return b
}

// A Reader is a Func at a position. It is for one goroutine. Its scratch
// arrays live here because arguments of a cipher.Block escape to the heap.
type Reader struct {
	f        *Func
	hi, lo   uint64 // A as a big-endian integer: the counter of token 0
	b0, b1   uint64 // B, its first and last eight bytes, big endian
	in, out  [16]byte
	message  [16]uint32
	position [8]uint32
}

// NewReader returns a reader at no position: call [Reader.Seek] first.
func (f *Func) NewReader() *Reader { return &Reader{f: f} }

// Seek moves to the position after the window, oldest token first, and returns
// the position's seed: the first eight bytes of P, little endian. Requires
// 1 <= len(window) <= MaxWidth and no negative token.
func (r *Reader) Seek(window []int32) uint64 {
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
	r.hi = bits.ReverseBytes64(uint64(p[1])<<32 | uint64(p[0]))
	r.lo = bits.ReverseBytes64(uint64(p[3])<<32 | uint64(p[2]))
	r.b0 = bits.ReverseBytes64(uint64(p[5])<<32 | uint64(p[4]))
	r.b1 = bits.ReverseBytes64(uint64(p[7])<<32 | uint64(p[6]))
	return uint64(p[1])<<32 | uint64(p[0])
}

// Word returns the word of token t >= 0.
func (r *Reader) Word(t int32) uint64 {
	return uint64(r.coarse(t))<<56 | r.fine(t)
}

func (r *Reader) coarse(t int32) byte {
	r.block(uint64(t)>>4, r.out[:])
	return r.out[t&15]
}

func (r *Reader) fine(t int32) uint64 {
	binary.BigEndian.PutUint64(r.in[:8], r.b0^uint64(bits.ReverseBytes32(uint32(t)))<<32)
	binary.BigEndian.PutUint64(r.in[8:], r.b1)
	r.f.fine.Encrypt(r.out[:], r.in[:])
	return binary.LittleEndian.Uint64(r.out[:8]) >> 8
}

// block writes block i of the coarse keystream, 16 bytes.
func (r *Reader) block(i uint64, dst []byte) {
	lo, carry := bits.Add64(r.lo, i, 0)
	binary.BigEndian.PutUint64(r.in[8:], lo)
	binary.BigEndian.PutUint64(r.in[:8], r.hi+carry)
	r.f.coarse.Encrypt(dst, r.in[:])
}

// Coarse writes the high byte of the word of token ids[i], or where ids is nil
// of token first+i, to dst[i]. Requires first to be a multiple of 16.
func (r *Reader) Coarse(ids []int32, first int32, dst []byte) {
	if ids != nil {
		for i, t := range ids {
			dst[i] = r.coarse(t)
		}
		return
	}
	i := uint64(first) >> 4
	lo, carry := bits.Add64(r.lo, i, 0)
	done := r.f.rounds.bulk(r.hi+carry, lo, dst)
	i, dst = i+uint64(done)/16, dst[done:]
	for ; len(dst) >= 16; i++ {
		r.block(i, dst[:16])
		dst = dst[16:]
	}
	if len(dst) > 0 {
		r.block(i, r.out[:])
		copy(dst, r.out[:])
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

// HashTokens returns the first eight bytes of keyed_hash(k, tokens as u32le).
// Requires 1 <= len(tokens) <= MaxWidth.
func (k *Key) HashTokens(tokens []int32) uint64 {
	var m [16]uint32
	for i, t := range tokens {
		m[i] = uint32(t)
	}
	p := k.k.hash(&m, uint32(4*len(tokens)))
	return uint64(p[1])<<32 | uint64(p[0])
}
