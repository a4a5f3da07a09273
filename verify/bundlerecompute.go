package verify

import (
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Recompute is what [Bundle.Verify] makes things again with. What is missing is left
// unchecked, and then the verification is not OK.
type Recompute struct {
	// Mark makes the mark of an opened key again from the two files of [Reveal], and
	// returns the key, zero if the mark's key is no key of package keys. Without a
	// description it returns the key and no mark. Package marks has one: Open.
	Mark func(spec, secret []byte) (*watermark.Watermark, keys.Key, error)
	// Tokenizer returns the tokenizer that the plan names. Data is the bundle's, nil
	// if it holds none: then it has to come from elsewhere. The Digest of what it
	// returns is computed from what it loaded and not taken from the plan.
	Tokenizer func(want TokenizerID, data []byte) (Tokenizer, error)
	// Ledger checks a part of a ledger, and says which of the claims it shows to have
	// been committed.
	Ledger func(part LedgerPart, claims []Claim) (LedgerProof, error)
	// Workers, Progress and Detail are those of [Case].
	Workers  int
	Progress func(done, total int)
	Detail   func(Detail)
}

// A Claim is something of a bundle that had better be committed early.
type Claim struct {
	// Kind is what it is: one of the constants.
	Kind string
	// Name is that of the key in the plan, or of the control whose seal it is. Empty
	// for everything else.
	Name string
	// Digest names it. That of a key is its commitment.
	Digest collect.Digest
}

// The kinds of claims.
const (
	ClaimKey      = "key"
	ClaimServed   = "served answers"
	ClaimBook     = "book of canaries"
	ClaimPrompts  = "frame of prompts"
	ClaimPassages = "frame of passages"
	ClaimTwins    = "frame of twins"
	ClaimPlan     = "plan"
	ClaimSeal     = "seal"
)

// String returns kind and name.
func (c Claim) String() string {
	if c.Name == "" {
		return c.Kind
	}
	return c.Kind + " " + printable(c.Name)
}

// A LedgerProof is what a part of a ledger shows.
type LedgerProof struct {
	Checks  []Check  // of the part itself
	Anchors []Anchor // what it shows to have been committed
}

// An Anchor says that a claim was committed.
type Anchor struct {
	Digest collect.Digest
	Where  string // and when: which log, which entry, who signed
}
