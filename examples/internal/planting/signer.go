package planting

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

const contextSigner = "dyetrace 2026-11-25 proxy signer/1"

// Signer returns the key under which the ledger is signed, made from the root
// key, and the public line with which anybody verifies it.
func Signer(root keys.Key, origin string) (note.Signer, note.Verifier, string, error) {
	const ed25519Signature = 1 // C2SP signed-note
	var seed [ed25519.SeedSize]byte
	if err := root.Purpose("ledger signer").Expand(contextSigner, nil, seed[:]); err != nil {
		return nil, nil, "", err
	}
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	line, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return nil, nil, "", fmt.Errorf("planting: origin is %q: %w", origin, err)
	}
	v, err := note.NewVerifier(line)
	if err != nil {
		return nil, nil, "", fmt.Errorf("planting: origin is %q: %w", origin, err)
	}
	secret := base64.StdEncoding.EncodeToString(append([]byte{ed25519Signature}, seed[:]...))
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", origin, v.KeyHash(), secret))
	if err != nil {
		return nil, nil, "", errors.New("planting: signer is not accepted") // the error may quote the key
	}
	return s, v, line, nil
}

// OpenPseudonyms reads the key of an epoch's pseudonyms, or makes one. Whoever
// removes the file makes the epoch's leaves anonymous for good.
func OpenPseudonyms(path string) (*ledger.Pseudonyms, error) {
	p, err := ledger.OpenPseudonyms(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.CreatePseudonyms(path, rand.Reader)
	}
	return p, err
}

// CheckEpoch refuses names of epochs that the ledger would, and those that lead out
// of a folder where they are part of a file's name.
func CheckEpoch(epoch string) error {
	const want = "want 1 to 64 bytes of printable characters without / and \\ that do not begin with a dot"
	if epoch == "" || len(epoch) > ledger.MaxEpoch || strings.HasPrefix(epoch, ".") || strings.ContainsAny(epoch, `/\`) || !utf8.ValidString(epoch) ||
		strings.ContainsFunc(epoch, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("-epoch is %q, %s", epoch, want)
	}
	return nil
}
