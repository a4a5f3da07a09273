package planting

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/metrics"
)

// Reasons why nothing is planted in an answer, labels in the metrics. Servers have
// more of their own.
const (
	ReasonBook   = "book"   // the book is unusable
	ReasonLedger = "ledger" // the ledger is unusable: nothing is planted without a leaf
	ReasonClass  = "class"  // the book has no class for the request
)

var errBook = errors.New("planting: the book is unusable")

// A Garden is where answers are planted: keys, ledger and what is counted. It is
// safe for use by several goroutines at once.
type Garden struct {
	Vendor  *Vendor // nil: the book is unusable
	Keeper  *Keeper // nil: as long as there is no vendor
	Metrics *Metrics
}

// A Request is one for an answer.
type Request struct {
	Account     Account
	Idempotency string // what a retry repeats; empty if it says nothing
	// Of returns what a planter needs to know of the choice with an index. Required.
	Of func(index int) canary.Request
}

// Begin returns the answer to a request, or why nothing is planted in it.
func (g *Garden) Begin(r Request) (*Answer, string) {
	if g.Vendor == nil {
		return nil, ReasonBook
	}
	plot, err := g.Vendor.Plot(r.Account.Cohort)
	if err != nil {
		return nil, ReasonBook
	}
	o, err := g.ready(plot)
	if err != nil {
		return nil, ReasonLedger
	}
	a := &Answer{garden: g, plot: plot, ledger: o, request: r}
	if r.Account.Hash != "" {
		if a.name, err = g.Vendor.Names.Account(r.Account.Hash); err != nil {
			return nil, ReasonLedger
		}
	}
	if _, err := g.Vendor.Book.Classify(r.Of(0)); err != nil {
		return nil, ReasonClass
	}
	return a, ""
}

// ready returns the open ledger in which the keys of a plot are bound.
func (g *Garden) ready(of *Plot) (*Opened, error) {
	o, err := g.Keeper.Current()
	if err != nil {
		return nil, err
	}
	if _, ok := o.bound.Load(of); ok {
		return o, nil
	}
	if _, err := g.append(o, of.Bindings); err != nil {
		return nil, err
	}
	o.bound.Store(of, true)
	return o, nil
}

// append appends leaves and measures it.
func (g *Garden) append(o *Opened, leaves []ledger.Leaf) ([]ledger.Receipt, error) {
	began := time.Now()
	receipts, err := g.Keeper.Append(o, leaves)
	if err != nil {
		g.Metrics.LedgerErrors.Add(1)
		return nil, err
	}
	g.Metrics.Appends.Observe(time.Since(began))
	for _, r := range receipts {
		if r.Known {
			g.Metrics.Known.Add(1)
		} else {
			g.Metrics.Leaves.Add(1)
		}
	}
	return receipts, nil
}

// Unusable returns why nothing is planted, nil if it is.
func (g *Garden) Unusable() error {
	if g.Vendor == nil {
		return errBook
	}
	return g.Keeper.State()
}

// Close closes the ledger.
func (g *Garden) Close() error {
	if g.Keeper == nil {
		return nil
	}
	return g.Keeper.Close()
}

// Metrics are what a garden counts.
type Metrics struct {
	Answers metrics.Counters // by what was decided
	Units   metrics.Counters // planted, by tree

	Leaves, Known, LedgerErrors atomic.Int64
	Appends                     metrics.Histogram
}

// WriteState writes whether book and ledger are usable, and what was planted.
func (g *Garden) WriteState(w io.Writer) {
	m := g.Metrics
	metrics.One(w, "dyetrace_book_usable", "gauge", "Whether the book and its keys were read.", metrics.Flag(g.Vendor != nil))
	metrics.One(w, "dyetrace_ledger_usable", "gauge", "Whether the ledger is open and took the last leaf.", metrics.Flag(g.Vendor != nil && g.Keeper.State() == nil))
	metrics.Head(w, "dyetrace_answers_total", "counter", "Answers by what was decided: planted, nothing to plant, or why they were left as they are.")
	m.Answers.Write(w, "dyetrace_answers_total", "decision")
	metrics.Head(w, "dyetrace_units_planted_total", "counter", "Units planted, by the tree whose key decided.")
	m.Units.Write(w, "dyetrace_units_planted_total", "tree")
}

// WriteLedger writes what became of the leaves.
func (g *Garden) WriteLedger(w io.Writer) {
	m := g.Metrics
	metrics.One(w, "dyetrace_ledger_leaves_total", "counter", "Leaves appended.", m.Leaves.Load())
	metrics.One(w, "dyetrace_ledger_known_total", "counter", "Leaves that were there already: retries.", m.Known.Load())
	metrics.One(w, "dyetrace_ledger_errors_total", "counter", "Appends that failed.", m.LedgerErrors.Load())
	metrics.Head(w, "dyetrace_ledger_append_seconds", "histogram", "How long an answer waited for its leaves.")
	m.Appends.Write(w, "dyetrace_ledger_append_seconds")
}
