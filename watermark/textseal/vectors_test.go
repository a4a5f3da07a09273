package textseal

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

// Mutants killed in this file, each by the tests in brackets: primes in reverse
// order, an unsigned shift, r = k/8192 [PRF, Texts]; the float32 logarithm rounded
// correctly [Table, Texts]; r <= gamma [GreensAreStrict]; the first scored position
// one earlier, v1 for v2 [Texts]; P(X >= s) for mid-p, Φ computed as a tail [Texts];
// sums of 16 columns, weights from 1 to 10 [Texts]; r^p for r^(1/p), candidates passed
// over too soon, windows without the prompt [Steps].

// TestVectorFilesAreKnown: a file of this engine that no test reads is a failure.
func TestVectorFilesAreKnown(t *testing.T) {
	conformance.Known(t, "textseal*", "textseal_prf.jsonl", "textseal_table.jsonl", "textseal_texts.jsonl", "textseal_steps.jsonl")
}

func TestVectorsPRF(t *testing.T) {
	type row struct {
		Key     string            `json:"secret_key"`
		Window  []watermark.Token `json:"window"`
		Token   watermark.Token   `json:"token"`
		K       int               `json:"k"`
		R       string            `json:"r_f32"`
		Score   string            `json:"score_f32"`
		Half    int               `json:"green_gamma05"`
		Quarter int               `json:"green_gamma025"`
	}
	for _, v := range conformance.Rows[row](t, "textseal_prf.jsonl") {
		key, err := strconv.ParseInt(v.Key, 10, 64)
		require.NoError(t, err)
		c := Config{SecretKey: NewKey(key), Ngram: len(v.Window)}
		source := newSource(mustDefault(t, c))
		r := source.Open().(*reader)
		_, ok := r.Seek(v.Window)
		require.True(t, ok)
		assert.Equal(t, v.K, r.value(0, v.Token))
		assert.Equal(t, v.K, int(r.Word(0, v.Token)>>51))
		assert.Equal(t, conformance.Float32(t, v.R), uniform(v.K))
		assert.InDelta(t, conformance.Float32(t, v.Score), scoreTable().engine[v.K], 0)
		for gamma, green := range map[float64]int{0.5: v.Half, 0.25: v.Quarter} {
			assert.Equal(t, green == 1, v.K < greens(gamma))
			c.WatermarkType, c.Gamma = GreenList, gamma
			w, err := New(c)
			require.NoError(t, err)
			score := make([]float64, 1)
			require.True(t, w.Scores(v.Window, []watermark.Token{v.Token}, score))
			assert.Equal(t, float64(green), score[0])
		}
	}
}

func mustDefault(t *testing.T, c Config) Config {
	t.Helper()
	c, err := c.withDefaults()
	require.NoError(t, err)
	return c
}

// A value at gamma itself is not green.
func TestGreensAreStrict(t *testing.T) {
	for _, k := range []int{1, 2, 1000, 4095, 4096, 8190} {
		edge := uniform(k)
		assert.Equal(t, k, greens(float64(edge)))
		assert.Equal(t, k+1, greens(float64(math.Nextafter32(edge, 1))))
		assert.Equal(t, k, greens(float64(math.Nextafter32(edge, 0))))
	}
	assert.Equal(t, 4096, greens(0.5))
	assert.Equal(t, 1, greens(1e-9))
	assert.Zero(t, greens(0))
	assert.Equal(t, modulus, greens(1))
}

func TestVectorsTable(t *testing.T) {
	type row struct {
		K     int    `json:"k"`
		R     string `json:"r_f32"`
		Score string `json:"score_f32"`
	}
	next := 0
	for _, v := range conformance.Rows[row](t, "textseal_table.jsonl") {
		assert.Equal(t, next, v.K)
		next++
		assert.Equal(t, conformance.Float32(t, v.R), uniform(v.K))
		// −0 for k = 0 is the only zero.
		assert.InDelta(t, conformance.Float32(t, v.Score), scoreTable().engine[v.K], 0, "k %d", v.K)
		assert.InEpsilon(t, 1+scoreTable().engine[v.K], 1+scoreTable().exact[v.K], 1e-4)
		assert.LessOrEqual(t, float64(scoreTable().fixed[v.K])*0x1p-32, scoreTable().exact[v.K])
	}
}

// A detection is one detector run of a text row.
type detection struct {
	Label    string                     `json:"label"`
	Detector map[string]json.RawMessage `json:"detector"`
	Scored   int                        `json:"num_scored"`
	Mask     string                     `json:"mask"`
	Score    json.RawMessage            `json:"score"`
	ScoreF64 string                     `json:"score_f64"`
	P        json.RawMessage            `json:"p"`
	PF64     string                     `json:"p_f64"`
}

type textRow struct {
	ID          string                     `json:"id"`
	Kind        string                     `json:"kind"`
	Engine      string                     `json:"engine"`
	Version     string                     `json:"engine_version"`
	Config      map[string]json.RawMessage `json:"config"`
	Model       string                     `json:"model"`
	Vocab       int                        `json:"vocab_size"`
	Temperature float64                    `json:"temperature"`
	TopK        int                        `json:"top_k"`
	Prompt      []watermark.Token          `json:"prompt_ids"`
	Completion  []watermark.Token          `json:"completion_ids"`
	Trace       string                     `json:"trace"`
	Detect      []detection                `json:"detect"`
}

// parse reads a configuration of the vectors with ParseConfig. What is not of the
// engine's WatermarkConfig is taken out: top_p, and the name under which the
// vectors note that v2 went without a set.
func parse(t *testing.T, fields map[string]json.RawMessage) (c Config, unset bool) {
	t.Helper()
	fields = mapWithout(fields, "top_p")
	if string(fields["scoring_method"]) == `"v2-noset"` {
		fields["scoring_method"], unset = json.RawMessage(`"v2"`), true
	}
	b, err := json.Marshal(fields)
	require.NoError(t, err)
	c, err = ParseConfig(b)
	require.NoError(t, err)
	return c, unset
}

func mapWithout(m map[string]json.RawMessage, name string) map[string]json.RawMessage {
	out := make(map[string]json.RawMessage)
	for k, v := range m {
		if k != name {
			out[k] = v
		}
	}
	return out
}

func TestVectorsTexts(t *testing.T) {
	runs := 0
	for _, v := range conformance.Rows[textRow](t, "textseal_texts.jsonl") {
		switch v.Kind {
		case "marked", "edge", "long":
			require.Equal(t, "textseal", v.Engine)
			parse(t, v.Config)
		case "unmarked":
			require.Equal(t, "none", v.Engine)
		default:
			t.Fatalf("unknown kind %q", v.Kind)
		}
		for _, run := range v.Detect {
			switch run.Label {
			case "right", "wrong-key", "any", "other-weighting", "v2-without-a-seen-set":
			default:
				t.Fatalf("unknown label %q", run.Label)
			}
			runs++
			checkDetection(t, v, run)
		}
	}
	t.Logf("%d detector runs", runs)
}

func checkDetection(t *testing.T, v textRow, run detection) {
	t.Helper()
	c, unset := parse(t, run.Detector)
	c.VocabSize = v.Vocab
	d, err := NewDetector(c)
	require.NoError(t, err)
	got, err := d.Detect(v.Completion)
	if unset {
		got, err = d.DetectSeen(v.Completion, nil)
	}
	require.NoError(t, err)
	where := v.ID + " " + run.Label + " " + c.String()
	assert.Equal(t, run.Scored, got.NumScored, where)
	mask := ""
	for _, m := range got.Mask {
		mask += strconv.Itoa(map[bool]int{true: 1}[m])
	}
	assert.Equal(t, run.Mask, mask, where)
	near(t, conformance.Float64(t, run.ScoreF64), got.Score, 1e-12, where)
	near(t, conformance.Float64(t, run.PF64), got.EngineP, 1e-8, where)
	assert.Equal(t, got.EngineP < 1e-3, got.Detected)

	w, err := New(c)
	require.NoError(t, err)
	shared, err := w.Detect(watermark.Text{Tokens: v.Completion})
	require.NoError(t, err)
	assert.Equal(t, shared.Scored, got.Distinct, where)
	assert.InDelta(t, shared.LogP, got.LogP, 0, where)
	switch {
	case run.Label == "right" && v.Kind == "marked":
		assert.Less(t, got.LogP, -5.0, where)
	case run.Label == "wrong-key":
		assert.Greater(t, got.LogP, -9.0, where)
	}
}

// near compares to a relative tolerance; NaN is near NaN only.
func near(t *testing.T, want, got, relative float64, where string) {
	t.Helper()
	if math.IsNaN(want) || math.IsNaN(got) {
		assert.Equal(t, math.IsNaN(want), math.IsNaN(got), where)
		return
	}
	assert.LessOrEqual(t, math.Abs(want-got), relative*math.Abs(want), "%s: want %v, got %v", where, want, got)
}

func TestVectorsSteps(t *testing.T) {
	type row struct {
		Pos        int                        `json:"pos"`
		Context    []watermark.Token          `json:"context"`
		Candidates []watermark.Token          `json:"candidates"`
		Probs      []string                   `json:"probs_f32"`
		Choice     watermark.Token            `json:"choice"`
		Group      string                     `json:"group"`
		Config     map[string]json.RawMessage `json:"config"`

		Type   json.RawMessage `json:"watermark_type"`
		Method json.RawMessage `json:"method"`
		Key    json.RawMessage `json:"secret_key"`
		Ngram  json.RawMessage `json:"ngram"`
		TopP   json.RawMessage `json:"top_p"`
	}
	for _, v := range conformance.Rows[row](t, "textseal_steps.jsonl") {
		c, _ := parse(t, map[string]json.RawMessage{"watermark_type": v.Type, "method": v.Method, "secret_key": v.Key, "ngram": v.Ngram})
		require.Equal(t, GumbelMax, c.WatermarkType)
		w, err := New(c)
		require.NoError(t, err)
		logits := make([]float32, len(v.Probs))
		for i, p := range v.Probs {
			logits[i] = float32(math.Log(float64(conformance.Float32(t, p))))
		}
		for name, opt := range map[string]watermark.SessionOptions{
			"prompt": {Seed: watermark.SeedOf(1), Prompt: v.Context},
			"answer": {Seed: watermark.SeedOf(2), Prompt: []watermark.Token{7, 7, 7}},
		} {
			s, err := w.NewSession(opt)
			require.NoError(t, err)
			if name == "answer" {
				for _, token := range v.Context {
					require.NoError(t, s.Accept(token))
				}
			}
			require.True(t, s.Marked())
			got, err := s.Sample(v.Candidates, logits)
			require.NoError(t, err)
			assert.Equal(t, v.Choice, got, "%s %d", v.Group, v.Pos)

			// The order of candidates does not matter, nor does the call's shape.
			ids, row := slices.Clone(v.Candidates), slices.Clone(logits)
			slices.Reverse(ids)
			slices.Reverse(row)
			got, err = s.Sample(ids, row)
			require.NoError(t, err)
			assert.Equal(t, v.Choice, got)
			dense := make([]float32, 49152)
			for i := range dense {
				dense[i] = negativeInfinity
			}
			for i, id := range v.Candidates {
				dense[id] = logits[i]
			}
			got, err = s.Sample(nil, dense)
			require.NoError(t, err)
			assert.Equal(t, v.Choice, got)
		}
	}
}
