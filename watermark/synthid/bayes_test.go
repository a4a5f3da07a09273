package synthid

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/internal/conformance"
)

// Mutants killed in this file: bfloat16 taken for float16, floats read big-endian,
// tensors that overlap, a hole, a name given twice, bytes behind the last tensor
// [BadSafetensors, ParseBayes].

// file returns a safetensors file of a header and data.
func file(header string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

// model returns transformers' file of a classifier, with values of a type.
func model(dtype string, prior float64, beta, delta []float64) []byte {
	var data []byte
	put := func(values ...float64) [2]int {
		begin := len(data)
		for _, v := range values {
			switch dtype {
			case "F64":
				data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
			case "F32":
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
			case "BF16":
				data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(float32(v))>>16))
			}
		}
		return [2]int{begin, len(data)}
	}
	n := len(beta)
	b, d, p := put(beta...), put(delta...), put(prior)
	header := fmt.Sprintf(`{"__metadata__":{"format":"pt"},"prior":{"dtype":%q,"shape":[1],"data_offsets":[%d,%d]},`+
		`"likelihood_model_watermarked.delta":{"dtype":%q,"shape":[1,1,%d,%d],"data_offsets":[%d,%d]},`+
		`"likelihood_model_watermarked.beta":{"dtype":%q,"shape":[1,1,%d],"data_offsets":[%d,%d]}}`,
		dtype, p[0], p[1], dtype, n, n, d[0], d[1], dtype, n, b[0], b[1])
	return file(header+strings.Repeat(" ", (8-len(header)%8)%8), data)
}

func TestParseBayes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	beta, delta := make([]float64, 3), make([]float64, 9)
	for i := range delta {
		delta[i] = float64(float32(rng.NormFloat64()))
		beta[i%3] = float64(float32(rng.NormFloat64()))
	}
	d, err := NewDetector(Config{Keys: NewKeys(5, 6, 7)})
	require.NoError(t, err)
	text := conformance.Templates(1, 60)[0]
	want, err := NewBayes(0.25, beta, delta)
	require.NoError(t, err)
	expected, err := want.Posterior(d, text, NoEOS)
	require.NoError(t, err)
	for dtype, tolerance := range map[string]float64{"F64": 0, "F32": 0, "BF16": 0.2} {
		b, err := ParseBayes(model(dtype, 0.25, beta, delta))
		require.NoError(t, err, dtype)
		assert.Equal(t, 3, b.Depth())
		got, err := b.Posterior(d, text, NoEOS)
		require.NoError(t, err)
		assert.InDelta(t, expected.LogOdds, got.LogOdds, tolerance*math.Abs(expected.LogOdds), dtype)
	}
}

func TestBadSafetensors(t *testing.T) {
	const one = `{"prior":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	four := make([]byte, 4)
	nan := binary.LittleEndian.AppendUint32(nil, 0x7FC00000)
	for want, data := range map[string][]byte{
		"has 0 bytes, want at least 8":                             nil,
		"has 7 bytes":                                              make([]byte, 7),
		"is said to have 18446744073709551615 bytes":               {255, 255, 255, 255, 255, 255, 255, 255},
		"is said to have 9 bytes, want at most 2 of the file's 10": {9, 0, 0, 0, 0, 0, 0, 0, '{', '}'},
		"header of the safetensors file is not a JSON object":      file(`[]`, nil),
		"is cut off":                                                 file(`{`, nil),
		"is cut off or wrong at \"prior\"":                           file(`{"prior":{"dtype":`, nil),
		"is followed by something other than spaces":                 file(one+"x", four),
		`names "a" twice`:                                            file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, four),
		"has metadata other than strings":                            file(`{"__metadata__":{"a":1}}`, nil),
		`tensor "prior" wants a dtype, a shape and two data_offsets`: file(`{"prior":{"dtype":"F32","shape":[1]}}`, four),
		`and nothing else`:                                           file(`{"prior":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, four),
		"want no negative place":                                     file(`{"prior":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, four),
		`tensor "prior" lies at [0, 8) of 4 bytes`:                   file(`{"prior":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, four),
		`tensor "prior" lies at [4, 0)`:                              file(`{"prior":{"dtype":"F32","shape":[2],"data_offsets":[4,0]}}`, four),
		`tensor "b" lies at [2, 6) of 6 bytes, want it to begin at 4`: file(
			`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`, make([]byte, 6)),
		`tensor "b" lies at [5, 9) of 9 bytes, want it to begin at 4`: file(
			`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[5,9]}}`, make([]byte, 9)),
		"4 bytes of the safetensors file are no tensor's":                    file(one, make([]byte, 8)),
		`has dtype "F16", want F64, F32 or BF16`:                             file(`{"prior":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}`, four),
		`tensor "prior" has 4 bytes, want as many as shape [2] of F32 takes`: file(`{"prior":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, four),
		`tensor "prior" has 4 bytes, want as many as shape [4294967296 4294967296] of F32`: file(
			`{"prior":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}`, four),
		`tensor "prior" has 8 bytes, want as many as shape [1] of F32 takes`: file(`{"prior":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}`, make([]byte, 8)),
		`shape [-1] of F32`:                     file(`{"prior":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, four),
		`entry 0 of tensor "prior" is NaN`:      file(one, nan),
		`unknown tensor "other"`:                file(`{"other":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, four),
		`tensor "likelihood_model_watermarked.`: file(one, four),
	} {
		_, err := ParseBayes(data)
		assert.ErrorContains(t, err, want)
	}
	good := model("F32", 0.5, []float64{1, 2}, []float64{1, 2, 3, 4})
	_, err := ParseBayes(good)
	require.NoError(t, err)
	wrong := strings.Replace(string(good), "[1,1,2]", "[1,2,1]", 1)
	_, err = ParseBayes([]byte(wrong))
	assert.ErrorContains(t, err, `tensor "likelihood_model_watermarked.beta" has shape [1 2 1], want [1 1 2]`)
	for i := range good { // whatever is cut off is missed
		_, err := ParseBayes(good[:i])
		require.Error(t, err)
	}
}

func FuzzParseBayes(f *testing.F) {
	f.Add(model("BF16", 0.5, []float64{1}, []float64{0}))
	f.Add(file(`{}`, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := ParseBayes(data); err == nil && b.Depth() < 1 {
			t.Fatal("a classifier without layers")
		}
	})
}

func TestBadBayes(t *testing.T) {
	for want, f := range map[string]func() (*Bayes, error){
		"prior is 1.5, want 0 to 1":       func() (*Bayes, error) { return NewBayes(1.5, []float64{1}, []float64{1}) },
		"prior is NaN":                    func() (*Bayes, error) { return NewBayes(math.NaN(), []float64{1}, []float64{1}) },
		"beta has 0 layers":               func() (*Bayes, error) { return NewBayes(0.5, nil, nil) },
		"delta has 3 entries, want 4":     func() (*Bayes, error) { return NewBayes(0.5, make([]float64, 2), make([]float64, 3)) },
		"entry 0 of beta is +Inf":         func() (*Bayes, error) { return NewBayes(0.5, []float64{math.Inf(1)}, []float64{1}) },
		"entry 0 of delta is NaN, want a": func() (*Bayes, error) { return NewBayes(0.5, []float64{1}, []float64{math.NaN()}) },
	} {
		_, err := f()
		assert.ErrorContains(t, err, want)
	}
	b, err := NewBayes(0.5, []float64{1}, []float64{1})
	require.NoError(t, err)
	d, err := NewDetector(Config{Keys: NewKeys(5, 6)})
	require.NoError(t, err)
	_, err = b.Posterior(d, make([]watermark.Token, 9), NoEOS)
	assert.ErrorContains(t, err, "the classifier has 1 layers, the mark 2")
	d, err = NewDetector(Config{Keys: NewKeys(5)})
	require.NoError(t, err)
	_, err = b.Posterior(d, make([]watermark.Token, 4), NoEOS)
	assert.ErrorContains(t, err, "text has 4 ids, want at least ngram_len = 5")

	// A prior of 0 is kept off 0, as the engine keeps it.
	b, err = NewBayes(0, []float64{1}, []float64{1})
	require.NoError(t, err)
	p, err := b.Posterior(d, []watermark.Token{2, 2, 2, 2, 2}, 2)
	require.NoError(t, err)
	assert.InDelta(t, math.Log(1e-5)-math.Log1p(-1e-5), p.LogOdds, 1e-9)
}
