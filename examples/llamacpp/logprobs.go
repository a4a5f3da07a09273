package main

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
)

// A tokenBody is a token with its log-probability, in chats.
type tokenBody struct {
	Token   string      `json:"token"`
	ID      int32       `json:"id"` // llama.cpp has it too
	LogProb float64     `json:"logprob"`
	Bytes   []int       `json:"bytes"`
	Top     []tokenBody `json:"top_logprobs,omitempty"`
}

// chatLogProbs are those of a chat.
type chatLogProbs struct {
	Content []tokenBody `json:"content"`
	Refusal *string     `json:"refusal"`
}

// textLogProbs are those of a completion: lists of one entry a token.
type textLogProbs struct {
	Tokens  []string             `json:"tokens"`
	LogProb []*float64           `json:"token_logprobs"`
	Top     []map[string]float64 `json:"top_logprobs"`
	Offset  []int                `json:"text_offset"` // in characters
}

// told returns the log-probabilities of tokens that were not told of yet, nil where
// nobody asked.
func (o *output) told(c *choice) any {
	if o.request.LogProbs < 0 {
		return nil
	}
	if o.chat {
		out := chatLogProbs{Content: []tokenBody{}}
		for _, t := range c.tokens {
			b := o.tokenBody(t.ID, t.Bytes, t.LogProb)
			b.Top = []tokenBody{}
			for _, a := range t.Top {
				b.Top = append(b.Top, o.tokenBody(a.ID, a.Bytes, a.LogProb))
			}
			out.Content = append(out.Content, b)
		}
		return out
	}
	out := textLogProbs{Tokens: []string{}, LogProb: []*float64{}, Top: []map[string]float64{}, Offset: []int{}}
	for _, t := range c.tokens {
		out.Tokens = append(out.Tokens, o.pieceOf(t.ID, t.Bytes))
		out.Offset = append(out.Offset, c.offset)
		c.offset += utf8.RuneCount(t.Bytes)
		if first := t.Prompt && t.Top == nil; first { // nothing is before it
			out.LogProb, out.Top = append(out.LogProb, nil), append(out.Top, nil)
			continue
		}
		p := finite(t.LogProb)
		out.LogProb = append(out.LogProb, &p)
		out.Top = append(out.Top, o.top(t))
	}
	if o.request.LogProbs == 0 {
		out.Top = nil
	}
	return out
}

// top is the likeliest tokens of a position, and the one that is there, as OpenAI
// has it.
func (o *output) top(t engine.Token) map[string]float64 {
	m := map[string]float64{}
	for _, a := range t.Top {
		piece := o.pieceOf(a.ID, a.Bytes)
		if _, twice := m[piece]; !twice { // the likelier of two that look alike
			m[piece] = finite(a.LogProb)
		}
	}
	if piece := o.pieceOf(t.ID, t.Bytes); len(m) > 0 {
		if _, there := m[piece]; !there {
			m[piece] = finite(t.LogProb)
		}
	}
	return m
}

func (o *output) tokenBody(id int32, piece []byte, logProb float64) tokenBody {
	b := tokenBody{Token: string(bytesToText(piece)), ID: id, LogProb: finite(logProb), Bytes: []int{}}
	if len(piece) == 0 {
		b.Token = o.pieceOf(id, piece)
		piece = []byte(b.Token)
	}
	for _, x := range piece {
		b.Bytes = append(b.Bytes, int(x))
	}
	return b
}

func bytesToText(piece []byte) string { return strings.ToValidUTF8(string(piece), "\uFFFD") }

// pieceOf names a token as OpenAI's completions do: by its text, or if that is part
// of a character by its bytes. A special token has its name.
func (o *output) pieceOf(id int32, piece []byte) string {
	if len(piece) == 0 {
		return o.engine.Marker(id)
	}
	if utf8.Valid(piece) {
		return string(piece)
	}
	var b strings.Builder
	b.WriteString("bytes:")
	for _, x := range piece {
		fmt.Fprintf(&b, `\x%02x`, x)
	}
	return b.String()
}

// finite is a log-probability that JSON has a number for: OpenAI's for what is
// impossible.
func finite(p float64) float64 {
	if math.IsNaN(p) || p < -9999 {
		return -9999
	}
	return min(p, 0)
}

// idsOf returns the ids of tokens that were not told of yet, nil where nobody asked.
func (o *output) idsOf(c *choice) []int32 {
	if !o.ids {
		return nil
	}
	ids := []int32{}
	for _, t := range c.tokens {
		if !t.Prompt {
			ids = append(ids, t.ID)
		}
	}
	return ids
}
