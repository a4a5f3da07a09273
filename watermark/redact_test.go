package watermark

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
)

// TestPrintingShowsNoSecret prints everything that is made with a key by every
// verb, alone and inside another value (inside fields that are not exported by the
// verbs of structs), and looks for the derived keys, the
// request's text and its seed. It kills the mutants that keep the words' keys in
// plain fields and that drop a Format method.
func TestPrintingShowsNoSecret(t *testing.T) {
	v := readVectors(t, "words")[0]
	w, err := New(v.key(t), Gumbel{}, Options{})
	require.NoError(t, err)
	l, err := NewLayers(v.key(t), Layer{Name: "a", Share: AllWindows, Mark: w})
	require.NoError(t, err)
	s, err := l.NewSession(SessionOptions{Seed: SeedOf(1)})
	require.NoError(t, err)
	d, sc := l.Mark("a").NewDetector(), w.NewScorer()
	text := []Token{777001, 777002, 777003, 777004, 777005, 777006}
	for _, token := range text {
		require.NoError(t, s.Accept(token))
	}
	require.NoError(t, d.Add(Text{Tokens: text}))

	var derived [64]byte
	require.NoError(t, v.key(t).Expand(prf.Context, []byte{prf.FamilyGumbel, 0, 3}, derived[:]))
	k0 := binary.LittleEndian.Uint32(derived[:])
	score := d.pairs.at(0).score
	secrets := []string{fmt.Sprint(k0), fmt.Sprintf("%x", k0), "777002", "bde8a", fmt.Sprint(score), fmt.Sprintf("%x", score)}
	type holder struct {
		A any
		w *Watermark
		s *Session
		d *Detector
	}
	for _, x := range []any{w, l, s, d, sc, l.Mark("a"), []any{w, s, d}, map[string]any{"x": s}, holder{s, w, s, d}, &holder{d, w, s, d}} {
		verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"}
		if h := fmt.Sprintf("%T", x); strings.HasSuffix(h, "holder") { // of fields that are not exported fmt asks no method
			verbs = verbs[:3]
		}
		for _, verb := range verbs {
			printed := fmt.Sprintf(verb, x)
			for _, secret := range secrets {
				assert.False(t, strings.Contains(printed, secret), "%s of %T shows %s: %.200s", verb, x, secret, printed)
			}
		}
	}
	// What looks through pointers and past methods, as a test's diff does, finds
	// no key in a mark.
	assert.NotContains(t, fmt.Sprintf("%+v", *w.source.(*native)), fmt.Sprint(k0))
	assert.NotContains(t, fmt.Sprintf("%+v", *l.gate), fmt.Sprint(k0))
}

// TestZeroValuesFail: the zero values refuse by an error, they do not panic.
func TestZeroValuesFail(t *testing.T) {
	var w Watermark
	_, err := w.NewSession(SessionOptions{Seed: SeedOf(1)})
	require.ErrorIs(t, err, errZeroSession)
	_, err = new(Layers).NewSession(SessionOptions{Seed: SeedOf(1)})
	require.ErrorIs(t, err, errZeroSession)
	_, err = w.Detect(Text{Tokens: []Token{1}})
	require.ErrorIs(t, err, errZeroDetector)
	_, err = w.Units(nil, nil)
	require.ErrorIs(t, err, errZeroDetector)
	_, err = w.Localize(Text{}, 0.1)
	require.ErrorIs(t, err, errZeroDetector)
	assert.False(t, w.Scores([]Token{1, 2, 3}, nil, nil))
	assert.Equal(t, SourceInfo{}, w.Info())
	assert.Empty(t, w.ID())
	assert.NotNil(t, w.Decoy([32]byte{}, 1))
	_, err = Search(nil, []Candidate{{Name: "a", Mark: &w}})
	require.EqualError(t, err, `watermark: candidate 0 ("a") has no mark`)

	s := new(Session)
	_, err = s.Sample(nil, []float32{1})
	require.ErrorIs(t, err, errZeroSession)
	_, err = s.Perturb(nil, []float32{1})
	require.ErrorIs(t, err, errZeroSession)
	_, err = s.Fork(0, 1)
	require.ErrorIs(t, err, errZeroSession)
	require.ErrorIs(t, s.Accept(1), errZeroSession)
	require.ErrorIs(t, s.AcceptPrompt([]Token{1}), errZeroSession)
	require.ErrorIs(t, s.Rewind(0), errZeroSession)
	require.ErrorIs(t, s.Reset(SessionOptions{Seed: SeedOf(1)}), errZeroSession)
	require.ErrorIs(t, s.CopyFrom(new(Session)), errZeroSession)
	assert.False(t, s.Marked())

	key := readVectors(t, "words")[0].key(t)
	_, err = NewLayers(key, Layer{Name: "a", Share: AllWindows, Mark: &w})
	require.EqualError(t, err, `watermark: layer "a" has no mark`)
	_, err = NewSeed(nil)
	require.EqualError(t, err, "watermark: reading a session seed: the reader is nil")
	assert.Equal(t, Seed{}, SeedOf())
}

// TestResetForgets: a detector that is reset is a new one, whatever it had read,
// small texts or large, with texts skipped or not.
func TestResetForgets(t *testing.T) {
	w, err := New(readVectors(t, "words")[0].key(t), Gumbel{}, Options{})
	require.NoError(t, err)
	text := func(n, salt int) Text {
		tokens := make([]Token, n)
		for i := range tokens {
			tokens[i] = Token((int64(i)*int64(i)*7 + int64(salt*i)) % 5003)
		}
		return Text{Tokens: tokens}
	}
	used := w.NewDetector()
	for i, n := range []int{10, 300, 60_000, 5, 2000, 0, 900} {
		require.NoError(t, used.Skip(text(20, i).Tokens))
		require.NoError(t, used.Add(text(n, i)))
		used.Reset()
		require.Equal(t, w.NewDetector().Result(), used.Result())
		require.NoError(t, used.Add(text(500, i+100)))
		fresh, err := w.Detect(text(500, i+100))
		require.NoError(t, err)
		require.Equal(t, fresh, used.Result())
	}
}

// TestOddScoresCountAgainst: a scheme's score that is no number, negative or
// beyond the range adds nothing to the claim.
func TestOddScoresCountAgainst(t *testing.T) {
	var nan float64
	nan /= nan
	for _, x := range []float64{nan, -1, -1e-300, 0x1p31, 1e300, 1 / nan, -1e300} {
		assert.Zero(t, fixed(x), "%v", x)
	}
	assert.Equal(t, uint64(1), fixed(0x1p-32))
	assert.Equal(t, uint64(3<<31), fixed(1.5))
}
