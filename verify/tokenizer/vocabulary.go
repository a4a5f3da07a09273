package tokenizer

import "unicode/utf8"

// A vocabulary has the bytes of every token, and the token of given bytes.
//
// Tokens of up to 7 bytes are found by their bytes and length in one 64-bit key,
// longer ones by their first and last 8 bytes and their length, which is all of
// them up to 16 bytes; the rest is compared. Nearly every word of a text is
// found here, so what a look-up costs is what encoding costs.
type vocabulary struct {
	text   string   // the pieces
	starts []uint32 // of the piece of id in text; one more than there are ids
	used   []bool

	short     []shortWord
	long      []longWord
	shortBits uint8 // of the hash that are not used
	longBits  uint8
}

type shortWord struct {
	key  uint64 // 0: none
	word int32  // the id, shifted by one, and whether it is canonical
}

type longWord struct {
	first, last uint64
	length      uint32 // 0: none
	word        int32
}

// maxID bounds the tables; the largest vocabularies have some 260,000 tokens.
const maxID = 1<<22 - 1

const (
	shortMax = 7
	hashA    = 0x9E3779B97F4A7C15
	hashB    = 0xD6E8FEB86659FD93
)

func newVocabulary(pieces []string, used, canonical []bool, mapped []bool) vocabulary {
	v := vocabulary{starts: make([]uint32, 1, len(pieces)+1), used: used}
	var text []byte
	short, long := 0, 0
	for i, p := range pieces {
		text = append(text, p...)
		v.starts = append(v.starts, uint32(len(text)))
		if mapped[i] && len(p) > shortMax {
			long++
		} else if mapped[i] {
			short++
		}
	}
	v.text = string(text)
	v.short, v.shortBits = table[shortWord](short)
	v.long, v.longBits = table[longWord](long)
	for i, p := range pieces {
		if mapped[i] && len(p) > 0 {
			v.add(p, int32(i)<<1|bit(canonical[i]))
		}
	}
	return v
}

// table returns an open hash table for n entries, at most two in five full.
func table[E any](n int) ([]E, uint8) {
	bits := uint8(4)
	for 1<<bits < n*5/2 {
		bits++
	}
	return make([]E, 1<<bits), 64 - bits
}

func bit(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

func (v *vocabulary) add(p string, word int32) {
	if len(p) <= shortMax {
		key := shortKey(p, 0, len(p))
		i := key * hashA >> v.shortBits
		for v.short[i].key != 0 {
			i = (i + 1) & uint64(len(v.short)-1)
		}
		v.short[i] = shortWord{key, word}
		return
	}
	first, last := load(p, 0), load(p, len(p)-8)
	i := longHash(first, last, len(p)) >> v.longBits
	for v.long[i].length != 0 {
		i = (i + 1) & uint64(len(v.long)-1)
	}
	v.long[i] = longWord{first, last, uint32(len(p)), word}
}

// find returns the token whose bytes are s[i:end], and whether a word of these
// bytes is encoded as this token.
func (v *vocabulary) find(s string, i, end int) (id int32, canonical, ok bool) {
	if end-i <= shortMax {
		key := shortKey(s, i, end)
		for h := key * hashA >> v.shortBits; ; h = (h + 1) & uint64(len(v.short)-1) {
			switch e := &v.short[h&uint64(len(v.short)-1)]; e.key {
			case key:
				return e.word >> 1, e.word&1 != 0, key != 0
			case 0:
				return 0, false, false
			}
		}
	}
	first, last := load(s, i), load(s, end-8)
	for h := longHash(first, last, end-i) >> v.longBits; ; h = (h + 1) & uint64(len(v.long)-1) {
		e := &v.long[h&uint64(len(v.long)-1)]
		if e.length == 0 {
			return 0, false, false
		}
		if e.first == first && e.last == last && int(e.length) == end-i {
			id := e.word >> 1
			if end-i <= 16 || v.text[v.starts[id]:v.starts[id+1]] == s[i:end] {
				return id, e.word&1 != 0, true
			}
		}
	}
}

func longHash(first, last uint64, n int) uint64 {
	h := (first ^ uint64(n)) * hashA
	return (h ^ h>>29 ^ last) * hashB
}

// shortKey returns the bytes and their number, which is at most 7; 0 for none.
func shortKey(s string, i, end int) uint64 {
	n := end - i
	if i+8 <= len(s) {
		return load(s, i)&(1<<(8*uint(n))-1) | uint64(n)<<56
	}
	key := uint64(n) << 56
	for k := range n {
		key |= uint64(s[i+k]) << (8 * k)
	}
	return key
}

// load returns the 8 bytes at s[i:].
func load(s string, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func (v *vocabulary) size() int { return len(v.used) }

func (v *vocabulary) piece(id int32) (string, bool) {
	if id < 0 || int(id) >= len(v.used) || !v.used[id] {
		return "", false
	}
	return v.text[v.starts[id]:v.starts[id+1]], true
}

// byteRunes are the characters that stand for bytes in the vocabulary (Radford
// et al., GPT-2, 2019): printable ones for themselves, the rest from U+0100 on.
func byteRunes() (runes [256]rune, bytes map[rune]byte) {
	bytes = make(map[rune]byte, 256)
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if b < '!' || b > '~' && b < 0xA1 || b == 0xAD {
			r = next
			next++
		}
		runes[b] = r
		bytes[r] = byte(b)
	}
	return runes, bytes
}

// unmap returns the bytes that s stands for, and whether it stands for any.
func unmap(s string, bytes map[rune]byte) (string, bool) {
	out := make([]byte, 0, utf8.RuneCountInString(s))
	for _, r := range s {
		b, ok := bytes[r]
		if !ok {
			return s, false
		}
		out = append(out, b)
	}
	return string(out), true
}
