package canary_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

func testKey(t testing.TB, seed byte) keys.Key {
	k, err := keys.New(bytes.NewReader(bytes.Repeat([]byte{seed}, keys.Size)))
	require.NoError(t, err)
	return k
}

func englishBook(t testing.TB) *canary.Book {
	b, err := canary.English()
	require.NoError(t, err)
	return b
}

// choices are those of the English book under test keys for all trees.
func choices(t testing.TB) *canary.Choices {
	root := testKey(t, 1)
	c, err := englishBook(t).Choose(canary.Holder("vendor", root.Vendor()), canary.Holder("epoch", root.Epoch("2026-11")), canary.Holder("cohort", root.Cohort("trial")))
	require.NoError(t, err)
	return c
}

func plant(t testing.TB, c *canary.Choices, r canary.Request, text string) (string, []canary.Planted) {
	var out bytes.Buffer
	p, err := c.NewPlanter(&out, r)
	require.NoError(t, err)
	_, err = p.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, p.Close())
	return out.String(), p.Planted()
}

// book reads a book of carriers under a short header.
func book(t testing.TB, header, carriers string) (*canary.Book, error) {
	t.Helper()
	return canary.Read(strings.NewReader(header+carriers), "test.txt")
}

const anyHeader = "dyetrace canary book/1\nname test\nparser prose/1\nmode tilt 0.5\nclassifier none\nbucket none\ntree vendor 1\n"
