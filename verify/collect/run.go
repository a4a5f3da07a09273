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
	case suspect.Text == nil:
		return nil, fmt.Errorf("%w %s: it answers no prompts", ErrNoAccess, suspect.Name)
	}
	c := &collector{model: suspect.Text, opt: opt, state: newState(task, suspect.Name)}
	header := journalHeader{journalSchema, task.Plan, suspect.Name, task.questions()}
	if c.journal, err = openJournal(path, header, c.state.apply); err != nil {
		return nil, err
	}
	err = c.stages(ctx, len(task.Prompts))
	if err = errors.Join(err, c.journal.close()); err != nil {
		return nil, err
	}
	return c.state.transcript(), nil
}

type collector struct {
	model TextModel
	opt   Options

	mu      sync.Mutex // guards what follows
	journal *journal
	state   *state
	gaveUp  int       // questions in a row that stayed without an answer
	free    time.Time // when the next request may start
}

// stages asks everything in order.
func (c *collector) stages(ctx context.Context, prompts int) error {
	half := (prompts + 1) / 2
	probes := len(c.state.t.Probes) / 3
	for _, s := range []struct {
		stage      Stage
		begin, end int
	}{{Start, 0, probes}, {Prompts, 0, half}, {Middle, 0, probes}, {Prompts, half, prompts}, {End, 0, probes}} {
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
		if p := (place{stage, n}); c.state.at(p).Status == Missing {
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
	question := c.state.at(p).Question
	pause := c.opt.Backoff
	for retry := 0; ; retry++ {
		if err := c.turn(ctx); err != nil {
			return err
		}
		if err := c.record(event{Kind: asked, Stage: p.stage, N: p.n}); err != nil {
			return err
		}
		a, err := c.model.Answer(ctx, question)
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var te *TransportError
		if !errors.As(err, &te) {
			return c.settle(p, a, err)
		}
		if err := c.record(event{Kind: unreached, Stage: p.stage, N: p.n, Error: strings.ToValidUTF8(err.Error(), "\uFFFD")}); err != nil {
			return err
		}
		c.hold(te.RetryAfter)
		if retry >= c.opt.Retries {
			return c.giveUp(err)
		}
		if err := c.opt.Clock.Sleep(ctx, pause); err != nil {
			return context.Cause(ctx)
		}
		pause = min(2*pause, max(time.Minute, c.opt.Backoff))
	}
}

// turn waits until a request may start.
func (c *collector) turn(ctx context.Context) error {
	c.mu.Lock()
	now := c.opt.Clock.Now()
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
	if t := c.opt.Clock.Now().Add(d); d > 0 && t.After(c.free) {
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

// settle records the outcome of a question.
func (c *collector) settle(p place, a Answer, err error) error {
	ev := event{Kind: answered, Stage: p.stage, N: p.n, Text: canon.Text(a.Text), Model: strings.ToValidUTF8(a.Model, "\uFFFD")}
	switch {
	case err != nil:
		ev.Status, ev.Error = Failed, strings.ToValidUTF8(err.Error(), "\uFFFD")
	case a.Refused:
		ev.Status = Refused
	case a.Text == "":
		ev.Status = Empty
	default:
		ev.Status = Complete
	}
	return c.record(ev)
}

// record writes an event down and takes it in.
func (c *collector) record(ev event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ev.At = c.opt.Clock.Now().UnixMilli()
	if err := c.journal.append(ev, ev.Kind == answered); err != nil {
		return err
	}
	if err := c.state.apply(ev); err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	if ev.Kind == answered {
		c.gaveUp = 0
	}
	if c.opt.Progress != nil {
		c.opt.Progress(Progress{len(c.state.t.Probes) + len(c.state.t.Prompts), c.state.Counts})
	}
	return nil
}
