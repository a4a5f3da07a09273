package verify

import (
	"fmt"
	"strings"
)

// The tests. G tests look at what the suspect writes, R tests at what it predicts
// when it reads marked texts: see the package comment.
const (
	// G1 scores the suspect's own text: does it write what the key prefers?
	G1 = "G1"
	// G2 scores only windows that occur in the served answers, in the order in
	// which they first occur there. It is exact only for served answers that
	// nobody selected by their content: see [ServedPlan].
	G2 = "G2"
	// R1 scores the token that the suspect finds most likely at each position.
	R1 = "R1"
	// R2 scores one token sampled from the suspect's prediction.
	R2 = "R2"
	// R3 scores all of the tokens that the suspect's interface lists, each by its
	// probability.
	R3 = "R3"
	// R4 scores them by how much more probable they are to the suspect than to a
	// reference model: by the difference of the square roots of probabilities.
	R4 = "R4"
	// R4h scores the one token whose difference of R4 is largest.
	R4h = "R4h"

	// Cells asks of canaries in text whether the suspect leans to the forms that the
	// key decided.
	Cells = "cells"
	// Picks asks the same of its answers to questions that have many.
	Picks = "picks"
	// Order asks the same of the order of parallel tool calls: of each two tools, whatever
	// others are called beside them, as the key decides pairs.
	Order = "order"
	// Cohort asks whether the suspect's forms follow the code word of one cohort
	// among all that the law of the book might have given it: Cells, weighted as
	// Škorić et al. (2008) weigh a code of Tardos.
	Cohort = "cohort"
	// Rank asks which of several candidates, of which the key planted one, the suspect
	// finds most likely: by ln p, without a word of its own. It needs [TwinsPlan].
	Rank = "rank"
)

// Difference is the form of R4 and R4h that takes differences of probabilities in
// place of their square roots. It needs more tokens.
const Difference = "difference"

// Ridge is the weight of R4 that divides a position by how much it differs from the
// reference, Σd², with a ridge τ² = 1e-3, and multiplies it by how much the suspect
// leaves open, 1 − Σq². Without the ridge, positions that training left as they were
// drown the signal.
const Ridge = "ridge"

const ridge = 1e-3 // τ²

// A Test is a test with its parameters. Its name in findings and products is
// [Test.String].
type Test struct {
	Name string `json:"name"` // G1, G2, R1, R2, R3, R4, R4h, or one of canaries
	// Form is, for R4 and R4h, Difference, or empty for square roots.
	Form string `json:"form,omitempty"`
	// Weight is, for R4, Ridge, or empty for none.
	Weight string `json:"weight,omitempty"`
	// Fresh makes a G test leave out what follows a window that occurred before in
	// the same text, as the mark's detectors do. Where nothing was marked there, it
	// has more power; it counts fewer tokens.
	Fresh bool `json:"fresh,omitempty"`
	// Served makes an R test look only at windows that occur in the served
	// answers, in the order in which they first occur there, as G2 does: for
	// texts that were not served to the suspect. No signal lives outside. The
	// p-value holds for texts that were not made under the key; findings say so.
	Served bool `json:"served,omitempty"`
	// Sparse looks at the smallest p-values of single tokens in place of the sum
	// of the scores: higher criticism, for a mark on few of the tokens. It is a
	// test of its own in the family. Not for R3 and R4, and an R test and G2 need
	// First with it.
	Sparse bool `json:"sparse,omitempty"`
	// First is how many scores count: the first so many in order, N fixed in
	// advance, whatever the key turns out to be. Those that are missing in the end
	// count as 0. With 0 all count, and the p-value is the bound 1/e of the
	// e-process in that order: the number of scores is then itself a matter of the
	// key. G1 is exact for any number; with First it looks at no more.
	First int `json:"first,omitempty"`
	// Stop ends the test at the first score with which the e-value reaches 1 over
	// the level, which is Alpha divided by the family's size, and with Hierarchy the
	// key's share of it, or at the first N scores
	// if First says so: the p-value is 1/e. For tests whose p-value is a bound
	// with First 0.
	Stop bool `json:"stop,omitempty"`
	// Reserve makes a test of canaries look at the tree's reserve in place of its
	// screening half: for a test that confirms. It is how many of the carriers' units
	// there the plan's nonce draws; of picks, orders and twins all are taken.
	Reserve int `json:"reserve,omitempty"`
}

// String names the test within a plan: "R4", "R4 difference served", "G1 sparse".
func (t Test) String() string {
	s := t.Name
	for _, part := range []string{t.Form, t.Weight} {
		if part != "" {
			s += " " + part
		}
	}
	if t.Fresh {
		s += " fresh"
	}
	if t.Served {
		s += " served"
	}
	if t.Sparse {
		s += " sparse"
	}
	if t.Reserve > 0 {
		s += " reserve"
	}
	return s
}

// canary reports whether the test is of canaries.
func (t Test) canary() bool {
	return t.Name == Cells || t.Name == Picks || t.Name == Order || t.Name == Cohort || t.Name == Rank
}

// carriers reports whether the test is of wordings.
func (t Test) carriers() bool { return t.Name == Cells || t.Name == Cohort }

// units says which units of a tree a test of canaries looks at.
func (t Test) units() string {
	switch {
	case t.carriers():
		return fmt.Sprint("carriers ", t.Reserve > 0)
	}
	return fmt.Sprint(t.Name, " ", t.Reserve > 0)
}

// writes reports whether the test looks at the suspect's own texts.
func (t Test) writes() bool { return !t.reads() && t.Name != Rank }

// reads reports whether the test looks at predictions of marked texts.
func (t Test) reads() bool { return strings.HasPrefix(t.Name, "R") }

// weighted reports whether the test's statistic is a weighted sum.
func (t Test) weighted() bool { return t.Name == R3 || t.Name == R4 }

// referenced reports whether the test compares with a reference model.
func (t Test) referenced() bool { return t.Name == R4 || t.Name == R4h }

// served reports whether the test goes by the served answers.
func (t Test) served() bool { return t.Name == G2 || t.Served }

func (t Test) check() error {
	switch t.Name {
	case G1, G2, R1, R2, R3, R4, R4h:
	case Cells, Picks, Order, Cohort, Rank:
		if plain := (Test{Name: t.Name, Reserve: t.Reserve}); t != plain {
			return fmt.Errorf("verify: test %s has parameters of other tests, want at most Reserve", t.Name)
		}
	default:
		return fmt.Errorf("verify: test is %q, want %q, %q, %q, %q, %q, %q or %q, or of canaries %q, %q, %q, %q or %q",
			t.Name, G1, G2, R1, R2, R3, R4, R4h, Cells, Picks, Order, Cohort, Rank)
	}
	switch {
	case t.Reserve < 0 || t.Reserve > 0 && !t.canary():
		return fmt.Errorf("verify: test %s looks at %d units of the reserve, want at least 0, and none for tests that are not of canaries", t.Name, t.Reserve)
	case t.Form != "" && (t.Form != Difference || !t.referenced()):
		return fmt.Errorf("verify: test %s has form %q, want none, or %q for R4 and R4h", t.Name, t.Form, Difference)
	case t.Weight != "" && (t.Weight != Ridge || t.Name != R4):
		return fmt.Errorf("verify: test %s has weight %q, want none, or %q for R4", t.Name, t.Weight, Ridge)
	case t.Fresh && t.reads():
		return fmt.Errorf("verify: test %s is fresh, want that of G tests: R tests are so always", t.Name)
	case t.Served && !t.reads():
		return fmt.Errorf("verify: test %s looks at served windows, want that of an R test; %s does so for texts", t.Name, G2)
	case t.First < 0 || t.First > maxFirst:
		return fmt.Errorf("verify: test %s counts the first %d scores, want 0 to %d", t.Name, t.First, maxFirst)
	case t.Sparse && t.First > maxSparse:
		return fmt.Errorf("verify: sparse test %s counts the first %d scores, want at most %d", t.Name, t.First, maxSparse)
	case t.Sparse && t.weighted():
		return fmt.Errorf("verify: test %s is sparse, want a test that scores one token a position", t.Name)
	case t.Sparse && t.Name != G1 && t.First == 0:
		return fmt.Errorf("verify: sparse test %s counts all scores, want the first N of them", t.Name)
	case t.Stop && (t.Sparse || t.Name == G1):
		return fmt.Errorf("verify: test %s stops early, want that of a test that is an e-process", t)
	}
	return nil
}

const (
	maxFirst  = 1_000_000_000 // beyond the number of tokens of any corpus
	maxSparse = 10_000_000    // each decoy sorts so many
)
