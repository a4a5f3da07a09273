package engine

import (
	"slices"

	"github.com/dyetrace/dyetrace/watermark"
)

// harvest draws what follows a choice's tokens of a batch, and goes on along its
// drafts for as long as they are what is drawn.
func (e *Engine) harvest(c *choice) {
	from := c.kv
	if c.kv += c.taken; c.job.Echo && c.job.LogProbs >= 0 {
		if err := e.echo(c, from); err != nil {
			e.end(c, Finish{}, err)
			return
		}
	}
	if c.pending() > 0 {
		return
	}
	if c.job.Max == 0 {
		e.end(c, Finish{Reason: "length"}, nil)
		return
	}
	last := c.rows + c.taken - 1
	siblings := e.siblings(c)
	e.out = e.out[:0]
	reason, err := e.advance(c, last, len(siblings) > 0)
	kept := 0
	for err == nil && reason == "" && kept < len(c.drafts) && c.tokens[len(c.tokens)-1] == c.drafts[kept] {
		kept++
		c.kv++ // the draft's place in the context is the token's
		reason, err = e.advance(c, last+kept, false)
	}
	e.counters.accepted.Add(uint64(kept))
	if n := len(c.drafts); n > 0 {
		c.learn(kept, e.config.Drafts)
		if kept < n && err == nil {
			e.context.cut(c.slot, c.kv)
		}
	}
	c.job.put(e.out)
	if err != nil || reason != "" {
		e.end(c, Finish{Reason: reason}, err)
	}
	for _, s := range siblings {
		e.join(s)
	}
}

// learn sets how many drafts to ask for next: more where all were kept.
func (c *choice) learn(kept, most int) {
	if kept == len(c.drafts) {
		c.reach = min(most, 2*c.reach)
	} else {
		c.reach = max(1, kept+1)
	}
}

// siblings gives the other choices of a job what the first has of the prompt,
// and returns them, once it is read.
func (e *Engine) siblings(c *choice) []*choice {
	if c.generated() > 0 || c.index > 0 {
		return nil
	}
	var list []*choice
	for _, s := range c.job.choices {
		if s.waits {
			e.context.copy(c.slot, s.slot)
			s.kv, s.waits = c.kv, false
			list = append(list, s)
		}
	}
	return list
}

// join draws a sibling's first token from the row that the first choice drew
// from, which is kept in the sampler.
func (e *Engine) join(c *choice) {
	e.out = e.out[:0]
	reason, err := e.advanceFrom(c, slices.Clone(e.sampler.original))
	c.job.put(e.out)
	if err != nil || reason != "" {
		e.end(c, Finish{Reason: reason}, err)
	}
}

// advance draws one token from a row of the batch. The reason is "" where the
// answer goes on.
func (e *Engine) advance(c *choice, i int, keep bool) (reason string, err error) {
	row, err := e.context.row(i)
	if err != nil {
		return "", err
	}
	if keep {
		copy(e.sampler.original, row)
	}
	return e.advanceFrom(c, row)
}

func (e *Engine) advanceFrom(c *choice, row []float32) (reason string, err error) {
	token := Token{Choice: c.index}
	var total float64
	if c.job.LogProbs >= 0 {
		total = logTotal(row)
		token.Top = e.vocabulary.likeliest(row, total, c.job.LogProbs)
		copy(e.sampler.original, row)
	}
	if token.ID, token.Marked, err = e.sampler.draw(row, &c.drawer, c.tokens); err != nil {
		return "", err
	}
	if e.vocabulary.end[token.ID] {
		return "stop", nil
	}
	if err := c.accept(token.ID); err != nil {
		return "", err
	}
	if c.job.LogProbs >= 0 {
		token.LogProb = float64(e.sampler.original[token.ID]) - total
	}
	token.Bytes = e.vocabulary.piece(token.ID)
	e.out = append(e.out, token)
	e.counters.generated.Add(1)
	if token.Marked {
		e.counters.marked.Add(1)
	}
	if c.generated() == c.job.Max || len(c.tokens) == e.info.Context {
		return "length", nil
	}
	return "", nil
}

// echo emits the prompt's tokens that the rows of a step are about.
func (e *Engine) echo(c *choice, from int) error {
	e.out = e.out[:0]
	for i := from; i < min(c.kv, c.prompt-1); i++ {
		row, err := e.context.row(c.rows + i - from)
		if err != nil {
			return err
		}
		total := logTotal(row)
		t := e.vocabulary.echo(c.tokens[i+1])
		t.LogProb = float64(row[t.ID]) - total
		t.Top = e.vocabulary.likeliest(row, total, c.job.LogProbs)
		e.out = append(e.out, t)
	}
	c.job.put(e.out)
	return nil
}

// echoFirst emits what needs no logits: the prompt's first token, or all of it.
func (j *job) echoFirst(v *vocabulary) {
	n := 1
	if j.LogProbs < 0 {
		n = len(j.Prompt)
	}
	out := make([]Token, n)
	for i, t := range j.Prompt[:n] {
		out[i] = v.echo(t)
	}
	j.put(out)
}

func (v *vocabulary) echo(t watermark.Token) Token {
	return Token{ID: t, Bytes: v.piece(t), Prompt: true}
}
