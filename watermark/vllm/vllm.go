package vllm

import (
	"github.com/dyetrace/dyetrace/watermark"
)

// New returns the mark of a configuration. Its sessions draw as the engine's
// generator does, its detectors score what the engine's detector scores, each
// context once. An error names a field that is out of range.
func New(c Config) (*watermark.Watermark, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c = c.resolved()
	return watermark.Build(newSource(c), c.scheme(), c.rules())
}

// scheme requires a resolved configuration.
func (c Config) scheme() watermark.Scheme {
	if c.Algorithm == DualKeyGumbel {
		return dual{*c.Alpha}
	}
	return single{c.AllowTargetOnlyWatermarking}
}

// rules requires a resolved configuration. Token −1 stands before a completion.
func (c Config) rules() watermark.Rules {
	r := watermark.Rules{Width: c.ContextWidth, Pad: -1}
	r.Write.Head, r.Read.Head = watermark.HeadPadded, watermark.HeadPadded
	r.Write.History = max(0, c.DeduplicateContextsMaxHistory)
	switch c.DeduplicateContexts {
	case None:
		r.Write.Repeats, r.Write.History = true, 0
	case All:
		r.Write.Head, r.Write.PromptSeen = watermark.HeadPlain, true
	}
	return r
}
