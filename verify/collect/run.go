package collect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

// Run asks the suspect every question of the task that the journal at path has
// no answer to, and returns the transcript. The journal is created if there is
// none. Run is resumable: after a kill, a cancelled ctx, a full disk or an
// unreachable suspect, call it again with the same arguments. A question whose
// answer is in the journal is never asked again.
//
// Prompts and probes go to suspect.Text; passages go to suspect.TopLogProbs if
// log-probabilities are wanted and to suspect.Prefix if not, and then, if the task
// says so, what was listed goes to suspect.Reference.
//
// If ctx ends, Run returns its error. Questions that stayed without an answer
// after their retries are missing from the transcript, which is no error; a
// further Run asks them again. One process at a time may use a journal.
func Run(ctx context.Context, task Task, suspect Suspect, path string, opt Options) (*Transcript, error) {
	if err := task.check(); err != nil {
		return nil, err
	}
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	switch {
	case suspect.Name == "":
		return nil, errors.New("collect: suspect has no name")
	case !utf8.ValidString(suspect.Name):
		return nil, errors.New("collect: name of the suspect is not valid UTF-8")
	}
	if err := suspect.check(task); err != nil {
		return nil, err
	}
	questions, err := task.questions()
	if err != nil {
		return nil, err
	}
	c := &collector{suspect: suspect, opt: opt}
	if c.state, err = newState(task, suspect.Name); err != nil {
		return nil, err
	}
	header := journalHeader{journalSchema, task.Plan, suspect.Name, questions}
	if c.journal, err = openJournal(path, header, c.state.apply); err != nil {
		return nil, err
	}
	err = c.stages(ctx)
	if err = errors.Join(err, c.journal.close()); err != nil {
		return nil, err
	}
	return c.state.transcript(), nil
}

type collector struct {
	suspect Suspect
	opt     Options

	mu      sync.Mutex // guards what follows
	journal *journal
	state   *state
	gaveUp  int       // questions in a row that stayed without an answer
	free    time.Time // when the next request may start
	latest  time.Time // what the clock said last
}

// stages asks everything in order.
func (c *collector) stages(ctx context.Context) error {
	probes, prompts, readings := len(c.state.items[Start]), len(c.state.items[Prompts]), len(c.state.items[Readings])
	for _, s := range []struct {
		stage      Stage
		begin, end int
	}{
		{Start, 0, probes},
		{Prompts, 0, (prompts + 1) / 2}, {Readings, 0, (readings + 1) / 2},
		{Middle, 0, probes},
		{Prompts, (prompts + 1) / 2, prompts}, {Readings, (readings + 1) / 2, readings},
		{End, 0, probes},
	} {
		if err := c.stage(ctx, s.stage, s.begin, s.end); err != nil {
			return err
		}
	}
	return nil
}

// stage asks the unanswered questions [begin, end) of a stage and waits for all
// of them. After an error no new question is asked.
func (c *collector) stage(ctx context.Context, stage Stage, begin, end int) error {
	var todo []place
	for n := begin; n < end; n++ {
		if p := (place{stage, n}); c.state.at(p).status == Missing {
			todo = append(todo, p)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan place)
	var wg sync.WaitGroup
	for range min(c.opt.Concurrency, len(todo)) {
		wg.Go(func() {
			for p := range work {
				if err := c.ask(ctx, p); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, p := range todo {
		select {
		case work <- p:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}

// ask asks one question until it is settled or its retries are used up.
func (c *collector) ask(ctx context.Context, p place) error {
	x := c.state.at(p)
	if p.stage == Readings {
		return c.read(ctx, p, x)
	}
	return c.send(ctx, p, func() (event, error) {
		a, err := c.suspect.Text.Answer(ctx, x.question)
		ev := event{Kind: answered, Text: canon.Text(a.Text), Model: valid(a.Model)}
		switch {
		case a.Refused:
			ev.Status = Refused
		case a.Text == "":
			ev.Status = Empty
		default:
			ev.Status = Complete
		}
		return ev, err
	})
}

// send calls call, which sends the question to the suspect, until something of
// an answer arrives or its retries are used up, and records what happens. An
// error other than a [*TransportError] makes the answer one that failed.
func (c *collector) send(ctx context.Context, p place, call func() (event, error)) error {
	pause := c.opt.Backoff
	for retry := 0; ; retry++ {
		if err := c.turn(ctx); err != nil {
			return err
		}
		if err := c.record(p, event{Kind: asked}); err != nil {
			return err
		}
		ev, err := call()
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var te *TransportError
		if !errors.As(err, &te) {
			if err != nil {
				ev.Status, ev.Error = Failed, valid(err.Error())
			}
			return c.record(p, ev)
		}
		if err := c.record(p, event{Kind: unreached, Error: valid(err.Error())}); err != nil {
			return err
		}
		c.hold(te.RetryAfter)
		if retry >= c.opt.Retries {
			return c.giveUp(err)
		}
		if err := c.opt.Clock.Sleep(ctx, pause); err != nil {
			return context.Cause(ctx)
		}
		pause = c.longer(pause)
	}
}

// longer returns the pause after the next failure.
func (c *collector) longer(pause time.Duration) time.Duration {
	return min(2*pause, max(time.Minute, c.opt.Backoff))
}

// valid returns what a suspect said of itself as files can hold it.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// turn waits until a request may start.
func (c *collector) turn(ctx context.Context) error {
	c.mu.Lock()
	now := c.now()
	start := now
	if c.free.After(now) {
		start = c.free
	}
	c.free = start.Add(c.opt.Every)
	c.mu.Unlock()
	if err := c.opt.Clock.Sleep(ctx, start.Sub(now)); err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// hold starts no request for d.
func (c *collector) hold(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.now().Add(d); d > 0 && t.After(c.free) {
		c.free = t
	}
}

// giveUp counts a question that stays without an answer for now.
func (c *collector) giveUp(last error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gaveUp++; c.gaveUp < c.opt.Unreachable {
		return nil
	}
	return fmt.Errorf("collect: %d questions in a row got no answer; the last: %w", c.gaveUp, last)
}

// now reads the clock. A clock that was set back moves the start of the next
// request with it: nobody waits for the old time to come again. Requires that mu
// is held.
func (c *collector) now() time.Time {
	now := c.opt.Clock.Now()
	if back := c.latest.Sub(now); back > 0 {
		c.free = c.free.Add(-back)
	}
	c.latest = now
	return now
}

// record writes an event of the question at p down and takes it in.
func (c *collector) record(p place, ev event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ev.At, ev.Stage, ev.N = c.now().UnixMilli(), p.stage, p.n
	kept := ev.Kind == answered || ev.Kind == predicted
	if err := c.journal.append(ev, kept); err != nil {
		return err
	}
	if err := c.state.apply(ev); err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	if ev.Kind == answered {
		c.gaveUp = 0
	}
	if c.opt.Progress != nil {
		c.opt.Progress(Progress{c.state.total, c.state.Counts})
	}
	return nil
}
