package verify_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/transformers"
)

// Mutants killed in this file, each by the test in brackets: void and unopened
// tests leave the family [VoidTestsCount]; Earlier ignored [same]; G2's missing
// scores not counted, its e-process by the tail [FirstN]; scores summed as
// floats, rounded up or to nearest [StatisticIsAnInteger]; failed answers scored,
// refused ones not [OnlyWholeAnswersAreScored]; a void part in a product
// [VoidPartsVoidProducts];
// decoys without spread lose the report [FairCoinIsVoid]; seeds taken to depend on
// the window alone [G2OfSelfHashIsVoid]; no rounding [FiguresAreRounded].

func TestVoidTestsCount(t *testing.T) {
	judge := func(open int, earlier int) *verify.Report {
		c := twoLayers(t, 0.3, 1000)
		if earlier > 0 {
			c.Plan.Sequence, c.Plan.Earlier = 2, earlier
		}
		c.Keys = c.Keys[:open]
		return c.judge(t)
	}
	all, one, later := judge(3, 0), judge(1, 0), judge(1, 94)
	require.Len(t, one.Findings, 6)
	assert.Equal(t, 6, one.Family)
	assert.Equal(t, 100, later.Family)
	a, b, c := all.Finding("vendor", verify.G1), one.Finding("vendor", verify.G1), later.Finding("vendor", verify.G1)
	assert.Equal(t, a.LogP, b.LogP)
	// It is the smallest p in both: six tests, five of them left open or shut.
	assert.InDelta(t, math.Log(6), b.Adjusted-b.LogP, 1e-7)
	assert.InDelta(t, math.Log(100), c.Adjusted-c.LogP, 1e-7)
	assert.InDelta(t, math.Log(1e-3/100), c.Power.Level, 1e-8)
	for _, key := range []string{"epoch", "other epoch"} {
		f := one.Finding(key, verify.G1)
		assert.Equal(t, []string{"the key was not opened"}, f.Void)
		assert.Zero(t, f.Adjusted)
		assert.False(t, f.Rejected)
	}
}

func TestFirstN(t *testing.T) {
	for _, first := range []int{10, 60, 5000, 0} {
		c := twoLayers(t, 0.4, 0)
		c.Plan.Tests[1].First = first
		f := c.judge(t).Finding("vendor", verify.G2)
		law := c.Keys[0].Mark.Law()
		switch n := int64(f.Scored); first {
		case 10, 60:
			assert.Equal(t, first, f.Scored)
			assert.Positive(t, f.Dropped.Beyond)
			assert.Equal(t, verify.Exact, f.Tail)
			assert.InEpsilon(t, law.LogTail(f.Statistic, n), f.LogP, 1e-9)
		case 5000:
			assert.Less(t, f.Scored, 1000)
			assert.Equal(t, verify.Bound, f.Tail)
			assert.InDelta(t, law.LogTail(f.Statistic, 5000), f.LogP, 1e-8)
			assert.InEpsilon(t, law.LogE(f.Statistic, n), f.LogE, 1e-9)
			threshold, ok := evidence.Critical(law, 5000, f.Power.Level)
			require.True(t, ok)
			least, err := evidence.DetectableAbove(law, threshold, n, 0.8)
			require.NoError(t, err)
			assert.InDelta(t, least, f.Power.Detectable, 1e-8)
		case 0:
			assert.Equal(t, verify.Bound, f.Tail)
			assert.InEpsilon(t, -law.LogE(f.Statistic, n), f.LogP, 1e-9)
			assert.Negative(t, f.LogP)
		}
	}
}

// The statistic is the sum of floor(s·2^32), to the last bit.
func TestStatisticIsAnInteger(t *testing.T) {
	c := twoLayers(t, 0.1, 0)
	r := c.judge(t)
	mark := c.Keys[0].Mark
	var texts []watermark.Text
	for _, e := range c.Transcript.Prompts {
		texts = append(texts, watermark.Text{Tokens: encode(e.Text)})
	}
	units, _, err := mark.Pairs(texts)
	require.NoError(t, err)
	sum := new(big.Int)
	scored := 0
	for _, u := range units {
		var s [1]float64
		require.True(t, mark.Scores(u.Window, []token{u.Token}, s[:]))
		if !slices.ContainsFunc(u.Window, func(x token) bool { return x != 0 }) {
			continue // the window occurs in the prompt
		}
		scored++
		x, _ := new(big.Float).SetMantExp(big.NewFloat(s[0]), 32).Int(nil)
		sum.Add(sum, x)
	}
	f := r.Finding("vendor", verify.G1)
	assert.Equal(t, sum.String(), f.Sum)
	want, _ := new(big.Float).SetMantExp(new(big.Float).SetInt(sum), -32).Float64()
	assert.Equal(t, want, f.Statistic)
	assert.Equal(t, scored, f.Scored)
}

func TestOnlyWholeAnswersAreScored(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	answers := make([]string, 6)
	for i := range answers {
		answers[i] = text(speak(50, token(i), plainly(rng), func(token) {})...)
	}
	key := newKey(t, 1)
	mark := newMark(t, key, watermark.Gumbel{}, 3)
	judge := func(change func(x []collect.Exchange), void verify.Voiding) *verify.Report {
		c := newCase(t, answers, nil)
		c.key(t, "vendor", mark, key)
		c.Plan.Tests = []verify.Test{{Name: verify.G1}}
		c.Plan.Void, c.Plan.Decoys = void, 1000
		change(c.Transcript.Prompts)
		return c.judge(t)
	}
	whole := judge(func([]collect.Exchange) {}, verify.Voiding{})
	assert.Equal(t, 300, whole.Findings[0].Raw)
	assert.Empty(t, whole.Findings[0].Void)
	broken := func(x []collect.Exchange) {
		x[0].Status = collect.Refused
		x[1].Status, x[1].Error = collect.Failed, "reset"
		x[2].Status, x[2].Text, x[2].Asked = collect.Missing, "", 0
	}
	r := judge(broken, verify.Voiding{Missing: 0.4})
	assert.Equal(t, 200, r.Findings[0].Raw)
	assert.Equal(t, collect.Counts{Complete: 3, Refused: 1, Failed: 1, Missing: 1}, r.Answers)
	assert.Empty(t, r.Findings[0].Void)
	r = judge(broken, verify.Voiding{Missing: 0.3})
	assert.Equal(t, []string{"2 of 6 prompts have no whole answer, the plan allows a share of 0.3"}, r.Void)
	assert.Equal(t, r.Void, r.Findings[0].Void)
	assert.Zero(t, r.Findings[0].Adjusted)
	r = judge(func(x []collect.Exchange) { x[0].Model, x[1].Model = "a", "b" }, verify.Voiding{OneModel: true})
	assert.Equal(t, []string{"2 models answered: a, b"}, r.Findings[0].Void)
	r = judge(func(x []collect.Exchange) { x[0].Model, x[1].Model = "a", "b" }, verify.Voiding{})
	assert.Empty(t, r.Findings[0].Void)
	assert.Equal(t, []string{"a", "b"}, r.Models)
}

func TestProbesVoid(t *testing.T) {
	for _, void := range []bool{false, true} {
		c := newCase(t, []string{"x"}, nil)
		key := newKey(t, 1)
		c.key(t, "vendor", newMark(t, key, watermark.Gumbel{}, 3), key)
		c.Plan.Tests = []verify.Test{{Name: verify.G1}}
		c.Plan.Probes = []string{"2+2?"}
		c.Plan.Void.SameProbes = void
		for i, s := range []collect.Stage{collect.Start, collect.Middle, collect.End} {
			c.Transcript.Probes = append(c.Transcript.Probes, collect.Exchange{Stage: s, Question: "2+2?", Status: collect.Complete,
				Text: fmt.Sprint(4 + i/2), Asked: 1})
		}
		r := c.judge(t)
		assert.Equal(t, []int{0}, r.ProbesDiffer)
		if assert.Equal(t, void, len(r.Void) == 1) && void {
			assert.Equal(t, "1 of 1 probes were answered in different ways", r.Void[0])
		}
	}
}

// Nothing to score, too little to reach the level, a public key, no decoys: void,
// and never a small p-value by default.
func TestVoidReasons(t *testing.T) {
	key := newKey(t, 1)
	judge := func(answer string, scheme watermark.Scheme, decoys int) verify.Finding {
		c := newCase(t, []string{answer}, nil)
		c.key(t, "vendor", newMark(t, key, scheme, 3), key)
		c.Plan.Tests = []verify.Test{{Name: verify.G1}}
		c.Plan.Alpha, c.Plan.Decoys = 1e-6, decoys
		return c.judge(t).Findings[0]
	}
	for _, answer := range []string{"", text(1, 2, 3), text(1)} {
		f := judge(answer, watermark.Gumbel{}, 1000)
		assert.Equal(t, []string{"no token could be scored"}, f.Void)
		assert.Zero(t, f.LogP)
		assert.Zero(t, f.LogE)
	}
	f := judge(text(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), watermark.GreenList{Gamma: 0.5, Delta: 2}, 1000)
	assert.Equal(t, []string{"7 scored tokens cannot reach the level 10^-6.00"}, f.Void)
	assert.False(t, f.Power.Attainable)
	f = judge(text(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), watermark.Gumbel{}, 0)
	assert.Equal(t, []string{"no decoy keys were planned: nothing shows that the null law holds"}, f.Void)

	mark, err := watermark.Build(odd{}, watermark.Gumbel{}, watermark.Rules{Width: 1})
	require.NoError(t, err)
	c := newCase(t, []string{text(1, 2, 3, 4)}, nil)
	c.Plan.Keys = []verify.KeyPlan{{Name: "demo", Mark: "a mark that is not opened", KeyID: "demo", Kind: watermark.PublicKey}, {Name: "odd", Mark: mark.ID(), KeyID: mark.Info().KeyID, Kind: watermark.Statistical}}
	c.Plan.Tests = []verify.Test{{Name: verify.G1}}
	c.Plan.Products = []verify.Product{{Name: "both", Parts: verify.Across(verify.G1, "demo", "odd")}}
	r := c.judge(t)
	assert.Equal(t, []string{"everybody knows this key: what it finds is never evidence", "the key was not opened"}, r.Finding("demo", verify.G1).Void)
	assert.Contains(t, r.Finding("both", verify.G1).Void, "its part G1 under key demo is void")
}

// A product of two strong findings is void if one of them is.
func TestVoidPartsVoidProducts(t *testing.T) {
	for open, void := range map[int]bool{3: false, 1: true} {
		c := twoLayers(t, 0.3, 1000)
		c.Plan.Products = []verify.Product{{Name: "release", Parts: verify.Across(verify.G1, "epoch", "vendor")}}
		c.Keys = c.Keys[:open]
		f := c.judge(t).Finding("release", verify.G1)
		assert.Equal(t, void, len(f.Void) > 0)
		assert.Equal(t, !void, f.Rejected)
	}
}

// Students of four strengths, found as often as the planner says. 300 students
// each; the allowed difference is 4.9 standard errors (false-alarm rate 1e-6) and
// 0.04 for the planner's normal approximation.
func TestPlannerMatchesSimulatedStudents(t *testing.T) {
	const runs, length = 300, 400
	level := math.Log(1e-3)
	key := newKey(t, 1)
	mark := newMark(t, key, watermark.Gumbel{}, 2)
	for _, share := range []float64{0, 0.04, 0.07, 0.1} {
		rng := rand.New(rand.NewPCG(uint64(1000*share), 3))
		var sum, n float64
		hits := 0
		for range runs {
			c := newCase(t, []string{text(student(t, mark, share, length, token(rng.IntN(2048)), rng)...)}, nil)
			c.key(t, "vendor", mark, key)
			c.Plan.Tests = []verify.Test{{Name: verify.G1}}
			f := c.judge(t).Findings[0]
			sum, n = sum+f.Statistic, n+float64(f.Scored)
			if f.LogP <= level {
				hits++
			}
		}
		d := sum/n - 1
		want, err := evidence.Power(mark.Law(), int64(n/runs), d, level)
		require.NoError(t, err)
		got := float64(hits) / runs
		assert.InDelta(t, want, got, 4.9*math.Sqrt(want*(1-want)/runs)+0.04, "share %v, effect %v", share, d)
		t.Logf("share %.2f: effect %.3f, power %.2f planned, %.2f seen", share, d, want, got)
	}
}

// One flip of a fair coin has no spread that decoys could be compared with: no
// report is lost for it.
func TestFairCoinIsVoid(t *testing.T) {
	key := newKey(t, 1)
	for _, scheme := range []watermark.Scheme{watermark.GreenList{Gamma: 0.5, Delta: 2}, watermark.Tournament{Depth: 1}} {
		c := newCase(t, []string{text(1, 2, 3, 4)}, nil)
		c.key(t, "vendor", newMark(t, key, scheme, 3), key)
		c.Plan.Tests = []verify.Test{{Name: verify.G1}}
		c.Plan.Decoys, c.Plan.Alpha = 1000, 0.9
		f := c.judge(t).Findings[0]
		assert.Equal(t, 1, f.Scored, "%v", scheme)
		assert.Contains(t, fmt.Sprint(f.Void), "decoy keys cannot be compared with the null law: evidence: excess kurtosis is -2", "%v", scheme)
		assert.False(t, f.Rejected)
	}
}

// Where the list of a position depends on the token that stands there, whether its
// window was served does too.
func TestG2OfSelfHashIsVoid(t *testing.T) {
	for scheme, void := range map[transformers.SeedingScheme]bool{transformers.SelfHash: true, transformers.LeftHash: false} {
		mark, err := transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(77), VocabSize: 64, SeedingScheme: scheme, ContextWidth: 2})
		require.NoError(t, err)
		rng := rand.New(rand.NewPCG(4, 4))
		some := func() (out []token) {
			for range 200 {
				out = append(out, rng.Int32N(8))
			}
			return out
		}
		c := newCase(t, []string{text(some()...)}, nil)
		c.Plan.Keys = []verify.KeyPlan{{Name: "vendor", Mark: mark.ID(), KeyID: mark.Info().KeyID, Kind: mark.Info().Kind}}
		c.Keys = []verify.Opened{{Name: "vendor", Mark: mark}}
		c.Plan.Tests = []verify.Test{{Name: verify.G1}, {Name: verify.G2}}
		c.serve(some())
		r := c.judge(t)
		const reason = "the test is not exact"
		assert.NotContains(t, fmt.Sprint(r.Findings[0].Void), reason)
		assert.Equal(t, void, strings.Contains(fmt.Sprint(r.Findings[1].Void), reason), "%s: %v", scheme, r.Findings[1].Void)
		assert.False(t, r.Findings[1].Rejected)
	}
}

// Figures of logarithms have ten digits, sums all of theirs.
func TestFiguresAreRounded(t *testing.T) {
	c := twoLayers(t, 0.4, 1000)
	c.Plan.Products = []verify.Product{{Name: "release", Parts: verify.Across(verify.G1, "vendor", "epoch")}}
	r := c.judge(t)
	for _, f := range r.Findings {
		figures := []float64{f.LogP, f.LogE, f.Adjusted, f.Effect.D, f.Effect.Low, f.Effect.High}
		if f.Decoys != nil {
			figures = append(figures, f.Decoys.LogPSpread, f.Decoys.Mean, f.Decoys.Sensitivity, f.Decoys.Rank, f.Power.Level, f.Power.Detectable)
		}
		for _, x := range figures {
			digits := strings.TrimPrefix(strings.Replace(strconv.FormatFloat(math.Abs(x), 'f', -1, 64), ".", "", 1), "0")
			assert.LessOrEqual(t, len(digits), 10, "%v of %s %s", x, f.Test, f.Key)
		}
	}
	f := r.Finding("vendor", verify.G1)
	sum, _ := new(big.Float).SetString(f.Sum)
	want, _ := sum.SetMantExp(sum, -32).Float64()
	assert.Equal(t, want, f.Statistic)
}
