package engine

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/hybridgroup/yzma/pkg/llama"
)

// A drafter is a small model that guesses what a large one draws. It draws with
// the same mark and seed, by a session that is a copy of the target's, so that
// where the models agree the drafts are what the target draws; what it does not
// draw so is thrown away, which is why its drafts change no answer.
type drafter struct {
	model      llama.Model
	context    *memory
	sampler    *sampler
	vocabulary *vocabulary
	ghosts     []ghost // by slot
}

// A ghost is what the draft model knows of a choice: its session ran ahead with
// drafts, and goes back when the target has decided.
type ghost struct {
	drawer
	of       *choice
	tokens   []watermark.Token // of the session: the choice's, then drafts
	verified int               // of these, the choice's
	kv       int               // of these, in the draft model's context
	ended    bool              // the last draft would end the answer
}

// behind is how many tokens of a prompt the draft model reads in a step.
const behind = 64

func newDrafter(path string, target *vocabulary, c *Config) (*drafter, error) {
	model, err := openModel(path)
	if err != nil {
		return nil, err
	}
	d := &drafter{model: model}
	fail := func(err error) (*drafter, error) {
		d.close()
		return nil, fmt.Errorf("engine: draft model %s: %w", path, err)
	}
	v, err := newVocabulary(model)
	if err != nil {
		return fail(err)
	}
	if !v.same(target) {
		return fail(fmt.Errorf("its vocabulary of %d tokens is another than the model's of %d, want the same", len(v.pieces), len(target.pieces)))
	}
	if trained := int(llama.ModelNCtxTrain(model)); trained < c.Context {
		return fail(fmt.Errorf("it was trained with %d tokens of context, want at least the %d asked for", trained, c.Context))
	}
	if d.context, err = newMemory(model, len(v.pieces), c.Sequences, c.Context, c.Sequences*behind, c.Threads); err != nil {
		return fail(err)
	}
	d.sampler, d.vocabulary, d.ghosts = newSampler(len(v.pieces)), v, make([]ghost, c.Sequences)
	return d, nil
}

func (d *drafter) close() {
	if d.context != nil {
		d.context.close()
	}
	_ = llama.ModelFree(d.model)
}

// propose drafts for every choice that wants drafts, up to its limit.
func (d *drafter) propose(choices []*choice, limit func(*choice) int) error {
	for _, c := range choices {
		if err := d.follow(c); err != nil {
			return err
		}
	}
	for more := true; more; {
		more = false
		d.context.clear()
		for _, c := range choices {
			d.enqueue(c, limit(c))
		}
		if d.context.size() == 0 {
			return nil
		}
		if err := d.context.decode(); err != nil {
			return err
		}
		for _, c := range choices {
			if c.rows < 0 {
				continue
			}
			drawn, err := d.draw(c)
			if err != nil {
				return err
			}
			more = more || drawn
		}
	}
	return nil
}

// enqueue adds to the batch what the draft model has not read of a choice, if a
// draft is wanted. c.rows is the index of the row that drafts the next token, −1
// for none.
func (d *drafter) enqueue(c *choice, limit int) {
	g := &d.ghosts[c.slot]
	c.rows = -1
	if len(c.drafts) >= limit || g.ended {
		return
	}
	end := min(len(g.tokens), g.kv+behind)
	for ; g.kv < end; g.kv++ {
		d.context.add(g.tokens[g.kv], g.kv, c.slot, g.kv == len(g.tokens)-1)
	}
	if end == len(g.tokens) {
		c.rows = d.context.size() - 1
	}
}

// draw drafts one token and reports whether another can follow.
func (d *drafter) draw(c *choice) (bool, error) {
	g := &d.ghosts[c.slot]
	row, err := d.context.row(c.rows)
	if err != nil {
		return false, err
	}
	t, _, err := d.sampler.draw(row, &g.drawer, g.tokens)
	if err != nil {
		return false, err
	}
	if g.ended = d.vocabulary.end[t]; g.ended {
		return false, nil
	}
	g.tokens = append(g.tokens, t)
	c.drafts = append(c.drafts, t)
	return true, g.session.Accept(t)
}

// follow brings a ghost to where its choice is: a new one by a copy of the
// session, an old one by going back over the drafts that were not kept.
func (d *drafter) follow(c *choice) error {
	g := &d.ghosts[c.slot]
	g.ended = false
	if g.of != c {
		return d.attach(g, c)
	}
	kept := g.verified
	for kept < min(len(g.tokens), len(c.tokens)) && g.tokens[kept] == c.tokens[kept] {
		kept++
	}
	if err := g.session.Rewind(kept); err != nil {
		return err
	}
	if g.kv = min(g.kv, kept); !d.context.cut(c.slot, g.kv) {
		d.context.cut(c.slot, 0)
		g.kv = 0
	}
	g.tokens = append(g.tokens[:kept], c.tokens[kept:]...)
	for _, t := range c.tokens[kept:] {
		if err := g.session.Accept(t); err != nil {
			return err
		}
	}
	g.verified = len(g.tokens)
	return nil
}

// attach makes a slot's ghost that of a choice.
func (d *drafter) attach(g *ghost, c *choice) error {
	if g.session == nil || g.session.CopyFrom(c.session) != nil { // a session of another mark
		var err error
		if g.session, err = c.session.Fork(0, 1); err != nil {
			return err
		}
	}
	g.of, g.sampling, g.biases, g.prompt = c, c.sampling, c.biases, c.prompt
	g.tokens = append(g.tokens[:0], c.tokens...)
	g.verified, g.kv = len(g.tokens), 0
	d.context.cut(c.slot, 0)
	return nil
}
