package canary

import (
	"fmt"
	"math"
	"strings"
)

const (
	// MinPlantings is how many answers must be expected to be planted for each unit
	// of a tree before the planner accepts a book.
	MinPlantings = 200

	// PilotAdoption is how far a student moved that saw nothing but planted answers,
	// as a share of the mass that it had to move: a model of 135 M parameters, tuned
	// for two epochs on 1,000 answers with 4.7 plantings each (testdata/pilot).
	PilotAdoption = 0.6

	minQueries = 3 // first occurrences below which a cell is not counted on
)

// A Dose is what is planted and what will be asked.
type Dose struct {
	// Tree whose units are planned for. Required.
	Tree string

	// Answers that will be served under the tree's key, by class. Required.
	Answers map[string]float64

	// Sample of the server's own answers, without canaries: how often each unit
	// occurs, and the shares of its options. Required.
	Sample *Tally

	// Share of the student's answers of each class that is planted, in (0, 1].
	// Defaults to 1.
	Share float64

	// Adoption is how far a student moves whose answers are all planted, in
	// (0, 1]. Defaults to PilotAdoption.
	Adoption float64

	// Queries is how many answers of the suspect will be read. Their classes are
	// mixed as Answers are. Required.
	Queries float64

	// Reference is how many answers of a reference model will be read beside them.
	// Without one, the baseline is the law of the book.
	Reference float64

	// Half that will be tested: the reserve, or the screening half.
	Reserve bool
}

// A UnitDose is what a plan expects of one unit.
type UnitDose struct {
	Unit      Unit
	Plantings float64 // answers in which it is planted
	Uses      float64 // of the suspect's answers, those in which it occurs
}

// A DosePlan is what a Dose leads to.
type DosePlan struct {
	Units []UnitDose // of both halves
	Cells int        // units of the half whose uses suffice for the test
	Delta float64    // share of its mass that the student moves: λ·Share·Adoption

	// Z is the median standardised statistic of the cells test: expected T over the
	// root of its expected variance under the null, each cell weighed by the
	// standard deviation of its share.
	Z float64
}

// TooFewError says that a book is too fine for a dose.
type TooFewError struct {
	Units []UnitDose // that expect fewer than MinPlantings, in the order of the book
	Of    int        // units of the tree
}

// Error names the first few units.
func (e *TooFewError) Error() string {
	var some []string
	for _, u := range e.Units[:min(3, len(e.Units))] {
		some = append(some, fmt.Sprintf("%s (%.0f)", u.Unit, u.Plantings))
	}
	return fmt.Sprintf("canary: %d of %d units expect fewer than %d plantings, such as %s: leave out their carriers or classes, or have fewer buckets",
		len(e.Units), e.Of, MinPlantings, strings.Join(some, ", "))
}

func (d *Dose) check(b *Book) error {
	switch {
	case d.Sample == nil || d.Sample.book.hash != b.hash:
		return fmt.Errorf("canary: sample of the dose is of no or of another book, want a tally of book %s", b.name)
	case d.Share < 0 || d.Share > 1 || math.IsNaN(d.Share):
		return fmt.Errorf("canary: share is %v, want (0, 1] or 0 for 1", d.Share)
	case d.Adoption < 0 || d.Adoption > 1 || math.IsNaN(d.Adoption):
		return fmt.Errorf("canary: adoption is %v, want (0, 1] or 0 for %v", d.Adoption, PilotAdoption)
	case !(d.Queries > 0) || math.IsInf(d.Queries, 0):
		return fmt.Errorf("canary: queries are %v, want more than 0", d.Queries)
	case !(d.Reference >= 0) || math.IsInf(d.Reference, 0):
		return fmt.Errorf("canary: reference is of %v answers, want 0 or more", d.Reference)
	}
	total := 0.0
	for class, n := range d.Answers {
		if _, ok := b.classIndex[class]; !ok {
			return fmt.Errorf("canary: class of the dose is %q, want one of book %s", class, b.name)
		}
		if !(n >= 0) || math.IsInf(n, 0) {
			return fmt.Errorf("canary: answers of class %s are %v, want 0 or more", class, n)
		}
		total += n
	}
	if total == 0 {
		return fmt.Errorf("canary: answers of the dose are none, want some for one class at least")
	}
	return nil
}

// PlanDose says what a dose leads to. It returns the plan and a *TooFewError if
// some unit of the tree, in a class that is answered at all, expects fewer than
// MinPlantings plantings: such a book is not to be used for that dose.
//
// For a student that moves δ of its mass to the planted option, with natural
// shares p, law π, m uses by the suspect and b by the reference,
//
//	x(o) − μ(o) = δ(1[o = o_u] − p(o)) + noise,  noise ~ multinomial, p(1/m + 1/b)
//	E T  = Σ a δ (1 − Σ π²)
//	V    = Σ a² E Var_π(x − μ),  a = 1/√(max_o p(o)(1−p(o))·(1/m + 1/b) + 0.001)
//
// and Z = E T / √V. Without a reference μ is the law, and x − μ has p − π besides.
func (b *Book) PlanDose(d Dose) (*DosePlan, error) {
	if err := d.check(b); err != nil {
		return nil, err
	}
	if d.Share == 0 {
		d.Share = 1
	}
	if d.Adoption == 0 {
		d.Adoption = PilotAdoption
	}
	total := 0.0
	for _, n := range d.Answers {
		total += n
	}
	lambda := float64(b.lambda) / Whole
	plan := &DosePlan{Delta: lambda * d.Share * d.Adoption}
	few := &TooFewError{}
	expected, variance := 0.0, 0.0
	for id, u := range b.units {
		served := d.Answers[u.Class]
		if u.Tree != d.Tree || served == 0 {
			continue
		}
		few.Of++
		count, err := d.Sample.Count(u)
		if err != nil {
			return nil, err
		}
		rate := float64(count.N()) / float64(max(d.Sample.answers[u.Class], 1))
		dose := UnitDose{u, served * rate * lambda, d.Queries * served / total * rate}
		plan.Units = append(plan.Units, dose)
		if dose.Plantings < MinPlantings {
			few.Units = append(few.Units, dose)
		}
		if u.Reserve != d.Reserve || dose.Uses < minQueries {
			continue
		}
		plan.Cells++
		e, v := cell(b.lawOf(id), count, plan.Delta, dose.Uses, d.Reference*served/total*rate)
		expected += e
		variance += v
	}
	if few.Of == 0 {
		return nil, fmt.Errorf("canary: tree is %q, want one of book %s with units in the classes of the dose", d.Tree, b.name)
	}
	if variance > 0 {
		plan.Z = expected / math.Sqrt(variance)
	}
	if len(few.Units) > 0 {
		return plan, few
	}
	return plan, nil
}

func (b *Book) lawOf(id int) []float64 {
	law := b.carriers[b.carrierOf[id]].Law
	out := make([]float64, len(law))
	for o, n := range law {
		out[o] = float64(n) / Whole
	}
	return out
}

// cell returns one cell's part of E T and of V.
func cell(law []float64, count Count, delta, uses, reference float64) (e, v float64) {
	k := len(law)
	p := make([]float64, k)
	for o := range p { // half a use an option keeps shares off 0
		p[o] = (float64(count.Options[o]) + 0.5) / (float64(count.N()) + 0.5*float64(k))
	}
	noise := 1 / uses
	offset := make([]float64, k)
	if reference > 0 {
		noise += 1 / (reference + 1)
	} else {
		for o := range p {
			offset[o] = p[o] - law[o]
		}
	}
	spread, square := 0.0, 0.0
	for o := range p {
		spread = max(spread, p[o]*(1-p[o]))
		square += law[o] * law[o]
	}
	weight := 1 / math.Sqrt(spread*noise+0.001)
	e = weight * delta * (1 - square)

	for j := range law { // the option that is planted
		mean, second := 0.0, 0.0
		for o := range law {
			x := offset[o] - delta*p[o]
			if o == j {
				x += delta
			}
			mean += law[o] * x
			second += law[o] * x * x
		}
		v += law[j] * (second - mean*mean)
	}
	for o := range law { // the noise
		v += law[o] * p[o] * (1 - p[o]) * noise
		for q := range law {
			cov := -p[o] * p[q]
			if o == q {
				cov += p[o]
			}
			v -= law[o] * law[q] * cov * noise
		}
	}
	return e, v * weight * weight
}
