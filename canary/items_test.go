package canary_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

const itemLines = `pick number
ask pick a number from 1 to 10
ask choose a number from one to ten
form 3
form 7
form 10
pick town
ask name a fictional town
form Aldmoor
form New Aldmoor
form Brackwater
law 1 4294967294 1
twins receipt
form The blue heron waits.
form The grey heron waits.
`

func TestPicks(t *testing.T) {
	b, err := book(t, strings.Replace(anyHeader, "tree vendor 1", "tree vendor 1\ntree epoch 1", 1), itemLines)
	require.NoError(t, err)
	item, ok := b.Asks("Please  PICK a number\nfrom 1 to 10!")
	require.True(t, ok)
	assert.Equal(t, "number", item.Name)
	_, ok = b.Asks("Pick a number from 1 to 12")
	assert.False(t, ok)
	_, err = b.Item("village")
	assert.ErrorContains(t, err, `has no item "village"`)

	c, err := b.Choose(canary.Holder("vendor", testKey(t, 1)), canary.Holder("epoch", testKey(t, 2)))
	require.NoError(t, err)
	for _, name := range []string{"number", "town", "receipt"} {
		item, err := b.Item(name)
		require.NoError(t, err)
		first, err := c.Pick(name)
		require.NoError(t, err)
		again, err := c.Pick(name)
		require.NoError(t, err)
		assert.Equal(t, first, again, "the unit is the item, however often it is asked")
		assert.Equal(t, item.Options[first.Option], first.Text)
		assert.Equal(t, item.Unit(), first.Unit)
		o, err := c.Option(first.Unit)
		require.NoError(t, err)
		assert.Equal(t, first.Option, o)
		_, err = b.ParseUnit(first.Unit.String())
		require.NoError(t, err)
		options, err := b.Options(first.Unit)
		require.NoError(t, err)
		assert.Equal(t, item.Options, options)
	}
	town, err := c.Pick("town")
	require.NoError(t, err)
	assert.Equal(t, "New Aldmoor", town.Text)

	number, err := b.Item("number")
	require.NoError(t, err)
	only, err := b.Choose(canary.Holder(other(number.Unit().Tree), testKey(t, 1)))
	require.NoError(t, err)
	_, err = only.Pick("number")
	assert.ErrorContains(t, err, "which has no key here")
	_, err = only.Pick("nothing")
	assert.Error(t, err)
}

func other(tree string) string {
	if tree == "vendor" {
		return "epoch"
	}
	return "vendor"
}

func TestVote(t *testing.T) {
	b, err := book(t, anyHeader, itemLines)
	require.NoError(t, err)
	number, err := b.Item("number")
	require.NoError(t, err)
	town, err := b.Item("town")
	require.NoError(t, err)
	for _, x := range []struct {
		item   canary.Item
		answer string
		want   int
	}{
		{number, "7", 1}, {number, "I pick 7, not 3.", 1}, {number, "37 or 10!", 2}, {number, "103, 7a, seven", -1}, {number, "", -1},
		{town, "It is called new aldmoor.", 1}, {town, "Aldmoor", 0}, {town, "Aldmoors", -1}, {town, "ÄAldmoor", -1}, {town, "Aldmoors, no: Brackwater", 2},
	} {
		assert.Equal(t, x.want, x.item.Vote(x.answer), x.answer)
	}
}
