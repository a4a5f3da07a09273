package engine

import (
	"slices"
	"time"
)

// run is the goroutine that owns the context.
func (e *Engine) run() {
	defer close(e.stopped)
	for e.admit() {
		e.step()
	}
}

// admit lets requests go that are not wanted any more and takes in those for
// which there is room, in the order of arrival. It waits until there is work,
// and returns false when there will be none.
func (e *Engine) admit() bool {
	for {
		e.reap()
		for e.next() {
		}
		if len(e.running) > 0 {
			return true
		}
		e.mu.Lock()
		over := e.closing && len(e.queue) == 0
		e.mu.Unlock()
		if over {
			return false
		}
		<-e.wake
	}
}

// all returns the choices that run, in a slice that stays as they leave.
func (e *Engine) all() []*choice {
	e.snapshot = append(e.snapshot[:0], e.running...)
	return e.snapshot
}

// reap ends choices that their callers gave up or have enough of.
func (e *Engine) reap() {
	for _, c := range e.all() {
		if c.job.cancelled.Load() {
			e.end(c, Finish{}, nil)
		} else if c.job.ended[c.index].Load() {
			e.end(c, Finish{Reason: "stop"}, nil)
		}
	}
}

// next starts the first request of the queue, if there is room for it, and
// reports whether the one after can be looked at.
func (e *Engine) next() bool {
	e.mu.Lock()
	e.queue = slices.DeleteFunc(e.queue, func(j *job) bool {
		if !j.cancelled.Load() {
			return false
		}
		j.drop()
		return true
	})
	var j *job
	var slots []int
	if len(e.queue) > 0 {
		j = e.queue[0]
		if slots = e.vacant(j.Prompt, j.N); slots != nil {
			e.queue = e.queue[1:]
		}
	}
	e.mu.Unlock()
	if slots == nil {
		return false
	}
	e.counters.requests.Add(1)
	for i, c := range j.choices {
		c.slot = slots[i]
		e.occupy(c)
		e.running = append(e.running, c)
	}
	if j.Echo {
		j.echoFirst(e.vocabulary)
	}
	return true
}

// end takes a choice out of the context. The job is over with its last one.
func (e *Engine) end(c *choice, how Finish, err error) {
	e.leave(c)
	c.job.mu.Lock()
	c.job.finishes[c.index] = how
	c.job.mu.Unlock()
	if err != nil {
		c.job.cancelled.Store(true) // its other choices go with it
	}
	if c.job.remove(c) || err != nil {
		c.job.finish(err)
	}
}

// step computes one batch and draws what follows.
func (e *Engine) step() {
	if err := e.propose(); err != nil {
		e.fail(err)
		return
	}
	e.fill()
	if e.context.size() == 0 {
		return
	}
	began := time.Now()
	err := e.context.decode()
	began = since(&e.counters.decode, began)
	if err != nil {
		e.fail(err)
		return
	}
	e.counters.steps.Add(1)
	e.counters.batched.Add(uint64(e.context.size()))
	for _, c := range e.all() {
		if c.taken > 0 && e.slots[c.slot].of == c {
			e.harvest(c)
		}
	}
	since(&e.counters.sampling, began)
}

// fail ends all choices: nobody knows what a failed step left of the context.
func (e *Engine) fail(err error) {
	for _, c := range e.all() {
		e.wipe(c)
		e.end(c, Finish{}, err)
	}
}

// limit returns how many drafts a choice wants next.
func (e *Engine) limit(c *choice) int {
	if !e.rewinds {
		return 0
	}
	return max(0, min(c.reach, c.job.Max-c.generated()-1, e.info.Context-len(c.tokens)))
}

// propose drafts for the choices that speculate and are past their prompt.
func (e *Engine) propose() error {
	e.drafted = e.drafted[:0]
	for _, c := range e.running {
		c.drafts = c.drafts[:0]
		if c.job.Speculate && c.generated() > 0 && e.limit(c) > 0 {
			e.drafted = append(e.drafted, c)
		}
	}
	if len(e.drafted) == 0 {
		return nil
	}
	defer since(&e.counters.drafting, time.Now())
	if e.drafter != nil {
		return e.drafter.propose(e.drafted, e.limit)
	}
	for _, c := range e.drafted {
		c.drafts = lookup(c.drafts, c.tokens, e.limit(c))
	}
	return nil
}

// fill puts the next tokens into the batch: the last token and the drafts of each
// answer, then as much of prompts as keeps answers going.
func (e *Engine) fill() {
	e.context.clear()
	answers := 0
	for _, c := range e.running {
		if c.taken = 0; c.generated() > 0 {
			e.feed(c, 1)
			answers++
		}
	}
	room := e.context.room - e.context.size()
	if answers > 0 {
		room = min(room, width)
	}
	for _, c := range e.running {
		if !c.waits && c.generated() == 0 && room > 0 {
			n := min(room, c.pending())
			e.feed(c, n)
			e.counters.prompt.Add(uint64(n))
			room -= n
		}
	}
}

// feed puts a choice's next n tokens into the batch, and after the last of all
// its drafts.
func (e *Engine) feed(c *choice, n int) {
	c.rows, c.taken = e.context.size(), n
	every := c.job.Echo && c.job.LogProbs >= 0
	for i := c.kv; i < c.kv+n; i++ {
		e.context.add(c.tokens[i], i, c.slot, every && i < c.prompt-1 || i == len(c.tokens)-1)
	}
	if n == c.pending() {
		for i, t := range c.drafts {
			e.context.add(t, len(c.tokens)+i, c.slot, true)
		}
		e.counters.drafted.Add(uint64(len(c.drafts)))
	}
}
