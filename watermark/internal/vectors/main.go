// Command vectors writes the frozen vectors of the words dyetrace/1 and of the
// layers' gate to standard output, JSON Lines, one fact a row:
//
//	go run ./watermark/internal/vectors > watermark/testdata/native.jsonl
//
// It is naive on purpose and shares no code with the library: a general BLAKE3,
// AES one block at a time, logarithms in 256-bit arithmetic, choices by looking
// at every candidate. Fields: secret, derived, p are hex; word is the 64-bit word
// as 16 hex digits; score and draw (−ln E) are decimal to 20 digits; logits_f32
// are IEEE-754 bits as hex; choice is the token that the exponential race takes.
package main

import (
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"math/big"
	"math/rand/v2"
	"os"

	"github.com/zeebo/blake3"
)

const precision = 256

func main() {
	r := rand.New(rand.NewPCG(20261123, 1))
	out := json.NewEncoder(os.Stdout)
	emit := func(v any) {
		if err := out.Encode(v); err != nil {
			log.Fatal(err)
		}
	}
	for n := range 96 {
		secret := randomBytes(r, 32)
		family, stream, width := byte(1+n%3), byte(0), 1+n%16
		if family == 1 && n%2 == 1 {
			stream = 1
		}
		w := newWords(secret, family, stream, byte(width))
		window := make([]int32, width)
		for i := range window {
			window[i] = randomToken(r)
		}
		a, b := w.position(window)
		tokens := []int32{0, 1, 15, 16, 17, 255, 256, math.MaxInt32, randomToken(r), randomToken(r), randomToken(r)}
		words, scores, draws := []string{}, []string{}, []string{}
		for _, t := range tokens {
			x := w.word(a, b, t)
			words = append(words, fmt.Sprintf("%016x", x))
			scores = append(scores, score(x).Text('g', 20))
			draws = append(draws, draw(x).Text('g', 20))
		}
		emit(map[string]any{"kind": "words", "secret": hex.EncodeToString(secret), "family": family, "stream": stream,
			"width": width, "derived": hex.EncodeToString(w.derived), "window": window,
			"p": hex.EncodeToString(append(a, b...)), "tokens": tokens, "words": words, "scores": scores, "draws": draws})
	}
	for _, x := range []uint64{0, 1, 2, 1 << 11, 1 << 56, 1<<63 - 1, 1 << 63, 1<<63 + 1, 3 << 62, math.MaxUint64 - 1<<11, math.MaxUint64 - 1, math.MaxUint64} {
		emit(map[string]any{"kind": "scores", "word": fmt.Sprintf("%016x", x), "score": score(x).Text('g', 20), "draw": draw(x).Text('g', 20)})
	}
	for n := range 60 {
		emit(race(r, n))
	}
	for n := range 60 {
		emit(gate(r, n))
	}
}

type words struct{ derived []byte }

func newWords(secret []byte, family, stream, width byte) words {
	derived := make([]byte, 64)
	blake3.DeriveKey("dyetrace 2026-11-23 words/1", append(append([]byte{}, secret...), family, stream, width), derived)
	return words{derived}
}

func (w words) position(window []int32) (a, b []byte) {
	p := keyedHash(w.derived[:32], window)
	return p[:16], p[16:]
}

func (w words) word(a, b []byte, t int32) uint64 {
	counter := new(big.Int).SetBytes(a)
	counter.Add(counter, big.NewInt(int64(t/16)))
	counter.Mod(counter, new(big.Int).Lsh(big.NewInt(1), 128))
	coarse := encrypt(w.derived[32:48], counter.FillBytes(make([]byte, 16)))[t%16]
	block := append([]byte{}, b...)
	for i, c := range binary.LittleEndian.AppendUint32(nil, uint32(t)) {
		block[i] ^= c
	}
	fine := binary.LittleEndian.Uint64(encrypt(w.derived[48:], block)[:8]) >> 8
	return uint64(coarse)<<56 | fine
}

func keyedHash(key []byte, window []int32) []byte {
	h, err := blake3.NewKeyed(key)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range window {
		if err := binary.Write(h, binary.LittleEndian, uint32(t)); err != nil {
			log.Fatal(err)
		}
	}
	return h.Sum(nil)[:32]
}

func encrypt(key, block []byte) []byte {
	c, err := aes.NewCipher(key)
	if err != nil {
		log.Fatal(err)
	}
	out := make([]byte, 16)
	c.Encrypt(out, block)
	return out
}

// race is one draw over up to 400 candidates.
func race(r *rand.Rand, n int) map[string]any {
	secret, width := randomBytes(r, 32), 1+n%4
	w := newWords(secret, 1, 0, byte(width))
	window := make([]int32, width)
	for i := range window {
		window[i] = randomToken(r)
	}
	a, b := w.position(window)
	logits, scale := make([]string, 2+r.IntN(399)), []float64{0, 1, 4, 40}[n%4]
	choice, best := -1, new(big.Float)
	for t := range logits {
		l := float32(r.NormFloat64() * scale)
		if r.IntN(8) == 0 {
			l = float32(math.Inf(-1))
		}
		logits[t] = fmt.Sprintf("%08x", math.Float32bits(l))
		if math.IsInf(float64(l), 0) {
			continue
		}
		v := real(0).Add(real(float64(l)), draw(w.word(a, b, int32(t))))
		if choice < 0 || v.Cmp(best) > 0 {
			choice, best = t, v
		}
	}
	return map[string]any{"kind": "race", "secret": hex.EncodeToString(secret), "width": width, "window": window,
		"logits_f32": logits, "choice": choice}
}

// gate is a layout of three layers of widths w, w+1, w+2 and one window.
func gate(r *rand.Rand, n int) map[string]any {
	secret := randomBytes(r, 32)
	key := make([]byte, 32)
	blake3.DeriveKey("dyetrace 2026-11-23 layout/1", secret, key)
	window := make([]int32, 1+n%14)
	for i := range window {
		window[i] = randomToken(r)
	}
	first := uint64(r.Uint32()>>1) + 1
	second := uint64(r.Uint32()>>1) + 1
	shares := []uint64{first, second, 1<<32 - first - second}
	if first+second >= 1<<32 {
		shares = []uint64{1 << 31, 1 << 30, 1 << 30}
	}
	g := binary.LittleEndian.Uint64(keyedHash(key, window)[:8])
	layer, end := 0, shares[0]
	for g>>32 >= end {
		layer++
		end += shares[layer]
	}
	return map[string]any{"kind": "gate", "secret": hex.EncodeToString(secret), "window": window, "gate": fmt.Sprintf("%016x", g),
		"shares": shares, "layer": layer}
}

// score returns −ln(1 − word/2^64).
func score(word uint64) *big.Float {
	rest := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 64), new(big.Int).SetUint64(word))
	x := real(0).SetInt(rest)
	return x.Neg(ln(x.SetMantExp(x, -64)))
}

// draw returns −ln E, E = −ln((word + ½)/2^64).
func draw(word uint64) *big.Float {
	x := real(0).SetInt(new(big.Int).SetUint64(word))
	x.Add(x, real(0.5))
	e := ln(x.SetMantExp(x, -64))
	e = ln(e.Neg(e))
	return e.Neg(e)
}

func real(x float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(x) }

// ln returns the natural logarithm of x > 0: k ln 2 + 2 artanh((m−1)/(m+1)) for
// x = m·2^k, by its series.
func ln(x *big.Float) *big.Float {
	m := real(0)
	k := x.MantExp(m) // ½ <= m < 1
	sum := artanh2(m)
	if k != 0 {
		two := artanh2(real(0.5)) // −ln 2
		sum.Sub(sum, two.Mul(two, real(float64(k))))
	}
	return sum
}

func artanh2(m *big.Float) *big.Float {
	z := real(0).Quo(real(0).Sub(m, real(1)), real(0).Add(m, real(1)))
	square, power, sum := real(0).Mul(z, z), real(0).Copy(z), real(0)
	for i := 1; power.Sign() != 0 && (sum.Sign() == 0 || power.MantExp(nil) > sum.MantExp(nil)-precision-8); i += 2 {
		sum.Add(sum, real(0).Quo(power, real(float64(i))))
		power.Mul(power, square)
	}
	return sum.Mul(sum, real(2))
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// randomToken is small half of the time.
func randomToken(r *rand.Rand) int32 {
	if r.IntN(2) == 0 {
		return r.Int32N(256)
	}
	return r.Int32()
}
