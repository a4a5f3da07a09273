package main

import (
	"encoding/json"
	"net/http"
	"time"
)

// send streams what is ready of a choice.
func (o *output) send(c *choice) error {
	if o.planted != nil {
		o.planted.Record(false)
	}
	text := o.ready(c)
	if len(text) == 0 && c.roled {
		return nil
	}
	return o.piece(c, text)
}

// piece streams one piece of a choice's text, and whatever is told of its tokens.
func (o *output) piece(c *choice, text []byte) error {
	b := choiceBody{Index: c.index}
	content := string(text)
	if o.chat {
		b.Delta = &deltaBody{Content: &content}
		if !c.roled {
			b.Delta.Role = "assistant"
		}
	} else {
		b.Text = &content
	}
	if !c.roled {
		c.roled, b.PromptTokenIDs = true, c.prompt
	}
	b.LogProbs, b.TokenIDs = o.told(c), o.idsOf(c)
	c.tokens = nil
	return o.chunk(b)
}

// endStream streams what is left: text that was held back, calls, why each choice
// ended, and how many tokens there were. The hashes of the whole are in the ledger
// before the last event is sent.
func (o *output) endStream() error {
	for _, c := range o.choices {
		calls := o.ordered(c, o.finish(c))
		if o.planted != nil {
			o.planted.Record(false)
		}
		if text := o.ready(c); len(text) > 0 || len(c.tokens) > 0 || !c.roled {
			if err := o.piece(c, text); err != nil {
				return err
			}
		}
		for _, k := range callBodies(calls, true) {
			if err := o.chunk(choiceBody{Index: c.index, Delta: &deltaBody{ToolCalls: []wireCall{k}}}); err != nil {
				return err
			}
		}
		b := choiceBody{Index: c.index, FinishReason: &c.reason}
		if empty := ""; o.chat {
			b.Delta = &deltaBody{}
		} else {
			b.Text = &empty
		}
		if err := o.chunk(b); err != nil {
			return err
		}
	}
	if o.usage {
		last := o.body
		last.Object, last.Choices, last.Usage = o.object(), []choiceBody{}, o.count()
		if err := o.eventOf(last); err != nil {
			return err
		}
	}
	if o.planted != nil {
		o.planted.End(true)
		if o.header {
			o.w.Header().Set(trailerName, o.planted.String())
		}
	}
	return o.event([]byte("[DONE]"))
}

func (o *output) object() string {
	if o.chat {
		return "chat.completion.chunk"
	}
	return "text_completion"
}

func (o *output) chunk(b choiceBody) error {
	body := o.body
	body.Object, body.Choices = o.object(), []choiceBody{b}
	return o.eventOf(body)
}

func (o *output) eventOf(body answerBody) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return o.event(data)
}

// event sends one event, the first of them behind the header.
func (o *output) event(data []byte) error {
	if !o.began {
		o.began = true
		h := o.w.Header()
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no") // nginx
		if o.header {
			if o.planted != nil {
				h.Set(headerName, "stream")
				h.Set("Trailer", trailerName)
			} else {
				h.Set(headerName, "plain;reason="+o.reason)
			}
		}
		o.w.WriteHeader(http.StatusOK)
	}
	_ = o.control.SetWriteDeadline(time.Now().Add(o.stall)) // a client that reads no more is given up
	line := make([]byte, 0, len(data)+8)
	line = append(append(append(line, "data: "...), data...), "\n\n"...)
	if _, err := o.w.Write(line); err != nil {
		return goneError{err}
	}
	if err := o.control.Flush(); err != nil {
		return goneError{err}
	}
	return nil
}
