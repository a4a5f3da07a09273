package sglang

import (
	"encoding/json"
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
//	hash without its length, key halves exchanged         TestVectorsPRF, TestVectorsTexts, TestVectorsTraces
//	coin compared the other way, threshold rounded        TestVectorsPRF
//	every position with key A                             TestVectorsSteps, TestVectorsTexts
//	u without its half                                    TestVectorsPRF, TestAgainstNaive
//	logarithm of u near 1 not from the complement         TestVectorsPRF
//	complement from the converted word                    TestVectorsPRF
//	logarithm rounded to nearest instead of torch's       TestVectorsPRF
//	fused sums rounded twice                              TestFMA
//	prompt outside the context                            TestVectorsSteps, TestVectorsTraces, TestMarkedList
//	prompt cut too short                                  TestVectorsTexts, TestAgainstNaive
//	contexts remembered unless drawn with the mark        TestVectorsTraces, TestMarkedList, TestForcedTokens
//	no limit of marked positions                          TestLimit
//	gate not strict, gate forgotten                       TestGate, TestVectorsTraces
//	ties to the highest id                                TestTies
//	pruning too tight                                     TestPruning, TestVectorsSteps
//	contexts told apart by their hash                     TestCollision
//	repeats scored, one context too many                  TestVectorsTexts, TestAgainstNaive, TestCalibration
//	decoys under the true key                             TestRightBWrongA

type keyRow struct {
	Input    json.RawMessage `json:"input"`
	OK       bool            `json:"ok"`
	Unsigned string          `json:"unsigned"`
	Signed   string          `json:"signed"`
}

func TestVectorsKeys(t *testing.T) {
	for _, r := range conformance.Rows[keyRow](t, "sglang_keys.jsonl") {
		c, err := ParseConfig([]byte(`{"key": ` + string(r.Input) + `}`))
		assert.Equal(t, r.OK, err == nil, "%s: %v", r.Input, err)
		var text string
		isText := r.Input[0] == '"'
		if isText {
			require.NoError(t, json.Unmarshal(r.Input, &text))
			k, err := ParseKey(text)
			assert.Equal(t, r.OK, err == nil, "%q: %v", text, err)
			assert.Equal(t, c.Key.ID(), k.ID())
		}
		if r.OK {
			assert.Equal(t, r.Unsigned, strconv.FormatUint(c.Key.secret.Value(), 10))
			assert.Equal(t, r.Signed, strconv.FormatInt(int64(c.Key.secret.Value()), 10))
		}
	}
}

type prfRow struct {
	Key               string            `json:"key"`
	KeyInt            string            `json:"key_int"`
	KeyB              string            `json:"key_b"`
	Context           []watermark.Token `json:"context"`
	Token             watermark.Token   `json:"token"`
	ContextHash       uint32            `json:"context_hash"`
	TokenHash         uint32            `json:"token_hash"`
	Coin              uint32            `json:"coin"`
	MixingProbability float64           `json:"mixing_probability"`
	MixingThreshold   uint64            `json:"mixing_threshold"`
	UseKeyA           bool              `json:"use_key_a"`
	LogU              string            `json:"log_u_f32"`
	Score             float64           `json:"score"`
	ScoreF64          string            `json:"score_f64"`
}

// nextTo reports whether two float32 are equal or neighbours.
func nextTo(a, b float32) bool {
	return a == b || math.Nextafter32(a, b) == b
}

func TestVectorsPRF(t *testing.T) {
	for i, r := range conformance.Rows[prfRow](t, "sglang_prf.jsonl") {
		c := Config{Key: parseKey(t, r.Key), KeyB: parseKey(t, r.KeyB), ContextWindow: len(r.Context), MixingProbability: r.MixingProbability}
		assert.Equal(t, conformance.Uint64(t, r.KeyInt), c.Key.secret.Value())
		require.NoError(t, c.check())
		source := newSource(c.resolved())
		assert.Equal(t, r.MixingThreshold, source.threshold)
		reader := source.open()
		place, ok := reader.Seek(r.Context)
		require.True(t, ok)
		assert.Equal(t, uint64(r.ContextHash), place.Seed, "row %d", i)
		assert.Equal(t, r.UseKeyA, place.Stream == 0, "row %d", i)
		assert.Equal(t, r.Coin, reader.toss())
		assert.Equal(t, uint64(r.TokenHash)<<32, reader.Word(0, r.Token))
		// The engine's float32 logarithm differs by one unit in the last place from
		// one processor to another (MKL); its integers do not.
		assert.True(t, nextTo(conformance.Float32(t, r.LogU), logUniform(r.TokenHash)), "row %d: ln u is %v, want %v", i, logUniform(r.TokenHash), conformance.Float32(t, r.LogU))
		want := conformance.BothFloat64(t, r.ScoreF64, r.Score)
		conformance.Near(t, want, gated{1}.Score(reader, watermark.Place{}, r.Token), scoreTolerance, "score")

		single := Config{Key: c.Key, ContextWindow: c.ContextWindow}
		scores := make([]float64, 1)
		require.True(t, newMark(t, single).Scores(r.Context, []watermark.Token{r.Token}, scores))
		conformance.Near(t, want, scores[0], scoreTolerance, "score of the mark")
		swapped := Config{Key: c.KeyB, KeyB: c.Key}
		other := newSource(swapped.resolved()).open()
		other.Seek(r.Context)
		assert.Equal(t, reader.Word(0, r.Token), other.Word(1, r.Token), "key B hashes as key A does")
	}
}

type tailRow struct {
	Shape   int     `json:"shape"`
	Score   float64 `json:"score"`
	LogP    float64 `json:"log_p"`
	LogPF64 string  `json:"log_p_f64"`
}

func TestVectorsTails(t *testing.T) {
	for _, r := range conformance.Rows[tailRow](t, "sglang_tails.jsonl") {
		assertLogP(t, conformance.BothFloat64(t, r.LogPF64, r.LogP), tail.Gamma(r.Score, float64(r.Shape)), "tail")
	}
}

func assertLogP(t *testing.T, want, got float64, what string) {
	t.Helper()
	assert.LessOrEqual(t, math.Abs(got-want), math.Max(logPTolerance*math.Abs(want), logPAbsolute), "%s: ln p is %v, want %v", what, got, want)
}

type textRow struct {
	conformance.Text
	Detect []detectRow `json:"detect"`
}

type detectRow struct {
	Label    string `json:"label"`
	Detector struct {
		Key               string  `json:"key"`
		KeyB              *string `json:"key_b"`
		MixingProbability float64 `json:"mixing_probability"`
		ContextWindow     int     `json:"context_window"`
		MaxContexts       int     `json:"max_contexts"`
	} `json:"detector"`
	PromptKnown      bool          `json:"prompt_known"`
	Combined         *statisticRow `json:"combined"`
	KeyAAllPositions *statisticRow `json:"key_a_all_positions"`
	KeyBAllPositions *statisticRow `json:"key_b_all_positions"`
	KeyAPartition    *statisticRow `json:"key_a_partition"`
	KeyBPartition    *statisticRow `json:"key_b_partition"`

	PrefixLimitReached   bool `json:"prefix_limit_reached"`
	TokensExamined       int  `json:"tokens_examined"`
	RepeatedContexts     int  `json:"repeated_contexts"`
	SkippedInitialTokens int  `json:"skipped_initial_tokens"`
}

type statisticRow struct {
	N            int     `json:"n"`
	Score        float64 `json:"score"`
	ScoreF64     string  `json:"score_f64"`
	ZScore       float64 `json:"z_score"`
	ZScoreF64    string  `json:"z_score_f64"`
	PValue       float64 `json:"p_value"`
	PValueF64    string  `json:"p_value_f64"`
	LogPValue    float64 `json:"log_p_value"`
	LogPValueF64 string  `json:"log_p_value_f64"`
}

func (d detectRow) config(t *testing.T) Config {
	c := Config{Key: parseKey(t, d.Detector.Key), ContextWindow: d.Detector.ContextWindow}
	if d.Detector.KeyB != nil {
		c.KeyB = parseKey(t, *d.Detector.KeyB)
		c.MixingProbability = d.Detector.MixingProbability
	}
	return c
}

// text is what the detector was given.
func (d detectRow) text(r textRow) watermark.Text {
	x := watermark.Text{Tokens: r.Completion}
	if d.PromptKnown {
		x.Prompt, x.PromptKnown = r.Prompt, true
	}
	if d.Label == "right-short-prompt" {
		x.Prompt = r.Prompt[len(r.Prompt)-2:]
	}
	return x
}

// checkLabel holds a detector's parameters to its label.
func (d detectRow) checkLabel(t *testing.T, r textRow) {
	if d.Label == "any" {
		require.Equal(t, "unmarked", r.Kind)
		return
	}
	c, err := ParseConfig(r.Config)
	require.NoError(t, err)
	own := d.config(t)
	rightA := own.Key.ID() == c.Key.ID()
	right := rightA && own.KeyB.ID() == c.KeyB.ID() && own.ContextWindow == c.ContextWindow
	switch d.Label {
	case "right", "right-short-prompt":
		require.True(t, right && d.PromptKnown)
	case "right-no-prompt":
		require.True(t, right && !d.PromptKnown)
	case "right-max50":
		require.True(t, right && d.Detector.MaxContexts == 50)
	case "wrong-key":
		require.False(t, rightA)
	case "wrong-key-b-no-prompt":
		require.True(t, rightA && !right && !d.PromptKnown)
	case "single-key-detector":
		require.True(t, rightA && own.KeyB.IsZero() && !c.KeyB.IsZero())
	default:
		t.Fatalf("%s: unknown label %q", r.ID, d.Label)
	}
}

func TestVectorsTexts(t *testing.T) {
	compared := 0
	for _, r := range conformance.Rows[textRow](t, "sglang_texts.jsonl") {
		r.Check(t, "sglang", "0.5.23")
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
	c, x := d.config(t), d.text(r)
	got, err := Detect(c, DetectorOptions{MaxContexts: d.Detector.MaxContexts, VocabSize: r.VocabSize}, x)
	require.NoError(t, err, what)
	compareStatistic(t, d.Combined, &got.Combined, what+" combined")
	compareStatistic(t, d.KeyAAllPositions, &got.KeyAAllPositions, what+" key_a_all_positions")
	compareStatistic(t, d.KeyBAllPositions, got.KeyBAllPositions, what+" key_b_all_positions")
	compareStatistic(t, d.KeyAPartition, got.KeyAPartition, what+" key_a_partition")
	compareStatistic(t, d.KeyBPartition, got.KeyBPartition, what+" key_b_partition")
	assert.Equal(t, d.PrefixLimitReached, got.PrefixLimitReached, what)
	assert.Equal(t, d.TokensExamined, got.TokensExamined, what)
	assert.Equal(t, d.RepeatedContexts, got.RepeatedContexts, what)
	assert.Equal(t, d.SkippedInitialTokens, got.SkippedInitialTokens, what)
	assert.InDelta(t, got.Combined.LogPValue, got.LogP, 1e-6, what)

	result, err := newMark(t, c).Detect(x)
	require.NoError(t, err)
	if !d.PrefixLimitReached {
		assert.Equal(t, got.LogP, result.LogP, "%s: both faces have one ln p", what)
		assert.Equal(t, d.Combined.N, result.Scored, what)
		assert.Equal(t, d.RepeatedContexts, result.Dropped.Repeat, what)
		assert.InDelta(t, d.Combined.Score, result.Score, float64(len(r.Completion))*0x1p-32+scoreTolerance*d.Combined.Score, what)
	}
}

func compareStatistic(t *testing.T, want *statisticRow, got *Statistic, what string) {
	t.Helper()
	require.Equal(t, want == nil, got == nil, what)
	if want == nil {
		return
	}
	assert.Equal(t, want.N, got.N, what)
	conformance.Near(t, conformance.BothFloat64(t, want.ScoreF64, want.Score), got.Score, scoreTolerance, what+" score")
	// z is a difference: its tolerance is that of the score.
	assert.InDelta(t, conformance.BothFloat64(t, want.ZScoreF64, want.ZScore), got.ZScore, scoreTolerance*(1+want.Score), what+" z")
	conformance.Near(t, conformance.BothFloat64(t, want.PValueF64, want.PValue), got.PValue, pTolerance, what+" p")
	assertLogP(t, conformance.BothFloat64(t, want.LogPValueF64, want.LogPValue), got.LogPValue, what)
}

// TestVectorsTraces replays what the generator did: a session is marked where, and
// only where, the generator drew with the mark, and on the same key. The gate of
// MaxProbability looks at logits, which the texts lack: where it may have closed, a
// token that is certain is drawn in its stead.
func TestVectorsTraces(t *testing.T) {
	replayed := 0
	for _, r := range conformance.Rows[textRow](t, "sglang_texts.jsonl") {
		if r.Kind == "unmarked" {
			assert.Equal(t, strings.Repeat("-", len(r.Completion)), r.Trace)
			continue
		}
		if r.Kind != "marked" {
			assert.Empty(t, r.Trace)
			continue
		}
		require.Len(t, r.Trace, len(r.Completion), r.ID)
		c, err := ParseConfig(r.Config)
		require.NoError(t, err)
		replay(t, c, r)
		replayed += len(r.Completion)
	}
	t.Logf("%d positions", replayed)
}

func replay(t *testing.T, c Config, r textRow) {
	t.Helper()
	s := newSession(t, c, watermark.SessionOptions{Prompt: r.Prompt})
	reader := newSource(c.resolved()).open()
	history := append([]watermark.Token(nil), r.Prompt...)
	for i, token := range r.Completion {
		place, _ := reader.Seek(history[len(history)-c.ContextWindow:])
		logits := []float32{0, 0}
		switch r.Trace[i] {
		case 'A', 'B':
			require.True(t, s.Marked(), "%s position %d", r.ID, i)
			require.Equal(t, int(r.Trace[i]-'A'), place.Stream, "%s position %d", r.ID, i)
		case '-':
			if c.MaxProbability == 1 {
				require.False(t, s.Marked(), "%s position %d", r.ID, i)
			}
			logits[1] = minusInfinity
		default:
			t.Fatalf("%s: unknown letter %q", r.ID, r.Trace[i])
		}
		_, err := s.Sample([]watermark.Token{1, 2}, logits)
		require.NoError(t, err)
		conformance.Accept(t, s, token)
		history = append(history, token)
	}
}
