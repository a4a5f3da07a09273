package verify

import (
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A Plan is everything that is decided before a suspect is asked. Its digest is
// published first; [Judge] follows it to the letter. It holds no secret. Treat a
// plan as immutable once its digest is out.
type Plan struct {
	// Suspect is the name of the model under test. Required.
	Suspect string `json:"suspect"`
	// Access says what the suspect lets us see. Required: AccessText.
	Access Access `json:"access"`
	// Sequence numbers the plans on this suspect, from 1. Earlier is the number
	// of tests beyond this plan's that belong to its family, whatever became of
	// them: all tests of the plans before it, and every test under every key that
	// this vendor committed before the nonce and that is not among Keys. A vendor
	// with a thousand committed keys who names the one that fits has made a
	// thousand tests. At most 10^9.
	Sequence int `json:"sequence"`
	Earlier  int `json:"earlier"`
	// Frame says what might be asked and how much of it is.
	Frame FramePlan `json:"frame"`
	// Nonce picks the prompts. Without one the report begins with NoNonce.
	Nonce Nonce `json:"nonce,omitzero"`
	// Probes are asked at the start, in the middle and at the end.
	Probes []string `json:"probes,omitempty"`
	// Tokenizer of the marked model turns answers into tokens. Required.
	Tokenizer TokenizerID `json:"tokenizer"`
	// Keys are the marks that are looked for, each tested by every test.
	// Required.
	Keys []KeyPlan `json:"keys"`
	// Tests are G1, G2 or both. Required.
	Tests []Test `json:"tests"`
	// Served names the marked answers that G2 filters by. Required with G2.
	Served ServedPlan `json:"served,omitzero"`
	// Products are joint findings of several keys.
	Products []Product `json:"products,omitempty"`
	// Alpha is the error rate of the one family of all tests. Required, in (0, 1).
	Alpha float64 `json:"alpha"`
	// Decoys is the number of decoy keys: at least 1,000, and 10,000 for claims
	// below 1e-9. With 0 nothing is calibrated and every finding is void.
	Decoys int `json:"decoys"`
	// Void says when the answers are worth nothing.
	Void Voiding `json:"void"`
}

// Access is what a suspect lets us see.
type Access string

// AccessText is answers to prompts.
const AccessText Access = "text"

// FramePlan is the frame of prompts and how many of it are asked.
type FramePlan struct {
	Digest collect.Digest `json:"digest"` // of the frame. Required
	Size   int            `json:"size"`   // prompts in the frame. Required
	Ask    int            `json:"ask"`    // prompts asked, 1 to Size. Required
	// Logged says where and when the digest was published before the nonce was
	// known. Reports print it, or that it is missing.
	Logged string `json:"logged,omitempty"`
}

// A Nonce is a public number that nobody could know when the frame was logged.
type Nonce struct {
	Value  collect.Digest `json:"value"`
	Source string         `json:"source"` // where anybody can look it up
}

// IsZero reports whether there is no nonce.
func (n Nonce) IsZero() bool { return n == Nonce{} }

// TokenizerID names a tokenizer.
type TokenizerID struct {
	Name   string         `json:"name"`
	Digest collect.Digest `json:"digest"` // of whatever defines it
}

// A KeyPlan is a mark that is looked for, under a name of the plan's own. Make
// one with [Commit].
type KeyPlan struct {
	Name string         `json:"name"`
	Mark string         `json:"mark"` // its ID: words, scheme, public name of the key
	Kind watermark.Kind `json:"kind"`
	// KeyID is the public name of the key that the mark was made with. Marks of
	// one key share words: see [Product]. Required.
	KeyID string `json:"key_id"`
	// Commitment binds the key. The zero Commitment says that there is none:
	// marks of other engines, whose keys are integers. Reports say so.
	Commitment keys.Commitment `json:"commitment,omitzero"`
}

// Commit returns the entry of a plan for a mark and the key that it was made
// with, under a nonce of 32 random bytes that stays secret until [Judge]. It
// refuses the nonce of zeros, which hides nothing.
func Commit(name string, mark *watermark.Watermark, key keys.Key, nonce [32]byte) (KeyPlan, error) {
	if mark == nil {
		return KeyPlan{}, fmt.Errorf("verify: key %q has no mark", name)
	}
	if nonce == [32]byte{} {
		return KeyPlan{}, fmt.Errorf("verify: nonce of key %q is 32 zeros, want random bytes", name)
	}
	info := mark.Info()
	if id := key.ID().String(); id != info.KeyID {
		return KeyPlan{}, fmt.Errorf("verify: key %q is %s, its mark was made with %s", name, id, info.KeyID)
	}
	return KeyPlan{Name: name, Mark: mark.ID(), Kind: info.Kind, KeyID: info.KeyID, Commitment: key.Commit(nonce)}, nil
}

// The tests.
const (
	// G1 scores the suspect's own text: does it write what the key prefers?
	G1 = "G1"
	// G2 scores only windows that occur in the served answers, in the order in
	// which they first occur there. It is exact only for served answers that
	// nobody selected by their content: see [ServedPlan].
	G2 = "G2"
)

// A Test is a test with its parameters.
type Test struct {
	Name string `json:"name"` // G1 or G2
	// First is, for G2, how many scores count: the first so many in the order
	// of the served answers, N fixed in advance. Those that are missing in the
	// end count as 0. With 0 all count, and the p-value is the bound 1/e of the
	// e-process in that order.
	First int `json:"first,omitempty"`
}

// ServedPlan names the served answers that a presence filter goes by: every
// answer that was generated under the keys, siblings that lost and answers that
// nobody took included, or a selection of them by prompt, time or account only.
// A selection by anything computed from content (correct, long, liked, kept by the
// suspect, found in a leak) convicts clean models. Nothing in a case shows that
// this was kept to: it is the key holder's word, and Logged is what holds it to
// that word.
type ServedPlan struct {
	Digest collect.Digest `json:"digest"` // [ServedDigest]
	Texts  int            `json:"texts"`
	// Logged says where and when the digest was published: before the suspect was
	// asked, best as answers were served. Reports print it, or that it is missing.
	Logged string `json:"logged,omitempty"`
}

// IsZero reports whether there are none.
func (s ServedPlan) IsZero() bool { return s == ServedPlan{} }

// A Product is one finding for several keys under one hypothesis: that the
// suspect is independent of all of them. It multiplies the e-values of one test
// under each: keys are independent, so are their e-values. Marks of one key are
// not, unless they are different layers of one layout, whose windows differ: a
// plan that multiplies others is refused.
type Product struct {
	Name string   `json:"name"`
	Test string   `json:"test"`
	Keys []string `json:"keys"` // names of Keys, two or more
}

// Voiding says when all findings are void.
type Voiding struct {
	// Missing is the share of prompts that may stay without a whole answer
	// (statuses missing and failed), 0 to 1.
	Missing float64 `json:"missing"`
	// OneModel asks that the suspect's interface says throughout that the same
	// model answers.
	OneModel bool `json:"one_model,omitempty"`
	// SameProbes asks that every probe has the same answer three times: for
	// suspects that answer deterministically.
	SameProbes bool `json:"same_probes,omitempty"`
}

// Decoy keys of a plan.
const (
	MinDecoys = 1_000     // the least number that calibrates
	FarDecoys = 10_000    // for claims below FarLevel
	maxDecoys = 1_000_000 // beyond it a plan is a slip of the pen
	FarLevel  = 1e-9
)

// Size returns the number of tests that the plan makes: keys times tests, and
// the products. The family is Size()+Earlier.
func (p *Plan) Size() int { return len(p.Keys)*len(p.Tests) + len(p.Products) }

// Family returns the family in which the plan's tests are corrected.
func (p *Plan) Family() evidence.Family {
	return evidence.Family{Alpha: p.Alpha, Others: p.Earlier}
}

// Task returns what the plan asks of a suspect. The frame is the one that the
// plan names.
func (p *Plan) Task(frame *collect.Frame) (collect.Task, error) {
	digest, err := p.Digest()
	if err != nil {
		return collect.Task{}, err
	}
	if frame == nil {
		return collect.Task{}, errors.New("verify: there is no frame of prompts")
	}
	if frame.Digest() != p.Frame.Digest || frame.Len() != p.Frame.Size {
		return collect.Task{}, fmt.Errorf("verify: frame has %d prompts and digest %v, want %d and %v as the plan says",
			frame.Len(), frame.Digest(), p.Frame.Size, p.Frame.Digest)
	}
	prompts, err := frame.Sample(p.Nonce.Value, p.Frame.Ask)
	if err != nil {
		return collect.Task{}, err
	}
	return collect.Task{Plan: digest, Prompts: prompts, Probes: p.Probes}, nil
}
