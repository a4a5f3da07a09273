package watermark

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// native is the source of the words dyetrace/1.
type native struct {
	info    SourceInfo
	family  byte
	width   int
	streams func() []*prf.Func // a closure: nothing that prints values looks inside
}

func newNative(key keys.Key, family byte, streams, width int) (*native, error) {
	n := &native{family: family, width: width, info: SourceInfo{
		Name:  fmt.Sprintf("dyetrace/1 width=%d", width),
		KeyID: key.ID().String(),
		Kind:  Cryptographic,

		Windows: "tokens",
	}}
	var words []*prf.Func
	for stream := range streams {
		var derived [64]byte
		if err := key.Expand(prf.Context, []byte{family, byte(stream), byte(width)}, derived[:]); err != nil {
			return nil, fmt.Errorf("watermark: %w", err)
		}
		words = append(words, prf.New(&derived))
	}
	n.streams = func() []*prf.Func { return words }
	return n, nil
}

func (n *native) Info() SourceInfo { return n.info }

func (n *native) Decoy(seed [32]byte) Source {
	d := &native{family: n.family, width: n.width, info: n.info}
	d.info.KeyID = fmt.Sprintf("decoy %x", seed[:8])
	var words []*prf.Func
	for stream := range n.streams() {
		words = append(words, prf.NewDecoy(&seed, n.family, byte(stream), byte(n.width)))
	}
	d.streams = func() []*prf.Func { return words }
	return d
}

func (n *native) Open() Reader {
	words := n.streams()
	r := &nativeReader{one: words[0].NewReader()}
	if len(words) == 2 {
		r.two = words[1].NewReader()
	}
	return r
}

// nativeReader reads one stream or two. The second is sought only when a word
// of it is asked for.
type nativeReader struct {
	one, two *prf.Reader
	seed     uint64
	window   []Token
	stale    bool // two is not yet at the window
}

func (r *nativeReader) Seek(window []Token) (Place, bool) {
	r.seed = r.one.Seek(window)
	r.window, r.stale = window, true
	return Place{Seed: r.seed}, true
}

func (r *nativeReader) Ahead(windows [][]Token) {
	r.one.Ahead(windows)
	if r.two != nil {
		r.two.Ahead(windows)
	}
}

func (r *nativeReader) Seed(Token) uint64 { return r.seed }

func (r *nativeReader) at(stream int) *prf.Reader {
	if stream == 0 || r.two == nil {
		return r.one
	}
	if r.stale {
		r.two.Seek(r.window)
		r.stale = false
	}
	return r.two
}

func (r *nativeReader) Word(stream int, t Token) uint64 { return r.at(stream).Word(t) }

func (r *nativeReader) Coarse(stream int, ids []Token, first Token, dst []byte) bool {
	r.at(stream).Coarse(ids, first, dst)
	return true
}

// decoySeed returns the 32 bytes of decoy j under a seed that all decoys share.
func decoySeed(seed [32]byte, j int) [32]byte {
	key := prf.NewKey(&seed)
	return seedBytes(key.Hash(uint64(j), purposeDecoy))
}
