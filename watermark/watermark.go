package watermark

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A Watermark is a source of secret words, a scheme and rules: one immutable
// value that makes writers and readers, so that they cannot disagree. It is safe
// for concurrent use. The zero Watermark marks nothing and has no ID: what it makes
// fails.
type Watermark struct {
	source Source
	scheme Scheme
	rules  Rules
	law    tail.Law
	joint  Joint // nil: scores are independent
	id     string
	gate   *gate // nil: every window is this mark's
	layer  int   // of the gate
}

// Options tune the native mark. The zero value is good.
type Options struct {
	// Width is the number of tokens before a position that seed its words, 1 to
	// 16. Defaults to 3. A narrow window survives edits and dilution better and
	// is learnt better by a student; a wide one is less visible.
	Width int
}

// DefaultWidth is the window of the native mark, in tokens.
const DefaultWidth = 3

// New returns the native mark of a key: words dyetrace/1 under one of the
// schemes of this package. The first Width tokens of an answer are drawn
// plainly, windows never reach into the prompt, and a window that occurred
// before in the conversation is drawn plainly.
func New(key keys.Key, scheme Scheme, opt Options) (*Watermark, error) {
	if key.IsZero() {
		return nil, fmt.Errorf("watermark: the key is the zero Key, want one from keys.New, keys.Parse or a derivation")
	}
	if opt.Width == 0 {
		opt.Width = DefaultWidth
	}
	if opt.Width < 1 || opt.Width > prf.MaxWidth {
		return nil, fmt.Errorf("watermark: window is %d tokens, want 1 to %d", opt.Width, prf.MaxWidth)
	}
	family, streams := byte(0), 1
	switch scheme.(type) {
	case Gumbel:
		family = prf.FamilyGumbel
	case DualGumbel:
		family, streams = prf.FamilyGumbel, 2
	case GreenList:
		family = prf.FamilyGreenList
	case Tournament:
		family = prf.FamilyTournament
	default:
		return nil, fmt.Errorf("watermark: scheme is %T, want Gumbel, DualGumbel, GreenList or Tournament; others go through Build", scheme)
	}
	source, err := newNative(key, family, streams, opt.Width)
	if err != nil {
		return nil, err
	}
	return Build(source, scheme, Rules{Width: opt.Width})
}

// Build returns the mark of any source, scheme and rules: how the marks of other
// engines are made.
func Build(source Source, scheme Scheme, rules Rules) (*Watermark, error) {
	if source == nil {
		return nil, fmt.Errorf("watermark: the source is nil")
	}
	if scheme == nil {
		return nil, fmt.Errorf("watermark: the scheme is nil")
	}
	if err := rules.check(); err != nil {
		return nil, err
	}
	law, err := scheme.Law()
	if err != nil {
		return nil, err
	}
	if law == nil {
		return nil, fmt.Errorf("watermark: scheme %s has no null law", scheme)
	}
	return (&Watermark{source: source, scheme: scheme, rules: rules, law: law}).named(), nil
}

// Info describes the source of the mark's words, without secrets.
func (w *Watermark) Info() SourceInfo {
	if w.source == nil {
		return SourceInfo{}
	}
	return w.source.Info()
}

// Scheme returns the mark's scheme.
func (w *Watermark) Scheme() Scheme { return w.scheme }

// Rules returns the mark's rules.
func (w *Watermark) Rules() Rules { return w.rules }

// Law returns the null distribution of the score of one token.
func (w *Watermark) Law() tail.Law { return w.law }

// ID names the mark without secrets: words, scheme, key ID and, where the mark
// is a layer, its share and the ID of the layout. Equal IDs are equal marks.
func (w *Watermark) ID() string { return w.id }

// named gives the mark its ID, once it is as it will stay.
func (w *Watermark) named() *Watermark {
	info := w.Info()
	id := fmt.Sprintf("%s %s key=%s", info.Name, w.scheme, info.KeyID)
	if !w.native() {
		id += fmt.Sprintf(" rules=%+v", w.rules)
	}
	if w.joint != nil {
		id += " joint"
	}
	if w.gate != nil {
		id += " " + w.gate.describe(w.layer)
	}
	w.id = id
	return w
}

// native reports whether the mark is one of [New]'s.
func (w *Watermark) native() bool {
	n, ok := w.source.(*native)
	return ok && w.rules == Rules{Width: n.width}
}

// String returns [Watermark.ID].
func (w *Watermark) String() string { return w.ID() }

// Decoy returns decoy j of a seed: the same scheme, rules and layer partition
// with words of another key, which no text was made under. Decoys of different j
// are independent.
func (w *Watermark) Decoy(seed [32]byte, j int) *Watermark {
	d := *w
	if w.source == nil {
		return &d
	}
	d.source = w.source.Decoy(decoySeed(seed, j))
	return d.named()
}

// Argmax returns the candidate of the highest logit by the rules of
// [Session.Sample], the lowest id among equals, or [ErrNoToken]: what a server
// does at temperature 0, which no mark of this package's schemes touches.
func Argmax(ids []Token, logits []float32) (Token, error) {
	if err := checkRow(ids, logits); err != nil {
		return 0, err
	}
	best, winner := float32(math.Inf(-1)), Token(-1)
	for i, l := range logits {
		if l < best || l != l || l < -math.MaxFloat32 {
			continue
		}
		if t := tokenAt(ids, 0, i); l > best || winner < 0 || t < winner {
			best, winner = l, t
		}
	}
	if winner < 0 {
		return 0, ErrNoToken
	}
	return winner, nil
}
