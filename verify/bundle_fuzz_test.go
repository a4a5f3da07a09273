package verify_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
)

// What is accepted is written back byte for byte, and everything can be asked of it.
func FuzzReadBundle(f *testing.F) {
	for _, c := range []*bundled{smallCase(f), readingCase(f, 5, 0)} {
		data := file(f, c.bundle(f))
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := verify.ReadBundle(bytes.NewReader(data))
		if err != nil {
			return
		}
		require.Equal(t, string(data), string(file(t, b)))
		v := b.Verify(context.Background(), recompute)
		require.NotEmpty(t, v.Checks)
		_ = written(t, v)
		_, _ = b.Plan()
		_, _ = b.Report()
		if o, err := b.WithObjection(verify.Objection{Text: "x"}); err == nil {
			list, err := o.Objections()
			require.NoError(t, err)
			require.Equal(t, "x", list[len(list)-1].Text)
		}
	})
}

// Whatever stands in a part of a bundle whose digests are mended: nothing panics, and
// nothing but the same bytes are right.
func FuzzBundlePart(f *testing.F) {
	var raws []rawBundle
	for n, c := range []*bundled{smallCase(f), readingCase(f, 5, 0)} {
		raws = append(raws, dissect(f, file(f, c.bundle(f))))
		for i, p := range raws[n].parts {
			f.Add(n == 1, i, p.data)
			f.Add(n == 1, i, bytes.ReplaceAll(p.data, []byte("1"), []byte("2")))
		}
	}
	f.Fuzz(func(t *testing.T, second bool, i int, data []byte) {
		raw := raws[0]
		if second {
			raw = raws[1]
		}
		if i < 0 || i >= len(raw.parts) {
			return
		}
		bad := rawBundle{raw.head, slices.Clone(raw.parts)}
		bad.parts[i].data = data
		v, err := verdict(t, bad.assemble(), recompute)
		require.NoError(t, err)
		if kind := raw.parts[i].Part; kind == "ledger" || kind == "objections" {
			return
		}
		require.Equal(t, bytes.Equal(data, raw.parts[i].data), v.OK(), "%s", written(t, v))
	})
}
