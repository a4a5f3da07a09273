package watermark

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A vector is one row of native.jsonl, written by internal/vectors.
type vector struct {
	Kind, Secret, Derived, P, Word, Gate string
	Family, Stream                       byte
	Width, Choice, Layer                 int
	Window, Tokens                       []Token
	Words, Scores, Draws                 []string
	Score, Draw                          string
	Logits                               []string `json:"logits_f32"`
	Shares                               []uint64
}

func readVectors(t *testing.T, kind string) []vector {
	t.Helper()
	dir := "testdata"
	if d := os.Getenv("DYETRACE_VECTORS"); d != "" {
		dir = d
	}
	f, err := os.Open(filepath.Join(dir, "native.jsonl"))
	if os.IsNotExist(err) {
		t.Skipf("no native.jsonl in %s", dir)
	}
	require.NoError(t, err)
	defer f.Close()
	var rows []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&v))
		switch v.Kind {
		case "words", "scores", "race", "gate":
		default:
			t.Fatalf("unknown kind %q", v.Kind)
		}
		if v.Kind == kind {
			rows = append(rows, v)
		}
	}
	require.NoError(t, lines.Err())
	require.NotEmpty(t, rows)
	return rows
}

func (v vector) key(t *testing.T) keys.Key {
	b, err := hex.DecodeString(v.Secret)
	require.NoError(t, err)
	k, err := keys.New(bytes.NewReader(b))
	require.NoError(t, err)
	return k
}

func (v vector) row(t *testing.T) []float32 {
	row := make([]float32, len(v.Logits))
	for i, s := range v.Logits {
		bits, err := strconv.ParseUint(s, 16, 32)
		require.NoError(t, err)
		row[i] = math.Float32frombits(uint32(bits))
	}
	return row
}

func TestVectorsWords(t *testing.T) {
	for _, v := range readVectors(t, "words") {
		var derived [64]byte
		require.NoError(t, v.key(t).Expand(prf.Context, []byte{v.Family, v.Stream, byte(v.Width)}, derived[:]))
		require.Equal(t, v.Derived, hex.EncodeToString(derived[:]))
		n, err := newNative(v.key(t), v.Family, int(v.Stream)+1, v.Width)
		require.NoError(t, err)
		r := n.Open()
		place, ok := r.Seek(v.Window)
		require.True(t, ok)
		if v.Stream == 0 {
			p, err := hex.DecodeString(v.P)
			require.NoError(t, err)
			assert.Equal(t, binary.LittleEndian.Uint64(p), place.Seed)
		}
		coarse := make([]byte, len(v.Tokens))
		require.True(t, r.Coarse(int(v.Stream), v.Tokens, 0, coarse))
		for i, token := range v.Tokens {
			word := r.Word(int(v.Stream), token)
			assert.Equal(t, parseWord(t, v.Words[i]), word, "token %d", token)
			assert.Equal(t, byte(word>>56), coarse[i])
			checkScores(t, word, v.Scores[i], v.Draws[i])
		}
		dense := make([]byte, 300)
		require.True(t, r.Coarse(int(v.Stream), nil, 0, dense))
		for token := range dense {
			assert.Equal(t, byte(r.Word(int(v.Stream), Token(token))>>56), dense[token])
		}
	}
}

func TestVectorsScores(t *testing.T) {
	for _, v := range readVectors(t, "scores") {
		checkScores(t, parseWord(t, v.Word), v.Score, v.Draw)
	}
}

// TestTopWord: no word has an infinite score or draw value. It kills the mutant
// u = (word>>11 + ½)·2^−53, which rounds to 1 at the top.
func TestTopWord(t *testing.T) {
	for _, word := range []uint64{0, math.MaxUint64, math.MaxUint64 - 1<<10, math.MaxUint64 - 1<<11 + 1} {
		assert.False(t, math.IsInf(raceScore(word), 0), "score of %x", word)
		assert.False(t, math.IsInf(logRate(word), 0), "draw of %x", word)
		assert.LessOrEqual(t, raceScore(word), 64*math.Ln2)
	}
}

func checkScores(t *testing.T, word uint64, score, draw string) {
	t.Helper()
	s, err := strconv.ParseFloat(score, 64)
	require.NoError(t, err)
	g, err := strconv.ParseFloat(draw, 64)
	require.NoError(t, err)
	if s == 0 {
		assert.Zero(t, raceScore(word))
	} else {
		assert.InEpsilon(t, s, raceScore(word), 1e-13, "score of %x", word)
	}
	assert.InDelta(t, g, -logRate(word), 1e-13, "draw of %x", word)
	assert.LessOrEqual(t, -logRate(word), float64(bounds.hi[word>>56]))
}

func TestVectorsRace(t *testing.T) {
	for _, v := range readVectors(t, "race") {
		w, err := New(v.key(t), Gumbel{}, Options{Width: v.Width})
		require.NoError(t, err)
		s, err := w.NewSession(SessionOptions{Seed: SeedOf(1)})
		require.NoError(t, err)
		for _, token := range v.Window {
			require.NoError(t, s.Accept(token))
		}
		require.True(t, s.Marked())
		got, err := s.Sample(nil, v.row(t))
		require.NoError(t, err)
		assert.Equal(t, Token(v.Choice), got)
	}
}

func TestVectorsGate(t *testing.T) {
	for _, v := range readVectors(t, "gate") {
		var layers []Layer
		for i, share := range v.Shares {
			w, err := New(v.key(t), Gumbel{}, Options{Width: len(v.Window) + i})
			require.NoError(t, err)
			layers = append(layers, Layer{Name: strconv.Itoa(i), Share: share, Mark: w})
		}
		l, err := NewLayers(v.key(t), layers...)
		require.NoError(t, err)
		gate := l.gate.key().NewGate().Seek(v.Window)
		assert.Equal(t, parseWord(t, v.Gate), gate)
		assert.Equal(t, v.Layer, l.gate.layer(gate))
	}
}

func parseWord(t *testing.T, s string) uint64 {
	x, err := strconv.ParseUint(s, 16, 64)
	require.NoError(t, err)
	return x
}
