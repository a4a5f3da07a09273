package verify_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/transformers"
)

// Mutants killed in this file, each by the test in brackets: controls hardly void
// [ControlsVoid]; controls asked for what they cannot answer [ControlWithoutProbabilities];
// held-out keys no controls, or voiding themselves only [HeldOutKeysVoid]; the last part for
// the pool, of scores or of decoys, decoys that parts share [PoolsFind]; pools that stand
// without a part, or with a void one [PoolsAreVoid].

// Students of several strengths read texts under their key, and are found as often
// as the planner says. The allowed difference is 4.9 standard errors (false-alarm rate
// 1e-6) and 0.06 for the planner's normal approximation.
func TestPlannerMatchesSimulatedReaders(t *testing.T) {
	const runs, first = 250, 90
	level := math.Log(1e-3)
	mark := newMark(t, newKey(t, 1), watermark.Gumbel{}, 3)
	tests := []verify.Test{{Name: verify.R1, First: first}, {Name: verify.R2, First: first}, {Name: verify.R4h, First: first}, {Name: verify.R4, First: first}}
	middle := 0
	for _, share := range []float64{0, 0.1, 0.2, 0.4} {
		rng := rand.New(rand.NewPCG(uint64(1000*share), 31))
		sum := make([]scale, len(tests))
		hits := make([]float64, len(tests))
		for range runs {
			rec := &verify.Record{Passages: teacher.passages(t, mark, 6, 80, rng)}
			student := newLearnt(mark, 1, 0.6, rng)
			known := rng.Uint64()
			student.knows = func(w []token) bool { // other windows each time
				h := known
				for _, x := range w {
					h = (h ^ uint64(x)) * 0x9E3779B97F4A7C15
				}
				return rand.New(rand.NewPCG(h, 1)).Float64() < share
			}
			student.reference = earlier
			rec.Predictions = student.read(t, rec.Passages)
			for i, test := range tests {
				f := one(t, mark, test, rec)
				require.Equal(t, first, f.Scored)
				sum[i].add(f.Effect.D)
				if f.LogTail <= level { // of R4 the approximation, which the planner plans for
					hits[i]++
				}
			}
		}
		for i, test := range tests {
			d, _ := sum[i].mean()
			if d <= 0 {
				assert.LessOrEqual(t, hits[i], 8.0)
				continue
			}
			design := evidence.Design{Law: mark.Law(), Effect: d, Alpha: 1e-3}
			if test.Name == verify.R4 {
				design.Law = nil
			}
			want, err := design.PowerOf(first)
			require.NoError(t, err)
			got := hits[i] / runs
			assert.InDelta(t, want, got, 4.9*math.Sqrt(want*(1-want)/runs)+0.06, "%v, share %v, effect %v", test, share, d)
			if want > 0.1 && want < 0.9 {
				middle++
			}
			t.Logf("%v, share %.2f: effect %.3f, power %.2f planned, %.2f seen", test, share, d, want, got)
		}
	}
	assert.GreaterOrEqual(t, middle, 4, "designs that are neither hopeless nor sure")
}

// A student that knows few windows, but those by heart, shows in the smallest p-values
// and not in the sum. One that has learnt a little everywhere shows in the sum.
func TestSparseAndSum(t *testing.T) {
	const runs, first = 60, 400
	level := math.Log(1e-3)
	mark := newMark(t, newKey(t, 2), watermark.Gumbel{}, 2)
	candidates := make([]token, 2000)
	for i := range candidates {
		candidates[i] = token(i)
	}
	found := func(share float64, among int) (sparse, sum int) {
		rng := rand.New(rand.NewPCG(4, 32))
		scores := make([]float64, among)
		for i := range uint64(runs) {
			passage := collect.Passage{Tokens: serve(t, session(t, mark, i), first+20, 3)}
			var list []collect.Prediction
			for j := range passage.Tokens {
				x := argmax(rng.Int32N(4096))
				if j >= 2 && rng.Float64() < share { // the best of so many
					mark.Scores(passage.Tokens[:j], candidates[:among], scores)
					for k, s := range scores {
						if s > scores[x.Argmax%token(among)] || k == 0 {
							x.Argmax = token(k)
						}
					}
				}
				list = append(list, x)
			}
			rec := &verify.Record{Passages: []collect.Passage{passage}, Predictions: [][]collect.Prediction{list}}
			if one(t, mark, verify.Test{Name: verify.R1, First: first, Sparse: true}, rec).LogP <= level {
				sparse++
			}
			if one(t, mark, verify.Test{Name: verify.R1, First: first}, rec).LogP <= level {
				sum++
			}
		}
		return sparse, sum
	}
	few, fewSum := found(0.02, 2000)
	many, manySum := found(0.6, 2)
	t.Logf("few windows: %d of %d found by the smallest p-values, %d by the sum; most of them a little: %d and %d", few, runs, fewSum, many, manySum)
	assert.Greater(t, few, fewSum+runs/4)
	assert.Greater(t, manySum, many+runs/4)
}

// studentCase is a student's case: texts under one key, read for R1 and R4.
func studentCase(t testing.TB, tests ...verify.Test) (c *trialCase, student, clean collect.Predictor, mark *watermark.Watermark) {
	rng := rand.New(rand.NewPCG(1, 33))
	key := newKey(t, 3)
	mark = newMark(t, key, watermark.Gumbel{}, 3)
	c = newReadingCase(t, teacher.passages(t, mark, 16, 80, rng))
	c.key(t, "vendor", mark, key)
	c.Plan.Tests, c.Plan.Decoys = tests, 1000
	for _, x := range tests {
		if x.Name == verify.R4 || x.Name == verify.R3 {
			c.Plan.Reading.Top = 4
		}
		if x.Name == verify.R4 {
			c.Plan.Reading.Reference, c.Plan.Reading.Age = "base", "released before"
		}
	}
	clean = &mind{own: plainSelf, reference: plainSelf, habit: habits[2].make(), certain: 0.8, rng: rng}
	return c, pupil{t, map[string]*learnt{"": newLearnt(mark, 0.6, 0.7, rng)}}, clean, mark
}

// A test that finds a clean model as well is void, for the suspect and for good; the
// finding says what the control showed.
func TestControlsVoid(t *testing.T) {
	for name, contaminated := range map[string]bool{"a clean control": false, "a control that learnt the same": true} {
		c, student, clean, _ := studentCase(t, verify.Test{Name: verify.R1}, verify.Test{Name: verify.R4})
		control := clean
		if contaminated {
			control = student
		}
		c.Plan.Controls = []string{"base"}
		transcript, seal := c.collect(t, readerOf("base", control))
		c.Controls = []verify.Control{{Transcript: transcript, Seal: seal}}
		r := c.judgeReader(t, student)
		for _, f := range r.Findings {
			assert.Less(t, f.LogP, math.Log(1e-4), "%s %s", name, f.Test)
			require.Len(t, f.Controls, 1)
			assert.Equal(t, f.Test, f.Controls[0].Test)
			assert.Equal(t, contaminated, len(f.Void) > 0, "%s %s: %v", name, f.Test, f.Void)
			assert.Equal(t, !contaminated, f.Rejected, "%s %s", name, f.Test)
			if contaminated {
				assert.Contains(t, f.Void[0], "base, which never saw marked answers, shows the same: log10 p of "+f.Test)
				assert.Zero(t, f.Adjusted)
			}
			for _, n := range f.Notes {
				assert.NotContains(t, n, "no clean model was asked")
			}
		}
	}
	// Without a control the finding says so.
	c, student, _, _ := studentCase(t, verify.Test{Name: verify.R1})
	f := c.judgeReader(t, student).Findings[0]
	assert.True(t, f.Rejected)
	assert.Contains(t, fmt.Sprint(f.Notes), "no clean model was asked the same")
}

// A control that lists no probabilities, being the reference itself, answers R1 in place
// of R4.
func TestControlWithoutProbabilities(t *testing.T) {
	c, student, clean, _ := studentCase(t, verify.Test{Name: verify.R1}, verify.Test{Name: verify.R4})
	c.Plan.Controls = []string{"base"}
	transcript, seal := c.collect(t, readerOf("base", listless{clean}))
	c.Controls = []verify.Control{{Transcript: transcript, Seal: seal}}
	r := c.judgeReader(t, student)
	for _, f := range r.Findings {
		assert.Equal(t, verify.R1, f.Controls[0].Test)
		assert.Greater(t, f.Controls[0].Scored, 100)
		assert.Greater(t, f.Controls[0].LogP, math.Log(1e-3))
		assert.True(t, f.Rejected)
	}
}

// listless gives the most likely token and no others.
type listless struct{ collect.Predictor }

func (l listless) Predict(ctx context.Context, q collect.Reading) (collect.Predictions, error) {
	out, err := l.Predictor.Predict(ctx, q)
	for i := range out.At {
		out.At[i].IDs, out.At[i].LogProbs = nil, nil
	}
	return out, err
}

// A key under which nothing was made is found by no test that is worth anything: where
// one finds it, all its findings are void, and other tests' are not.
func TestHeldOutKeysVoid(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 34))
	used, spare := newKey(t, 5), newKey(t, 6)
	usedMark, spareMark := newMark(t, used, watermark.Gumbel{}, 3), newMark(t, spare, watermark.Gumbel{}, 3)
	judge := func(spoilt bool) *verify.Report {
		passages := teacher.passages(t, usedMark, 16, 60, rng)
		if spoilt { // half of them were made under it after all
			passages = append(passages[:8], teacher.passages(t, spareMark, 8, 60, rng)...)
		}
		c := newReadingCase(t, passages)
		c.key(t, "vendor", usedMark, used)
		c.key(t, "spare", spareMark, spare)
		c.Plan.Keys[1].HeldOut = true
		c.Plan.Tests, c.Plan.Decoys = []verify.Test{{Name: verify.R1}, {Name: verify.R2, First: 3}}, 1000
		l := newLearnt(usedMark, 1, 0.9, rng)
		if spoilt {
			l.mark = spareMark
		}
		return c.judgeReader(t, pupil{t, map[string]*learnt{"": l}})
	}
	r := judge(false)
	assert.True(t, r.Finding("vendor", verify.R1).Rejected)
	assert.Empty(t, r.Finding("spare", verify.R1).Void)
	assert.False(t, r.Finding("spare", verify.R1).Rejected)
	r = judge(true)
	for _, key := range []string{"vendor", "spare"} {
		f := r.Finding(key, verify.R1)
		assert.Contains(t, fmt.Sprint(f.Void), "the test finds key spare as well, under which nothing was made", key)
		assert.False(t, f.Rejected, key)
		assert.NotContains(t, fmt.Sprint(r.Finding(key, verify.R2).Void), "under which nothing was made", key)
	}
	assert.Less(t, r.Finding("spare", verify.R1).LogP, math.Log(1e-6))
}

// A world of traces, each made under a key of its own and read under that key alone.
func traces(t testing.TB, seed uint64, n, tokens int, share float64) (*trialCase, collect.Predictor) {
	rng := rand.New(rand.NewPCG(seed, 35))
	var passages []collect.Passage
	marks := make([]*watermark.Watermark, n)
	student := pupil{t, map[string]*learnt{}}
	for i := range n {
		marks[i] = newMark(t, newKey(t, 1000*seed+uint64(i)), watermark.Gumbel{}, 2)
		p := teacher.passages(t, marks[i], 1, tokens, rng)[0]
		p.Key = fmt.Sprintf("trace %d", i)
		passages = append(passages, p)
		student.marks[p.Key] = newLearnt(marks[i], share, 0.7, rng)
		student.marks[p.Key].own = earlier
	}
	c := newReadingCase(t, passages)
	var names []string
	for i, m := range marks {
		c.key(t, passages[i].Key, m, newKey(t, 1000*seed+uint64(i)))
		names = append(names, passages[i].Key)
	}
	c.Plan.Tests = []verify.Test{{Name: verify.R1}}
	c.Plan.Pools = []verify.Pool{{Name: "account", Test: verify.R1, Keys: names}}
	return c, student
}

// The pooled sum over traces of their own keys has the null law of so many scores for a
// suspect that knows none of the keys, though it copies from the contexts. 600 pools.
func TestPoolsAreExact(t *testing.T) {
	var bound, sum []float64
	for i := range shorter(600) {
		c, _ := traces(t, 1+i, 5, 24, 0)
		h := habits[i%uint64(len(habits))]
		clean := &mind{own: plainSelf, reference: plainSelf, habit: h.make(), certain: 0.8, rng: rand.New(rand.NewPCG(i, 36))}
		f := c.judgeReader(t, clean).Finding("account", verify.R1)
		require.NotNil(t, f)
		require.Greater(t, f.Scored, 5*10)
		bound, sum = append(bound, f.LogP), append(sum, f.LogTail)
	}
	superUniform(t, "pool", bound)
	superUniform(t, "sum of a pool", sum)
	notIdle(t, "sum of a pool", sum)
}

// Traces that say nothing each are evidence together; the pool adds up what its parts
// have.
func TestPoolsFind(t *testing.T) {
	c, student := traces(t, 4711, 30, 40, 0.4)
	c.Plan.Decoys = 1000
	r := c.judgeReader(t, student)
	pool := r.Finding("account", verify.R1)
	assert.Empty(t, pool.Void)
	assert.True(t, pool.Rejected)
	assert.Less(t, pool.LogP, math.Log(1e-9))
	var sum float64
	scored, raw, rejected := 0, 0, 0
	for i := range r.Findings[:30] {
		f := &r.Findings[i]
		sum, scored, raw = sum+f.Statistic, scored+f.Scored, raw+f.Raw
		if f.Rejected {
			rejected++
		}
	}
	assert.Zero(t, rejected, "single traces")
	assert.InDelta(t, sum, pool.Statistic, 1e-6)
	assert.Equal(t, scored, pool.Scored)
	assert.Equal(t, raw, pool.Raw)
	assert.InEpsilon(t, -c.Keys[0].Mark.Law().LogE(pool.Statistic, int64(pool.Scored)), pool.LogP, 1e-9)
	require.NotNil(t, pool.Decoys)
	assert.InDelta(t, 1, pool.Decoys.Dispersion, 0.12)
	assert.True(t, pool.Decoys.Diagnostic)
	assert.InDelta(t, math.Log(1.0/1001), pool.Decoys.Rank, 1e-8)
	// A clean suspect's sum is one among those of the decoys, all parts of each.
	clean := &mind{own: plainSelf, reference: plainSelf, habit: habits[2].make(), certain: 0.8, rng: rand.New(rand.NewPCG(1, 40))}
	pool = c.judgeReader(t, clean).Finding("account", verify.R1)
	assert.Greater(t, pool.Decoys.Rank, math.Log(0.005))
	assert.Less(t, pool.Decoys.Rank, math.Log(0.995))
}

// A control that the single traces do not show, but their pool does, voids the pool; so
// does a part that is void for another reason than being small.
func TestPoolsAreVoid(t *testing.T) {
	pool := func(change func(c *trialCase, student collect.Predictor)) *verify.Finding {
		c, student := traces(t, 4711, 30, 40, 0.4)
		c.Plan.Decoys = 1000
		change(c, student)
		return c.judgeReader(t, student).Finding("account", verify.R1)
	}
	control := func(of func(student collect.Predictor) collect.Predictor) func(c *trialCase, student collect.Predictor) {
		return func(c *trialCase, student collect.Predictor) {
			c.Plan.Controls = []string{"base"}
			transcript, seal := c.collect(t, readerOf("base", of(student)))
			c.Controls = []verify.Control{{Transcript: transcript, Seal: seal}}
		}
	}
	f := pool(control(func(student collect.Predictor) collect.Predictor { return student }))
	require.Len(t, f.Controls, 1)
	assert.InEpsilon(t, f.LogP, f.Controls[0].LogP, 1e-9)
	assert.Equal(t, f.Scored, f.Controls[0].Scored)
	assert.Contains(t, fmt.Sprint(f.Void), "base, which never saw marked answers, shows the same: log10 p of R1")
	assert.False(t, f.Rejected)
	f = pool(control(func(collect.Predictor) collect.Predictor {
		return &mind{own: plainSelf, reference: plainSelf, habit: habits[2].make(), certain: 0.8, rng: rand.New(rand.NewPCG(1, 39))}
	}))
	assert.Empty(t, f.Void)
	assert.True(t, f.Rejected)
	assert.Greater(t, f.Controls[0].LogP, math.Log(1e-3))
	f = pool(func(c *trialCase, _ collect.Predictor) { c.Keys = c.Keys[1:] })
	assert.Equal(t, []string{"its part under key trace 0 is void"}, f.Void)
	assert.False(t, f.Rejected)
	f = pool(func(c *trialCase, _ collect.Predictor) { // a key that everybody knows
		mark, err := transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(15485863), VocabSize: smallWords})
		require.NoError(t, err)
		for i := range c.Keys {
			m, err := transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(uint64(1000 + i)), VocabSize: smallWords})
			require.NoError(t, err)
			if i == 3 {
				m = mark
			}
			c.Keys[i] = verify.Opened{Name: c.Keys[i].Name, Mark: m}
			c.Plan.Keys[i] = verify.KeyPlan{Name: c.Keys[i].Name, Mark: m.ID(), KeyID: m.Info().KeyID, Kind: m.Info().Kind}
		}
	})
	assert.Equal(t, []string{"its part under key trace 3 is void"}, f.Void)
}

// shorter returns a sixth of runs with -short.
func shorter(runs uint64) uint64 {
	if testing.Short() {
		return runs / 6
	}
	return runs
}

// A tree of keys: a vendor, two cohorts, three accounts in each, every key with
// passages of its own.
func forest(t testing.TB, seed uint64, know func(name string) float64) (*trialCase, collect.Predictor) {
	rng := rand.New(rand.NewPCG(seed, 37))
	parents := map[string]string{"vendor": ""}
	names := []string{"vendor"}
	for _, cohort := range []string{"x", "y"} {
		names, parents[cohort] = append(names, cohort), "vendor"
		for i := range 3 {
			a := fmt.Sprintf("%s%d", cohort, i)
			names, parents[a] = append(names, a), cohort
		}
	}
	student := pupil{t, map[string]*learnt{}}
	var passages []collect.Passage
	var marks []*watermark.Watermark
	for i, name := range names {
		mark := newMark(t, newKey(t, 100*seed+uint64(i)), watermark.Gumbel{}, 3)
		marks = append(marks, mark)
		for _, p := range teacher.passages(t, mark, 2, 60, rng) {
			p.Key = name
			passages = append(passages, p)
		}
		student.marks[name] = newLearnt(mark, know(name), 0.7, rng)
		student.marks[name].own = earlier
	}
	c := newReadingCase(t, passages)
	for i, name := range names {
		c.key(t, name, marks[i], newKey(t, 100*seed+uint64(i)))
		c.Plan.Keys[i].Parent = parents[name]
	}
	c.Plan.Correction, c.Plan.Tests = verify.Hierarchy, []verify.Test{{Name: verify.R1}, {Name: verify.R2}}
	return c, student
}

// Down the tree by Meinshausen's rule, with what the report says worked out by hand.
func TestHierarchyEndToEnd(t *testing.T) {
	guilty := map[string]float64{"vendor": 0.9, "x": 0.9, "x1": 0.9, "y2": 0.9} // y2 under a clean cohort
	c, student := forest(t, 1, func(name string) float64 { return guilty[name] })
	c.Plan.Decoys, c.Plan.Sequence, c.Plan.Earlier = 1000, 2, 3
	r := c.judgeReader(t, student)
	assert.Equal(t, verify.Hierarchy, r.Correction)
	for _, k := range c.Plan.Keys {
		for _, test := range []string{verify.R1, verify.R2} {
			f := r.Finding(k.Name, test)
			require.Empty(t, f.Void, k.Name)
			// Two trees and three earlier tests have a fifth of Alpha each.
			want := math.Inf(-1)
			for at := k.Name; at != ""; {
				leaves := map[int]float64{0: 6, 1: 3, 2: 1}[depth(c.Plan, at)]
				want = max(want, min(0, r.Finding(at, test).LogP+math.Log(6/leaves)))
				at = parentOf(c.Plan, at)
			}
			assert.InDelta(t, min(0, want+math.Log(5)), f.Adjusted, 1e-7, "%s %s", k.Name, test)
			assert.Equal(t, f.Adjusted <= math.Log(1e-3), f.Rejected)
		}
		assert.Equal(t, guilty[k.Name] > 0 && k.Name != "y2", r.Finding(k.Name, verify.R1).Rejected, k.Name)
	}
	assert.Less(t, r.Finding("y2", verify.R1).LogP, math.Log(1e-5), "that its cohort is clean saves it")
}

func depth(p *verify.Plan, name string) int {
	if name = parentOf(p, name); name == "" {
		return 0
	}
	return 1 + depth(p, name)
}

func parentOf(p *verify.Plan, name string) string {
	for _, k := range p.Keys {
		if k.Name == name {
			return k.Parent
		}
	}
	return ""
}

// Clean suspects and trees of keys: in 300 of them some node is rejected at 0.2 in no more
// than chance explains.
func TestHierarchyHoldsItsRate(t *testing.T) {
	var least []float64
	for i := range shorter(300) {
		c, _ := forest(t, 10+i, func(string) float64 { return 0 })
		clean := &mind{own: plainSelf, reference: plainSelf, habit: habits[i%uint64(len(habits))].make(), certain: 0.8, rng: rand.New(rand.NewPCG(i, 38))}
		c.Plan.Tests = c.Plan.Tests[:1]
		transcript, seal := c.collect(t, readerOf("s", clean))
		c.Transcript, c.Seal = transcript, seal
		r := c.judgeReader(t, clean)
		family, parents := evidence.Family{Alpha: 0.2}, []int{-1, 0, 1, 1, 1, 0, 5, 5, 5}
		var logP []float64
		for _, f := range r.Findings {
			logP = append(logP, f.LogP)
		}
		decisions, err := family.Hierarchical(parents, logP)
		require.NoError(t, err)
		p := 0.0
		for _, d := range decisions {
			p = min(p, d.LogP)
		}
		least = append(least, p)
	}
	superUniform(t, "the least adjusted p-value of a tree", least)
}
