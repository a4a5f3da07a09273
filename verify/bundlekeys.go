package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A RevealedKey is what makes the mark of an opened key again, in a bundle: make one
// with [Reveal]. It prints without the secret; the zero RevealedKey reveals nothing.
type RevealedKey struct {
	name string
	// contents is a function because reflection, and with it every printer that
	// opens unexported fields, sees nothing of a closure but an address.
	contents func() (spec, secret []byte)
}

// Reveal returns the mark of the key of this name in a plan: the file of its
// description and the file of its secret, as Spec.Encode and Secret.Reveal of package
// marks return them, or others that [Recompute.Mark] reads. Both are one line of JSON
// without space, with a newline at the end. They are copied. A key of no mark, such as
// one that decides canaries, has no description: nil.
func Reveal(name string, spec, secret []byte) RevealedKey {
	spec, secret = bytes.Clone(spec), bytes.Clone(secret)
	return RevealedKey{name, func() ([]byte, []byte) { return spec, secret }}
}

// Name returns the name of the key.
func (k RevealedKey) Name() string { return k.name }

// Format implements [fmt.Formatter]: whatever the verb, the name.
func (k RevealedKey) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "{Name:%q Mark:%s Secret:redacted}", k.name, k.description())
}

func (k RevealedKey) description() string {
	if k.contents == nil {
		return "none"
	}
	spec, _ := k.contents()
	if len(spec) == 0 {
		return "none"
	}
	return fmt.Sprintf("%.200q", bytes.TrimSuffix(spec, []byte("\n")))
}

// MarshalText returns what Format writes, so that encoders and loggers write no
// secret. There is no UnmarshalText.
func (k RevealedKey) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

// keyLine is an opened key in a file.
type keyLine struct {
	Name   string          `json:"name"`
	Mark   json.RawMessage `json:"mark,omitempty"`
	Secret json.RawMessage `json:"secret"`
	Nonce  *collect.Digest `json:"nonce,omitempty"`
}

// encodeKeys returns the file of a case's opened keys. The case is checked.
func encodeKeys(c *Case, revealed []RevealedKey) ([]byte, error) {
	opened := make(map[string]*Opened)
	for i := range c.Keys {
		opened[c.Keys[i].Name] = &c.Keys[i]
	}
	shown := make(map[string]RevealedKey)
	for _, k := range revealed {
		if _, twice := shown[k.name]; twice || opened[k.name] == nil {
			return nil, fmt.Errorf("verify: revealed key is %q, want each of the opened ones once", k.name)
		}
		shown[k.name] = k
	}
	var data []byte
	for _, k := range c.Plan.Keys {
		o := opened[k.Name]
		if o == nil {
			continue
		}
		r := shown[k.Name]
		if r.contents == nil {
			return nil, fmt.Errorf("verify: key %q was opened and is not revealed", k.Name)
		}
		line := keyLine{Name: k.Name}
		if k.Commitment != (keys.Commitment{}) {
			line.Nonce = (*collect.Digest)(&o.Nonce)
		}
		var err error
		if line.Mark, line.Secret, err = r.lines(); err != nil {
			return nil, err
		}
		encoded, err := canon.Encode(line)
		if err != nil {
			return nil, fmt.Errorf("verify: key %q: %v", k.Name, keyFault(err))
		}
		data = append(append(data, encoded...), '\n')
	}
	return data, nil
}

// lines returns description and secret without their newlines.
func (k RevealedKey) lines() (spec, secret json.RawMessage, err error) {
	spec, secret = k.contents()
	for i, file := range []*json.RawMessage{&spec, &secret} {
		if i == 0 && len(spec) == 0 {
			continue
		}
		line, ok := bytes.CutSuffix(*file, []byte("\n"))
		var compact bytes.Buffer
		if !ok || json.Compact(&compact, line) != nil || !bytes.Equal(compact.Bytes(), line) {
			return nil, nil, fmt.Errorf("verify: %s of key %q is not one line of JSON without space and with a newline at its end",
				[]string{"description", "secret"}[i], k.name)
		}
		*file = line
	}
	return spec, secret, nil
}

// parseKeys reads the file of opened keys. No error quotes a secret.
func parseKeys(data []byte) ([]keyLine, error) {
	var out []keyLine
	err := eachLine("keys", data, func(line []byte) error {
		var l keyLine
		if err := canon.Decode(line, &l); err != nil {
			return keyFault(err)
		}
		out = append(out, l)
		return nil
	})
	return out, err
}

// keyFault returns what may be said of a decoder's error, which can quote what it
// read.
func keyFault(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, canon.ErrForm):
		return err
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d", syntax.Offset)
	}
	return errors.New("not what a key has: want name, mark, secret and nonce")
}

// nonce returns the nonce of the commitment, zeros if there is none.
func (l *keyLine) nonce() (out [32]byte) {
	if l.Nonce != nil {
		out = *l.Nonce
	}
	return out
}

// files returns description and secret as they were revealed.
func (l *keyLine) files() (spec, secret []byte) {
	if len(l.Mark) > 0 {
		spec = append(bytes.Clone(l.Mark), '\n')
	}
	return spec, append(bytes.Clone(l.Secret), '\n')
}
