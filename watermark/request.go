package watermark

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
)

// A Seed is a request's own randomness: it draws what the mark leaves free.
type Seed [32]byte

// NewSeed reads a seed from r, for which crypto/rand.Reader is the usual choice.
func NewSeed(r io.Reader) (Seed, error) {
	var s Seed
	if r == nil {
		return Seed{}, errors.New("watermark: reading a session seed: the reader is nil")
	}
	if _, err := io.ReadFull(r, s[:]); err != nil {
		return Seed{}, fmt.Errorf("watermark: reading a session seed: %w", err)
	}
	return s, nil
}

// SeedOf returns the seed that integers name, for requests that are to repeat:
// a client's "seed" parameter together with what tells its requests apart. Of no
// number it is the zero Seed, which sessions refuse.
func SeedOf(numbers ...uint64) Seed {
	if len(numbers) == 0 {
		return Seed{}
	}
	var s Seed
	copy(s[:], "dyetrace 2026-11-24 seed/1")
	for i, n := range numbers {
		key := prf.NewKey((*[32]byte)(&s))
		s = seedBytes(key.Hash(n, uint32(len(numbers)-i)))
	}
	return s
}

// SessionOptions describe one request.
type SessionOptions struct {
	// Seed draws what the mark leaves free. Required: [NewSeed] or [SeedOf].
	Seed Seed
	// Prompt is what the answer follows: the history of marks whose windows
	// reach into the prompt. The native mark never looks at it.
	Prompt []Token
	// Turns are earlier answers of this model in the conversation. Their windows
	// are not marked again.
	Turns [][]Token
	// Role of the model in speculative decoding. Defaults to Target.
	Role Role
	// Off draws everything plainly: the request has opted out. Detectors still
	// find nothing wrong with its text.
	Off bool
	// Tokens is how many tokens the session holds without allocating, prompt
	// and answer. Defaults to 4096.
	Tokens int
}

const defaultTokens = 4096

// maxTokens bounds SessionOptions.Tokens: 2^26 tokens are a gigabyte.
const maxTokens = 1 << 26

func (o *SessionOptions) check() error {
	if o.Seed == (Seed{}) {
		return errors.New("watermark: the session's seed is all zero, want one from NewSeed or SeedOf")
	}
	if o.Tokens < 0 || o.Tokens > maxTokens {
		return fmt.Errorf("watermark: room for %d tokens, want 0 (for %d) to 2^26", o.Tokens, defaultTokens)
	}
	if o.Role > Bonus {
		return fmt.Errorf("watermark: role is %d, want %d to %d", o.Role, Target, Bonus)
	}
	for i, turn := range append(o.Turns[:len(o.Turns):len(o.Turns)], o.Prompt) {
		if j := slices.IndexFunc(turn, func(t Token) bool { return t < 0 }); j >= 0 {
			where := fmt.Sprintf("of turn %d", i)
			if i == len(o.Turns) {
				where = "of the prompt"
			}
			return fmt.Errorf("watermark: token %d %s is %d, want 0 to 2^31-1", j, where, turn[j])
		}
	}
	return nil
}
