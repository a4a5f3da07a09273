package engine

import (
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
)

// A slot is one sequence of the context: whose it is, and what it still has of
// the request before, which a next turn of the same conversation begins with.
type slot struct {
	of   *choice
	kept []watermark.Token
}

// common returns how many tokens two texts have in common at the beginning.
func common(a, b []watermark.Token) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// vacant returns n free slots, the one that has most of the prompt first, the
// others those that lose least, or nil where there are too few.
func (e *Engine) vacant(prompt []watermark.Token, n int) []int {
	var free []int
	best := -1
	for i := range e.slots {
		if e.slots[i].of != nil {
			continue
		}
		free = append(free, i)
		if best < 0 || common(e.slots[i].kept, prompt) > common(e.slots[best].kept, prompt) {
			best = i
		}
	}
	if len(free) < n {
		return nil
	}
	free = slices.DeleteFunc(free, func(i int) bool { return i == best })
	slices.SortStableFunc(free, func(a, b int) int { return len(e.slots[a].kept) - len(e.slots[b].kept) })
	return append([]int{best}, free[:n-1]...)
}

// occupy gives a choice its slot. A first choice takes over what the slot has of
// its prompt, all but the last token, whose logits it needs.
func (e *Engine) occupy(c *choice) {
	s := &e.slots[c.slot]
	s.of = c
	if !c.waits && !(c.job.Echo && c.job.LogProbs >= 0) {
		c.kv = min(common(s.kept, c.tokens), len(c.tokens)-1)
	}
	if !e.context.cut(c.slot, c.kv) {
		e.context.cut(c.slot, 0)
		c.kv = 0
	}
	s.kept = nil
	e.counters.reused.Add(uint64(c.kv))
	e.counters.running.Add(1)
}

// leave frees a choice's slot.
func (e *Engine) leave(c *choice) {
	e.slots[c.slot] = slot{kept: c.tokens[:c.kv]}
	if e.drafter != nil {
		e.drafter.ghosts[c.slot].of = nil
	}
	e.counters.running.Add(-1)
	e.running = slices.DeleteFunc(e.running, func(o *choice) bool { return o == c })
}

// wipe empties a slot whose contents are unknown after a failure.
func (e *Engine) wipe(c *choice) {
	c.kv = 0
	e.context.cut(c.slot, 0)
}
