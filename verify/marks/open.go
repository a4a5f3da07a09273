package marks

import (
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Open makes a mark from the files of its spec and of its secret, as [Spec.Encode]
// and [Secret.Reveal] return them. It returns [Secret.Key] too: a commitment can
// be opened with it. A spec of no bytes is that
// of a key of no mark: it returns the key alone. Bundles of package verify are checked
// with it.
func Open(spec, secret []byte) (*watermark.Watermark, keys.Key, error) {
	x, err := ParseSecret(secret)
	if err != nil {
		return nil, keys.Key{}, err
	}
	if len(spec) == 0 {
		return nil, x.Key(), nil
	}
	s, err := Parse(spec)
	if err != nil {
		return nil, keys.Key{}, err
	}
	w, err := s.Build(x)
	if err != nil {
		return nil, keys.Key{}, err
	}
	return w, x.Key(), nil
}
