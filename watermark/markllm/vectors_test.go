package markllm

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/internal/mt19937"
)

// Vectors of MarkLLM 0.1.5 with torch 2.15.0: every field of every row. The folder is
// testdata/vectors, or DYETRACE_VECTORS where that is set.
//
// Mutants that the tests of this file were seen to kill, each tried by hand:
//   - KGW: the seed without mod V; f of the window's last id for min and for skip;
//   - Unigram: SHA-256 of the key big-endian; the words of SeedSequence in the other order; the
//     high half of a 64-bit word first; shuffle from below; bounded integers by multiplication;
//   - EXP: high 24 bits of a word; the context one place off; 1/(1−u) in float64 is not seen at
//     these tolerances; seed 0 scored: TestSeedZeroIsNoEvidence.

func TestVectorFilesAreKnown(t *testing.T) {
	conformance.Known(t, "markllm_*", "markllm_prf.jsonl", "markllm_texts.jsonl")
}

// vocabSize is the vectors' vocabulary where a row does not say it.
const vocabSize = 49152

// engineConfig turns a vector's configuration into the engine's file: it lacks the
// thresholds, which are the defaults.
func engineConfig(t *testing.T, algorithm string, raw json.RawMessage) []byte {
	t.Helper()
	fields := map[string]json.RawMessage{}
	require.NoError(t, json.Unmarshal(raw, &fields))
	if name, ok := fields["algorithm"]; ok {
		require.Equal(t, strconv.Quote(algorithm), string(name))
		delete(fields, "algorithm")
	}
	fields["algorithm_name"] = json.RawMessage(strconv.Quote(algorithm))
	b, err := json.Marshal(fields)
	require.NoError(t, err)
	return b
}

func kgwOf(t *testing.T, raw json.RawMessage) KGWConfig {
	t.Helper()
	c, err := ParseKGWConfig(engineConfig(t, "KGW", raw))
	require.NoError(t, err)
	return c
}

func unigramOf(t *testing.T, raw json.RawMessage) UnigramConfig {
	t.Helper()
	c, err := ParseUnigramConfig(engineConfig(t, "Unigram", raw))
	require.NoError(t, err)
	return c
}

func expOf(t *testing.T, raw json.RawMessage) EXPConfig {
	t.Helper()
	c, err := ParseEXPConfig(engineConfig(t, "EXP", raw))
	require.NoError(t, err)
	return c
}

func TestPRFVectors(t *testing.T) {
	kgw := map[string]*kgwReader{}
	for _, row := range conformance.Rows[json.RawMessage](t, "markllm_prf.jsonl") {
		var head struct {
			Scheme string `json:"scheme"`
		}
		require.NoError(t, json.Unmarshal(row, &head))
		switch head.Scheme {
		case "KGW":
			kgwRow(t, row, kgw)
		case "EXP":
			expRow(t, row)
		case "Unigram":
			unigramRow(t, row)
		default:
			require.Fail(t, "unknown scheme", "%q", head.Scheme)
		}
	}
}

func kgwRow(t *testing.T, data []byte, readers map[string]*kgwReader) {
	t.Helper()
	var row struct {
		Scheme            string            `json:"scheme"`
		Config            json.RawMessage   `json:"config"`
		IDs               []watermark.Token `json:"ids"`
		PRFFirst8         []int32           `json:"prf_first8"`
		F                 int32             `json:"f"`
		RNGSeed           uint64            `json:"rng_seed"`
		GreenlistSize     int               `json:"greenlist_size"`
		GreenFirst16      []int32           `json:"green_first16"`
		GreenSortedSHA256 string            `json:"green_sorted_sha256"`
	}
	conformance.Decode(t, data, &row)
	c := kgwOf(t, row.Config)
	c.VocabSize = vocabSize
	r := readers[string(row.Config)]
	if r == nil {
		full, err := c.withDefaults()
		require.NoError(t, err)
		r = newKGWSource(full).Open().(*kgwReader)
		readers[string(row.Config)] = r
	}
	assert.Equal(t, row.PRFFirst8, r.prf[:8])
	window := row.IDs[len(row.IDs)-c.PrefixLength:]
	f, ok := r.hash(window)
	require.True(t, ok)
	assert.Equal(t, row.F, f)
	place, ok := r.Seek(window)
	require.True(t, ok)
	assert.Equal(t, row.RNGSeed, place.Seed)
	assert.Equal(t, row.RNGSeed, r.Seed(0))

	perm := make([]int32, vocabSize)
	var g mt19937.Generator
	g.Seed(place.Seed)
	g.PermHead(perm, row.GreenlistSize)
	assert.Equal(t, row.GreenFirst16, perm[:16])
	n, sum := conformance.SetSHA256(r.list.Set())
	assert.Equal(t, row.GreenlistSize, n)
	assert.Equal(t, row.GreenSortedSHA256, sum)

	w, err := NewKGW(c)
	require.NoError(t, err)
	var score [2]float64
	require.True(t, w.Scores(row.IDs, []watermark.Token{perm[0], perm[row.GreenlistSize-1]}, score[:]))
	assert.Equal(t, [2]float64{1, 1}, score)
}

func expRow(t *testing.T, data []byte) {
	t.Helper()
	var row struct {
		Scheme  string            `json:"scheme"`
		Config  json.RawMessage   `json:"config"`
		IDs     []watermark.Token `json:"ids"`
		RNGSeed uint64            `json:"rng_seed,string"`
		Tokens  []watermark.Token `json:"tokens"`
		UF32    []string          `json:"u_f32"`
	}
	conformance.Decode(t, data, &row)
	c := expOf(t, row.Config)
	c.VocabSize = vocabSize
	full, err := c.withDefaults()
	require.NoError(t, err)
	r := newEXPSource(full).Open().(*expReader)
	window := row.IDs[len(row.IDs)-c.PrefixLength:]
	assert.Equal(t, row.RNGSeed, r.source.engineSeed(window))
	w, err := NewEXP(c)
	require.NoError(t, err)
	scores := make([]float64, len(row.Tokens))
	require.True(t, w.Scores(row.IDs, row.Tokens, scores))
	require.Len(t, row.UF32, len(row.Tokens))
	for i, x := range row.Tokens {
		u := float64(conformance.Float32(t, row.UF32[i]))
		_, ok := r.Seek(window) // so that each word is made on its own, and below all at once
		require.True(t, ok)
		assert.Equal(t, u, float64(r.Word(0, x))*0x1p-64)
		want := -math.Log1p(-u)
		if row.RNGSeed&math.MaxUint32 == 0 {
			want = 0
		}
		assert.InDelta(t, want, scores[i], 1e-12*want)
	}
	r.fill()
	for i, x := range row.Tokens {
		assert.Equal(t, float64(conformance.Float32(t, row.UF32[i])), float64(r.Word(0, x))*0x1p-64)
	}
}

func unigramRow(t *testing.T, data []byte) {
	t.Helper()
	var row struct {
		Scheme  string  `json:"scheme"`
		HashKey uint64  `json:"hash_key"`
		Gamma   float64 `json:"gamma"`
		Seed    uint32  `json:"seed"`
		Ones    int     `json:"ones"`
		MaskHex string  `json:"mask_bits_lsb_first_hex"`
	}
	conformance.Decode(t, data, &row)
	want, err := hex.DecodeString(row.MaskHex)
	require.NoError(t, err)
	c, err := UnigramConfig{HashKey: NewHashKey(row.HashKey), Gamma: row.Gamma, VocabSize: 8 * len(want)}.withDefaults()
	require.NoError(t, err)
	assert.Equal(t, row.Seed, unigramSeed(row.HashKey))
	s := newUnigramSource(c)
	assert.Equal(t, row.Ones, s.green)
	got := make([]byte, len(want))
	for i, green := range s.mask() {
		if green {
			got[i/8] |= 1 << (i % 8)
		}
	}
	assert.True(t, bytes.Equal(want, got), "mask of seed %d", row.Seed)
}

type textRow struct {
	ID            string            `json:"id"`
	Kind          string            `json:"kind"`
	Engine        string            `json:"engine"`
	EngineVersion string            `json:"engine_version"`
	Config        json.RawMessage   `json:"config"`
	Model         string            `json:"model"`
	VocabSize     int               `json:"vocab_size"`
	Temperature   float64           `json:"temperature"`
	PromptIDs     []watermark.Token `json:"prompt_ids"`
	CompletionIDs []watermark.Token `json:"completion_ids"`
	Trace         string            `json:"trace"`
	Detect        []detectRow       `json:"detect"`
}

type detectRow struct {
	Label         string          `json:"label"`
	Detector      json.RawMessage `json:"detector"`
	Error         string          `json:"error"`
	Z             json.RawMessage `json:"z"`
	ZF64          string          `json:"z_f64"`
	NumGreen      *int            `json:"num_green"`
	NumScored     int             `json:"num_scored"`
	P             json.RawMessage `json:"p"`
	PF64          string          `json:"p_f64"`
	IsWatermarked bool            `json:"is_watermarked"`
}

// number reads a plain value, which is a string where it is not finite.
func number(t *testing.T, raw json.RawMessage) float64 {
	t.Helper()
	text := string(raw)
	if len(text) > 0 && text[0] == '"' {
		require.NoError(t, json.Unmarshal(raw, &text))
	}
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}

// assertNear compares x with want to a relative tolerance; NaN is near NaN.
func assertNear(t *testing.T, want, x, tolerance float64, where string) {
	t.Helper()
	if math.IsNaN(want) {
		assert.True(t, math.IsNaN(x), "%s: %v, want NaN", where, x)
		return
	}
	assert.InDelta(t, want, x, tolerance*math.Abs(want), where)
}

// reading is a mark with the engine's detector, by the text of its configuration.
type reading struct {
	mark *watermark.Watermark
	kgw  *KGWDetector
	uni  *UnigramDetector
	exp  *EXPDetector
}

func readingOf(t *testing.T, raw json.RawMessage, vocab int) reading {
	t.Helper()
	var head struct {
		Algorithm string `json:"algorithm"`
	}
	require.NoError(t, json.Unmarshal(raw, &head))
	var r reading
	var err, err2 error
	switch head.Algorithm {
	case "KGW":
		c := kgwOf(t, raw)
		c.VocabSize = vocab
		r.mark, err = NewKGW(c)
		r.kgw, err2 = NewKGWDetector(c)
	case "Unigram":
		c := unigramOf(t, raw)
		c.VocabSize = vocab
		r.mark, err = NewUnigram(c)
		r.uni, err2 = NewUnigramDetector(c)
	case "EXP":
		c := expOf(t, raw)
		c.VocabSize = vocab
		r.mark, err = NewEXP(c)
		r.exp, err2 = NewEXPDetector(c)
	default:
		require.Fail(t, "unknown algorithm", "%q", head.Algorithm)
	}
	require.NoError(t, err)
	require.NoError(t, err2)
	return r
}

func TestTextVectors(t *testing.T) {
	readings := map[string]reading{}
	deepest := 0.0
	for _, row := range conformance.Rows[textRow](t, "markllm_texts.jsonl") {
		switch row.Kind {
		case "marked", "edge", "unmarked", "long":
		default:
			require.Fail(t, "unknown kind", "%q of %s", row.Kind, row.ID)
		}
		switch row.Engine {
		case "markllm":
			require.Equal(t, "0.1.5", row.EngineVersion)
		case "none":
		default:
			require.Fail(t, "unknown engine", "%q of %s", row.Engine, row.ID)
		}
		if row.Engine != "none" {
			readingOf(t, row.Config, row.VocabSize)
		}
		for _, want := range row.Detect {
			switch want.Label {
			case "right", "wrong-key", "any":
			default:
				require.Fail(t, "unknown label", "%q of %s", want.Label, row.ID)
			}
			name := string(want.Detector) + strconv.Itoa(row.VocabSize)
			r, ok := readings[name]
			if !ok {
				r = readingOf(t, want.Detector, row.VocabSize)
				readings[name] = r
			}
			where := row.ID + " " + want.Label
			logP := 0.0
			if r.exp != nil {
				logP = expText(t, r, row.CompletionIDs, want, where)
			} else {
				logP = greenText(t, r, row.CompletionIDs, want, where)
			}
			if want.Label == "right" && row.Kind == "marked" {
				deepest = min(deepest, logP)
			}
			if want.Label == "wrong-key" || row.Kind == "unmarked" {
				assert.Greater(t, logP, -20.0, where)
			}
		}
	}
	assert.Less(t, deepest, -10.0)
}

func greenText(t *testing.T, r reading, text []watermark.Token, want detectRow, where string) float64 {
	t.Helper()
	var got GreenDetection
	var err error
	if r.kgw != nil {
		got, err = r.kgw.Detect(text)
	} else {
		got, err = r.uni.Detect(text)
	}
	switch want.Error {
	case "":
		require.NoError(t, err, where)
	case "ValueError", "ZeroDivisionError":
		require.ErrorContains(t, err, "tokens, want at least", where)
		return 0
	default:
		require.Fail(t, "unknown error", "%q: %s", want.Error, where)
	}
	require.NotNil(t, want.NumGreen, where)
	assert.Equal(t, want.NumScored, got.NumScored, where)
	assert.Equal(t, *want.NumGreen, got.NumGreen, where)
	assertNear(t, conformance.Float64(t, want.ZF64), got.ZScore, 1e-12, where)
	assertNear(t, number(t, want.Z), got.ZScore, 1e-12, where)
	assert.Equal(t, got.ZScore > 4, got.IsWatermarked, where)
	assert.Empty(t, want.PF64, where)
	res, err := r.mark.Detect(watermark.Text{Tokens: text})
	require.NoError(t, err)
	assert.Equal(t, res.Scored, got.Units, where)
	assert.Equal(t, res.Score, float64(got.Green), where)
	assert.Equal(t, res.LogP, got.LogP, where)
	return got.LogP
}

func expText(t *testing.T, r reading, text []watermark.Token, want detectRow, where string) float64 {
	t.Helper()
	got, err := r.exp.Detect(text)
	require.NoError(t, err, where)
	require.Empty(t, want.Error, where)
	assert.Equal(t, want.NumScored, got.NumScored, where)
	assertNear(t, conformance.Float64(t, want.PF64), got.EnginePValue, 1e-8, where)
	assertNear(t, number(t, want.P), got.EnginePValue, 1e-8, where)
	assert.Equal(t, want.IsWatermarked, got.IsWatermarked, where)
	assert.Nil(t, want.NumGreen, where)
	assert.Empty(t, want.ZF64, where)
	res, err := r.mark.Detect(watermark.Text{Tokens: text})
	require.NoError(t, err)
	assert.Equal(t, res.Scored, got.Scored, where)
	assert.Equal(t, res.Score, got.Score, where)
	assert.Equal(t, res.LogP, got.LogP, where)
	return got.LogP
}
