package canary_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

// many is a book of n carriers with one word a form.
func many(t testing.TB, n int, law string) *canary.Book {
	var s strings.Builder
	letter := func(i int) string { return string(rune('a'+i/26%26)) + string(rune('a'+i%26)) }
	for i := range n {
		fmt.Fprintf(&s, "carrier c%d\nform left%s\nform right%s\n%s", i, letter(i), letter(i), law)
	}
	b, err := book(t, strings.Replace(anyHeader, "tilt 0.5", "sampled", 1), s.String())
	require.NoError(t, err)
	return b
}

// say is an answer that uses all carriers of such a book, the second form where
// share has it.
func say(b *canary.Book, r *rand.Rand, share func(carrier int) float64) string {
	var s strings.Builder
	for i, c := range b.Carriers() {
		form := c.Forms[0]
		if r.Float64() < share(i) {
			form = c.Forms[1]
		}
		s.WriteString("So " + form + " it. ")
	}
	return s.String()
}

// TestDosePower simulates students that move δ of their mass to the key's options
// and finds the median z that the planner says, over doses, with a reference and
// without, for fair and unfair laws. The median of 300 has a standard error of
// 1.25/√300 = 0.07 from T alone; 6 of them and 5 % of z for the plan's rounding.
func TestDosePower(t *testing.T) {
	for _, law := range []struct {
		line string
		pi   float64
	}{{"law 2147483648 2147483648\n", 0.5}, {"law 3435973837 858993459\n", 0.2}} {
		const cells, uses = 120, 20
		b := many(t, cells, law.line)
		r := rand.New(rand.NewPCG(4, 2))
		natural := make([]float64, cells) // shares of the second form
		for i := range natural {
			natural[i] = 0.05 + 0.9*r.Float64()
		}
		sample := b.NewTally()
		for range 400 {
			require.NoError(t, sample.Add(canary.Request{}, say(b, r, func(i int) float64 { return natural[i] })))
		}
		for _, reference := range []float64{0, 40} {
			last := -1.0
			for _, delta := range []float64{0, 0.1, 0.2, 0.4} {
				plan, err := b.PlanDose(canary.Dose{Tree: "vendor", Answers: map[string]float64{"any": 1e6}, Sample: sample,
					Share: max(delta, 1e-9), Adoption: 1, Queries: uses, Reference: reference})
				require.NoError(t, err)
				assert.Equal(t, cells, plan.Cells)
				assert.InDelta(t, 1e6, plan.Units[0].Plantings, 1)
				zs := make([]float64, 300)
				for k := range zs {
					zs[k] = simulate(r, natural, law.pi, delta, uses, int(reference))
				}
				sort.Float64s(zs)
				got := (zs[149] + zs[150]) / 2
				assert.InDelta(t, plan.Z, got, 6*0.07+0.05*plan.Z, "π %v, δ %v, reference %v", law.pi, delta, reference)
				assert.Greater(t, plan.Z, last, "more dose, more z")
				last = plan.Z
				if delta > 0 {
					t.Logf("π %.1f δ %.1f reference %2.0f: planned z %5.2f, median %5.2f", law.pi, delta, reference, plan.Z, got)
				}
			}
		}
	}
}

// simulate draws keys and answers and returns z of the centred test, as package
// verify defines it, with the planner's weights.
func simulate(r *rand.Rand, natural []float64, pi, delta float64, uses, reference int) float64 {
	binomial := func(n int, p float64) (k int) {
		for range n {
			if r.Float64() < p {
				k++
			}
		}
		return k
	}
	sum, variance := 0.0, 0.0
	for _, p := range natural {
		o := 0.0 // the option drawn: 1 for the second form
		if r.Float64() < pi {
			o = 1
		}
		x := float64(binomial(uses, (1-delta)*p+delta*o)) / float64(uses)
		mu, noise := pi, 1/float64(uses)
		if reference > 0 {
			mu = (float64(binomial(reference, p)) + 0.5) / float64(reference+1)
			noise += 1 / float64(reference+1)
		}
		weight := 1 / math.Sqrt(p*(1-p)*noise+0.001)
		g1, g0 := weight*(x-mu), -weight*(x-mu)
		mean := pi*g1 + (1-pi)*g0
		g := g0
		if o == 1 {
			g = g1
		}
		sum += g - mean
		variance += pi * (1 - pi) * (g1 - g0) * (g1 - g0)
	}
	return sum / math.Sqrt(variance)
}

// TestDoseRefuses: a book whose units would not be planted often enough is not
// to be used, and the error says which.
func TestDoseRefuses(t *testing.T) {
	b, err := book(t, strings.Replace(anyHeader, "tilt 0.5", "tilt 0.25", 1), carrierAB+"carrier cd\nform furthermore\nform moreover\n")
	require.NoError(t, err)
	sample := b.NewTally()
	for i := range 100 {
		text := "For example, a."
		if i%10 == 0 {
			text = "Furthermore, a."
		}
		require.NoError(t, sample.Add(canary.Request{}, text))
	}
	dose := canary.Dose{Tree: "vendor", Answers: map[string]float64{"any": 8000}, Sample: sample, Queries: 1000}
	plan, err := b.PlanDose(dose) // .1 · 8000 · ¼ = 200
	require.NoError(t, err)
	assert.InDelta(t, 200, plan.Units[1].Plantings, 1e-6)
	assert.InDelta(t, 100, plan.Units[1].Uses, 1e-6)
	assert.InDelta(t, 0.25*canary.PilotAdoption, plan.Delta, 1e-12)
	dose.Answers["any"] = 7999
	plan, err = b.PlanDose(dose)
	var few *canary.TooFewError
	require.True(t, errors.As(err, &few))
	assert.Equal(t, 2, few.Of)
	require.Len(t, few.Units, 1)
	assert.Equal(t, "cd", few.Units[0].Unit.Carrier)
	assert.ErrorContains(t, err, "canary: 1 of 2 units expect fewer than 200 plantings, such as vendor|cd|any|0 (200): leave out")
	assert.NotNil(t, plan)

	for want, d := range map[string]canary.Dose{
		"sample of the dose":           {Tree: "vendor", Answers: map[string]float64{"any": 1}, Queries: 1},
		"of another book":              {Tree: "vendor", Answers: map[string]float64{"any": 1}, Queries: 1, Sample: pilotBook(t).NewTally()},
		"share is 2":                   {Tree: "vendor", Answers: map[string]float64{"any": 1}, Queries: 1, Sample: sample, Share: 2},
		"share is NaN":                 {Tree: "vendor", Answers: map[string]float64{"any": 1}, Queries: 1, Sample: sample, Share: math.NaN()},
		"adoption is -1":               {Tree: "vendor", Answers: map[string]float64{"any": 1}, Queries: 1, Sample: sample, Adoption: -1},
		"queries are 0":                {Tree: "vendor", Answers: map[string]float64{"any": 1}, Sample: sample},
		"reference is of -1 answers":   {Tree: "vendor", Answers: map[string]float64{"any": 1}, Queries: 1, Sample: sample, Reference: -1},
		`class of the dose is "x"`:     {Tree: "vendor", Answers: map[string]float64{"x": 1}, Queries: 1, Sample: sample},
		"answers of class any are -1":  {Tree: "vendor", Answers: map[string]float64{"any": -1}, Queries: 1, Sample: sample},
		"answers of the dose are none": {Tree: "vendor", Queries: 1, Sample: sample},
		`tree is "epoch", want one of`: {Tree: "epoch", Answers: map[string]float64{"any": 1}, Queries: 1, Sample: sample},
	} {
		_, err := b.PlanDose(d)
		assert.ErrorContains(t, err, want)
	}
}
