package tail_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/tail"
)

// Mutants of the package that the tests of this file were seen to kill, each tried by hand:
//   - Binomial, PoissonBinomial with P(X > k) for P(X >= k);
//   - Gamma, Binomial by a normal law of the same mean and variance, with and without continuity correction;
//   - every answer floored at ln 1e-300, or at ln 1e-16;
//   - the far tail as ln(1 − CDF), and 1 − q for log1p(−q) where p is all but 1;
//   - DualGamma by the Gamma law of the same mean and variance;
//   - Stirling's correction left out of Gamma, and one of its terms off by 0.3 %;
//   - a − (a+b)x rounded twice in the binomial deviance: 1e7 trials notice;
//   - 9 terms of the uniform expansion for 20, 6 of Mills' ratio for 16;
//   - WeightedExponentialExact by its Lugannani–Rice approximation;
//   - SignFlip without ties.

// A row is one line of tails.jsonl or reference.jsonl.
type row struct {
	Law           string    `json:"law"`
	Shape         float64   `json:"shape"`
	X             float64   `json:"x"`
	N             int64     `json:"n"`
	K             int64     `json:"k"`
	P             floats    `json:"p"`
	Alpha         float64   `json:"alpha"`
	Weights       []float64 `json:"weights"`
	D             []float64 `json:"d"`
	Signs         []float64 `json:"signs"`
	Count         float64   `json:"count"`
	A             float64   `json:"a"`
	B             float64   `json:"b"`
	Want          decimal   `json:"ln_sf"`
	WantHoeffding decimal   `json:"ln_hoeffding"`
}

// floats is a number or a list of them.
type floats []float64

func (f *floats) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("[")) {
		return json.Unmarshal(text, (*[]float64)(f))
	}
	*f = make([]float64, 1)
	return json.Unmarshal(text, &(*f)[0])
}

// decimal is a float64 written as text, so that it may be "-inf".
type decimal float64

func (d *decimal) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if errors.Is(err, strconv.ErrRange) {
		err = nil // beyond float64: ±Inf or 0, which is the right answer then
	}
	*d = decimal(v)
	return err
}

// fields are those that a row of each law has, besides law and ln_sf.
var fields = map[string][]string{
	"gamma":                {"shape", "x"},
	"binomial":             {"n", "p", "k"},
	"poisson-binomial":     {"p", "k"},
	"weighted-exponential": {"weights", "x"},
	"dual-gamma":           {"n", "alpha", "x"},
	"normal":               {"x"},
	"sign-flip":            {"d", "signs", "count", "ln_hoeffding"},
	"gamma-e":              {"n", "x", "b"},
	"bernoulli-e":          {"n", "k", "p", "a", "b"},
}

// parseRow refuses laws it does not know, and fields missing or unknown.
func parseRow(t *testing.T, line string) row {
	t.Helper()
	var names map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(line), &names), line)
	var r row
	require.NoError(t, json.Unmarshal([]byte(line), &r), line)
	want, known := fields[r.Law]
	require.True(t, known, "unknown law in %s", line)
	require.ElementsMatch(t, append([]string{"law", "ln_sf"}, want...), slices.Collect(maps.Keys(names)), line)
	return r
}

// answer is what the package says to a row.
func (r row) answer() float64 {
	switch r.Law {
	case "gamma":
		return tail.Gamma(r.X, r.Shape)
	case "binomial":
		return tail.Binomial(r.K, r.N, r.P[0])
	case "poisson-binomial":
		return tail.PoissonBinomial(int(r.K), r.P)
	case "weighted-exponential":
		return tail.WeightedExponentialExact(r.X, r.Weights)
	case "dual-gamma":
		return tail.DualGamma(r.X, r.N, r.Alpha)
	case "normal":
		return tail.Normal(r.X)
	case "sign-flip":
		return tail.SignFlip(r.terms())
	case "gamma-e":
		return tail.GammaE(r.N, r.X, r.B)
	case "bernoulli-e":
		return tail.BernoulliE(r.N, r.K, r.P[0], r.A, r.B)
	}
	return math.NaN()
}

func (r row) terms() []float64 {
	terms := make([]float64, len(r.D))
	for i, d := range r.D {
		terms[i] = d * r.Signs[i]
	}
	return terms
}

// close says whether got is want within the relative error, or within the absolute one. Infinities and zeros are
// close to themselves only.
func close(got, want, relative, absolute float64) bool {
	return got == want || math.Abs(got-want) <= max(relative*math.Abs(want), absolute)
}

func checkRow(t *testing.T, line string) {
	r := parseRow(t, line)
	got, want := r.answer(), float64(r.Want)
	absolute := 5e-324 / 1e-10 // where float64 itself has no ten digits
	if strings.HasSuffix(r.Law, "-e") {
		absolute = 1e-12 // ln e has both signs and zeros between them
	}
	assert.True(t, close(got, want, 1e-10, absolute), "got %.17g: %s", got, line)

	switch r.Law {
	case "weighted-exponential":
		tails := tail.WeightedExponential(r.X, r.Weights)
		assert.GreaterOrEqual(t, tails.Bound, want-1e-10*math.Abs(want), line)
		assert.LessOrEqual(t, tails.Approx, tails.Bound, line)
		if want < 0 && want > -1e4 {
			assert.InDelta(t, want, tails.Approx, 0.082, line)
		}
	case "sign-flip":
		n := float64(len(r.D))
		assert.Equal(t, r.Count, math.Round(math.Exp(got+n*math.Ln2)), line)
		assert.True(t, close(tail.SignFlipBound(r.terms()), float64(r.WantHoeffding), 1e-10, 0), line)
	}
}

// vectors returns the lines of a file of testdata/vectors, or of the folder that DYETRACE_VECTORS names; without the
// file there the test is skipped.
func vectors(t *testing.T, name string) []string {
	t.Helper()
	folder := filepath.Join("testdata", "vectors")
	if other := os.Getenv("DYETRACE_VECTORS"); other != "" {
		folder = other
	}
	text, err := os.ReadFile(filepath.Join(folder, name))
	if errors.Is(err, fs.ErrNotExist) && folder != filepath.Join("testdata", "vectors") {
		t.Skipf("DYETRACE_VECTORS holds no %s", name)
	}
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func TestVectors(t *testing.T) {
	lines := vectors(t, "tails.jsonl")
	require.NotEmpty(t, lines)
	for _, line := range lines {
		checkRow(t, line)
	}
}

func TestReference(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "reference.jsonl"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Len(t, lines, 2408)
	for _, line := range lines {
		checkRow(t, line)
	}
}

// TestVLLM compares with vLLM's own p-values. Its dual-key p is the Gamma law of the same mean and variance, shape
// n/v at score/v; the exact law beside it is another number, and larger in the far tail wherever the keys have
// unequal weights.
func TestVLLM(t *testing.T) {
	for _, line := range vectors(t, "vllm_tails.jsonl") {
		var r struct {
			Fn                     string
			Score, Shape, Alpha, P float64
			NumScored              int64  `json:"num_scored"`
			F64                    string `json:"p_f64"`
		}
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&r), line)
		bits, err := strconv.ParseUint(r.F64, 16, 64)
		require.NoError(t, err, line)
		want := math.Float64frombits(bits)

		var got float64
		switch r.Fn {
		case "gamma_survival_integer_shape":
			got = tail.Gamma(r.Score, r.Shape)
		case "dual_gammaincc":
			v := r.Alpha*r.Alpha + (1-r.Alpha)*(1-r.Alpha)
			got = tail.Gamma(r.Score/v, float64(r.NumScored)/v)
			if got < -20 && r.Alpha > 0 && r.Alpha < 0.5 {
				assert.Greater(t, tail.DualGamma(r.Score, r.NumScored, r.Alpha), got, "moments flatter the claim: %s", line)
			}
		default:
			require.Fail(t, "unknown function", line)
		}
		if want == 0 {
			assert.Less(t, got, -708.0, line)
			continue
		}
		assert.True(t, close(math.Exp(got), want, 1e-8, 0) || want < 1e-300 && got < -690, "got %v: %s", math.Exp(got), line)
	}
}

func TestSGLang(t *testing.T) {
	for _, line := range vectors(t, "sglang_tails.jsonl") {
		var r struct {
			Shape, Score float64
			LogP         float64 `json:"log_p"`
			F64          string  `json:"log_p_f64"`
		}
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&r), line)
		bits, err := strconv.ParseUint(r.F64, 16, 64)
		require.NoError(t, err, line)
		got := tail.Gamma(r.Score, r.Shape)
		assert.True(t, close(got, math.Float64frombits(bits), 1e-9, 1e-11), "got %v: %s", got, line)
	}
}
