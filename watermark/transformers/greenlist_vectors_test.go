package transformers

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
	"github.com/dyetrace/dyetrace/watermark/internal/mt19937"
)

// Vectors of transformers 5.23.0 with torch 2.15.0 on the CPU: every field of every
// row. The folder is testdata/vectors, or DYETRACE_VECTORS where that is set.
//
// Mutants that the tests of this file were seen to kill, each tried by hand:
//   - negative seeds of selfhash modulo 2^64 instead of 2^64−1;
//   - the first id of the window instead of the last;
//   - the unsigned instead of the signed minimum, and the maximum, of selfhash;
//   - table[x] without the 1; the candidate left out of its own window; one id too many in the window;
//   - z with green/size in place of the ratio; p of two sides;
//   - n-grams told apart by the last id only where they are counted once;
//   - the bos token kept, and dropped wherever it stands;
//   - z >= threshold (TestGreenListThresholdIsStrict).

func TestGreenListVectorFilesAreKnown(t *testing.T) {
	conformance.Known(t, "kgw_*", "kgw_prf.jsonl", "kgw_tables.jsonl", "kgw_texts.jsonl")
}

type greenPRFRow struct {
	Scheme            string            `json:"scheme"`
	HashingKey        uint64            `json:"hashing_key,string"`
	ContextWidth      int               `json:"context_width"`
	VocabSize         int               `json:"vocab_size"`
	GreenlistRatio    float64           `json:"greenlist_ratio"`
	IDs               []watermark.Token `json:"ids"`
	RawSeed           string            `json:"raw_seed"`
	RNGSeed           uint64            `json:"rng_seed,string"`
	GreenlistSize     int               `json:"greenlist_size"`
	GreenFirst16      []int32           `json:"green_first16"`
	GreenSortedSHA256 string            `json:"green_sorted_sha256"`
	CandidateIsGreen  *bool             `json:"candidate_is_green"`
}

func TestGreenListPRFVectors(t *testing.T) {
	type setting struct {
		scheme      string
		key         uint64
		width, size int
		ratio       float64
	}
	readers := map[setting]*greenReader{}
	marks := map[setting]*watermark.Watermark{}
	for _, row := range conformance.Rows[greenPRFRow](t, "kgw_prf.jsonl") {
		s := setting{row.Scheme, row.HashingKey, row.ContextWidth, row.VocabSize, row.GreenlistRatio}
		r, w := readers[s], marks[s]
		if r == nil {
			c, err := GreenListConfig{
				GreenlistRatio: row.GreenlistRatio, HashingKey: NewHashingKey(row.HashingKey), SeedingScheme: SeedingScheme(row.Scheme),
				ContextWidth: row.ContextWidth, VocabSize: row.VocabSize,
			}.withDefaults()
			require.NoError(t, err)
			assert.Equal(t, row.GreenlistSize, c.greenlistSize())
			w, err = NewGreenList(c)
			require.NoError(t, err)
			r = newGreenSource(c).Open().(*greenReader)
			readers[s], marks[s] = r, w
		}
		last := row.IDs[len(row.IDs)-1]
		window, candidate := row.IDs, watermark.Token(0)
		var seed uint64
		switch SeedingScheme(row.Scheme) {
		case LeftHash:
			require.Nil(t, row.CandidateIsGreen)
			raw := new(big.Int).Mul(new(big.Int).SetUint64(row.HashingKey), big.NewInt(int64(last)))
			assert.Equal(t, row.RawSeed, raw.String())
			seed = leftSeed(row.HashingKey, last)
		case SelfHash:
			// The mark's window ends before the candidate and begins one id earlier.
			window = append([]watermark.Token{7}, row.IDs[:len(row.IDs)-1]...)
			candidate = last
			_, ok := r.Seek(window)
			require.True(t, ok)
			least := r.least(candidate)
			assert.Equal(t, row.RawSeed, strconv.FormatInt(least, 10))
			seed = wrapSeed(least)
		}
		assert.Equal(t, row.RNGSeed, seed)
		_, ok := r.Seek(window)
		require.True(t, ok)
		assert.Equal(t, row.RNGSeed&math.MaxUint32, r.Seed(candidate))

		var g mt19937.Generator
		g.Seed(seed)
		perm := make([]int32, row.VocabSize)
		g.PermHead(perm, row.GreenlistSize)
		assert.Equal(t, row.GreenFirst16, perm[:min(16, row.GreenlistSize)])

		r.list.Seek(seed)
		n, sum := conformance.SetSHA256(r.list.Set())
		assert.Equal(t, row.GreenlistSize, n)
		assert.Equal(t, row.GreenSortedSHA256, sum)

		// The mark itself, by its public face.
		ask := []watermark.Token{candidate}
		if row.CandidateIsGreen == nil {
			ask = append([]watermark.Token{0, watermark.Token(row.VocabSize - 1)}, perm[:min(3, row.GreenlistSize)]...)
			ask = append(ask, perm[row.GreenlistSize-1])
		}
		scores := make([]float64, len(ask))
		require.True(t, w.Scores(window, ask, scores))
		for i, x := range ask {
			want := 0.0
			if row.CandidateIsGreen != nil && *row.CandidateIsGreen ||
				row.CandidateIsGreen == nil && slices.Contains(perm[:row.GreenlistSize], x) && seed&math.MaxUint32 != 0 {
				want = 1
			}
			assert.Equal(t, want, scores[i], "token %d after %v", x, row.IDs)
		}
	}
}

type greenTableRow struct {
	HashingKey  uint64  `json:"hashing_key,string"`
	TableSize   int     `json:"table_size"`
	First16     []int32 `json:"first16"`
	SHA256u32LE string  `json:"sha256_u32le"`
}

func TestGreenListTableVectors(t *testing.T) {
	for _, row := range conformance.Rows[greenTableRow](t, "kgw_tables.jsonl") {
		require.Equal(t, tableSize, row.TableSize)
		var whole []byte
		for i, x := range selfTable(row.HashingKey, tableSize)() {
			if i < 16 {
				assert.Equal(t, row.First16[i], x-1)
			}
			whole = binary.LittleEndian.AppendUint32(whole, uint32(x-1))
		}
		sum := sha256.Sum256(whole)
		assert.Equal(t, row.SHA256u32LE, hex.EncodeToString(sum[:]))
		part := selfTable(row.HashingKey, 1000)()
		require.Len(t, part, 1000)
		assert.Equal(t, row.First16[3], part[3]-1)
	}
}

type greenTextRow struct {
	conformance.Text
	BOSTokenID *watermark.Token `json:"bos_token_id"`
	Detect     []greenDetectRow `json:"detect"`
}

type greenDetectRow struct {
	Label            string                     `json:"label"`
	Detector         map[string]json.RawMessage `json:"detector"`
	Error            string                     `json:"error"`
	NumScored        int                        `json:"num_scored"`
	NumGreen         int                        `json:"num_green"`
	GreenFraction    float64                    `json:"green_fraction"`
	GreenFractionF64 string                     `json:"green_fraction_f64"`
	Z                float64                    `json:"z"`
	ZF64             string                     `json:"z_f64"`
	P                float64                    `json:"p"`
	PF64             string                     `json:"p_f64"`
	Prediction       bool                       `json:"prediction"`
}

func TestGreenListTextVectors(t *testing.T) {
	detectors := map[string]*GreenListDetector{}
	marks := map[string]*watermark.Watermark{}
	deepest := map[string]float64{}
	for _, row := range conformance.Rows[greenTextRow](t, "kgw_texts.jsonl") {
		switch row.Kind {
		case "marked", "edge", "unmarked", "long":
		default:
			require.Fail(t, "unknown kind", "%q of %s", row.Kind, row.ID)
		}
		switch row.Engine {
		case "transformers-kgw":
			require.Equal(t, "5.23.0", row.EngineVersion)
			_, err := ParseGreenListConfig(row.Config)
			require.NoError(t, err, row.ID)
		case "none":
		default:
			require.Fail(t, "unknown engine", "%q of %s", row.Engine, row.ID)
		}
		for _, want := range row.Detect {
			switch want.Label {
			case "right", "right-unique", "wrong-key", "any":
			default:
				require.Fail(t, "unknown label", "%q of %s", want.Label, row.ID)
			}
			name, c, unique := greenDetectorOf(t, want.Detector)
			c.VocabSize = row.VocabSize
			name += strconv.Itoa(row.VocabSize)
			if row.BOSTokenID != nil {
				name += " bos " + strconv.Itoa(int(*row.BOSTokenID))
			}
			d := detectors[name]
			if d == nil {
				var err error
				d, err = NewGreenListDetector(c, GreenListDetectorOptions{BOSTokenID: row.BOSTokenID, IgnoreRepeatedNgrams: unique})
				require.NoError(t, err)
				detectors[name] = d
				marks[name], err = NewGreenList(c)
				require.NoError(t, err)
			}
			got, err := d.Detect(row.Completion)
			switch want.Error {
			case "":
				require.NoError(t, err, row.ID)
			case "IndexError":
				require.ErrorContains(t, err, "is empty", row.ID)
				continue
			case "ValueError":
				require.ErrorContains(t, err, "tokens without bos, want at least", row.ID)
				continue
			default:
				require.Fail(t, "unknown error", "%q of %s", want.Error, row.ID)
			}
			g := got[0]
			where := row.ID + " " + want.Label
			assert.Equal(t, want.NumScored, g.NumTokensScored, where)
			assert.Equal(t, want.NumGreen, g.NumGreenTokens, where)
			assert.Equal(t, conformance.Float64(t, want.GreenFractionF64), g.GreenFraction, where)
			assert.InDelta(t, want.GreenFraction, g.GreenFraction, 1e-12, where)
			z := conformance.Float64(t, want.ZF64)
			assert.InDelta(t, z, g.ZScore, 1e-12*math.Abs(z), where)
			assert.InDelta(t, want.Z, g.ZScore, 1e-12*math.Abs(z), where)
			p := conformance.Float64(t, want.PF64)
			assert.InDelta(t, p, g.EnginePValue, 1e-8*p, where)
			assert.InDelta(t, want.P, g.EnginePValue, 1e-8*p, where)
			assert.InDelta(t, 1-p, g.EngineConfidence, 1e-8, where)
			assert.Equal(t, want.Prediction, g.Prediction, where)

			// Ours beside it is what the mark's own detector gives.
			text := row.Completion
			if row.BOSTokenID != nil && text[0] == *row.BOSTokenID {
				text = text[1:]
			}
			res, err := marks[name].Detect(watermark.Text{Tokens: text})
			require.NoError(t, err)
			assert.Equal(t, res.Scored, g.Seeds, where)
			assert.Equal(t, res.Score, float64(g.Green), where)
			assert.Equal(t, res.LogP, g.LogP, where)
			if row.Kind == "marked" && want.Label == "right" {
				deepest[want.Label] = min(deepest[want.Label], g.LogP)
			}
			if want.Label == "wrong-key" {
				assert.Greater(t, g.LogP, -20.0, where)
			}
		}
	}
	if len(detectors) > 0 {
		assert.Less(t, deepest["right"], -10.0)
	}
}

// greenDetectorOf reads a detector's parameters: the engine's configuration, which
// ParseGreenListConfig knows, and the detector's only option in use.
func greenDetectorOf(t *testing.T, fields map[string]json.RawMessage) (name string, c GreenListConfig, unique bool) {
	t.Helper()
	all, err := json.Marshal(fields)
	require.NoError(t, err)
	name = string(all)
	require.NoError(t, json.Unmarshal(fields["ignore_repeated_ngrams"], &unique))
	rest := map[string]json.RawMessage{}
	for k, v := range fields {
		if k != "ignore_repeated_ngrams" {
			rest[k] = v
		}
	}
	config, err := json.Marshal(rest)
	require.NoError(t, err)
	c, err = ParseGreenListConfig(config)
	require.NoError(t, err)
	return name, c, unique
}
