package watermark_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

func TestCountsDoNotWrap(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	d := w.NewDetector()
	require.NoError(t, d.Add(watermark.Text{Tokens: []watermark.Token{1, 2, 3, 4}}))
	b := marshal(t, d)
	// layout: magic, id, four ints, count, records of 24, skipped count, digest of 16
	at := len(b) - 16 - 8 - 24
	binary.LittleEndian.PutUint32(b[at+12:], 0xFFFFFFFF)
	huge := w.NewDetector()
	require.NoError(t, huge.UnmarshalBinary(seal(b[:len(b)-16])))
	two := w.NewDetector()
	require.NoError(t, two.Merge(huge))
	require.NoError(t, two.Merge(huge))
	again := w.NewDetector()
	require.NoError(t, again.UnmarshalBinary(marshal(t, two)))
	require.Equal(t, two.Result(), again.Result())
}
