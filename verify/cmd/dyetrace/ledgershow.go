package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// ledgerFilter is which leaves are wanted, as flags say it.
type ledgerFilter struct {
	kind, epoch, key string
	cohort, account  string
	pseudonyms       string
	units            []string
	book             string
	from, until      string
	begin, end       int64
	count            bool
}

func newLedgerShowCommand(a *app) *cobra.Command {
	var f ledgerFilter
	var v verifierFlag
	cmd := &cobra.Command{
		Use:   "show LEDGER",
		Short: "List the leaves of a ledger, or count them",
		Long: `List the leaves of a ledger up to its last signed checkpoint, in their order and as
they are read; every leaf is hashed again. With --json each leaf is a line.

Times are the starts of the ledger's time buckets, in UTC. Cohorts and accounts are
pseudonyms; who has their key finds a name by it (--pseudonyms). Units are numbers;
--book says which they are.`,
		Example: `  dyetrace ledger show data/ledger -v "$KEY"
  dyetrace ledger show data/ledger -v ledger.pub --kind planting --epoch 2026-11 --from 2026-11-20 --until 2026-11-25
  dyetrace ledger show data/ledger -v ledger.pub --pseudonyms data/ledger.2026-11.pseudonyms --cohort trial --count
  dyetrace ledger show data/ledger -v ledger.pub --book book.txt --unit 'vendor|for-example|code/en|0'`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			verifier, err := v.open()
			if err != nil {
				return err
			}
			want, names, err := f.filter()
			if err != nil {
				return err
			}
			r, err := openLedger(args[0], verifier)
			if err != nil {
				return err
			}
			defer r.Close()
			if f.count {
				return a.countLeaves(cmd.Context(), args[0], r, want, names)
			}
			return a.showLeaves(cmd.Context(), args[0], r, want, names)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	v.add(flags)
	flags.StringVar(&f.kind, "kind", "", "leaves of this `kind`: "+strings.Join(kindNames(), ", "))
	flags.StringVar(&f.epoch, "epoch", "", "leaves of the epoch of this `name`")
	flags.StringVar(&f.key, "key", "", "leaves of the key with this public `id`")
	flags.StringVar(&f.cohort, "cohort", "", "plantings for this cohort: its pseudonym, or with --pseudonyms its `name`")
	flags.StringVar(&f.account, "account", "", "plantings for this account: its pseudonym, or with --pseudonyms its `name`")
	flags.StringVar(&f.pseudonyms, "pseudonyms", "", "`file` of the key of the pseudonyms")
	flags.StringArrayVarP(&f.units, "unit", "u", nil, "plantings of this unit: its number or `name`, or with --book a carrier's; may be given again")
	flags.StringVar(&f.book, "book", "", "book of canaries that names the units: `file`, or english for the default one")
	flags.StringVar(&f.from, "from", "", "leaves of this `time` or later, like 2026-11-25 or 2026-11-25T14:00")
	flags.StringVar(&f.until, "until", "", "leaves of before this `time`")
	flags.Int64Var(&f.begin, "begin", 0, "leaves of this `number` or later")
	flags.Int64Var(&f.end, "end", 0, "leaves of before this `number`")
	flags.BoolVarP(&f.count, "count", "c", false, "count leaves, and plantings of each option, instead of listing them")
	return cmd
}

// scanBlock is how many leaves are read between two looks at the clock.
const scanBlock = 1 << 14

// scan calls f with the leaves that are wanted, and says how far it is.
func (a *app) scan(ctx context.Context, dir string, r *ledger.Reader, want ledger.Filter, bar *progress, f func(ledger.Entry) error) error {
	last := r.Size()
	if want.End != 0 {
		last = min(last, want.End)
	}
	for begin := want.Begin; begin < last; begin += scanBlock {
		part := want
		part.Begin, part.End = begin, min(begin+scanBlock, last)
		for e, err := range r.Scan(part) {
			if err == nil {
				err = ctx.Err()
			} else {
				err = ledgerError(dir, err)
			}
			if err == nil {
				err = f(e)
			}
			if err != nil {
				return err
			}
		}
		if bar != nil {
			bar.Add(part.End - begin)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// wanted is how many leaves a scan reads.
func wanted(r *ledger.Reader, want ledger.Filter) int64 {
	last := r.Size()
	if want.End != 0 {
		last = min(last, want.End)
	}
	return max(last-want.Begin, 0)
}

func (a *app) showLeaves(ctx context.Context, dir string, r *ledger.Reader, want ledger.Filter, names unitNames) error {
	var bar *progress
	if !a.terminal { // where leaves are listed on the same one, the bar would stand between them
		bar = a.progress("leaves", wanted(r, want))
		defer bar.Done()
	}
	out := bufio.NewWriterSize(a.out, 1<<16)
	shown := int64(0)
	err := a.scan(ctx, dir, r, want, bar, func(e ledger.Entry) error {
		shown++
		leaf := names.leaf(e.Index, &e.Leaf)
		if a.json {
			return encodeLine(out, leaf)
		}
		_, err := io.WriteString(out, leaf.line()+"\n")
		return err
	})
	if flushed := out.Flush(); err == nil && flushed != nil {
		err = fmt.Errorf("cannot write the result: %w", flushed)
	}
	if bar != nil {
		bar.Done()
	}
	if err == nil {
		a.note("%s of %s, signed by %s", leaves(shown), grouped(r.Size()), r.Origin())
	}
	return err
}
