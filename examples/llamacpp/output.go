package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
)

// An output is the answer to one request on its way out.
type output struct {
	*server
	*ask
	w       http.ResponseWriter
	control *http.ResponseController
	body    answerBody       // what all its pieces say
	planted *planting.Answer // nil: nothing is planted

	mu      sync.Mutex // several prompts are answered at once
	choices []*choice
	began   bool // to stream
}

// A choice is one of the texts of an output.
type choice struct {
	index   int
	text    writer
	calls   *caller          // nil: no tools
	planted *planting.Choice // nil: nothing is planted

	plain   []byte         // text to send where nothing is planted
	tokens  []engine.Token // to tell of, and not told of yet
	offset  int            // characters before them
	prompt  []int32
	roled   bool // its first piece was streamed
	reason  string
	counted int
}

func (o *output) newChoice(index int) *choice {
	c := &choice{index: index, text: writer{stops: o.stops}}
	if o.tools != nil {
		c.calls = newCaller(o.tools)
	}
	if o.planted != nil {
		c.planted = o.planted.Choice(index)
	}
	if o.ids {
		c.prompt = o.prompts[index/o.n].tokens
	}
	return c
}

// run generates, and sends what comes.
func (o *output) run(ctx context.Context) error {
	if err := o.generate(ctx); err != nil {
		return err
	}
	if o.stream {
		return o.endStream()
	}
	return o.whole()
}

// generate answers the prompts, as many at once as there are sequences.
func (o *output) generate(ctx context.Context) error {
	if len(o.prompts) == 1 {
		return o.one(ctx, 0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan bool, max(1, o.engine.Info().Sequences/o.n))
	var all sync.WaitGroup
	for i := range o.prompts {
		slots <- true
		all.Go(func() {
			defer func() { <-slots }()
			if err := o.one(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// one answers one prompt.
func (o *output) one(ctx context.Context, i int) error {
	r := o.request
	r.Prompt = o.prompts[i].tokens
	r.Max = o.limit(o.prompts[i], o.engine.Info().Context)
	r.Sampling.Seed = seedOf(r.Sampling.Seed, i)
	finishes, err := o.engine.Generate(ctx, r, func(t engine.Token) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.take(i, t)
	})
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for j, f := range finishes {
		c := o.choices[i*o.n+j]
		c.reason, c.counted = f.Reason, f.Tokens
	}
	return nil
}

// take takes a token of the answers to a prompt.
func (o *output) take(prompt int, t engine.Token) error {
	if t.Prompt {
		if t.Choice > 0 { // the first one's are those of all
			return nil
		}
		for _, c := range o.choices[prompt*o.n : (prompt+1)*o.n] {
			o.tell(c, t)
			c.plain = append(c.plain, t.Bytes...)
		}
		return nil
	}
	c := o.choices[prompt*o.n+t.Choice]
	before := c.text.length + len(c.text.held)
	text := c.text.write(t.Bytes)
	if !c.text.stopped || before < c.text.length { // not the tokens of a stop string
		o.tell(c, t)
	}
	o.add(c, text)
	if o.stream {
		if err := o.send(c); err != nil {
			return err
		}
	}
	if c.text.stopped {
		return engine.ErrStop
	}
	return nil
}

// tell keeps a token to tell of it.
func (o *output) tell(c *choice, t engine.Token) {
	if o.request.LogProbs >= 0 || o.ids {
		t.Top = slices.Clone(t.Top)
		c.tokens = append(c.tokens, t)
	}
}

// add adds text to what is sent of a choice.
func (o *output) add(c *choice, text []byte) {
	if c.calls != nil {
		text = c.calls.write(text)
	}
	o.feed(c, text)
}

func (o *output) feed(c *choice, text []byte) {
	if c.planted != nil {
		c.planted.Feed(text)
		return
	}
	c.plain = append(c.plain, text...)
}

// ready returns the text of a choice that may be sent: what was planted in it is in
// the ledger.
func (o *output) ready(c *choice) []byte {
	if c.planted != nil {
		return c.planted.Take()
	}
	text := c.plain
	c.plain = nil
	return text
}

// finish ends the text of a choice and returns the calls of tools in it.
func (o *output) finish(c *choice) []call {
	if !c.text.stopped {
		o.add(c, c.text.end())
	}
	var calls []call
	if c.calls != nil {
		var text []byte
		calls, text = c.calls.end()
		o.feed(c, text)
	}
	if c.planted != nil {
		c.planted.End()
	}
	if len(calls) > 0 && c.reason == "stop" {
		c.reason = "tool_calls"
	}
	return calls
}

// ordered returns calls in the order that the keys decide. It puts the decision
// into the ledger, or leaves that to the caller in an answer that is sent whole.
func (o *output) ordered(c *choice, calls []call) []call {
	if c.planted == nil || !o.planted.Orders() || len(calls) < 2 || c.planted.Plain() {
		return calls
	}
	names := make([]string, len(calls))
	for i, k := range calls {
		names[i] = k.name
	}
	perm, decided := o.planted.Order(c.planted, names)
	if !decided {
		return calls
	}
	if o.stream {
		if o.planted.Record(false); o.planted.Failed() {
			return calls
		}
	}
	out := make([]call, len(calls))
	for to, from := range perm {
		out[to] = calls[from]
		c.planted.Called(calls[from].name, calls[from].arguments)
	}
	return out
}

// whole sends an answer in one piece.
func (o *output) whole() error {
	plain := make([][]call, len(o.choices))
	calls := make([][]call, len(o.choices))
	for i, c := range o.choices {
		plain[i] = o.finish(c)
		calls[i] = o.ordered(c, plain[i])
	}
	if o.planted != nil {
		if o.planted.Record(true); o.planted.Failed() {
			calls = plain
		}
	}
	o.body.Object = "text_completion"
	if o.chat {
		o.body.Object = "chat.completion"
	}
	for i, c := range o.choices {
		text := string(o.ready(c))
		b := choiceBody{Index: c.index, FinishReason: &c.reason, LogProbs: o.told(c), PromptTokenIDs: c.prompt}
		b.TokenIDs = o.idsOf(c)
		if o.chat {
			b.Message = &messageBody{Role: "assistant", Content: &text, ToolCalls: callBodies(calls[i], false)}
			if len(calls[i]) > 0 && text == "" {
				b.Message.Content = nil
			}
		} else {
			b.Text = &text
		}
		o.body.Choices = append(o.body.Choices, b)
	}
	o.body.Usage = o.count()
	if o.planted != nil {
		o.planted.End(false)
		if o.header {
			o.w.Header().Set(headerName, o.planted.String())
		}
	} else if o.header {
		o.w.Header().Set(headerName, "plain;reason="+o.reason)
	}
	_ = o.control.SetWriteDeadline(time.Now().Add(o.stall)) // where the connection has none, it has none
	writeJSON(o.w, http.StatusOK, o.body)
	return nil
}

// count counts the tokens of all prompts and answers.
func (o *output) count() *usage {
	n := 0
	for _, c := range o.choices {
		n += c.counted
	}
	return newUsage(tokensOf(o.prompts), n)
}

// A goneError is a write that failed: the client hung up, or reads no more.
type goneError struct{ error }

// abort ends an answer that went wrong. What was sent of it is in the ledger.
func (o *output) abort(ctx context.Context, err error) {
	if o.planted != nil {
		o.planted.End(true)
	}
	var f *failure
	switch {
	case errors.As(err, new(goneError)):
		o.metrics.gone.Add(1)
		return
	case ctx.Err() == nil || errors.As(err, &f):
		f = o.failed(err)
	case errors.Is(context.Cause(ctx), errEnding):
		f = errEnding
	default:
		o.metrics.gone.Add(1)
		return
	}
	if !o.began {
		fail(o.w, f)
		return
	}
	data, _ := json.Marshal(map[string]any{"error": f}) // of strings
	_ = o.event(data)
}
