package watermark_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A naiveSession holds all that a session of native marks was told and works
// everything out anew at each question, by the specification's letter: what is
// marked, by which layer, and what a race chooses there.
type naiveSession struct {
	layers []naiveLayer
	gate   *naiveHash // nil: one layer
	opt    watermark.SessionOptions
	tokens []watermark.Token
	answer []bool // tokens[i] is the model's, not a prompt's
	forks  []naiveFork
	role   watermark.Role
}

type naiveLayer struct {
	end   uint64 // of the gate's range
	width int
	words naiveWords
}

// A naiveFork is sibling i of n.
type naiveFork struct{ i, n int }

func newNaiveSession(layers []naiveLayer, gate *naiveHash, opt watermark.SessionOptions) *naiveSession {
	n := &naiveSession{layers: layers, gate: gate, opt: opt, role: opt.Role}
	n.push(false, opt.Prompt...)
	return n
}

func (n *naiveSession) clone() *naiveSession {
	c := *n
	c.tokens, c.answer, c.forks = slices.Clone(n.tokens), slices.Clone(n.answer), slices.Clone(n.forks)
	return &c
}

func (n *naiveSession) push(answer bool, tokens ...watermark.Token) {
	for _, t := range tokens {
		n.tokens, n.answer = append(n.tokens, t), append(n.answer, answer)
	}
}

func (n *naiveSession) rewind(to int) { n.tokens, n.answer = n.tokens[:to], n.answer[:to] }

// place returns the layer and the window of the position after the tokens of an
// answer's part, or ok false at its head.
func (n *naiveSession) place(part []watermark.Token) (layer naiveLayer, window []watermark.Token, ok bool) {
	layer = n.layers[0]
	if n.gate != nil {
		width := 16
		for _, y := range n.layers {
			width = min(width, y.width)
		}
		if len(part) < width {
			return layer, nil, false
		}
		g := binary.LittleEndian.Uint64(n.gate.sum(part[len(part)-width:])) >> 32
		layer = n.layers[slices.IndexFunc(n.layers, func(y naiveLayer) bool { return g < y.end })]
	}
	if len(part) < layer.width {
		return layer, nil, false
	}
	return layer, part[len(part)-layer.width:], true
}

// marked says whether the next position carries the mark, and with which words.
func (n *naiveSession) marked() (words naiveWords, window []watermark.Token, ok bool) {
	seen := map[string]bool{}
	name := func(y naiveLayer, window []watermark.Token) string { return fmt.Sprint(y.end, window) }
	for _, turn := range n.opt.Turns {
		for i := range turn {
			if y, window, ok := n.place(turn[:i]); ok {
				seen[name(y, window)] = true
			}
		}
	}
	start := 0
	for i := range n.tokens {
		if !n.answer[i] {
			start = i + 1
		} else if y, window, ok := n.place(n.tokens[start:i]); ok {
			seen[name(y, window)] = true
		}
	}
	layer, window, ok := n.place(n.tokens[start:])
	if !ok || n.opt.Off || seen[name(layer, window)] {
		return layer.words, window, false
	}
	i, siblings := 0, 1
	for _, f := range n.forks {
		i, siblings = i+siblings*f.i, siblings*f.n
	}
	return layer.words, window, layer.words.seed(window)%uint64(siblings) == uint64(i)
}

// replay returns a new session that was told the same, with no detours.
func (n *naiveSession) replay(t testing.TB, open func(watermark.SessionOptions) (*watermark.Session, error)) *watermark.Session {
	t.Helper()
	opt := n.opt
	opt.Prompt, opt.Tokens = nil, 128
	s, err := open(opt)
	require.NoError(t, err)
	for _, f := range n.forks {
		s, err = s.Fork(f.i, f.n)
		require.NoError(t, err)
	}
	for i := 0; i < len(n.tokens); {
		if n.answer[i] {
			require.NoError(t, s.Accept(n.tokens[i]))
			i++
			continue
		}
		end := i
		for end < len(n.tokens) && !n.answer[end] {
			end++
		}
		require.NoError(t, s.AcceptPrompt(n.tokens[i:end]))
		i = end
	}
	require.NoError(t, s.SetRole(n.role))
	return s
}

// A world is a mark or a layout, opened both ways.
type world struct {
	name     string
	open     func(watermark.SessionOptions) (*watermark.Session, error)
	naive    func(watermark.SessionOptions) *naiveSession
	race     bool // marked positions are drawn by a race of stream 0
	alphabet int  // tokens of programs: so few that windows come again
}

func singleWorld(t testing.TB, scheme watermark.Scheme, family byte, width, alphabet int) world {
	t.Helper()
	key := testKey(t, 21)
	w, err := watermark.New(key, scheme, watermark.Options{Width: width})
	require.NoError(t, err)
	layers := []naiveLayer{{1 << 32, width, newNaiveWords(t, key, family, 0, byte(width))}}
	return world{
		name: fmt.Sprintf("%s width %d", scheme, width), open: w.NewSession, race: scheme == watermark.Gumbel{}, alphabet: alphabet,
		naive: func(opt watermark.SessionOptions) *naiveSession { return newNaiveSession(layers, nil, opt) },
	}
}

func layeredWorld(t testing.TB, alphabet int, widths ...int) world {
	t.Helper()
	layout := testKey(t, 22)
	var secret [32]byte
	require.NoError(t, layout.Expand("dyetrace 2026-11-23 layout/1", nil, secret[:]))
	gate := newNaiveHash(t, secret[:])
	var layers []watermark.Layer
	var naive []naiveLayer
	shares, end := watermark.Shares(make3(len(widths))...), uint64(0)
	for i, width := range widths {
		key := testKey(t, byte(30+i))
		w, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{Width: width})
		require.NoError(t, err)
		layers = append(layers, watermark.Layer{Name: fmt.Sprint(i), Share: shares[i], Mark: w})
		end += shares[i]
		naive = append(naive, naiveLayer{end, width, newNaiveWords(t, key, familyGumbel, 0, byte(width))})
	}
	l, err := watermark.NewLayers(layout, layers...)
	require.NoError(t, err)
	return world{
		name: fmt.Sprintf("layers of widths %v", widths), open: l.NewSession, race: true, alphabet: alphabet,
		naive: func(opt watermark.SessionOptions) *naiveSession { return newNaiveSession(naive, &gate, opt) },
	}
}

// make3 returns weights 3, 4, 5, ….
func make3(n int) []int {
	w := make([]int, n)
	for i := range w {
		w[i] = 3 + i
	}
	return w
}

// worldKey is a key of the tests by number, for keys in great number.
func worldKey(t testing.TB, numbers ...uint64) keys.Key {
	t.Helper()
	var b []byte
	for i := range uint64(4) {
		b = binary.LittleEndian.AppendUint64(b, mix(append(numbers, i)...))
	}
	k, err := keys.New(bytes.NewReader(b))
	require.NoError(t, err)
	return k
}
