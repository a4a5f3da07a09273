package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// leafCount is what is printed by --count.
type leafCount struct {
	Origin  string           `json:"origin"`
	Size    int64            `json:"size"` // of the ledger
	Leaves  int64            `json:"leaves"`
	First   string           `json:"first,omitempty"` // time of the earliest
	Last    string           `json:"last,omitempty"`
	Kinds   map[string]int64 `json:"kinds"`
	Epochs  map[string]int64 `json:"epochs"`
	Options []optionCount    `json:"options,omitempty"`
}

type optionCount struct {
	unitResult
	Plantings int64 `json:"plantings"`
}

// maxCounted bounds the units that are counted: tools that requests name have units
// without end.
const maxCounted = 1 << 20

func (a *app) countLeaves(ctx context.Context, dir string, r *ledger.Reader, want ledger.Filter, names unitNames) error {
	bar := a.progress("leaves", wanted(r, want))
	defer bar.Done()
	c := leafCount{Origin: r.Origin(), Size: r.Size(), Kinds: map[string]int64{}, Epochs: map[string]int64{}}
	plantings := map[ledger.Unit]int64{}
	var first, last ledger.Minutes
	err := a.scan(ctx, dir, r, want, bar, func(e ledger.Entry) error {
		c.Leaves++
		c.Kinds[e.Leaf.Kind.String()]++
		if e.Leaf.Epoch != "" {
			c.Epochs[e.Leaf.Epoch]++
		}
		if t := e.Leaf.Time; first == 0 || t < first {
			first = t
		}
		last = max(last, e.Leaf.Time)
		for _, u := range e.Leaf.Units {
			if len(want.Units) == 0 || slices.Contains(want.Units, u.Unit) {
				plantings[u]++
			}
		}
		if len(plantings) > maxCounted {
			return errors.New("there are more than a million options to count: choose some with --unit")
		}
		return nil
	})
	if err != nil {
		return err
	}
	bar.Done()
	if c.Leaves > 0 {
		c.First, c.Last = first.Time().Format(time.RFC3339), last.Time().Format(time.RFC3339)
	}
	for u, n := range plantings {
		c.Options = append(c.Options, optionCount{names.unit(u), n})
	}
	slices.SortFunc(c.Options, func(x, y optionCount) int {
		return strings.Compare(x.sortKey(), y.sortKey())
	})
	return a.print(c, c.writeText)
}

// sortKey orders by names, then by numbers, then by options.
func (o optionCount) sortKey() string {
	return fmt.Sprintf("%s\x00%20s\x00%10d", o.Name, o.Unit, o.Option)
}

func (c leafCount) writeText(w io.Writer) {
	fmt.Fprintf(w, "%s of %s in the ledger of %s", leaves(c.Leaves), grouped(c.Size), c.Origin)
	if c.Leaves > 0 {
		fmt.Fprintf(w, ", %s to %s", c.First, c.Last)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, k := range ledgerKinds {
		if n := c.Kinds[k.String()]; n > 0 {
			fmt.Fprintf(t, "%s\t%s\n", k, grouped(n))
		}
	}
	for _, o := range c.Options {
		unit, form := o.Name, strconv.Quote(o.Form)
		if o.Form == "" {
			unit, form = o.Unit, strconv.FormatUint(uint64(o.Option), 10)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", unit, form, grouped(o.Plantings))
	}
	_ = t.Flush() // to a buffer
}
