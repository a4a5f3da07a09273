package transformers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/synthid"
	"github.com/dyetrace/dyetrace/watermark/transformers"
)

// The rows of this engine among the vectors of package synthid, whose tests compare
// every value of them; here they go through this package's configuration.

// synthIDRows reads a file of those vectors, whichever fields its rows have.
func synthIDRows(t *testing.T, file string) []map[string]json.RawMessage {
	t.Helper()
	return conformance.RowsIn[map[string]json.RawMessage](t, filepath.Join("..", "synthid", "testdata", "vectors"), file)
}

func get[T any](t *testing.T, row map[string]json.RawMessage, name string) (v T) {
	t.Helper()
	require.Contains(t, row, name)
	require.NoError(t, json.Unmarshal(row[name], &v))
	return v
}

// synthIDConfig reads a configuration of the vectors, whose keys are strings.
func synthIDConfig(t *testing.T, raw json.RawMessage) transformers.SynthIDConfig {
	t.Helper()
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &fields))
	fields["keys"] = json.RawMessage(strings.ReplaceAll(string(fields["keys"]), `"`, ""))
	b, err := json.Marshal(fields)
	require.NoError(t, err)
	c, err := transformers.ParseSynthIDConfig(b)
	require.NoError(t, err)
	return c
}

func TestSynthIDTextVectors(t *testing.T) {
	runs := 0
	for _, row := range synthIDRows(t, "synthid_texts.jsonl") {
		if get[string](t, row, "engine") != "transformers-synthid" {
			continue
		}
		c := synthIDConfig(t, row["config"])
		d, err := transformers.NewSynthIDDetector(c)
		require.NoError(t, err)
		for _, run := range get[[]map[string]json.RawMessage](t, row, "detect") {
			if get[string](t, run, "label") != "right" {
				continue
			}
			runs++
			tokens, eos := get[[]watermark.Token](t, row, "completion_ids"), get[watermark.Token](t, row, "eos_token_id")
			got, err := d.Detect(tokens, eos)
			if run["error"] != nil {
				assert.ErrorContains(t, err, "want at least ngram_len")
				continue
			}
			require.NoError(t, err)
			assert.Equal(t, get[int](t, run, "num_unmasked"), got.NumUnmasked)
			assert.Equal(t, get[int](t, run, "num_repeated"), got.NumRepeated)
			assert.Equal(t, get[int](t, run, "sum_g_unmasked"), got.SumG)
			if run["mean64"] != nil {
				assert.InEpsilon(t, get[float64](t, run, "mean64"), got.Mean, 1e-12)
				assert.InEpsilon(t, get[float64](t, run, "weighted_mean64"), got.WeightedMean, 1e-12)
			}
		}
	}
	assert.NotZero(t, runs)
	t.Logf("%d detector runs", runs)
}

// Sessions draw from the engine's scores after the tournament: the largest sum of them
// and the request's own noise, which a session that has opted out shows.
func TestSynthIDStepVectors(t *testing.T) {
	compared := 0
	for _, row := range synthIDRows(t, "synthid_steps.jsonl") {
		if c := get[map[string]json.RawMessage](t, row, "config"); c["num_leaves"] != nil || c["sampling_table_seed"] == nil {
			continue // of DeepMind's package
		}
		w, err := transformers.NewSynthID(synthIDConfig(t, row["config"]))
		require.NoError(t, err)
		context, ids := get[[]watermark.Token](t, row, "context"), get[[]watermark.Token](t, row, "candidates")
		logits := conformance.Float32s(t, get[[]string](t, row, "logits_f32"))
		var scores []float64
		for _, score := range conformance.Float32s(t, get[[]string](t, row, "out_scores_f32")) {
			scores = append(scores, float64(score))
		}
		answer := context[max(0, len(context)-get[int](t, row, "pos")):]
		if len(answer) == len(context) && !get[bool](t, row, "marked") {
			answer = append(append(append([]watermark.Token{}, context...), 901, 902, 903, 904), context...)
		}
		for seed := range uint64(20) {
			opt := watermark.SessionOptions{Seed: watermark.SeedOf(seed), Prompt: []watermark.Token{7, 8, 9}}
			s, err := w.NewSession(opt)
			require.NoError(t, err)
			opt.Off = true
			off, err := w.NewSession(opt)
			require.NoError(t, err)
			for _, token := range answer {
				require.NoError(t, s.Accept(token))
				require.NoError(t, off.Accept(token))
			}
			require.Equal(t, get[bool](t, row, "marked"), s.Marked())
			noise := make([]float32, len(ids))
			_, err = off.Perturb(ids, noise)
			require.NoError(t, err)
			got, err := s.Sample(ids, logits)
			require.NoError(t, err)
			if i := conformance.Winner(scores, noise); i >= 0 {
				assert.Equal(t, ids[i], got)
				compared++
			}
		}
	}
	assert.NotZero(t, compared)
}

func TestSynthIDConfigErrors(t *testing.T) {
	const ok = `"ngram_len": 5, "keys": [654, 400]`
	c, err := transformers.ParseSynthIDConfig([]byte(`{` + ok + `, "context_history_size": 0, "debug_mode": false}`))
	require.NoError(t, err)
	assert.Equal(t, synthid.NoHistory, c.ContextHistorySize)
	for text, want := range map[string]string{
		`{"keys": [1]}`:                                 "transformers: synthid config: ngram_len is missing",
		`{"ngram_len": 5}`:                              "transformers: synthid config: keys is missing",
		`{"ngram_len": 1, "keys": [1]}`:                 "ngram_len is 1, want 2 to 65",
		`{"ngram_len": 5, "keys": []}`:                  "keys are 0, want 1 to 1024",
		`{` + ok + `, "debug_mode": true}`:              "debug_mode is true, want false",
		`{` + ok + `, "num_leaves": 2}`:                 `unknown field "num_leaves"`,
		`{` + ok + `, "greenlist_ratio": 0.5}`:          `unknown field "greenlist_ratio"`,
		`{` + ok + `, "context_history_size": -1}`:      "context_history_size is -1, want 0 or more",
		`{` + ok + `, "sampling_table_size": 0}`:        "sampling_table_size is 0, want 1 to 16777216",
		`{` + ok + `, "sampling_table_size": 16777217}`: "sampling_table_size is 16777217, want 1 to 16777216",
	} {
		_, err := transformers.ParseSynthIDConfig([]byte(text))
		assert.ErrorContains(t, err, want, text)
	}
	c = transformers.SynthIDConfig{NgramLen: 5, Keys: transformers.NewSynthIDKeys(1, 2), SamplingTableSHA256: "00"}
	for want, c := range map[string]transformers.SynthIDConfig{
		"transformers: ngram_len is missing":                               {Keys: c.Keys},
		"transformers: synthid: keys are 0":                                {NgramLen: 5},
		"transformers: synthid: SHA-256 of the sampling table is a3e9e18e": c,
	} {
		_, err := transformers.NewSynthID(c)
		assert.ErrorContains(t, err, want)
		_, err = transformers.DetectSynthID(c, make([]watermark.Token, 9), synthid.NoEOS)
		assert.ErrorContains(t, err, want)
	}
	_, err = transformers.ParseSynthIDBayesian([]byte("{}"))
	assert.ErrorContains(t, err, "safetensors file has 2 bytes")
}

func TestSynthIDConfigPrintsNoKey(t *testing.T) {
	const secret int64 = 0x7654_3210_ABCD_EF01
	c := transformers.SynthIDConfig{NgramLen: 5, Keys: transformers.NewSynthIDKeys(secret)}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		fmt.Fprintf(&out, verb+verb, c, &c)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c)
	b, err := json.Marshal(c)
	require.NoError(t, err)
	out.Write(b)
	assert.NotContains(t, strings.ToLower(out.String()), fmt.Sprintf("%x", secret))
	assert.NotContains(t, out.String(), fmt.Sprint(int64(secret)))
	_, err = transformers.ParseSynthIDConfig(b)
	assert.ErrorContains(t, err, "keys is a string")
}

func ExampleNewSynthID() {
	c, err := transformers.ParseSynthIDConfig([]byte(`{"ngram_len": 5, "keys": [654, 400, 836, 123, 340, 443, 597, 160, 57]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := transformers.NewSynthID(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(w.Scheme(), "-", w.Info().Kind)
	fmt.Println(c)
	// Output:
	// synthid(depth=9,num_leaves=2) - public key
	// {"context_history_size":1024,"keys":"redacted:f04dd4d1f3e86499","ngram_len":5,"sampling_table_seed":0,"sampling_table_size":65536,"skip_first_ngram_calls":false}
}
