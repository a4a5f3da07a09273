package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dyetrace/dyetrace/verify/evidence"
)

func newPowerCommand(a *app) *cobra.Command {
	var f powerFlags
	cmd := &cobra.Command{
		Use:     "power",
		GroupID: groupStudy,
		Short:   "How much text does a test need, and what would it find?",
		Long: `Plan a test of marks before it is made, both ways: how many tokens an effect needs,
and, with --tokens, the least effect and the least dose that so many tokens show.

An effect is by how many standard deviations of the null law a scored token lies above
its mean, in a suspect that read nothing but marked text. Without --effect they are
those that one real student showed: a model of 135 million parameters, fine-tuned on
41,451 marked tokens. Larger models, other data and adapters differ. Effects are taken
to be in proportion to the dose, the share of marked text in what a suspect read.

Only tokens on windows of their layer count (--share), and each pair of a window and
a token once. power cells and power picks plan tests of canaries.`,
		Example: `  dyetrace power                                           what one real student showed
  dyetrace power --test G1 --dose 0.2 --keys 3 --share 0.7
  dyetrace power --effect 0.01 --alpha 1e-6 --curve
  dyetrace power --tokens 200000 --test R4
  dyetrace power cells --uses 20 --reference 50 --dose 0.5`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.power(cmd, &f) },
	}
	f.add(cmd.Flags())
	cmd.AddCommand(newPowerCellsCommand(a), newPowerPicksCommand(a))
	return cmd
}

// noArguments is cobra.NoArgs with an error that says so.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Errorf("argument %q, want flags only", args[0]))
	}
	return nil
}

// familyFlags are those of a family of tests.
type familyFlags struct {
	alpha, power float64
	keys, tests  int
	curve        bool
}

func (f *familyFlags) add(flags *pflag.FlagSet) {
	flags.Float64Var(&f.alpha, "alpha", 1e-3, "error `rate` of all tests together")
	flags.Float64Var(&f.power, "power", 0.8, "`probability` with which to find")
	flags.IntVar(&f.keys, "keys", 1, "`number` of keys that are tested")
	flags.IntVar(&f.tests, "tests", 1, "`number` of tests under each key")
	flags.BoolVar(&f.curve, "curve", false, "print power against size, row for row")
}

// size is how many tests there are.
func (f *familyFlags) size() (int, error) {
	if f.keys < 1 || f.tests < 1 || f.keys > 1e9 || f.tests > 1e9 || int64(f.keys)*int64(f.tests) > 1e9 {
		return 0, usage(fmt.Errorf("--keys is %d and --tests %d, want at least 1 and at most 1,000,000,000 together", f.keys, f.tests))
	}
	return f.keys * f.tests, nil
}

type powerFlags struct {
	familyFlags
	effect, dose, share float64
	tokens              int64
	test, scheme        string
	bound               bool
}

func (f *powerFlags) add(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.Float64Var(&f.effect, "effect", 0, "standard `deviations` a scored token, at full dose")
	flags.StringVar(&f.test, "test", "", "only this `test`: G1, G2, R1, R2, R3, R4 or R4h")
	flags.Int64Var(&f.tokens, "tokens", 0, "what would so many `tokens` find?")
	flags.Float64Var(&f.dose, "dose", 1, "`share` of marked text in what the suspect read, above 0 and at most 1")
	flags.Float64Var(&f.share, "share", 1, "`share` of the tokens that count, such as 0.7 for a layer of 70 %")
	flags.StringVar(&f.scheme, "scheme", "gumbel", "gumbel, dualgumbel:alpha=A, greenlist:gamma=G,delta=D or tournament:depth=N")
	flags.BoolVar(&f.bound, "by-e", false, "p is 1/e: tests whose number of scores is not fixed in the plan")
	f.familyFlags.add(flags)
}

// powerResult is what is printed of a plan for marks.
type powerResult struct {
	Law    string       `json:"law"`
	Alpha  float64      `json:"alpha"`
	Power  float64      `json:"power"`
	Family int          `json:"family"` // tests
	Dose   float64      `json:"dose"`
	Share  float64      `json:"share"`
	Tokens int64        `json:"tokens,omitempty"` // that are asked about
	Rows   []powerRow   `json:"rows"`
	Curve  []curvePoint `json:"curve,omitempty"`
}

// powerRow is one effect. Numbers of tokens are of texts: those that count are the
// share of them.
type powerRow struct {
	Test   string  `json:"test,omitempty"`
	Text   string  `json:"text,omitempty"`
	Access string  `json:"access,omitempty"`
	Effect float64 `json:"effect"`                  // at full dose
	P      string  `json:"p"`                       // what the p-value is: exact, 1/e, or 1/e of weighted sums
	Needed int64   `json:"tokens_needed,omitempty"` // 0: more than a trillion
	// With --tokens:
	Found      *float64 `json:"power,omitempty"`
	Detectable *float64 `json:"detectable_effect,omitempty"` // null if none: the test is void
	Dose       *float64 `json:"detectable_dose,omitempty"`
	Void       bool     `json:"void,omitempty"` // no text of so many tokens reaches the level

	design evidence.Design
}

type curvePoint struct {
	Test       string   `json:"test,omitempty"`
	Text       string   `json:"text,omitempty"`
	Effect     float64  `json:"effect"`
	Tokens     int64    `json:"tokens"`
	Power      float64  `json:"power"`
	Detectable *float64 `json:"detectable_effect,omitempty"`
}

func (a *app) power(cmd *cobra.Command, f *powerFlags) error {
	r, err := f.plan(cmd.Flags().Changed("effect"), cmd.Flags().Changed("tokens"))
	if err != nil {
		return usage(err)
	}
	return a.print(r, r.writeText)
}

func (f *powerFlags) plan(hasEffect, hasTokens bool) (*powerResult, error) {
	family, err := f.size()
	if err != nil {
		return nil, err
	}
	if !(f.share > 0 && f.share <= 1) {
		return nil, fmt.Errorf("--share is %v, want more than 0 and at most 1", f.share)
	}
	if !(f.dose > 0 && f.dose <= 1) {
		return nil, fmt.Errorf("--dose is %v, want more than 0 and at most 1", f.dose)
	}
	if hasTokens && !(f.tokens >= 1 && f.tokens <= 1e12) {
		return nil, fmt.Errorf("--tokens is %d, want 1 to 1,000,000,000,000", f.tokens)
	}
	if hasEffect && !(f.effect > 0 && f.effect <= 100) {
		return nil, fmt.Errorf("--effect is %v, want more than 0 and at most 100", f.effect)
	}
	scheme, err := parseScheme(f.scheme)
	if err != nil {
		return nil, err
	}
	law, err := scheme.Law()
	if err != nil {
		return nil, err
	}
	base := evidence.Design{Law: law, Dose: f.dose, Tests: family, Alpha: f.alpha, Power: f.power}
	if _, err := base.DetectableEffect(1000); err != nil { // whatever is wrong with the rates
		return nil, err
	}
	r := &powerResult{Law: fmt.Sprint(law), Alpha: f.alpha, Power: f.power, Family: family, Dose: f.dose, Share: f.share, Tokens: f.tokens}
	if hasEffect {
		r.Rows = []powerRow{f.row(powerRow{Test: f.test, Effect: f.effect}, base)}
	} else {
		for _, m := range evidence.MeasuredEffects() {
			if f.test == "" || f.test == m.Test || strings.HasPrefix(m.Test, f.test+" ") {
				r.Rows = append(r.Rows, f.row(powerRow{Test: m.Test, Text: m.Text, Access: m.Access, Effect: m.D}, base))
			}
		}
		if len(r.Rows) == 0 {
			return nil, fmt.Errorf("--test is %q, which was not measured: want G1, G2, R1, R2, R3, R4 or R4h, or --effect", f.test)
		}
	}
	for i := range r.Rows {
		if err := f.fill(&r.Rows[i]); err != nil {
			return nil, err
		}
		if f.curve {
			points, err := f.points(&r.Rows[i])
			if err != nil {
				return nil, err
			}
			r.Curve = append(r.Curve, points...)
		}
	}
	return r, nil
}

// row decides what the p-value of a test is made of.
func (f *powerFlags) row(row powerRow, d evidence.Design) powerRow {
	d.Effect, row.P = row.Effect, "exact"
	test, _, _ := strings.Cut(row.Test, " ")
	switch {
	case test == "R3" || test == "R4":
		d.Law, d.Bets, row.P = nil, true, "1/e of weighted sums"
	case f.bound:
		d.Law, row.P = evidence.ByE(d.Law), "1/e"
	}
	row.design = d
	return row
}

// scored is how many of so many tokens count.
func (f *powerFlags) scored(tokens int64) int64 { return max(1, int64(float64(tokens)*f.share)) }

// fill computes the figures of a row.
func (f *powerFlags) fill(row *powerRow) error {
	d := row.design
	if n, err := d.Tokens(); err == nil { // else more than anybody has
		row.Needed = int64(math.Ceil(float64(n) / f.share))
	}
	if f.tokens == 0 {
		return nil
	}
	n := f.scored(f.tokens)
	power, err := d.PowerOf(n)
	if err != nil {
		return err
	}
	effect, err := d.DetectableEffect(n)
	if err != nil {
		return err
	}
	row.Found = &power
	if row.Void = math.IsInf(effect, 0); row.Void {
		return nil
	}
	dose, err := d.DetectableDose(n)
	row.Detectable, row.Dose = &effect, &dose
	return err
}

// points are power against tokens, from where nothing is found to where all is.
func (f *powerFlags) points(row *powerRow) (all []curvePoint, err error) {
	const begin, end = 0.01, 0.999
	var before *curvePoint
	for n := range steps(f.scoredFloor()) {
		scored := f.scored(n)
		p := curvePoint{Test: row.Test, Text: row.Text, Effect: row.Effect, Tokens: n}
		if p.Power, err = row.design.PowerOf(scored); err != nil {
			return nil, err
		}
		effect, err := row.design.DetectableEffect(scored)
		if err != nil {
			return nil, err
		}
		if !math.IsInf(effect, 0) {
			p.Detectable = &effect
		}
		if p.Power < begin {
			before = &p
			continue
		}
		if before != nil {
			all = append(all, *before)
			before = nil
		}
		all = append(all, p)
		if p.Power > end {
			break
		}
	}
	return all, nil
}

// scoredFloor is the least number of tokens of a curve.
func (f *powerFlags) scoredFloor() int64 { return int64(math.Ceil(10 / f.share)) }

// steps yields round numbers from one on: 1, 2, 5, 10, …, up to 10^12.
func steps(from int64) func(yield func(int64) bool) {
	return func(yield func(int64) bool) {
		for ten := int64(1); ten <= 1e12; ten *= 10 {
			for _, m := range []int64{1, 2, 5} {
				if n := m * ten; n >= from && n <= 1e12 && !yield(n) {
					return
				}
			}
		}
	}
}

func (r *powerResult) writeText(w io.Writer) {
	fmt.Fprintf(w, "error rate %g over %s, power %g, dose %g, law %s", r.Alpha, plural(int64(r.Family), "test"), r.Power, r.Dose, r.Law)
	if r.Share < 1 {
		fmt.Fprintf(w, ", %.3g %% of the tokens count", 100*r.Share)
	}
	fmt.Fprint(w, "\n\n")
	t := newTable(w)
	head := "test\teffect\ttokens needed\t"
	if r.Tokens > 0 {
		head += fmt.Sprintf("of %s tokens: power\teffect found\tdose found\t", grouped(r.Tokens))
	}
	fmt.Fprintf(t, "%sp\ttext\n", head)
	for _, row := range r.Rows {
		needed := "over 10^12"
		if row.Needed > 0 {
			needed = grouped(row.Needed)
		}
		fmt.Fprintf(t, "%s\t%.3g\t%s\t", orDash(row.Test), row.Effect, needed)
		if r.Tokens > 0 {
			fmt.Fprintf(t, "%s\t%s\t%s\t", percent(row.Found), figure(row.Detectable), figure(row.Dose))
		}
		fmt.Fprintf(t, "%s\t%s\n", row.P, orDash(row.Text))
	}
	_ = t.Flush() // to a buffer
	if r.Tokens > 0 {
		fmt.Fprintf(w, "\neffect found: the least effect at full dose that would be found; dose found: the least dose at this effect.\n")
	}
	if len(r.Curve) == 0 {
		return
	}
	fmt.Fprintln(w)
	t = newTable(w)
	fmt.Fprintf(t, "test\teffect\ttokens\tpower\teffect found\ttext\n")
	for _, p := range r.Curve {
		fmt.Fprintf(t, "%s\t%.3g\t%s\t%s\t%s\t%s\n", orDash(p.Test), p.Effect, grouped(p.Tokens), percent(&p.Power), figure(p.Detectable), orDash(p.Text))
	}
	_ = t.Flush() // to a buffer
}
