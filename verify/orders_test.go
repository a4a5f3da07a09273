package verify_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/sglang"
)

// A text shows the words of one key after u and v, and the suspect says accordingly what
// comes after w, which is a matter of another key. That key's word after w decides
// whether a served answer came to u or to v, and so where the first key is asked what
// the suspect wrote. Each bet is fair and the keys are independent, but the product has
// mean 1 + 1/18: plans that multiply by two orders are refused.
func TestProductsNeedOneOrder(t *testing.T) {
	word := func(mark *watermark.Watermark, window, x token) float64 {
		var s [1]float64
		require.True(t, mark.Scores([]token{window}, []token{x}, s[:]))
		return 2 * (1 - math.Exp(-s[0]))
	}
	var product, first, second scale
	for i := range uint64(12000) {
		one, two := newMark(t, newKey(t, 2*i), watermark.Gumbel{}, 1), newMark(t, newKey(t, 2*i+1), watermark.Gumbel{}, 1)
		u, v, w := token(1000), token(1001), token(1002)
		choose := func(mark *watermark.Watermark, window token) token {
			s := newScript(t, mark, i)
			s.say(window)
			return s.choose(wordA, wordB)
		}
		says := wordA // after w, having read what came after u and v
		if choose(one, u) == wordB && choose(one, v) == wordA {
			says = wordB
		}
		served := u
		if choose(two, w) == wordB {
			served = v
		}
		g2, r1 := word(one, served, wordA), word(two, w, says)
		first.add(g2)
		second.add(r1)
		product.add(g2 * r1)
	}
	for _, fair := range []*scale{&first, &second} {
		mean, se := fair.mean()
		assert.InDelta(t, 1, mean, far*se)
	}
	mean, se := product.mean()
	assert.InDelta(t, 1+1.0/18, mean, far*se)
	assert.Greater(t, mean-1, far*se, "two orders do no harm: the test has lost its point")

	rng := rand.New(rand.NewPCG(1, 92))
	c := newReadingCase(t, []collect.Passage{{Tokens: teacher.plain(60, rng)}})
	for i, name := range []string{"one", "two"} {
		key := newKey(t, uint64(i))
		c.key(t, name, newMark(t, key, watermark.Gumbel{}, 2), key)
	}
	c.serve(teacher.plain(60, rng))
	reads, filtered := verify.Test{Name: verify.R1}, verify.Test{Name: verify.R2, Served: true}
	c.Plan.Tests = []verify.Test{reads, filtered, {Name: verify.R1, Served: true}}
	of := func(a, b string) error {
		c.Plan.Products = []verify.Product{{Name: "both", Parts: []verify.Part{{Key: "one", Test: a}, {Key: "two", Test: b}}}}
		return c.Plan.Check()
	}
	assert.ErrorContains(t, of("R2 served", "R1"), `product "both" multiplies R2 served of "one" and R1 of "two", of which one bets in the order of the served answers`)
	assert.ErrorContains(t, of("R1", "R2 served"), "want one order")
	assert.NoError(t, of("R1", "R1"))
	assert.NoError(t, of("R2 served", "R1 served"))
}

// A mark that draws by two keys shares words with one that draws by either; of lists of
// integers nobody sees whether they have some in common, and joint findings say so.
func TestJointFindingsNeedDifferentKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 93))
	c := newCase(t, []string{text(teacher.plain(400, rng)...)}, nil)
	a, b := sglang.NewKey(8130922711), sglang.NewKey(470012533)
	for name, config := range map[string]sglang.Config{"a": {Key: a}, "b": {Key: b}, "ab": {Key: a, KeyB: b}} {
		config.ContextWindow = 2
		mark, err := sglang.New(config)
		require.NoError(t, err)
		c.Plan.Keys = append(c.Plan.Keys, verify.KeyPlan{Name: name, Mark: mark.ID(), KeyID: mark.Info().KeyID, Kind: mark.Info().Kind})
		c.Keys = append(c.Keys, verify.Opened{Name: name, Mark: mark})
	}
	c.Plan.Tests, c.Plan.Decoys = []verify.Test{{Name: verify.G1}}, 1000
	for _, other := range []string{"a", "b"} {
		c.Plan.Products = []verify.Product{{Name: "joint", Parts: verify.Across(verify.G1, "ab", other)}}
		assert.ErrorContains(t, c.Plan.Check(), "want different keys")
		c.Plan.Products, c.Plan.Pools = nil, []verify.Pool{{Name: "joint", Test: verify.G1, Keys: []string{"ab", other}}}
		assert.ErrorContains(t, c.Plan.Check(), "want different keys")
		c.Plan.Pools = nil
	}
	c.Plan.Products = []verify.Product{{Name: "product", Parts: verify.Across(verify.G1, "a", "b")}}
	c.Plan.Pools = []verify.Pool{{Name: "pool", Test: verify.G1, Keys: []string{"a", "b"}}}
	r := c.judge(t)
	for _, name := range []string{"product", "pool"} {
		assert.Contains(t, fmt.Sprint(r.Finding(name, verify.G1).Notes), "none in common")
	}
}
