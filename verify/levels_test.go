package verify_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// under plants four keys, of which three lie under the first, and a student of that one
// and of "b".
func under(t testing.TB, share float64) *trialCase {
	rng := rand.New(rand.NewPCG(1, 91))
	vendor := newMark(t, newKey(t, 900), watermark.Gumbel{}, 2)
	b := newMark(t, newKey(t, 902), watermark.Gumbel{}, 2)
	answers := []string{text(student(t, vendor, share, 900, 5, rng)...), text(student(t, b, share, 900, 9, rng)...)}
	c := newCase(t, answers, nil)
	for i, name := range []string{"vendor", "a", "b", "c"} {
		key := newKey(t, 900+uint64(i))
		c.key(t, name, newMark(t, key, watermark.Gumbel{}, 2), key)
		if i > 0 {
			c.Plan.Keys[i].Parent = "vendor"
		}
	}
	c.serve(serve(t, session(t, vendor, 1), 4000, 5), serve(t, session(t, b, 2), 4000, 9))
	c.Plan.Correction, c.Plan.Decoys = verify.Hierarchy, 1000
	return c
}

// With Hierarchy a key is tested at its leaves' share of what each test's tree, each
// product and each earlier test share. A test that stops does so where this is reached,
// and not where a family of as many tests would be content.
func TestLevelsOfATree(t *testing.T) {
	c := under(t, 0.9)
	c.Plan.Tests, c.Plan.Earlier = []verify.Test{{Name: verify.G2, Stop: true}}, 999
	r := c.judge(t)
	for i, leaves := range []float64{3, 1, 1, 1} {
		assert.InDelta(t, math.Log(1e-3/1000*leaves/3), r.Findings[i].Power.Level, 1e-8)
	}
	for _, name := range []string{"vendor", "b"} {
		f := r.Finding(name, verify.G2)
		require.True(t, f.Stopped)
		assert.Empty(t, f.Void)
		assert.LessOrEqual(t, f.LogP, f.Power.Level)
		assert.True(t, f.Rejected, name)
		assert.True(t, f.Decoys.Diagnostic, "which windows were served is a matter of the key: decoys have no such choice")
	}
}

// Whatever p-value is called a finding of the suspect voids it where a clean model or a key
// that nothing was made with has the same: at the level of a root, and at the larger ones at which
// Holm's method rejects after the first.
func TestControlsAreJudgedAsTheSuspectIs(t *testing.T) {
	for _, correction := range []verify.Correction{verify.Hierarchy, verify.Holm} {
		c := under(t, 0.2)
		c.Plan.Correction = correction
		if correction == verify.Holm {
			for i := range c.Plan.Keys {
				c.Plan.Keys[i].Parent = ""
			}
		}
		c.Plan.Tests, c.Plan.Served, c.Served = []verify.Test{{Name: verify.G1}}, verify.ServedPlan{}, nil
		r := c.judge(t)
		vendor, b := r.Finding("vendor", verify.G1), r.Finding("b", verify.G1)
		// Between the level of a family of four and that at which the last is tested.
		weaker := vendor
		if correction == verify.Holm && b.LogP > vendor.LogP {
			weaker = b
		}
		c.Plan.Alpha = min(0.99, 2*math.Exp(weaker.LogP))
		if correction == verify.Holm {
			c.Plan.Alpha = min(0.99, 3.5*math.Exp(weaker.LogP))
		}
		require.Less(t, math.Log(c.Plan.Alpha/4), weaker.LogP)
		r = c.judge(t)
		require.True(t, r.Finding(weaker.Key, verify.G1).Rejected, "%s", correction)
		assert.False(t, vendor.Decoys.Diagnostic)

		c.Plan.Controls = []string{"older"}
		same := *c.Transcript
		same.Suspect, same.Prompts = "older", append([]collect.Exchange(nil), same.Prompts...)
		c.Controls = []verify.Control{{Transcript: &same}}
		f := c.judgeAll(t).Finding(weaker.Key, verify.G1)
		assert.NotEmpty(t, f.Void, "%s", correction)
		assert.False(t, f.Rejected)

		c.Plan.Controls, c.Controls = nil, nil
		for i := range c.Plan.Keys {
			c.Plan.Keys[i].HeldOut = c.Plan.Keys[i].Name == weaker.Key
		}
		f = c.judge(t).Finding(weaker.Key, verify.G1)
		assert.NotEmpty(t, f.Void, "%s", correction)
		assert.False(t, f.Rejected)
	}
}
