package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBooksAreDealtBySeed(t *testing.T) {
	s, err := openBooks(newLuck(1))
	require.NoError(t, err)
	bytes := 0
	seen := map[string]bool{}
	for _, part := range [][]string{s.teacher, s.other} {
		for _, passage := range part {
			assert.False(t, seen[passage], "two owners: %.40q", passage)
			seen[passage] = true
		}
	}
	for _, passage := range s.teacher {
		bytes += len(passage)
	}
	assert.GreaterOrEqual(t, bytes, 3_000_000, "the teacher reads at least 3 MB")
	assert.Greater(t, len(s.users), 500)
	assert.Greater(t, len(s.tests), 500)

	again, err := openBooks(newLuck(1))
	require.NoError(t, err)
	assert.Equal(t, s, again, "one seed, one deal")
	other, err := openBooks(newLuck(2))
	require.NoError(t, err)
	assert.NotEqual(t, s.teacher, other.teacher)
}

func TestBooksCarryNoForeignNotices(t *testing.T) {
	all, err := passages()
	require.NoError(t, err)
	text := strings.ToLower(strings.Join(all, "\n"))
	for _, word := range []string{"gutenberg", "copyright", " etext", "http", "[", `"`, "\r", "\t"} {
		assert.False(t, strings.Contains(text, word), "%q", word)
	}
}

func TestOpeningsAreSevenWords(t *testing.T) {
	got := openings([]string{
		"Too short, left out.\nOne two three four five six seven eight nine.",
		"A b c d e f g h", "A b c d e f g once is enough",
	})
	assert.Equal(t, []string{"One two three four five six seven", "A b c d e f g"}, got)
}
