package main

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDealGivesEachPassageOneOwner(t *testing.T) {
	all, err := passages()
	require.NoError(t, err)
	s := deal(all, rand.New(rand.NewPCG(1, 0)))
	count := map[string]int{}
	for _, part := range [][]string{s.teacher, s.other, s.users, s.tests} {
		for _, passage := range part {
			count[passage]++
		}
	}
	for _, passage := range all {
		count[passage]--
	}
	for passage, n := range count {
		assert.Zero(t, n, "%.40q", passage)
	}
	bytes := 0
	for _, passage := range s.teacher {
		bytes += len(passage)
	}
	assert.GreaterOrEqual(t, bytes, 3_000_000, "the teacher reads at least 3 MB")
	assert.Equal(t, s, deal(all, rand.New(rand.NewPCG(1, 0))), "one seed, one deal")
	assert.NotEqual(t, s, deal(all, rand.New(rand.NewPCG(2, 0))))
}

func TestBooksCarryNoForeignNotices(t *testing.T) {
	all, err := passages()
	require.NoError(t, err)
	text := strings.ToLower(strings.Join(all, "\n"))
	for _, word := range []string{"gutenberg", "copyright", " etext", "http", "[", "\r", "\t"} {
		assert.False(t, strings.Contains(text, word), "%q", word)
	}
}

func TestOpeningsAreSevenWords(t *testing.T) {
	got := openings([]string{"Too short, left out.\nOne two three four five six seven eight nine.", "A b c d e f g h"})
	assert.Equal(t, []string{"One two three four five six seven", "A b c d e f g"}, got)
}
