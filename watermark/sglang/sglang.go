package sglang

import (
	"errors"

	"github.com/dyetrace/dyetrace/watermark"
)

// maxMarked is how many positions of an answer the engine marks at most.
const maxMarked = 4096

// New returns the mark of a configuration. Its sessions draw as the engine's
// generator does; its detectors score each context once, with the key that its
// coin chose. An error names a field that is out of range.
func New(c Config) (*watermark.Watermark, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Key.IsZero() {
		return nil, errors.New("sglang: key is missing, want 1 to 16 hexadecimal digits")
	}
	c = c.resolved()
	return watermark.Build(newSource(c), gated{c.MaxProbability}, watermark.Rules{
		Width:  c.ContextWindow,
		Prompt: true,
		Write:  watermark.WriteRules{Head: watermark.HeadShort, MarkedOnly: true, Limit: maxMarked},
		Read:   watermark.ReadRules{Head: watermark.HeadShort},
	})
}
