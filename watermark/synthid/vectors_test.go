package synthid

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

// Mutants killed in this file, each by the tests in brackets: context hashed newest
// first, start value 0, keys or SHA-256 read in the other byte order, an unsigned shift
// or one round less in the table-free hash, bit 29, 1 − g, the top bit of a word for
// the table [PRF, Tables, Texts]; repeats looked for in all of the text, hashes not
// pushed where repeated, the end-of-sequence id itself counted or what follows it,
// weights from 1 to 10, a mark without its joint law [Texts]; δ's transpose or its
// diagonal, 1 − g, the prior left out [Bayes].

// TestVectorFilesAreKnown: a file of this engine that no test reads is a failure.
func TestVectorFilesAreKnown(t *testing.T) {
	conformance.Known(t, "synthid*", "synthid_prf.jsonl", "synthid_tables.jsonl", "synthid_texts.jsonl", "synthid_steps.jsonl", "synthid_bayes.jsonl")
}

func integers(t *testing.T, text []string) []int64 {
	t.Helper()
	out := make([]int64, len(text))
	for i, s := range text {
		v, err := strconv.ParseInt(s, 10, 64)
		require.NoError(t, err)
		out[i] = v
	}
	return out
}

// bitsOf returns the layers of words as the vectors write them.
func bitsOf(depth int, word func(stream int) uint64) string {
	var s strings.Builder
	for l := range depth {
		s.WriteByte('0' + byte(word(l/64)>>(63-l%64)&1))
	}
	return s.String()
}

func TestVectorsPRF(t *testing.T) {
	type row struct {
		NgramLen  int               `json:"ngram_len"`
		Keys      []string          `json:"keys"`
		Seed      string            `json:"sampling_table_seed"`
		Size      int               `json:"sampling_table_size"`
		Ngram     []watermark.Token `json:"ngram"`
		Context   string            `json:"context_hash"`
		NgramKeys []string          `json:"ngram_keys"`
		G         string            `json:"g"`

		HeadIV      string   `json:"head_iv"`
		HeadContext string   `json:"head_context_hash"`
		HeadKeys    []string `json:"head_ngram_keys"`
		HeadG       string   `json:"head_g"`
	}
	sources := map[string]*source{}
	for _, v := range conformance.Rows[row](t, "synthid_prf.jsonl") {
		require.Len(t, v.Ngram, v.NgramLen)
		keys := integers(t, v.Keys)
		for _, hash := range []Hash{Table, TableFree} {
			want, context, g := v.NgramKeys, v.Context, v.G
			if hash == TableFree {
				want, context, g = v.HeadKeys, v.HeadContext, v.HeadG
			}
			name := strings.Join(v.Keys, ",") + v.Seed + string(hash) + strconv.Itoa(v.Size) + strconv.Itoa(v.NgramLen)
			s := sources[name]
			if s == nil {
				c := Config{Hash: hash, NgramLen: v.NgramLen, Keys: NewKeys(keys...)}
				if hash == Table {
					c.SamplingTableSeed, c.SamplingTableSize = integers(t, []string{v.Seed})[0], v.Size
				}
				var err error
				s, err = newSource(c)
				require.NoError(t, err)
				sources[name] = s
			}
			if hash == TableFree {
				assert.Equal(t, v.HeadIV, strconv.FormatUint(s.start, 10))
			}
			r := s.Open().(*reader)
			last := len(v.Ngram) - 1
			place, ok := r.Seek(v.Ngram[:last])
			require.True(t, ok)
			assert.Equal(t, context, strconv.FormatInt(int64(r.context), 10))
			assert.Equal(t, r.context, unmix(place.Seed))
			x := accumulate(r.context, uint64(v.Ngram[last]))
			for l, k := range keys {
				assert.Equal(t, want[l], strconv.FormatInt(int64(accumulate(x, uint64(k))), 10))
			}
			assert.Equal(t, g, bitsOf(len(keys), func(stream int) uint64 { return r.Word(stream, v.Ngram[last]) }))
			assert.Equal(t, strings.Count(g, "1"), r.ones(v.Ngram[last]))
			if hash == Table && s.lookup.lawful() {
				n := newNull(s.lookup)
				for l, k := range keys {
					assert.Equal(t, g[l]-'0', n.tiled[(uint64(n.State(v.Ngram))+uint64(k))&s.lookup.mask])
				}
			}
		}
	}
}

func TestVectorsTables(t *testing.T) {
	type row struct {
		Seed    string `json:"seed"`
		Size    int    `json:"size"`
		Ones    int    `json:"ones"`
		First64 string `json:"first64"`
		SHA256  string `json:"sha256_bytes"`
	}
	for _, v := range conformance.Rows[row](t, "synthid_tables.jsonl") {
		table, err := SamplingTable(integers(t, []string{v.Seed})[0], v.Size)
		require.NoError(t, err)
		sum := sha256.Sum256(table)
		assert.Equal(t, v.SHA256, hex.EncodeToString(sum[:]))
		assert.Equal(t, v.Ones, newLookup(table).ones)
		first := make([]byte, min(64, len(table)))
		for i := range first {
			first[i] = '0' + table[i]
		}
		assert.Equal(t, v.First64, string(first))
	}
}

// A config is one of the vectors', whose keys are strings.
type config struct {
	NgramLen int      `json:"ngram_len"`
	Keys     []string `json:"keys"`
	History  int      `json:"context_history_size"`
	Seed     *int64   `json:"sampling_table_seed"`
	Size     *int     `json:"sampling_table_size"`
	Skip     bool     `json:"skip_first_ngram_calls"`
	Leaves   *int     `json:"num_leaves"`
}

// parse returns the configuration, read by ParseConfig, with keys moved by an offset.
func (c *config) parse(t *testing.T, hash Hash, offset int64) Config {
	t.Helper()
	keys := integers(t, c.Keys)
	for i := range keys {
		keys[i] += offset
	}
	fields := map[string]any{"ngram_len": c.NgramLen, "keys": keys, "context_history_size": c.History, "skip_first_ngram_calls": c.Skip}
	if c.Leaves != nil {
		fields["num_leaves"] = *c.Leaves
	}
	if hash == Table && c.Seed != nil {
		fields["sampling_table_seed"], fields["sampling_table_size"] = *c.Seed, *c.Size
	}
	b, err := json.Marshal(fields)
	require.NoError(t, err)
	got, err := ParseConfig(hash, b)
	require.NoError(t, err)
	return got
}

type textRow struct {
	ID          string            `json:"id"`
	Kind        string            `json:"kind"`
	Engine      string            `json:"engine"`
	Version     string            `json:"engine_version"`
	Config      *config           `json:"config"`
	Model       string            `json:"model"`
	Vocab       int               `json:"vocab_size"`
	Temperature float64           `json:"temperature"`
	TopK        int               `json:"top_k"`
	EOS         watermark.Token   `json:"eos_token_id"`
	Prompt      []watermark.Token `json:"prompt_ids"`
	Completion  []watermark.Token `json:"completion_ids"`
	Trace       string            `json:"trace"`
	Detect      []detection       `json:"detect"`
}

type detection struct {
	Label       string          `json:"label"`
	Hash        string          `json:"hash"`
	ConfigIndex int             `json:"config_index"`
	Error       string          `json:"error"`
	Positions   int             `json:"num_positions"`
	Depth       int             `json:"depth"`
	Unmasked    int             `json:"num_unmasked"`
	Repeated    int             `json:"num_repeated"`
	SumG        int             `json:"sum_g_unmasked"`
	Mask        string          `json:"mask"`
	GSHA256     string          `json:"g_sha256"`
	GFirst      []string        `json:"g_first3"`
	Mean        json.RawMessage `json:"mean"`
	MeanF32     string          `json:"mean_f32"`
	Weighted    json.RawMessage `json:"weighted_mean"`
	WeightedF32 string          `json:"weighted_mean_f32"`
	Mean64      json.RawMessage `json:"mean64"`
	Mean64F64   string          `json:"mean64_f64"`
	Weight64    json.RawMessage `json:"weighted_mean64"`
	Weight64F64 string          `json:"weighted_mean64_f64"`
}

func TestVectorsTexts(t *testing.T) {
	var rows []textRow
	var transformers []config // in the order of the file
	for _, v := range conformance.Rows[textRow](t, "synthid_texts.jsonl") {
		rows = append(rows, v)
		if v.Engine == "transformers-synthid" && (len(transformers) == 0 || !equal(t, transformers[len(transformers)-1], *v.Config)) {
			transformers = append(transformers, *v.Config)
		}
	}
	runs, marks := 0, map[string]madeMark{}
	for _, v := range rows {
		generator := Table
		switch v.Engine {
		case "transformers-synthid", "synthid_text", "none":
		case "synthid_head":
			generator = TableFree
		default:
			t.Fatalf("unknown engine %q", v.Engine)
		}
		switch v.Kind {
		case "marked", "edge", "long":
			v.Config.parse(t, generator, 0)
		case "unmarked":
			require.Equal(t, "none", v.Engine)
		default:
			t.Fatalf("unknown kind %q", v.Kind)
		}
		for _, run := range v.Detect {
			runs++
			hash := map[string]Hash{"table": Table, "sha256-iv": TableFree}[run.Hash]
			require.NotEmpty(t, hash, "unknown hash %q", run.Hash)
			c := v.Config
			offset := int64(0)
			switch run.Label {
			case "right":
				require.Equal(t, generator, hash)
			case "other-hash":
				require.NotEqual(t, generator, hash)
			case "wrong-key":
				offset = wrongKey
			case "any":
				c = &transformers[run.ConfigIndex]
			default:
				t.Fatalf("unknown label %q", run.Label)
			}
			checkDetection(t, v, run, c.parse(t, hash, offset), marks)
		}
	}
	t.Logf("%d detector runs", runs)
}

// wrongKey is added to every key where a row says wrong-key.
const wrongKey = 1

func equal(t *testing.T, a, b config) bool {
	t.Helper()
	x, err := json.Marshal(a)
	require.NoError(t, err)
	y, err := json.Marshal(b)
	require.NoError(t, err)
	return bytes.Equal(x, y)
}

// A madeMark is a mark that several rows are read with.
type madeMark struct {
	detector *Detector
	mark     *watermark.Watermark
}

func checkDetection(t *testing.T, v textRow, run detection, c Config, marks map[string]madeMark) {
	t.Helper()
	where := v.ID + " " + run.Label
	c.VocabSize = v.Vocab
	name := fmt.Sprint(c.Keys.list(), c)
	if marks[name] == (madeMark{}) {
		d, err := NewDetector(c)
		require.NoError(t, err)
		w, err := New(c)
		require.NoError(t, err)
		marks[name] = madeMark{d, w}
	}
	d, w := marks[name].detector, marks[name].mark
	got, err := d.Detect(v.Completion, v.EOS)
	if run.Error != "" {
		require.Equal(t, "RuntimeError", run.Error)
		assert.ErrorContains(t, err, "want at least ngram_len", where)
		assert.Zero(t, run.Positions)
		return
	}
	require.NoError(t, err, where)
	assert.Equal(t, run.Positions, got.NumPositions, where)
	assert.Equal(t, run.Depth, c.Keys.Len(), where)
	assert.Equal(t, run.Unmasked, got.NumUnmasked, where)
	assert.Equal(t, run.Repeated, got.NumRepeated, where)
	assert.Equal(t, run.SumG, got.SumG, where)
	mask := make([]byte, len(got.Mask))
	for i, m := range got.Mask {
		mask[i] = '0'
		if m {
			mask[i] = '1'
		}
	}
	assert.Equal(t, run.Mask, string(mask), where)
	g, err := d.GValues(v.Completion)
	require.NoError(t, err)
	sum := sha256.Sum256(g)
	assert.Equal(t, run.GSHA256, hex.EncodeToString(sum[:]), where)
	for i, first := range run.GFirst {
		assert.Equal(t, first, bitsOf(run.Depth, func(stream int) uint64 {
			w := uint64(0)
			for l := 64 * stream; l < min(run.Depth, 64*stream+64); l++ {
				w |= uint64(g[i*run.Depth+l]) << (63 - l%64)
			}
			return w
		}), where)
	}
	if run.MeanF32 == "" {
		assert.Zero(t, got.NumUnmasked, where)
		assert.True(t, math.IsNaN(got.Mean) && math.IsNaN(got.WeightedMean), where)
		assert.True(t, got.MeanFloat32 != got.MeanFloat32 && got.WeightedMeanFloat32 != got.WeightedMeanFloat32, where)
	} else {
		assert.InEpsilon(t, conformance.Float64(t, run.Mean64F64), got.Mean, 1e-12, where)
		assert.InEpsilon(t, conformance.Float64(t, run.Weight64F64), got.WeightedMean, 1e-12, where)
		assert.Equal(t, conformance.Float32(t, run.MeanF32), got.MeanFloat32, where)
		assert.InEpsilon(t, conformance.Float32(t, run.WeightedF32), got.WeightedMeanFloat32, 1e-6, where)
	}

	end := len(v.Completion)
	for i, token := range v.Completion {
		if token == v.EOS {
			end = i
			break
		}
	}
	shared, err := w.Detect(watermark.Text{Tokens: v.Completion[:end]})
	require.NoError(t, err)
	assert.Equal(t, shared.Scored, got.Distinct, where)
	assert.InDelta(t, shared.LogP, got.LogP(), 1e-12, where)
	switch {
	case run.Label == "right" && v.Kind == "marked":
		assert.Less(t, got.LogP(), -20.0, where)
		assert.Less(t, got.LogPWeighted(), -20.0, where)
	case run.Label == "wrong-key" || run.Label == "other-hash" || run.Label == "any":
		assert.Greater(t, got.LogP(), conformance.FalseAlarm, where)
		assert.Greater(t, got.LogPWeighted(), conformance.FalseAlarm, where)
	}
}

func TestVectorsBayes(t *testing.T) {
	type row struct {
		Row        string            `json:"row"`
		Depth      int               `json:"depth"`
		Config     *config           `json:"config"`
		Prior      string            `json:"prior_f32"`
		Beta       []string          `json:"beta_f32"`
		Delta      []string          `json:"delta_f32"`
		Group      string            `json:"group"`
		Tokens     int               `json:"tokens"`
		Completion []watermark.Token `json:"completion_ids"`
		F32        string            `json:"posterior_f32"`
		Double     json.RawMessage   `json:"posterior_double"`
		DoubleF64  string            `json:"posterior_double_f64"`
	}
	var b *Bayes
	var d *Detector
	parse := func(text []string) []float64 {
		out := make([]float64, len(text))
		for i, s := range text {
			out[i] = float64(conformance.Float32(t, s))
		}
		return out
	}
	worst, worst32 := 0.0, 0.0
	for _, v := range conformance.Rows[row](t, "synthid_bayes.jsonl") {
		switch v.Row {
		case "model":
			var err error
			b, err = NewBayes(float64(conformance.Float32(t, v.Prior)), parse(v.Beta), parse(v.Delta))
			require.NoError(t, err)
			assert.Equal(t, v.Depth, b.Depth())
			hash := Table
			if v.Config.Seed == nil {
				hash = TableFree
			}
			d, err = NewDetector(v.Config.parse(t, hash, 0))
			require.NoError(t, err)
		case "text":
			require.NotNil(t, b)
			require.Len(t, v.Completion, v.Tokens)
			got, err := b.Posterior(d, v.Completion, 2)
			require.NoError(t, err)
			want, want32 := conformance.Float64(t, v.DoubleF64), conformance.Float32(t, v.F32)
			worst = math.Max(worst, math.Abs(got.Probability/want-1))
			worst32 = math.Max(worst32, math.Abs(float64(got.ProbabilityFloat32)/float64(want32)-1))
			assert.InEpsilon(t, want, got.Probability, 1e-11, v.Group)
			assert.InEpsilon(t, want32, got.ProbabilityFloat32, 1e-4, v.Group)
			assert.InDelta(t, got.Probability, sigmoid(got.LogOdds), 0)
		default:
			t.Fatalf("unknown row %q", v.Row)
		}
	}
	t.Logf("largest relative difference %.2g, in float32 %.2g", worst, worst32)
}
