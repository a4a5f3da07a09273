package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Kind says what a leaf states.
type Kind uint8

// The kinds of leaves. The first three bind what an epoch plants under a key,
// and must be in the log before its first planting.
const (
	KindCommitment Kind = 1 + iota // Digest commits to the key
	KindBook                       // Digest is the hash of the book of the units
	KindPolicy                     // Digest is the hash of the rules of planting
	KindPlan                       // Digest is of a plan of a test
	KindFrame                      // Digest is of the prompts that a test may ask
	KindSeal                       // Digest is of the answers of a suspect
	KindPlanting                   // Units were planted in an answer
	KindOutput                     // Digest is the keyed hash of the answer whose planting is the leaf with nonce Of
	kinds
)

var kindNames = [kinds]string{
	"", "commitment", "book", "policy", "plan", "frame", "seal", "planting", "output",
}

// String returns the name of k.
func (k Kind) String() string {
	if k == 0 || k >= kinds {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return kindNames[k]
}

// binds reports whether k binds an epoch and a key to a digest.
func (k Kind) binds() bool { return k >= KindCommitment && k <= KindPolicy }

// keyed reports whether leaves of kind k name an epoch and a key.
func (k Kind) keyed() bool { return k.binds() || k == KindPlanting }

// A Mode says how the options of a planting were drawn.
type Mode uint8

// The modes. Mode 0 is none.
const (
	ModeSampled Mode = 1 + iota // every eligible use planted, options from their natural law
	ModeTilt                    // a committed law, planted with a probability below one
	modes
)

// String returns the name of m.
func (m Mode) String() string {
	switch m {
	case ModeSampled:
		return "sampled"
	case ModeTilt:
		return "tilt"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// Minutes is the start of a time bucket, in minutes since 1970 UTC. A ledger
// knows no finer time.
type Minutes uint32

// Time returns m as a time in UTC.
func (m Minutes) Time() time.Time { return time.Unix(60*int64(m), 0).UTC() }

// String returns m like "2026-11-25 02:00".
func (m Minutes) String() string { return m.Time().Format("2006-01-02 15:04") }

// A Unit is one decision that was planted: its number and the number of the
// option that the key chose for it.
type Unit struct {
	Unit   uint64 // [UnitNumber] of its name in the book
	Option uint32
}

// UnitNumber returns the number of the unit of a name, such as
// "vendor|eg|code/en|2": the first 8 bytes of
// SHA-256("dyetrace 2026-11-25 ledger unit/1" ‖ 0x00 ‖ name), little-endian. So
// units that no book can list, of tools that a request names, have numbers too,
// and their names are not in the ledger. Two of 10^6 names share a number with
// probability 3e-8.
func UnitNumber(name string) uint64 {
	b := make([]byte, 0, 128)
	b = append(b, "dyetrace 2026-11-25 ledger unit/1\x00"...)
	h := sha256.Sum256(append(b, name...))
	return binary.LittleEndian.Uint64(h[:])
}

const (
	// MaxUnits is the number of units that a leaf holds at most.
	MaxUnits = 1024
	// MaxEpoch is the length of an epoch's name at most, in bytes.
	MaxEpoch = 64
)

// A Leaf is one statement. It holds no prompt, no text and no name of a person:
// accounts, cohorts and outputs appear as keyed hashes, see [Pseudonyms]. Which
// fields a leaf has depends on its Kind; the others must be zero.
type Leaf struct {
	Kind Kind
	// Time is the start of the leaf's time bucket. Zero when given to Append:
	// the log's clock says it.
	Time Minutes
	// Nonce makes the leaf's hash unguessable and names the leaf: a second
	// append with the nonce of an earlier one is a retry. Zero when given to
	// Append: drawn at random, and then there is no retry.
	Nonce Nonce

	// Epoch and KeyID are required for commitments, books, policies and
	// plantings. Epoch is valid UTF-8 of printable characters; KeyID is the
	// public name of the key.
	Epoch string
	KeyID KeyID

	// Digest is required for all kinds but plantings.
	Digest Digest
	// Of is the nonce of a planting. Required for outputs.
	Of Nonce

	// Units, of a planting, in the order of strictly rising numbers, 1 to
	// MaxUnits of them.
	Units []Unit
	// Mode of a planting. Required.
	Mode Mode
	// Cohort and Account of a planting; zero where there is none.
	Cohort, Account Pseudonym
	// Output is the keyed hash of the answer, zero where it was still being sent
	// when its planting was recorded: a leaf of kind output says it then.
	Output Digest
}

// check refuses a leaf that no encoding exists for.
func (l *Leaf) check() error {
	if l.Kind == 0 || l.Kind >= kinds {
		return fmt.Errorf("kind is %d, want 1 to %d", uint8(l.Kind), kinds-1)
	}
	if l.Time == 0 {
		return errors.New("time is zero, want minutes since 1970")
	}
	if l.Nonce.IsZero() {
		return errors.New("nonce is zero, want 16 random bytes")
	}
	if err := l.checkKey(); err != nil {
		return err
	}
	if l.Kind == KindPlanting {
		return l.checkPlanting()
	}
	return l.checkStatement()
}

func (l *Leaf) checkKey() error {
	if !l.Kind.keyed() {
		if l.Epoch != "" || !l.KeyID.IsZero() {
			return fmt.Errorf("%v has an epoch or a key ID, want none", l.Kind)
		}
		return nil
	}
	if l.KeyID.IsZero() {
		return fmt.Errorf("%v has no key ID", l.Kind)
	}
	return checkEpoch(l.Epoch)
}

func checkEpoch(s string) error {
	if len(s) < 1 || len(s) > MaxEpoch {
		return fmt.Errorf("epoch has %d bytes, want 1 to %d", len(s), MaxEpoch)
	}
	if !utf8.ValidString(s) {
		return errors.New("epoch is not valid UTF-8")
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("epoch holds %q, want printable characters", r)
		}
	}
	return nil
}

func (l *Leaf) checkPlanting() error {
	if !l.Digest.IsZero() || !l.Of.IsZero() {
		return errors.New("planting has a digest or the nonce of another leaf, want neither")
	}
	if l.Mode == 0 || l.Mode >= modes {
		return fmt.Errorf("mode is %d, want 1 to %d", uint8(l.Mode), modes-1)
	}
	if len(l.Units) < 1 || len(l.Units) > MaxUnits {
		return fmt.Errorf("planting has %d units, want 1 to %d", len(l.Units), MaxUnits)
	}
	for i := 1; i < len(l.Units); i++ {
		if l.Units[i-1].Unit >= l.Units[i].Unit {
			return fmt.Errorf("unit %d follows unit %d, want strictly rising numbers", l.Units[i].Unit, l.Units[i-1].Unit)
		}
	}
	return nil
}

func (l *Leaf) checkStatement() error {
	if len(l.Units) > 0 || l.Mode != 0 || !l.Cohort.IsZero() || !l.Account.IsZero() || !l.Output.IsZero() {
		return fmt.Errorf("%v has units, a mode, a cohort, an account or an output, want none", l.Kind)
	}
	if l.Digest.IsZero() {
		return fmt.Errorf("%v has no digest", l.Kind)
	}
	if (l.Kind == KindOutput) == l.Of.IsZero() {
		return fmt.Errorf("%v has %v for the nonce of another leaf, want one for outputs only", l.Kind, l.Of)
	}
	return nil
}
