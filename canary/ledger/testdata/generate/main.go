// Command generate prints the vectors that freeze package ledger. It knows the
// formats from the package's documentation and imports nothing of it, nor of the
// packages that make its trees and notes.
//
//	go run ./canary/ledger/testdata/generate > canary/ledger/testdata/vectors.txt
//
// Its output is the same on every run. The keys in it are public.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/zeebo/blake3"
)

var le = binary.LittleEndian

// A leaf has the fields of the documentation, as bytes.
type leaf struct {
	kind                    byte
	time                    uint32
	nonce                   []byte
	epoch                   string
	keyID                   []byte
	mode                    byte
	cohort, account, output []byte
	units                   [][2]uint64
	of, digest              []byte
}

func fill(n int, b byte) []byte { return bytes.Repeat([]byte{b}, n) }

func leaves() []leaf {
	zero := fill(32, 0)
	var out []leaf
	for i, epoch := range []string{"2026-11", "ü", strings.Repeat("e", 64)} {
		for kind := byte(1); kind <= 3; kind++ {
			out = append(out, leaf{kind: kind, time: 29926200 + uint32(i), nonce: fill(16, byte(16*i)+kind), epoch: epoch, keyID: fill(16, 0xa0), digest: fill(32, kind)})
		}
	}
	for kind := byte(4); kind <= 6; kind++ {
		out = append(out, leaf{kind: kind, time: 1<<32 - 1, nonce: fill(16, 0x40+kind), digest: fill(32, 255-kind)})
	}
	out = append(out,
		leaf{kind: 7, time: 1, nonce: fill(16, 0x50), epoch: "2026-11", keyID: fill(16, 0xa0), mode: 1, cohort: zero[:16], account: zero[:16], output: zero, units: [][2]uint64{{0, 0}}},
		leaf{kind: 7, time: 29926260, nonce: fill(16, 0x51), epoch: "ü", keyID: fill(16, 0xa0), mode: 2, cohort: fill(16, 1), account: fill(16, 2), output: fill(32, 3), units: [][2]uint64{{1, 1 << 31}, {258, 7}, {1<<64 - 1, 1<<32 - 1}}},
		leaf{kind: 8, time: 29926320, nonce: fill(16, 0x52), of: fill(16, 0x50), digest: fill(32, 9)},
	)
	many := leaf{kind: 7, time: 29926260, nonce: fill(16, 0x53), epoch: "2026-11", keyID: fill(16, 0xa0), mode: 1, cohort: fill(16, 4), account: zero[:16], output: fill(32, 5)}
	for u := range uint64(1024) {
		many.units = append(many.units, [2]uint64{3 * u, u})
	}
	return append(out, many)
}

func (l leaf) encode() []byte {
	b := []byte{1, l.kind}
	b = le.AppendUint32(b, l.time)
	b = append(b, l.nonce...)
	if l.kind <= 3 || l.kind == 7 {
		b = append(b, byte(len(l.epoch)))
		b = append(b, l.epoch...)
		b = append(b, l.keyID...)
	}
	if l.kind == 7 {
		b = append(b, l.mode)
		b = append(append(append(b, l.cohort...), l.account...), l.output...)
		b = le.AppendUint16(b, uint16(len(l.units)))
		for _, u := range l.units {
			b = le.AppendUint32(le.AppendUint64(b, u[0]), uint32(u[1]))
		}
		return b
	}
	return append(append(b, l.of...), l.digest...)
}

// root is the definition in RFC 6962, section 2.1.
func root(d [][]byte) [32]byte {
	switch len(d) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, d[0]...))
	}
	k := 1
	for 2*k < len(d) {
		k *= 2
	}
	l, r := root(d[:k]), root(d[k:])
	return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
}

// file is a file of leaves with one frame of all of them.
func file(d [][]byte, name string, keyHash uint32, salt []byte) []byte {
	var body []byte
	for _, b := range d {
		body = append(le.AppendUint16(body, uint16(len(b))), b...)
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	h := le.AppendUint16(nil, 0)
	h = le.AppendUint16(h, 1)
	h = le.AppendUint32(h, uint32(len(body)))
	h = le.AppendUint64(h, 0)
	h = le.AppendUint32(h, uint32(len(d)))
	h = le.AppendUint32(h, crc32.Checksum(body, table))
	h = le.AppendUint32(h, crc32.Checksum(append(bytes.Clone(salt), h...), table))
	head := fmt.Sprintf("dyetrace ledger/1\n%s\n%s+%08x\n%x\n\n", name, name, keyHash, salt)
	return append(append([]byte(head), h...), body...)
}

func derive(context string, parts ...[]byte) []byte {
	h := blake3.NewDeriveKey(context)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)[:32]
}

func main() {
	fmt.Println("# Vectors of package ledger, one fact each. Keys here are public: never use them.")
	fmt.Println("# Written by the program in testdata/generate; bytes are hexadecimal.")
	var d [][]byte
	for _, l := range leaves() {
		b := l.encode()
		d = append(d, b)
		var units []string
		for _, u := range l.units {
			units = append(units, fmt.Sprintf("%d:%d", u[0], u[1]))
		}
		hash := sha256.Sum256(append([]byte{0}, b...))
		vector("leaf", "code", fmt.Sprint(l.kind), "time", fmt.Sprint(l.time), "nonce", hex.EncodeToString(l.nonce), "epoch", l.epoch,
			"key", hex.EncodeToString(l.keyID), "mode", fmt.Sprint(l.mode), "cohort", hex.EncodeToString(l.cohort),
			"account", hex.EncodeToString(l.account), "output", hex.EncodeToString(l.output), "units", strings.Join(units, " "),
			"of", hex.EncodeToString(l.of), "digest", hex.EncodeToString(l.digest),
			"encoding", hex.EncodeToString(b), "hash", hex.EncodeToString(hash[:]))
	}
	ledger(d)
	pseudonyms()
	for _, name := range []string{"", "vendor|eg|code/en|2", "cohort|tools:a,b||0|reserve"} {
		h := sha256.Sum256([]byte("dyetrace 2026-11-25 ledger unit/1\x00" + name))
		vector("unit", "name", name, "number", fmt.Sprint(le.Uint64(h[:])))
	}
}

// ledger freezes roots, a signed checkpoint and a file of all leaves.
func ledger(d [][]byte) {
	const name = "example.com/vectors"
	private := ed25519.NewKeyFromSeed(fill(32, 0x77))
	public := append([]byte{1}, private.Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(name+"\n"), public...))
	keyHash := binary.BigEndian.Uint32(id[:])
	var roots []string
	for n := range len(d) + 1 {
		r := root(d[:n])
		roots = append(roots, hex.EncodeToString(r[:]))
	}
	r := root(d)
	text := fmt.Sprintf("%s\n%d\n%s\n", name, len(d), base64.StdEncoding.EncodeToString(r[:]))
	signature := append(id[:4:4], ed25519.Sign(private, []byte(text))...)
	note := fmt.Sprintf("%s\n— %s %s\n", text, name, base64.StdEncoding.EncodeToString(signature))
	salt := fill(16, 0x5a)
	vector("ledger",
		"signer", fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, keyHash, base64.StdEncoding.EncodeToString(append([]byte{1}, private.Seed()...))),
		"verifier", fmt.Sprintf("%s+%08x+%s", name, keyHash, base64.StdEncoding.EncodeToString(public)),
		"salt", hex.EncodeToString(salt),
		"roots", strings.Join(roots, " "),
		"checkpoint", hex.EncodeToString([]byte(note)),
		"file", hex.EncodeToString(file(d, name, keyHash, salt)))
}

func pseudonyms() {
	for _, key := range [][]byte{fill(32, 1), fill(32, 0xff)} {
		sum := derive("dyetrace 2026-11-25 ledger pseudonym key text/1", key)
		for _, name := range []string{"a", "2026-11", "Zürich", strings.Repeat("long ", 300)} {
			vector("pseudonym",
				"key", hex.EncodeToString(key),
				"text", "dyetrace_pseudonyms1_"+hex.EncodeToString(key)+hex.EncodeToString(sum[:4]),
				"name", hex.EncodeToString([]byte(name)),
				"cohort", hex.EncodeToString(derive("dyetrace 2026-11-25 ledger cohort/1", key, []byte(name))[:16]),
				"account", hex.EncodeToString(derive("dyetrace 2026-11-25 ledger account/1", key, []byte(name))[:16]),
				"output", hex.EncodeToString(derive("dyetrace 2026-11-25 ledger output/1", key, []byte(name))))
		}
	}
}

func vector(kind string, fields ...string) {
	fmt.Printf("\nkind: %s\n", kind)
	for i := 0; i < len(fields); i += 2 {
		fmt.Printf("%s: %s\n", fields[i], fields[i+1])
	}
}
