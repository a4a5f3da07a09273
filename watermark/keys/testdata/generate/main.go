// Command generate prints the vectors that freeze package keys. It knows the
// derivations from the package's documentation and imports nothing of it, nor
// its hash.
//
//	go run ./watermark/keys/testdata/generate > watermark/keys/testdata/vectors.txt
//
// Its output is the same on every run. The secrets in it are public.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

func main() {
	selfCheck()
	fmt.Print(header)
	for _, s := range secrets() {
		key(s)
	}
	for _, s := range secrets()[:2] {
		for _, name := range names {
			step(s, "epoch", 1, name)
			step(s, "cohort", 3, name)
			step(s, "account", 4, name)
			step(s, "purpose", 5, name)
			integer(s, name)
		}
		step(s, "vendor", 2, "")
		for _, n := range []int{1, 32, 64, 65, 300} {
			expand(s, "dyetrace 2026-11-23 words/1", []byte{1, 0, 3}, n)
		}
		expand(s, "engine 2027-01-31 a use with several words/12", nil, 16)
		expand(s, "dyetrace 2026-11-23 words/1", bytes.Repeat([]byte{0xa5}, 900), 32)
		for _, nonce := range secrets() {
			commitment(s, nonce)
		}
	}
	path(secrets()[2])
	refused(make([]byte, 32), "keys: secret key is all zeros, want random bytes")
}

const header = `# Vectors of package keys, one fact each. Secrets here are public: never use them.
# Written by the program in testdata/generate; names and infos are hexadecimal.
`

// names differ in ways that a careless derivation would join.
var names = []string{"", "a", "A", "ab", "2026-11", "\x00", "\x01a", "Zürich", "Zu\u0308rich", strings.Repeat("long ", 60)}

// secrets are four patterns: a count, a count down, all ones and one bit.
func secrets() [][]byte {
	up, down, ones, bit := make([]byte, 32), make([]byte, 32), make([]byte, 32), make([]byte, 32)
	for i := range 32 {
		up[i], down[i], ones[i] = byte(i), byte(255-i), 255
	}
	bit[31] = 1
	return [][]byte{up, down, ones, bit}
}

func key(secret []byte) {
	vector("key",
		"secret", hex.EncodeToString(secret),
		"text", text("dyetrace_secret1_", secret, 8),
		"id", text("dyetrace_id1_", deriveKey("dyetrace 2026-11-23 key id/1", secret, 16), 4))
}

func step(secret []byte, kind string, number byte, name string) {
	vector("step",
		"secret", hex.EncodeToString(secret),
		"step", kind,
		"name", hex.EncodeToString([]byte(name)),
		"child", text("dyetrace_secret1_", child(secret, number, name), 8))
}

// path freezes a whole descent.
func path(secret []byte) {
	leaf := child(child(child(secret, 1, "2026-11"), 3, "trial"), 5, "watermark")
	vector("path",
		"secret", hex.EncodeToString(secret),
		"epoch", hex.EncodeToString([]byte("2026-11")),
		"cohort", hex.EncodeToString([]byte("trial")),
		"purpose", hex.EncodeToString([]byte("watermark")),
		"leaf", text("dyetrace_secret1_", leaf, 8))
}

func integer(secret []byte, domain string) {
	b := deriveKey("dyetrace 2026-11-23 key integer/1", join(secret, []byte(domain)), 8)
	vector("integer",
		"secret", hex.EncodeToString(secret),
		"domain", hex.EncodeToString([]byte(domain)),
		"value", fmt.Sprint(binary.LittleEndian.Uint64(b)))
}

func expand(secret []byte, context string, info []byte, n int) {
	vector("expand",
		"secret", hex.EncodeToString(secret),
		"context", context,
		"info", hex.EncodeToString(info),
		"bytes", hex.EncodeToString(deriveKey(context, join(secret, info), n)))
}

func commitment(secret, nonce []byte) {
	c := deriveKey("dyetrace 2026-11-23 key commitment/1", join(secret, nonce), 32)
	vector("commitment",
		"secret", hex.EncodeToString(secret),
		"nonce", hex.EncodeToString(nonce),
		"commitment", text("dyetrace_commitment1_", c, 8))
}

func child(secret []byte, number byte, name string) []byte {
	return deriveKey("dyetrace 2026-11-23 key tree/1", join(secret, []byte{number}, []byte(name)), 32)
}

// text is prefix, then base32 of payload and of the first sum bytes of its
// checksum, five bits at a time from the top.
func text(prefix string, payload []byte, sum int) string {
	all := join(payload, deriveKey("dyetrace 2026-11-23 key text/1", join([]byte(prefix), payload), sum))
	var b strings.Builder
	b.WriteString(prefix)
	for bit := 0; bit < 8*len(all); bit += 5 {
		value := 0
		for i := bit; i < bit+5; i++ {
			value = value<<1 | int(all[i/8]>>(7-i%8)&1)
		}
		b.WriteByte("abcdefghijklmnopqrstuvwxyz234567"[value])
	}
	return b.String()
}

// refused freezes a well-formed text that is no key.
func refused(secret []byte, message string) {
	vector("refused", "text", text("dyetrace_secret1_", secret, 8), "error", message)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func vector(kind string, pairs ...string) {
	fmt.Printf("\nkind: %s\n", kind)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Println(strings.TrimSpace(pairs[i] + ": " + pairs[i+1]))
	}
}

// selfCheck compares the hash with two of BLAKE3's published test vectors.
func selfCheck() {
	empty := hex.EncodeToString(hash(iv, 0, nil, 32))
	derived := hex.EncodeToString(deriveKey("BLAKE3 2019-12-27 16:29:52 test vectors context", nil, 32))
	if empty != "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" ||
		derived != "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d" {
		fmt.Fprintln(os.Stderr, "generate: BLAKE3 is wrong here, want its published test vectors")
		os.Exit(1)
	}
}
