package canary

import (
	"strings"
	"unicode"

	"github.com/zeebo/blake3"
)

// Normalise returns text in lower case, with straight apostrophes and with one
// space for every run of white space. Coins and Silence look at prompts in this
// form, so a retry with another line end repeats its decisions.
func Normalise(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	space := false
	for _, r := range text {
		if unicode.IsSpace(r) {
			space = true
			continue
		}
		if space && out.Len() > 0 {
			out.WriteByte(' ')
		}
		space = false
		if r == '’' {
			r = '\''
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// silence marks the carriers of which the prompt contains a form: the answer may
// be quoting it.
func (b *Book) silence(normalised string, into []uint64) []uint64 {
	n := (len(b.carriers) + 63) / 64
	into = append(into[:0], make([]uint64, n)...)
	if normalised == "" {
		return into
	}
	b.fold.loose([]byte(normalised), func(e end, _, _ int) {
		into[e.carrier>>6] |= 1 << (e.carrier & 63)
	})
	return into
}

// promptDigest stands for a normalised prompt in coins.
func promptDigest(normalised string) [32]byte { return blake3.Sum256([]byte(normalised)) }
