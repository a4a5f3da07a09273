package canary_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// TestPlantIsParse plants real answers and reads them back: every planted unit is
// found where it was planted, with its option, in the order of the report.
func TestPlantIsParse(t *testing.T) {
	c := choices(t)
	b := c.Book()
	plantings, changed := 0, 0
	for i, text := range append(pilotTexts(t, "base"), tricky) {
		r := canary.Request{Prompt: fmt.Sprintf("Tell me something about number %d.", i)}
		before, err := b.Occurrences(r, text)
		require.NoError(t, err)
		out, planted := plant(t, c, r, text)
		after, err := b.Occurrences(r, out)
		require.NoError(t, err)
		require.Len(t, before, len(planted), "all trees have keys and λ = 1")
		require.Len(t, after, len(planted), "%q", out)
		for k, p := range planted {
			assert.Equal(t, before[k].Unit, p.Unit)
			assert.Equal(t, []int{before[k].Begin, before[k].End}, []int{int(p.Begin), int(p.End)})
			assert.Equal(t, canary.Occurrence{Unit: p.Unit, Option: p.Option, Begin: int(p.NewBegin), End: int(p.NewEnd)}, after[k])
			want, err := c.Option(p.Unit)
			require.NoError(t, err)
			assert.Equal(t, want, p.Option)
			if text[p.Begin:p.End] != out[p.NewBegin:p.NewEnd] {
				changed++
			}
		}
		plantings += len(planted)
		again, twice := plant(t, c, r, out)
		assert.Equal(t, out, again, "planting is idempotent")
		assert.Len(t, twice, len(planted))
	}
	assert.Greater(t, plantings, 1000)
	assert.Greater(t, changed, 300)
}

// TestHolders: accounts of one cohort see the same choices, two cohorts do not,
// and a retry repeats its coins.
func TestHolders(t *testing.T) {
	text := strings.Replace(string(englishBook(t).Text()), "mode sampled", "mode tilt 0.5", 1)
	b, err := canary.Read(strings.NewReader(text), "tilted")
	require.NoError(t, err)
	root := testKey(t, 1).Epoch("2026-11")
	of := func(cohort string) *canary.Choices {
		c, err := b.Choose(canary.Holder("vendor", root.Vendor()), canary.Holder("cohort", root.Cohort(cohort)))
		require.NoError(t, err)
		return c
	}
	a, again, other := of("a"), of("a"), of("b")
	differ, planted, uses := 0, 0, 0
	for i, answer := range pilotTexts(t, "base")[:300] {
		r := canary.Request{Prompt: fmt.Sprintf("Question %d?", i)}
		first, report := plant(t, a, r, answer)
		retry, _ := plant(t, a, r, answer)
		require.Equal(t, first, retry)
		retry, _ = plant(t, again, canary.Request{Prompt: fmt.Sprintf(" question\n%d? ", i)}, answer)
		require.Equal(t, first, retry, "the prompt is normalised")
		elsewhere, _ := plant(t, other, r, answer)
		if elsewhere != first {
			differ++
		}
		occurrences, err := b.Occurrences(r, answer)
		require.NoError(t, err)
		for _, o := range occurrences {
			if o.Unit.Tree != "epoch" {
				uses++
			}
		}
		for _, p := range report {
			require.NotEqual(t, "epoch", p.Unit.Tree, "that tree has no key")
		}
		planted += len(report)
	}
	assert.Positive(t, differ)
	// λ = ½ of the uses whose trees have keys: 5 standard deviations, 6e-7.
	assert.InDelta(t, 0.5, float64(planted)/float64(uses), 2.5/math.Sqrt(float64(uses)))

	// Coins follow the coin key, and nothing but coins does.
	holder := canary.Holder("vendor", root.Vendor())
	recoined := canary.TreeKey{Tree: "vendor", Option: holder.Option, Coin: testKey(t, 5)}
	one, err := b.Choose(holder)
	require.NoError(t, err)
	two, err := b.Choose(recoined)
	require.NoError(t, err)
	reports := map[bool]int{}
	for i, answer := range pilotTexts(t, "base")[:50] {
		_, x := plant(t, one, canary.Request{Prompt: fmt.Sprint(i)}, answer)
		_, y := plant(t, two, canary.Request{Prompt: fmt.Sprint(i)}, answer)
		reports[len(x) == len(y)]++
	}
	assert.Positive(t, reports[false])
	for _, u := range b.Units() {
		x, err := one.Option(u)
		require.NoError(t, err)
		y, err := two.Option(u)
		require.NoError(t, err)
		require.Equal(t, x, y)
	}

	units := 0
	for _, u := range b.Units() {
		x, err := a.Option(u)
		require.NoError(t, err)
		y, err := other.Option(u)
		require.NoError(t, err)
		switch u.Tree {
		case "vendor":
			require.Equal(t, x, y)
		case "epoch":
			require.Equal(t, -1, x)
		case "cohort":
			if x != y {
				units++
			}
		}
	}
	assert.Positive(t, units)
}

// TestOptionLaw draws one unit under many keys and finds its law, and finds units
// of one key independent enough to have theirs: 5 standard deviations each.
func TestOptionLaw(t *testing.T) {
	b, err := book(t, strings.Replace(anyHeader, "tilt 0.5", "sampled", 1),
		"carrier a\nform for example\nform for instance\nform as a case\nlaw 3221225472 858993459 214748365\ntwins t\nform A\nform B\nform C\nform D\nform E\n")
	require.NoError(t, err)
	const n = 20000
	var options [3]float64
	var twins [5]float64
	root := testKey(t, 9)
	item, err := b.Item("t")
	require.NoError(t, err)
	for i := range n {
		key := root.Account(fmt.Sprint(i))
		o, err := b.Option(key, b.Units()[0])
		require.NoError(t, err)
		options[o]++
		o, err = b.Option(key, item.Unit())
		require.NoError(t, err)
		twins[o]++
	}
	for o, p := range []float64{0.75, 0.2, 0.05} {
		assert.InDelta(t, p, options[o]/n, 5*math.Sqrt(p*(1-p)/n), o)
	}
	for o := range twins {
		assert.InDelta(t, 0.2, twins[o]/n, 5*math.Sqrt(0.16/n), o)
	}
}

func TestChooseErrors(t *testing.T) {
	b := englishBook(t)
	k := testKey(t, 1)
	_, err := b.Choose()
	assert.ErrorContains(t, err, "no tree has a key")
	_, err = b.Choose(canary.Holder("moon", k))
	assert.ErrorContains(t, err, `tree is "moon", want one of book english`)
	_, err = b.Choose(canary.Holder("vendor", k), canary.Holder("vendor", k))
	assert.ErrorContains(t, err, `tree "vendor" has two keys`)
	_, err = b.Choose(canary.TreeKey{Tree: "vendor"})
	assert.ErrorContains(t, err, `tree "vendor" has no option key`)
	_, err = pilotBook(t).Choose(canary.Holder("vendor", k))
	assert.ErrorContains(t, err, "reads and does not plant")
	tilted, err := book(t, anyHeader, carrierAB)
	require.NoError(t, err)
	_, err = tilted.Choose(canary.TreeKey{Tree: "vendor", Option: k})
	assert.ErrorContains(t, err, "no coin key, which mode tilt needs")
	_, err = b.Option(keys.Key{}, b.Units()[0])
	assert.Error(t, err)
	_, err = b.Option(k, canary.Unit{Tree: "vendor", Carrier: "none"})
	assert.ErrorContains(t, err, "is not of book english")
	c := choices(t)
	_, err = c.Option(canary.Unit{})
	assert.Error(t, err)
}

// TestSecrets prints choices in every way and finds no key.
func TestSecrets(t *testing.T) {
	c := choices(t)
	secret := testKey(t, 1).Reveal()
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%x", c), fmt.Sprintf("%v", canary.Holder("vendor", testKey(t, 1)))} {
		assert.NotContains(t, s, secret[20:])
	}
	line, err := json.Marshal(canary.Holder("vendor", testKey(t, 1)))
	require.NoError(t, err)
	assert.NotContains(t, string(line), "dyetrace_secret1_")
	assert.Equal(t, "canary.Choices of book english", fmt.Sprintf("%#v", c))
}

// TestVectors freezes what keys decide: the derivations are never edited.
func TestVectors(t *testing.T) {
	b, err := book(t, strings.Replace(anyHeader, "bucket none", "bucket paragraphs 4", 1)+"tools parallel\n", carrierAB+
		"pick town\nform Aldmoor\nform Brackwater\nform Cley\ntwins t\nform A\nform B\nform C\n")
	require.NoError(t, err)
	key := testKey(t, 7)
	var got strings.Builder
	fmt.Fprintf(&got, "%x\n", b.Hash())
	units := b.Units()
	for _, i := range b.Items() {
		units = append(units, i.Unit())
	}
	for _, o := range b.Orderings([]string{"search", "fetch", "write"}) {
		units = append(units, o.Unit)
	}
	for _, u := range units {
		o, err := b.Option(key, u)
		require.NoError(t, err)
		fmt.Fprintf(&got, "%s %d\n", u, o)
	}
	assert.Equal(t, frozenOptions, got.String())
}

const frozenOptions = `510202784d7b0d407d0150827cae8210db3c2a641cef0ab8ae9647d3379c50f2
vendor|ab|any|0 1
vendor|ab|any|1 1
vendor|ab|any|2 1
vendor|ab|any|3 0
vendor|pick:town||0 2
vendor|twins:t||0 2
vendor|tools:fetch,search||0 0
vendor|tools:search,write||0 1
vendor|tools:fetch,write||0 1
`
