package vllm

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Mutants that were tried by hand, with tests that fail:
//
//	words of a block in reverse order                     TestVectorsPRF, TestVectorsTexts, TestVectorsSteps
//	entries −1 taken as 0                                 TestVectorsPRF, TestVectorsTexts, TestVectorsSteps
//	blocks short of a width padded with zeros             TestVectorsPRF, TestVectorsTexts
//	offset not mixed into the key                         TestVectorsPRF, TestVectorsTexts
//	key halves exchanged, another constant                TestVectorsPRF
//	uniform without the step to the float below           TestVectorsPRF, TestVectorsSteps
//	signed shift of a word                                TestVectorsPRF, TestCalibration
//	sub-keys from little-endian keys                      TestVectorsKeys
//	keys of the dual score exchanged                      TestVectorsTexts
//	dual p without its v                                  TestVectorsTails
//	prompt in the context                                 TestVectorsSteps, TestVectorsTraces, TestSkipRule
//	scope All with a padded head, without the prompt      TestVectorsTraces, TestSkipRule
//	history without its limit                             TestSkipRule
//	first occurrence by context and token                 TestVectorsTexts
//	repeats counted in LogP                               TestRepeatsConvict, TestCalibration
//	p below instead of at the threshold                   TestThreshold
//	ties to the highest id                                TestTies
//	pruning too tight                                     TestPruning
//	recovery with key A, another share of key B           TestVectorsSteps, TestRouteIsTheRequests
//	recovery marked without leave                         TestRoles

type keyRow struct {
	Key  string `json:"key"`
	KeyA string `json:"key_a"`
	KeyB string `json:"key_b"`
}

func TestVectorsKeys(t *testing.T) {
	for _, r := range conformance.Rows[keyRow](t, "vllm_keys.jsonl") {
		assert.Equal(t, conformance.Uint64(t, r.KeyA), subKey("key_a", conformance.Uint64(t, r.Key)))
		assert.Equal(t, conformance.Uint64(t, r.KeyB), subKey("key_b", conformance.Uint64(t, r.Key)))
	}
}

type prfRow struct {
	Key      string            `json:"key"`
	Context  []watermark.Token `json:"context"`
	Token    watermark.Token   `json:"token"`
	Word     uint32            `json:"word"`
	U        string            `json:"u_f32"`
	Score    float64           `json:"score"`
	ScoreF64 string            `json:"score_f64"`
}

func TestVectorsPRF(t *testing.T) {
	for i, r := range conformance.Rows[prfRow](t, "vllm_prf.jsonl") {
		c := Config{Key: NewKey(conformance.Uint64(t, r.Key)), ContextWidth: len(r.Context)}
		reader := newSource(c.resolved()).Open()
		_, ok := reader.Seek(r.Context)
		require.True(t, ok)
		word := reader.Word(0, r.Token)
		assert.Equal(t, uint64(r.Word)<<32, word, "row %d", i)
		assert.Equal(t, conformance.Float32(t, r.U), uniform(r.Word), "row %d", i)
		want := conformance.BothFloat64(t, r.ScoreF64, r.Score)
		conformance.Near(t, want, single{}.Score(reader, watermark.Place{}, r.Token), scoreTolerance, "score")
		if c.ContextWidth > MaxContextWidth || r.Context[0] < 0 {
			continue
		}
		scores := make([]float64, 1)
		require.True(t, newMark(t, c).Scores(r.Context, []watermark.Token{r.Token}, scores))
		conformance.Near(t, want, scores[0], scoreTolerance, "score of the mark")
	}
}

type tailRow struct {
	Function  string   `json:"fn"`
	Score     float64  `json:"score"`
	Shape     *int     `json:"shape"`
	NumScored *int     `json:"num_scored"`
	Alpha     *float64 `json:"alpha"`
	P         float64  `json:"p"`
	PF64      string   `json:"p_f64"`
}

func TestVectorsTails(t *testing.T) {
	for i, r := range conformance.Rows[tailRow](t, "vllm_tails.jsonl") {
		var p float64
		switch r.Function {
		case "gamma_survival_integer_shape":
			require.NotNil(t, r.Shape)
			p = gammaP(r.Score, float64(*r.Shape))
		case "dual_gammaincc":
			require.NotNil(t, r.NumScored)
			require.NotNil(t, r.Alpha)
			p = dualP(r.Score, *r.NumScored, *r.Alpha)
		default:
			t.Fatalf("row %d: unknown function %q", i, r.Function)
		}
		conformance.Near(t, conformance.BothFloat64(t, r.PF64, r.P), p, pTolerance, r.Function+" row "+strconv.Itoa(i))
	}
}

type textRow struct {
	conformance.Text
	Detect []detectRow `json:"detect"`
}

type detectRow struct {
	Label    string `json:"label"`
	Detector struct {
		Key                 string    `json:"key"`
		ContextWidth        int       `json:"context_width"`
		DeduplicateContexts bool      `json:"deduplicate_contexts"`
		Algorithm           Algorithm `json:"algorithm"`
		Alpha               *float64  `json:"alpha"`
	} `json:"detector"`
	NumScored     int     `json:"num_scored"`
	Score         float64 `json:"score"`
	ScoreF64      string  `json:"score_f64"`
	P             float64 `json:"p"`
	PF64          string  `json:"p_f64"`
	IsWatermarked bool    `json:"is_watermarked"`
}

func (d detectRow) config(t *testing.T) Config {
	return Config{Key: NewKey(conformance.Uint64(t, d.Detector.Key)), Algorithm: d.Detector.Algorithm, ContextWidth: d.Detector.ContextWidth, Alpha: d.Detector.Alpha}
}

// checkLabel holds a detector's parameters to its label.
func (d detectRow) checkLabel(t *testing.T, r textRow) {
	if d.Label == "any" {
		require.Equal(t, "unmarked", r.Kind)
		return
	}
	c := configOf(t, r.Config)
	sameKey := conformance.Uint64(t, d.Detector.Key) == c.Key.secret.Value()
	sameWidth := d.Detector.ContextWidth == c.ContextWidth
	alpha, isAlpha := strings.CutPrefix(d.Label, "alpha-")
	switch {
	case d.Label == "right", d.Label == "right-nodedup":
		require.True(t, sameKey && sameWidth && d.Detector.DeduplicateContexts == (d.Label == "right"))
	case d.Label == "wrong-key":
		require.False(t, sameKey)
	case d.Label == "wrong-width":
		require.False(t, sameWidth)
	case d.Label == "default-alpha":
		require.Equal(t, defaultAlpha, *d.Detector.Alpha)
	case isAlpha:
		want, err := strconv.ParseFloat(alpha, 64)
		require.NoError(t, err)
		require.Equal(t, want, *d.Detector.Alpha)
	default:
		t.Fatalf("%s: unknown label %q", r.ID, d.Label)
	}
}

func TestVectorsTexts(t *testing.T) {
	compared := 0
	for _, r := range conformance.Rows[textRow](t, "vllm_texts.jsonl") {
		r.Check(t, "vllm", "0.33.0")
		require.NotEmpty(t, r.Detect, r.ID)
		for _, d := range r.Detect {
			d.checkLabel(t, r)
			compareDetection(t, r, d)
			compared++
		}
	}
	t.Logf("%d detections", compared)
}

func compareDetection(t *testing.T, r textRow, d detectRow) {
	t.Helper()
	what := r.ID + " " + d.Label
	c := d.config(t)
	got, err := Detect(c, DetectorOptions{CountRepeats: !d.Detector.DeduplicateContexts, VocabSize: r.VocabSize}, r.Completion)
	require.NoError(t, err, what)
	assert.Equal(t, d.NumScored, got.NumScored, what)
	conformance.Near(t, conformance.BothFloat64(t, d.ScoreF64, d.Score), got.Score, scoreTolerance, what+" score")
	conformance.Near(t, conformance.BothFloat64(t, d.PF64, d.P), got.EngineP, pTolerance, what+" p")
	assert.Equal(t, d.IsWatermarked, got.IsWatermarked, what)

	w := newMark(t, c)
	result, err := w.Detect(watermark.Text{Prompt: r.Prompt, PromptKnown: r.Prompt != nil, Tokens: r.Completion})
	require.NoError(t, err)
	assert.Equal(t, result.LogP, got.LogP, "%s: both faces have one ln p", what)
	if d.Detector.DeduplicateContexts {
		assert.Equal(t, d.NumScored, result.Scored, what)
		assert.InDelta(t, d.Score, result.Score, float64(len(r.Completion))*0x1p-32+scoreTolerance*d.Score, what)
		checkLogP(t, d, c.resolved(), got.LogP, what)
	}
}

// checkLogP compares ln p with the engine's p, where that is right: with one key.
// With two it is the exact tail of another law with the same two moments.
func checkLogP(t *testing.T, d detectRow, c Config, logP float64, what string) {
	t.Helper()
	switch v := *c.Alpha; {
	case c.Algorithm == Gumbel || v == 0 || v == 1 || v == 0.5:
		if d.P > 1e-300 {
			assert.InDelta(t, math.Log(d.P), logP, 1e-6, what)
		}
	default:
		assert.InEpsilon(t, 1+tail.DualGamma(d.Score, int64(d.NumScored), v), 1+logP, 1e-6, what)
	}
}

// TestVectorsTraces replays what the generator did: a session is marked where, and
// only where, the generator drew with the mark.
func TestVectorsTraces(t *testing.T) {
	replayed := 0
	for _, r := range conformance.Rows[textRow](t, "vllm_texts.jsonl") {
		if r.Kind == "unmarked" {
			assert.Equal(t, strings.Repeat("-", len(r.Completion)), r.Trace)
			continue
		}
		if r.Kind != "marked" {
			assert.Empty(t, r.Trace)
			continue
		}
		require.Len(t, r.Trace, len(r.Completion), r.ID)
		s := newSession(t, configOf(t, r.Config), watermark.SessionOptions{Prompt: r.Prompt})
		for i, token := range r.Completion {
			switch r.Trace[i] {
			case 'A', 'B':
				require.True(t, s.Marked(), "%s position %d", r.ID, i)
			case '-':
				require.False(t, s.Marked(), "%s position %d", r.ID, i)
			default:
				t.Fatalf("%s: unknown letter %q", r.ID, r.Trace[i])
			}
			conformance.Accept(t, s, token)
		}
		replayed += len(r.Completion)
	}
	t.Logf("%d positions", replayed)
}
