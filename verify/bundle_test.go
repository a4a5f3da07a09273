package verify_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
)

func cases(t testing.TB) map[string]*bundled {
	return map[string]*bundled{
		"texts":   textCase(t, 1000),
		"small":   smallCase(t),
		"reading": readingCase(t, 60, 1000),
		"canary":  canaryCase(t, true),
		"closed":  canaryCase(t, false),
	}
}

// Whatever a case holds, its bundle says so, survives its file and is right.
func TestBundleIsRight(t *testing.T) {
	for name, c := range cases(t) {
		b := c.bundle(t)
		data := file(t, b)
		assert.Equal(t, data, file(t, c.bundle(t)), name)
		read, err := verify.ReadBundle(bytes.NewReader(data))
		require.NoError(t, err)
		assert.Equal(t, data, file(t, read), name)
		assert.Equal(t, b.Digest(), read.Digest())
		for _, b := range []*verify.Bundle{b, read} {
			v := b.Verify(context.Background(), recompute)
			assert.True(t, v.OK(), "%s: %s", name, written(t, v))
			assert.Empty(t, failed(v))
			assert.Equal(t, b.Digest(), v.Bundle)
			r, err := b.Report()
			require.NoError(t, err)
			assert.Equal(t, c.report, r)
			p, err := b.Plan()
			require.NoError(t, err)
			assert.Equal(t, c.Plan, p)
		}
		dissect(t, data)
		if testing.Verbose() {
			v := read.Verify(context.Background(), recompute)
			t.Log(name, len(data), "\n", written(t, v))
		}
	}
}

func TestBundleCut(t *testing.T) {
	data := file(t, smallCase(t).bundle(t))
	for n := range data {
		_, err := verify.ReadBundle(bytes.NewReader(data[:n]))
		require.Error(t, err, "%d bytes", n)
	}
	for _, more := range []string{"\n", " ", "{}", string(data)} {
		_, err := verify.ReadBundle(strings.NewReader(string(data) + more))
		assert.EqualError(t, err, "verify: bundle goes on after its last line")
	}
}
