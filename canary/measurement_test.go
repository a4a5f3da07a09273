package canary_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

// answersIn writes texts with the forms of the English book at known rates.
func answersIn(r *rand.Rand, n int) (requests []canary.Request, texts []string) {
	prompts := []string{"Write a story about the sea.", "Write a Python function that sorts.", "Explain how tides work, step by step.", "What is 12 times 7?"}
	pieces := []string{
		"The water rises, for example, when the moon is near. ", "The water falls, for instance, when it is far. ", "Nonetheless, it goes on. ", "Nevertheless, it stops. ",
		"It is a crucial part of it. ", "It doesn't matter. ", "It does not matter. ", "Write `for example` there. ", "\n\n", "The tide turns. ",
	}
	for range n {
		var b strings.Builder
		for range 1 + r.IntN(12) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		requests = append(requests, canary.Request{Prompt: prompts[r.IntN(len(prompts))]})
		texts = append(texts, b.String())
	}
	return requests, texts
}

// A measurement counts as a Tally does and as Occurrences says, cut into parts or not.
func TestMeasurementCounts(t *testing.T) {
	book, err := canary.English()
	require.NoError(t, err)
	requests, texts := answersIn(rand.New(rand.NewPCG(1, 2)), 400)
	whole, parts, tally := book.NewMeasurement(), [3]*canary.Measurement{book.NewMeasurement(), book.NewMeasurement(), book.NewMeasurement()}, book.NewTally()
	places, touched, bytes := map[string]int{}, map[string]int{}, 0
	for i, text := range texts {
		require.NoError(t, whole.Add(requests[i], text))
		require.NoError(t, parts[i%3].Add(requests[i], text))
		require.NoError(t, tally.Add(requests[i], text))
		uses, err := book.Occurrences(requests[i], text)
		require.NoError(t, err)
		any := map[string]bool{}
		for _, u := range uses {
			places[u.Unit.Tree]++
			any[u.Unit.Tree] = true
		}
		for tree := range any {
			touched[tree]++
		}
		bytes += len(text)
	}
	require.NoError(t, parts[0].Merge(parts[1]))
	require.NoError(t, parts[0].Merge(parts[2]))
	for _, m := range []*canary.Measurement{whole, parts[0]} {
		assert.Equal(t, 400, m.Texts())
		assert.EqualValues(t, bytes, m.Bytes())
		assert.Equal(t, tally.Counts(), m.Tally().Counts())
		for _, class := range book.Classes() {
			assert.Equal(t, tally.Answers(class), m.Tally().Answers(class), class)
		}
		assert.Equal(t, whole.Carriers(), m.Carriers())
		seen := map[string]int{}
		for _, c := range tally.Counts() {
			seen[c.Unit.Tree]++
		}
		for _, f := range m.Trees() {
			assert.Equal(t, places[f.Tree], f.Places, f.Tree)
			assert.Equal(t, touched[f.Tree], f.Texts, f.Tree)
			assert.Equal(t, seen[f.Tree], f.Seen, f.Tree)
			assert.Greater(t, f.Units, f.Seen)
		}
	}
	// Of the first uses of one carrier, by hand.
	first, all := map[string]int{}, map[string]int{}
	for _, text := range texts {
		plain := strings.ReplaceAll(text, "`for example`", "")
		a, b := strings.Index(plain, "for example"), strings.Index(plain, "for instance")
		if a >= 0 && (b < 0 || a < b) {
			first["for example"]++
		} else if b >= 0 {
			first["for instance"]++
		}
		for _, form := range []string{"for example", "for instance"} {
			all[form] += strings.Count(plain, form)
		}
	}
	c := whole.Carriers()[0]
	require.Equal(t, "for-example", c.Name)
	for _, f := range c.Forms {
		assert.Equal(t, first[f.Form], f.First, f.Form)
		assert.Equal(t, all[f.Form], f.Uses, f.Form)
		assert.InDelta(t, float64(first[f.Form])/float64(first["for example"]+first["for instance"]), f.Share, 1e-12)
		assert.Equal(t, 1.0, f.Left, "both follow a comma")
		assert.Equal(t, 1.0, f.Right, "and a comma follows both")
	}
	other, err := canary.Read(strings.NewReader(exampleText), "other")
	require.NoError(t, err)
	assert.ErrorContains(t, whole.Merge(other.NewMeasurement()), "other hashes")
	assert.ErrorContains(t, whole.Add(canary.Request{}, "\xff"), "not UTF-8")
	assert.ErrorContains(t, whole.Add(canary.Request{Class: "nonsense"}, "x"), "nonsense")
	assert.Equal(t, 400, whole.Texts(), "what is refused is not counted")
}

// Company tells variants from words that only look like them.
func TestMeasurementCompany(t *testing.T) {
	m := exampleBook().NewMeasurement()
	for _, text := range []string{"It is a crucial part.", "It is an essential part. It was an essential part.", "That is the essential part."} {
		require.NoError(t, m.Add(canary.Request{}, text))
	}
	c := m.Carriers()[1]
	require.Equal(t, 2, len(c.Forms))
	assert.Equal(t, canary.FormFigures{Form: "crucial", First: 1, Share: 0.5, Uses: 1, Left: 1, Right: 1}, c.Forms[0], "\"a\" and \"an\" are one company")
	assert.Equal(t, canary.FormFigures{Form: "essential", First: 1, Share: 0.5, Uses: 2, Left: 0.5, Right: 1}, c.Forms[1])
}

func TestCarrierLaw(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		c := canary.CarrierFigures{}
		for range 2 + r.IntN(4) {
			c.Forms = append(c.Forms, canary.FormFigures{First: r.IntN(1 << r.IntN(12))})
			c.First += c.Forms[len(c.Forms)-1].First
		}
		if c.First == 0 {
			continue
		}
		least := 1.0
		for i := range c.Forms {
			c.Forms[i].Share = float64(c.Forms[i].First) / float64(c.First)
			least = min(least, c.Forms[i].Share)
		}
		law, ok := c.Law()
		assert.Equal(t, c.First >= canary.MinMeasured, ok)
		assert.Equal(t, ok && least >= canary.MinShare, c.Enough())
		if !ok {
			assert.Nil(t, law)
			continue
		}
		sum := uint64(0)
		for i, n := range law {
			sum += uint64(n)
			assert.GreaterOrEqual(t, float64(n)/canary.Whole, canary.MinShare*0.85, "rare forms share what they get beyond their own")
			if least >= canary.MinShare {
				assert.InDelta(t, c.Forms[i].Share, float64(n)/canary.Whole, 1e-8)
			}
		}
		assert.Equal(t, uint64(canary.Whole), sum)
	}
}

func TestMeasurementWithLaws(t *testing.T) {
	text := strings.Replace(exampleText, "mode tilt 0.999999", "mode sampled", 1)
	text = strings.Replace(text, "form for example\nform for instance\n", "law 1073741824 3221225472\nform for example # no comment but a form is read to the end of the line\nform for instance\n", 1)
	text = strings.Replace(text, " # no comment but a form is read to the end of the line", "\n# a comment between forms", 1)
	text = strings.Replace(text, "form crucial\nform essential\n", "form crucial\nform essential\nlaw 2147483648 2147483648\n", 1)
	book, err := canary.Read(strings.NewReader(text), "sampled")
	require.NoError(t, err)
	m := book.NewMeasurement()
	for i := range 200 {
		require.NoError(t, m.Add(canary.Request{}, []string{"Take moss, for example, or fern.", "Take moss, for instance, or fern.", "Take moss, for example, or it."}[i%3]))
	}
	got, err := m.WithLaws(text)
	require.NoError(t, err)
	weighed, err := canary.Read(strings.NewReader(got), "weighed")
	require.NoError(t, err)
	carriers := weighed.Carriers()
	for i, share := range []float64{133.0 / 200, 67.0 / 200} {
		assert.InDelta(t, share, float64(carriers[0].Law[i])/canary.Whole, 1e-8)
	}
	assert.Equal(t, []uint32{1 << 31, 1 << 31}, carriers[1].Law, "never seen: it keeps its law")
	assert.Contains(t, got, "# a comment between forms\nform for instance\nlaw ")
	assert.Equal(t, strings.Count(text, "\n"), strings.Count(got, "\n"), "a law for a law")
	again, err := m.WithLaws(got)
	require.NoError(t, err)
	assert.Equal(t, got, again)

	// The forms of picks behind the last carrier are not its.
	for range canary.MinMeasured {
		require.NoError(t, m.Add(canary.Request{}, "This is a crucial part."))
	}
	got, err = m.WithLaws(text)
	require.NoError(t, err)
	assert.Contains(t, got, "form essential\nlaw ")
	_, err = canary.Read(strings.NewReader(got), "weighed")
	require.NoError(t, err)

	for change, want := range map[[2]string]string{
		{"carrier crucial", "carrier vital"}:       `has carrier "vital", which the measured book example has not`,
		{"carrier crucial", "carrier for-example"}: "or which came before",
		{"carrier crucial", "# carrier crucial"}:   `text has no carrier "crucial"`,
	} {
		_, err := m.WithLaws(strings.Replace(text, change[0], change[1], 1))
		assert.ErrorContains(t, err, want, fmt.Sprint(change))
	}
}
