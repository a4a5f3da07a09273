package ledger_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// someLeaves returns leaves of every kind, the smallest and the largest planting
// among them.
func someLeaves() []ledger.Leaf {
	out := bindings()
	for i, k := range []ledger.Kind{ledger.KindPlan, ledger.KindFrame, ledger.KindSeal} {
		out = append(out, ledger.Leaf{Kind: k, Nonce: nonce(1<<50 + uint64(i)), Digest: digest(byte(20 + i))})
	}
	out = append(out,
		ledger.Leaf{Kind: ledger.KindOutput, Nonce: nonce(1 << 51), Of: nonce(3), Digest: digest(9)},
		ledger.Leaf{Kind: ledger.KindPlanting, Nonce: nonce(1 << 52), Epoch: "e", KeyID: keyID, Mode: ledger.ModeTilt, Units: []ledger.Unit{{}}},
	)
	most := ledger.Leaf{Kind: ledger.KindPlanting, Nonce: nonce(1 << 53), Epoch: strings.Repeat("ü", ledger.MaxEpoch/2), KeyID: keyID, Mode: ledger.ModeSampled, Output: digest(1)}
	for i := range uint64(ledger.MaxUnits) {
		most.Units = append(most.Units, ledger.Unit{Unit: i << 54, Option: ^uint32(i)})
	}
	out = append(out, most, planting(1), planting(2))
	for i := range out {
		out[i].Time = hour
	}
	return out
}

func TestLeafRoundTrip(t *testing.T) {
	for _, l := range someLeaves() {
		b, err := l.MarshalBinary()
		require.NoError(t, err)
		got, err := ledger.ParseLeaf(b)
		require.NoError(t, err, "%v", l.Kind)
		assert.Equal(t, l, got)
	}
}

// Whatever is cut off, added or changed is refused, or is another leaf that has
// these bytes.
func TestParseLeafIsStrict(t *testing.T) {
	for _, l := range someLeaves() {
		if len(l.Units) == ledger.MaxUnits {
			continue
		}
		b, err := l.MarshalBinary()
		require.NoError(t, err)
		for n := range b {
			_, err := ledger.ParseLeaf(b[:n])
			assert.ErrorContains(t, err, "ledger: leaf is cut off after", "%d of %d bytes", n, len(b))
		}
		_, err = ledger.ParseLeaf(append(slices.Clone(b), 0))
		assert.ErrorContains(t, err, "ledger: leaf has ")
		for i := range b {
			for _, bit := range []byte{1, 8, 0x80} {
				other := slices.Clone(b)
				other[i] ^= bit
				checkParse(t, other, b)
			}
		}
	}
}

// checkParse holds ParseLeaf to: error, or the only encoding of the leaf.
func checkParse(t *testing.T, data, unlike []byte) {
	l, err := ledger.ParseLeaf(data)
	if err != nil {
		assert.True(t, strings.HasPrefix(err.Error(), "ledger: leaf"), err.Error())
		return
	}
	again, err := l.MarshalBinary()
	require.NoError(t, err)
	require.Equal(t, data, again)
	require.False(t, bytes.Equal(again, unlike))
}

func FuzzParseLeaf(f *testing.F) {
	for _, l := range someLeaves() {
		b, err := l.MarshalBinary()
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkParse(t, data, nil) })
}

func TestLeafRefuses(t *testing.T) {
	good := planting(1)
	good.Time = hour
	for want, change := range map[string]func(*ledger.Leaf){
		"kind is 0, want 1 to 8":                        func(l *ledger.Leaf) { l.Kind = 0 },
		"kind is 9, want 1 to 8":                        func(l *ledger.Leaf) { l.Kind = 9 },
		"time is zero":                                  func(l *ledger.Leaf) { l.Time = 0 },
		"nonce is zero":                                 func(l *ledger.Leaf) { l.Nonce = ledger.Nonce{} },
		"planting has no key ID":                        func(l *ledger.Leaf) { l.KeyID = ledger.KeyID{} },
		"epoch has 0 bytes, want 1 to 64":               func(l *ledger.Leaf) { l.Epoch = "" },
		"epoch has 65 bytes, want 1 to 64":              func(l *ledger.Leaf) { l.Epoch = strings.Repeat("e", 65) },
		"epoch is not valid UTF-8":                      func(l *ledger.Leaf) { l.Epoch = "\xff" },
		`epoch holds '\n', want printable characters`:   func(l *ledger.Leaf) { l.Epoch = "a\nb" },
		"mode is 0, want 1 to 2":                        func(l *ledger.Leaf) { l.Mode = 0 },
		"mode is 3, want 1 to 2":                        func(l *ledger.Leaf) { l.Mode = 3 },
		"planting has 0 units, want 1 to 1024":          func(l *ledger.Leaf) { l.Units = nil },
		"planting has 1025 units, want 1 to 1024":       func(l *ledger.Leaf) { l.Units = make([]ledger.Unit, 1025) },
		"unit 7 follows unit 7, want strictly rising":   func(l *ledger.Leaf) { l.Units = []ledger.Unit{{Unit: 7}, {Unit: 7, Option: 1}} },
		"unit 3 follows unit 7, want strictly rising":   func(l *ledger.Leaf) { l.Units = []ledger.Unit{{Unit: 7}, {Unit: 3}} },
		"planting has a digest or the nonce of another": func(l *ledger.Leaf) { l.Digest = digest(1) },
		"the nonce of another leaf, want neither":       func(l *ledger.Leaf) { l.Of = nonce(1) },
		"plan has an epoch or a key ID, want none":      func(l *ledger.Leaf) { l.Kind = ledger.KindPlan },
		"book has units, a mode, a cohort":              func(l *ledger.Leaf) { l.Kind = ledger.KindBook; l.Digest = digest(1) },
		"seal has no digest": func(l *ledger.Leaf) {
			*l = ledger.Leaf{Kind: ledger.KindSeal, Time: l.Time, Nonce: l.Nonce}
		},
		"output has 00000000000000000000000000000000 for the nonce of another leaf": func(l *ledger.Leaf) {
			*l = ledger.Leaf{Kind: ledger.KindOutput, Time: l.Time, Nonce: l.Nonce, Digest: digest(1)}
		},
		"frame has 00000000000000000000000000000002 for the nonce of another leaf": func(l *ledger.Leaf) {
			*l = ledger.Leaf{Kind: ledger.KindFrame, Time: l.Time, Nonce: l.Nonce, Digest: digest(1), Of: nonce(1)}
		},
	} {
		l := good
		l.Units = slices.Clone(good.Units)
		change(&l)
		_, err := l.MarshalBinary()
		assert.ErrorContains(t, err, "ledger: leaf: ")
		assert.ErrorContains(t, err, want)
		_, err = l.Hash()
		assert.ErrorContains(t, err, want)
	}
}

func TestNames(t *testing.T) {
	n := nonce(0xabcd)
	text, err := n.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, "0000000000000000000000000000abce", string(text))
	var back ledger.Nonce
	require.NoError(t, back.UnmarshalText(text))
	assert.Equal(t, n, back)
	for text, want := range map[string]string{
		"00":                               "ledger: nonce has 2 characters, want 32",
		"0000000000000000000000000000ABCE": "ledger: nonce holds 'A', want lower-case hexadecimal digits",
		"0000000000000000000000000000abc ": "ledger: nonce holds ' ', want lower-case hexadecimal digits",
	} {
		assert.EqualError(t, back.UnmarshalText([]byte(text)), want)
		assert.Equal(t, n, back)
	}
	assert.Equal(t, "2026-11-25 02:00", hour.String())
	assert.NotEqual(t, ledger.UnitNumber("vendor|eg|code/en|2"), ledger.UnitNumber("vendor|eg|code/en|3"))
	assert.Equal(t, "kind 99", ledger.Kind(99).String())
	assert.Equal(t, "mode 0", ledger.Mode(0).String())
}
