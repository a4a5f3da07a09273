package engine

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/hybridgroup/yzma/pkg/llama"
)

// JSON is the grammar of a JSON object. Numbers and runs of space are bounded,
// since a small model that may go on with them for ever does.
const JSON = `root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") space
object ::= "{" space (member ("," space member)*)? "}" space
member ::= string ":" space value
array  ::= "[" space (value ("," space value)*)? "]" space
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\"" space
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9] [0-9]{0,1})? space
space  ::= (" " | "\n" [ \t]{0,16})?
`

// A grammar says which tokens may follow, by llama.cpp's own parser. It is for
// one goroutine at a time.
type grammar struct {
	handle llama.Sampler
	row    []llama.TokenData
	one    [1]llama.TokenData
}

const (
	maxGrammar = 1 << 16 // bytes
	maxNesting = 64      // parentheses: llama.cpp's parser calls itself for each
)

var compiling sync.Mutex

// newGrammar compiles a grammar. llama.cpp explains what is wrong in its log.
func newGrammar(v *vocabulary, text string) (*grammar, error) {
	if len(text) > maxGrammar {
		return nil, fmt.Errorf("%w: the grammar has %d bytes, want at most %d", ErrRequest, len(text), maxGrammar)
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return nil, fmt.Errorf("%w: the grammar has a zero byte at %d, want none", ErrRequest, i)
	}
	if n := nesting(text); n > maxNesting {
		return nil, fmt.Errorf("%w: the grammar has %d parentheses in each other, want at most %d", ErrRequest, n, maxNesting)
	}
	compiling.Lock()
	defer compiling.Unlock()
	library.log.forget()
	h := llama.SamplerInitGrammar(v.handle, text, "root")
	if h == 0 {
		return nil, fmt.Errorf("%w: the grammar is no GBNF with a rule root%s", ErrRequest, library.log.complaint())
	}
	return &grammar{handle: h, row: make([]llama.TokenData, len(v.pieces))}, nil
}

// nesting returns the greatest depth of parentheses, those in literals included.
func nesting(text string) (deepest int) {
	depth := 0
	for _, c := range []byte(text) {
		switch c {
		case '(':
			depth++
			deepest = max(deepest, depth)
		case ')':
			depth--
		}
	}
	return deepest
}

// clone returns a grammar at the same place.
func (g *grammar) clone() *grammar {
	return &grammar{handle: llama.SamplerClone(g.handle), row: make([]llama.TokenData, len(g.row))}
}

// accepts reports whether a token may follow.
func (g *grammar) accepts(t watermark.Token) bool {
	g.one[0] = llama.TokenData{Id: llama.Token(t)}
	array := llama.TokenDataArray{Data: &g.one[0], Size: 1, Selected: -1}
	llama.SamplerApply(g.handle, &array)
	return !math.IsInf(float64(g.one[0].Logit), -1)
}

// mask makes the logits of tokens that may not follow −Inf.
func (g *grammar) mask(row []float32) {
	for i, l := range row {
		g.row[i] = llama.TokenData{Id: llama.Token(i), Logit: l}
	}
	array := llama.TokenDataArray{Data: &g.row[0], Size: uint64(len(row)), Selected: -1}
	llama.SamplerApply(g.handle, &array)
	for i := range g.row {
		row[g.row[i].Id] = g.row[i].Logit
	}
}

// advance goes on by a token. Requires that it is accepted: llama.cpp would end
// the process otherwise.
func (g *grammar) advance(t watermark.Token) { llama.SamplerAccept(g.handle, llama.Token(t)) }

func (g *grammar) free() { llama.SamplerFree(g.handle) }
