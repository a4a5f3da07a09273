package canary_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

func TestTally(t *testing.T) {
	b, err := book(t, anyHeader, carrierAB)
	require.NoError(t, err)
	one, two := b.NewTally(), b.NewTally()
	for _, text := range []string{"For example, a. For instance, b.", "For instance, b.", "`for example`", ""} {
		require.NoError(t, one.Add(canary.Request{}, text))
	}
	require.NoError(t, two.Add(canary.Request{}, "So, for example, c."))
	require.NoError(t, two.Add(canary.Request{Prompt: "for example"}, "So, for instance, c."))
	require.NoError(t, two.Add(canary.Request{Structured: true}, "So, for instance, c."))
	require.NoError(t, one.Merge(two))
	u := b.Units()[0]
	c, err := one.Count(u)
	require.NoError(t, err)
	assert.Equal(t, []int{2, 1}, c.Options)
	assert.Equal(t, []uint32{1 << 31, 1 << 31}, c.Law)
	assert.Equal(t, 3, c.N())
	assert.Equal(t, []canary.Count{c}, one.Counts())
	assert.Equal(t, 7, one.Answers("any"))
	assert.Error(t, one.Merge(pilotBook(t).NewTally()))
	_, err = one.Count(canary.Unit{})
	assert.Error(t, err)
	assert.Error(t, one.Add(canary.Request{Class: "x"}, ""))
	assert.ErrorContains(t, one.Add(canary.Request{}, "caf\xe9"), "answer is not UTF-8 from byte 3 on")
	empty, err := b.NewTally().Count(u)
	require.NoError(t, err)
	assert.Equal(t, []int{0, 0}, empty.Options)
}

// TestPlainReads shows how the parser for other programs' lists reads: each
// carrier for itself, whole words in any case, outside backticks.
func TestPlainReads(t *testing.T) {
	b := pilotBook(t)
	for text, want := range map[string][]string{
		"ALTHOUGH it isn't":                 {"though:although", "even:although", "isnt:isn't"},
		"`although` ```it is\nnot``` it is": {"its:it is"},
		"a_although xalthough althoughs":    nil,
		"“though”":                          {"though:though"},
		"it’s":                              nil,
		"by using it, using that":           {"using:by using"},
		"```although":                       nil,
	} {
		got, err := b.Occurrences(canary.Request{}, text)
		require.NoError(t, err)
		var names []string
		for _, o := range got {
			options, err := b.Options(o.Unit)
			require.NoError(t, err)
			names = append(names, o.Unit.Carrier+":"+options[o.Option])
		}
		assert.Equal(t, want, names, text)
	}
}
