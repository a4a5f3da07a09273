package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/evidence"
)

// doseFlags say how far a student moved to what the key decided.
type doseFlags struct {
	shift, lambda, dose, adoption float64
}

func (f *doseFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Float64Var(&f.shift, "shift", 0, "part of its mass that the student moved to what the key decided; defaults to --lambda × --dose × --adoption")
	flags.Float64Var(&f.lambda, "lambda", 1, "`probability` with which an eligible use is planted (1 for sampled books)")
	flags.Float64Var(&f.dose, "dose", 1, "`share` of planted answers among those that the student read")
	flags.Float64Var(&f.adoption, "adoption", canary.PilotAdoption, "how far a student moves that read nothing else")
}

// delta returns the shift.
func (f *doseFlags) delta(cmd *cobra.Command) (float64, error) {
	changed := cmd.Flags().Changed
	if changed("shift") {
		if changed("lambda") || changed("dose") || changed("adoption") {
			return 0, usage(fmt.Errorf("--shift is their product, want it without --lambda, --dose and --adoption"))
		}
		if !(f.shift > 0 && f.shift <= 1) {
			return 0, usage(fmt.Errorf("--shift is %v, want more than 0 and at most 1", f.shift))
		}
		return f.shift, nil
	}
	for name, x := range map[string]float64{"lambda": f.lambda, "dose": f.dose, "adoption": f.adoption} {
		if !(x > 0 && x <= 1) {
			return 0, usage(fmt.Errorf("--%s is %v, want more than 0 and at most 1", name, x))
		}
	}
	return f.lambda * f.dose * f.adoption, nil
}

// canaryPower is what is printed of a plan for canaries: of cells, or of items.
type canaryPower struct {
	Of     string        `json:"of"` // cells or items
	Shift  float64       `json:"shift"`
	Alpha  float64       `json:"alpha"`
	Power  float64       `json:"power"`
	Family int           `json:"family"`
	Needed int           `json:"needed,omitempty"` // 0: more than there can be
	Asked  int           `json:"asked,omitempty"`
	Found  *float64      `json:"found_with_power,omitempty"`
	Least  *float64      `json:"detectable_shift,omitempty"` // null: the test is void
	Curve  []canaryPoint `json:"curve,omitempty"`
}

type canaryPoint struct {
	N     int      `json:"n"`
	Power float64  `json:"power"`
	Least *float64 `json:"detectable_shift,omitempty"`
}

// A canaryDesign is evidence.CellsDesign or evidence.PicksDesign.
type canaryDesign struct {
	of     string
	needed func() (int, error)
	// powerOf is the power with which n of them find a shift.
	powerOf func(n int, shift float64) (float64, error)
	most    int
}

func (a *app) canaryPower(f *familyFlags, d canaryDesign, shift float64, asked int) error {
	family, err := f.size()
	if err != nil {
		return err
	}
	if asked < 0 || asked > d.most {
		return usage(fmt.Errorf("--%s is %d, want 1 to %s", d.of, asked, grouped(d.most)))
	}
	if _, err := d.powerOf(100, shift); err != nil { // whatever is wrong with the design
		return usage(err)
	}
	r := canaryPower{Of: d.of, Shift: shift, Alpha: f.alpha, Power: f.power, Family: family, Asked: asked}
	if n, err := d.needed(); err == nil { // else more than there can be
		r.Needed = n
	}
	if asked > 0 {
		p, err := d.powerOf(asked, shift)
		if err != nil {
			return usage(err)
		}
		r.Found = &p
		if r.Least, err = d.least(asked, f.power); err != nil {
			return usage(err)
		}
	}
	if f.curve {
		if r.Curve, err = d.curve(shift, f.power); err != nil {
			return usage(err)
		}
	}
	return a.print(r, r.writeText)
}

// least returns the least shift that n of them find with a power, nil if none is found.
func (d canaryDesign) least(n int, power float64) (*float64, error) {
	low, high := 0.0, 1.0
	p, err := d.powerOf(n, high)
	if err != nil || p < power {
		return nil, err
	}
	for high-low > 1e-3*high {
		middle := (low + high) / 2
		if p, err = d.powerOf(n, middle); err != nil {
			return nil, err
		}
		if p < power {
			low = middle
		} else {
			high = middle
		}
	}
	return &high, nil
}

func (d canaryDesign) curve(shift, power float64) (all []canaryPoint, err error) {
	for n := range steps(5) {
		if n > int64(d.most) {
			break
		}
		p := canaryPoint{N: int(n)}
		if p.Power, err = d.powerOf(p.N, shift); err != nil {
			return nil, err
		}
		if p.Least, err = d.least(p.N, power); err != nil {
			return nil, err
		}
		all = append(all, p)
		if p.Power > 0.999 {
			break
		}
	}
	return all, nil
}

func (r canaryPower) writeText(w io.Writer) {
	fmt.Fprintf(w, "error rate %g over %s, power %g: a student that moved %.3g of its mass\n\n", r.Alpha, plural(int64(r.Family), "test"), r.Power, r.Shift)
	if r.Needed > 0 {
		fmt.Fprintf(w, "%s needed    %s\n", r.Of, grouped(r.Needed))
	} else {
		fmt.Fprintf(w, "%s needed    more than there can be\n", r.Of)
	}
	if r.Asked > 0 {
		fmt.Fprintf(w, "of %s %s   power %s, least shift found %s\n", grouped(r.Asked), r.Of, percent(r.Found), figure(r.Least))
	}
	if len(r.Curve) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := newTable(w)
	fmt.Fprintf(t, "%s\tpower\tleast shift found\n", r.Of)
	for _, p := range r.Curve {
		fmt.Fprintf(t, "%s\t%s\t%s\n", grouped(p.N), percent(&p.Power), figure(p.Least))
	}
	_ = t.Flush() // to a buffer
}

func newPowerCellsCommand(a *app) *cobra.Command {
	var f familyFlags
	var dose doseFlags
	var d evidence.CellsDesign
	var cells int
	cmd := &cobra.Command{
		Use:   "cells",
		Short: "Plan a test of wordings that a key decided",
		Long: `Plan a test of canaries in text: how many cells, units that a key decided once each,
find a student, and with --cells what so many would find.

What a book gives on texts of your own, and how many of its units occur how often, says
dyetrace canary measure.`,
		Example: `  dyetrace power cells --uses 20 --reference 50
  dyetrace power cells --uses 10 --dose 0.3 --cells 500 --curve`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			shift, err := dose.delta(cmd)
			if err != nil {
				return err
			}
			if d.Tests, err = f.size(); err != nil {
				return err
			}
			d.Shift, d.Alpha, d.Power = shift, f.alpha, f.power
			return a.canaryPower(&f, canaryDesign{
				of: "cells", most: 1e9, needed: d.Cells,
				powerOf: func(n int, shift float64) (float64, error) {
					d := d
					d.Shift = shift
					return d.PowerOf(n)
				},
			}, shift, cells)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&d.Uses, "uses", 20, "answers of the suspect in which a unit `occurs`, at least 3")
	flags.IntVar(&d.Reference, "reference", 0, "answers of a reference model in which it `occurs`; 0: there is none")
	flags.Float64Var(&d.Polarisation, "polarisation", 2, "how uneven natural shares are, in `logits`")
	flags.Float64Var(&d.Drift, "drift", 0, "how far suspect and reference are apart without a key, in `logits`")
	flags.IntVar(&cells, "cells", 0, "what would so many `cells` find?")
	dose.add(cmd)
	f.add(flags)
	return cmd
}

func newPowerPicksCommand(a *app) *cobra.Command {
	var f familyFlags
	var dose doseFlags
	var d evidence.PicksDesign
	var items int
	cmd := &cobra.Command{
		Use:   "picks",
		Short: "Plan a test of picks that a key decided",
		Long: `Plan a test of picks, questions with several right answers of which the key decided
one: how many find a student, and with --items what so many would find.`,
		Example: `  dyetrace power picks --options 4 --dose 0.5
  dyetrace power picks --options 10 --items 40`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			shift, err := dose.delta(cmd)
			if err != nil {
				return err
			}
			if d.Tests, err = f.size(); err != nil {
				return err
			}
			d.Shift, d.Alpha, d.Power = shift, f.alpha, f.power
			return a.canaryPower(&f, canaryDesign{
				of: "items", most: 1e6, needed: d.Items,
				powerOf: func(n int, shift float64) (float64, error) {
					d := d
					d.Shift = shift
					return d.PowerOf(n)
				},
			}, shift, items)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&d.Options, "options", 4, "`options` of an item")
	flags.IntVar(&items, "items", 0, "what would so many `items` find?")
	dose.add(cmd)
	f.add(flags)
	return cmd
}

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0) }

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// percent writes a probability, or none.
func percent(p *float64) string {
	switch {
	case p == nil:
		return "-"
	case *p > 0.9995:
		return "over 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", 100**p)
}

// figure writes a number to three digits, or none.
func figure(x *float64) string {
	if x == nil || math.IsInf(*x, 0) {
		return "none"
	}
	return fmt.Sprintf("%.3g", *x)
}
