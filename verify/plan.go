package verify

import (
	"fmt"
	"slices"

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
	// Sequence numbers the plans on this suspect, from 1. Earlier is the number
	// of tests beyond this plan's that belong to its family, whatever became of
	// them: all tests of the plans before it, and every test under every key that
	// this vendor committed before the nonce and that is not among Keys. A vendor
	// with a thousand committed keys who names the one that fits has made a
	// thousand tests. At most 10^9.
	Sequence int `json:"sequence"`
	Earlier  int `json:"earlier"`
	// Frame says which prompts might be asked and how many of them are. Required
	// with G tests: the suspect's access is then [collect.Suspect.Text].
	Frame FramePlan `json:"frame,omitzero"`
	// Reading says which texts the suspect is to read and what it is to predict.
	// Required with R tests.
	Reading ReadingPlan `json:"reading,omitzero"`
	// Twins says what the suspect reads for Rank. Required with it.
	Twins TwinsPlan `json:"twins,omitzero"`
	// Nonce picks prompts and texts. Without one the report begins with NoNonce.
	Nonce Nonce `json:"nonce,omitzero"`
	// Probes are prompts asked at the start, in the middle and at the end.
	Probes []string `json:"probes,omitempty"`
	// Tokenizer of the marked model turns answers into tokens. Required with G
	// tests, and with Rank, for which it cuts the candidates: without other tests of
	// tokens it may be the suspect's own.
	Tokenizer TokenizerID `json:"tokenizer,omitzero"`
	// Keys are the marks that are looked for, each tested by every test.
	// Required.
	Keys []KeyPlan `json:"keys"`
	// Tests, of which no two have the same name. Required.
	Tests []Test `json:"tests"`
	// Served names the marked answers that G2 and R tests with Served filter by.
	// Required with them.
	Served ServedPlan `json:"served,omitzero"`
	// Book names the book of canaries. Required with tests of canaries.
	Book BookPlan `json:"book,omitzero"`
	// Controls are models that never saw the marked answers, asked the same
	// questions: where a test rejects one of them, the finding is void. A finding
	// of an R test without a control says that there was none.
	Controls []string `json:"controls,omitempty"`
	// Products are joint findings of several keys.
	Products []Product `json:"products,omitempty"`
	// Pools are sums of one test over the texts of several keys.
	Pools []Pool `json:"pools,omitempty"`
	// Correction is how the family is corrected: Holm, or Hierarchy for keys that
	// form a tree. Defaults to Holm.
	Correction Correction `json:"correction,omitempty"`
	// Alpha is the error rate of the one family of all tests. Required, in (0, 1).
	Alpha float64 `json:"alpha"`
	// Decoys is the number of decoy keys: at least 1,000, and 10,000 for claims
	// below 1e-9. With 0 nothing is calibrated and every finding is void.
	Decoys int `json:"decoys"`
	// Void says when the answers are worth nothing.
	Void Voiding `json:"void"`
}

// FramePlan is a frame of prompts, or of passages, and how many of it are asked.
type FramePlan struct {
	Digest collect.Digest `json:"digest"` // of the frame. Required
	Size   int            `json:"size"`   // prompts in the frame. Required
	Ask    int            `json:"ask"`    // prompts asked, 1 to Size. Required
	// Logged says where and when the digest was published before the nonce was
	// known. Reports print it, or that it is missing.
	Logged string `json:"logged,omitempty"`
}

// IsZero reports whether there is none.
func (f FramePlan) IsZero() bool { return f == FramePlan{} }

// ReadingPlan says what a suspect reads and what it predicts at each position: the
// most likely token for R1, a sampled one for R2, and the Top most likely ones with
// their log-probabilities for R3, R4 and R4h.
type ReadingPlan struct {
	// Frame is of passages: see [collect.PassageFrame]. Each of its texts was made
	// under the keys, and none was selected by its content.
	Frame FramePlan `json:"frame"`
	// Top is how many tokens with their log-probabilities a position has. Required
	// with R3, R4 and R4h; as many as the vocabulary has is the whole distribution.
	Top int `json:"top,omitempty"`
	// Reference names the model that R4 and R4h compare with: the suspect's base or
	// an earlier checkpoint, older than the commitments of the keys and not supplied
	// by the vendor. Age says what shows that. Both are required with R4 and R4h.
	Reference string `json:"reference,omitempty"`
	Age       string `json:"age,omitempty"`
	// Span is how many positions a question has: a failed question loses so many.
	// Defaults to all of a passage.
	Span int `json:"span,omitempty"`
	// Vocabulary is how many tokens the marked model has: an answer that names one
	// beyond them failed. Defaults to any number.
	Vocabulary int `json:"vocabulary,omitempty"`
	// End is the end-of-turn token, of which predictions are left out, or nil.
	End *watermark.Token `json:"end,omitempty"`
}

// IsZero reports whether there is none.
func (r ReadingPlan) IsZero() bool { return r == ReadingPlan{} }

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
	// Commitment binds the key. The zero Commitment says that there is none, and
	// reports say so.
	Commitment keys.Commitment `json:"commitment,omitzero"`
	// Tree says that the key decides canaries, those of this tree of the plan's
	// Book. Mark is then [TreeMark]. Make the entry with [CommitTree].
	Tree string `json:"tree,omitempty"`
	// HeldOut says that nothing was ever made under the key: a test that rejects
	// it is void under every key.
	HeldOut bool `json:"held_out,omitempty"`
	// Parent is, with Hierarchy, the name of the key above: of the epoch of a
	// cohort, of the cohort of an account. Empty for a root.
	Parent string `json:"parent,omitempty"`
}

// A Correction is how a family of tests is corrected.
type Correction string

const (
	// Holm corrects all tests as one family (Holm 1979).
	Holm Correction = "holm"
	// Hierarchy looks at a key only if the same test rejected all keys above it,
	// at Alpha times the share of the leaves that lie under it (Meinshausen 2008):
	// for many accounts of which the cohorts hold enough evidence. Tests and
	// earlier tests share Alpha equally; products and pools are roots without
	// leaves below.
	Hierarchy Correction = "hierarchy"
)

// Commit returns the entry of a plan for a mark and the key that it was made
// with, under a nonce of 32 random bytes that stays secret until [Judge]. The key of
// a mark whose key is integers is what Secret.Key of package marks makes of them: a
// bundle shows that they belong together. It refuses the nonce of zeros, which hides
// nothing.
func Commit(name string, mark *watermark.Watermark, key keys.Key, nonce [32]byte) (KeyPlan, error) {
	if mark == nil {
		return KeyPlan{}, fmt.Errorf("verify: key %q has no mark", name)
	}
	if nonce == [32]byte{} {
		return KeyPlan{}, fmt.Errorf("verify: nonce of key %q is 32 zeros, want random bytes", name)
	}
	if key.IsZero() {
		return KeyPlan{}, fmt.Errorf("verify: key %q is the zero key, which nothing binds", name)
	}
	info := mark.Info()
	if id := key.ID().String(); id != info.KeyID && !integers(info.KeyID) {
		return KeyPlan{}, fmt.Errorf("verify: key %q is %s, its mark was made with %s", name, id, info.KeyID)
	}
	return KeyPlan{Name: name, Mark: mark.ID(), Kind: info.Kind, KeyID: info.KeyID, Commitment: key.Commit(nonce)}, nil
}

// integers reports whether a public name of a key is not one of package keys: that of
// integers, which other engines take for keys.
func integers(id string) bool {
	var native keys.ID
	return native.UnmarshalText([]byte(id)) != nil
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

// A Product is one finding for several keys under one hypothesis: that the suspect
// is independent of all of them. It multiplies the e-values of its parts, which are
// independent where their keys are: layers of a watermark and trees of canaries, so
// that evidence of every channel counts together. Marks of one key are not
// independent, unless they are different layers of one layout, whose windows differ;
// different canary tests under one key are, since their units differ. Neither are a test
// by served windows and one of all of the passages: words of one key decide which
// windows of the other were served, and words of that what the suspect said there; two
// fair bets then have mean 19/18. A plan that multiplies others is refused.
type Product struct {
	Name  string `json:"name"`
	Parts []Part `json:"parts"` // two or more
}

// A Part is one test under one key.
type Part struct {
	Key  string `json:"key"`  // name of one of Keys
	Test string `json:"test"` // [Test.String] of one of Tests
}

// Across returns the parts of one test under several keys.
func Across(test string, keys ...string) []Part {
	out := make([]Part, len(keys))
	for i, k := range keys {
		out[i] = Part{k, test}
	}
	return out
}

// A Pool is one finding for texts that were each made under a key of their own, as
// the traces of an account or of a cohort are: the sum of one test over the keys.
// Under the hypothesis that the suspect is independent of all of them it has the
// null law of so many scores. It says that traces of the pool were used, of which it
// does not say.
type Pool struct {
	Name string   `json:"name"`
	Test string   `json:"test"` // [Test.String] of a test of the plan
	Keys []string `json:"keys"` // names of Keys, two or more, marks of one scheme
}

// Voiding says when all findings are void.
type Voiding struct {
	// Missing is the share of prompts, and of questions on passages, that may stay
	// without a whole answer (statuses missing and failed), 0 to 1.
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

// Size returns the number of tests that the plan makes: of each key those that it
// takes, products and pools. The family is Size()+Earlier.
func (p *Plan) Size() int {
	if p == nil {
		return 0
	}
	n := len(p.Products) + len(p.Pools)
	for _, k := range p.Keys {
		n += len(k.takes(p.Tests))
	}
	return n
}

// takes returns the tests that are made under the key: those of canaries under the
// key of a tree, the others under that of a mark.
func (k KeyPlan) takes(tests []Test) []Test {
	var out []Test
	for _, t := range tests {
		if t.canary() == (k.Tree != "") {
			out = append(out, t)
		}
	}
	return out
}

// Family returns the family in which the plan's tests are corrected.
func (p *Plan) Family() evidence.Family {
	return evidence.Family{Alpha: p.Alpha, Others: p.Earlier}
}

// Frames are the lists of which a plan asks a part. A plan without G tests has no
// Prompts, one without R tests no Passages.
type Frames struct {
	Prompts  *collect.Frame
	Passages *collect.Frame
	Twins    *collect.Frame // of [TwinsFrame], with Rank
}

// Task returns what the plan asks of a suspect: prompts, then marked passages, then
// candidates of twins. The frames are those that the plan names.
func (p *Plan) Task(f Frames) (collect.Task, error) {
	digest, err := p.Digest()
	if err != nil {
		return collect.Task{}, err
	}
	task := collect.Task{Plan: digest, Probes: p.Probes}
	if task.Prompts, err = p.Frame.sample("prompts", f.Prompts, p.Nonce); err != nil {
		return collect.Task{}, err
	}
	lines, err := p.Reading.Frame.sample("passages", f.Passages, p.Nonce)
	if err != nil {
		return collect.Task{}, err
	}
	candidates, err := p.candidates(f.Twins)
	if err != nil {
		return collect.Task{}, err
	}
	for i, line := range append(lines, candidates...) {
		passage, err := collect.ParsePassage(line)
		if err != nil {
			return collect.Task{}, fmt.Errorf("verify: passage %d: %w", i, err)
		}
		if v := p.Reading.Vocabulary; v > 0 {
			for _, id := range slices.Concat(passage.Prompt, passage.Tokens) {
				if int(id) >= v {
					return collect.Task{}, fmt.Errorf("verify: passage %d holds token %d, want less than %d, the size of the vocabulary", i, id, v)
				}
			}
		}
		task.Passages = append(task.Passages, passage)
	}
	task.Want, task.Reference, task.Span = p.want(), p.Reading.Reference != "", p.Reading.Span
	return task, nil
}

// want returns what the plan's tests need at each position.
func (p *Plan) want() collect.Want {
	w := collect.Want{Top: p.Reading.Top, Vocabulary: p.Reading.Vocabulary}
	for _, t := range p.Tests {
		w.Argmax = w.Argmax || t.Name == R1
		w.Sample = w.Sample || t.Name == R2
		w.Own = w.Own || t.Name == Rank
	}
	return w
}

// sample returns the entries of a frame that the nonce picks.
func (f FramePlan) sample(what string, frame *collect.Frame, nonce Nonce) ([]string, error) {
	switch {
	case f.IsZero() && frame == nil:
		return nil, nil
	case f.IsZero():
		return nil, fmt.Errorf("verify: there is a frame of %s, the plan has none", what)
	case frame == nil:
		return nil, fmt.Errorf("verify: there is no frame of %s", what)
	case frame.Digest() != f.Digest || frame.Len() != f.Size:
		return nil, fmt.Errorf("verify: frame has %d %s and digest %v, want %d and %v as the plan says",
			frame.Len(), what, frame.Digest(), f.Size, f.Digest)
	}
	return frame.Sample(nonce.Value, f.Ask)
}
