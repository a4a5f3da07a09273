// Package metrics counts, and writes what it counted in the text format that a
// server of Prometheus reads. All types may be used from several goroutines at
// once, and their zero values are ready.
package metrics

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Counters are one metric with a label.
type Counters struct{ values sync.Map } // string → *atomic.Int64

// Add adds n to the counter of a label's value.
func (c *Counters) Add(label string, n int64) {
	v, ok := c.values.Load(label)
	if !ok {
		v, _ = c.values.LoadOrStore(label, new(atomic.Int64))
	}
	v.(*atomic.Int64).Add(n)
}

// Write writes a line for each value of the label, in the order of the alphabet.
func (c *Counters) Write(w io.Writer, name, label string) {
	var lines []string
	c.values.Range(func(key, v any) bool {
		lines = append(lines, fmt.Sprintf("%s{%s=%q} %d\n", name, label, key, v.(*atomic.Int64).Load()))
		return true
	})
	slices.Sort(lines)
	for _, l := range lines {
		_, _ = io.WriteString(w, l)
	}
}

// bounds of the histogram's buckets.
var bounds = [...]time.Duration{500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// A Histogram counts durations, in buckets from half a millisecond to 2 seconds.
type Histogram struct {
	buckets [len(bounds) + 1]atomic.Int64
	sum     atomic.Int64 // nanoseconds
}

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Write writes the buckets, their sum in seconds and their count.
func (h *Histogram) Write(w io.Writer, name string) {
	n := int64(0)
	for i := range h.buckets {
		n += h.buckets[i].Load()
		bound := "+Inf"
		if i < len(bounds) {
			bound = fmt.Sprint(bounds[i].Seconds())
		}
		fmt.Fprintf(w, "%s_bucket{le=%q} %d\n", name, bound, n)
	}
	fmt.Fprintf(w, "%s_sum %g\n%s_count %d\n", name, time.Duration(h.sum.Load()).Seconds(), name, n)
}

// Head writes what stands before the values of a metric.
func Head(w io.Writer, name, kind, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// One writes a metric without labels.
func One[N int64 | float64](w io.Writer, name, kind, help string, v N) {
	Head(w, name, kind, help)
	fmt.Fprintf(w, "%s %v\n", name, v)
}

// Flag is 1 for true.
func Flag(ok bool) int64 {
	if ok {
		return 1
	}
	return 0
}
