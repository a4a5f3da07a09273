package intkey_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/internal/intkey"
)

const secret = 0xA1B2C3D4E5F60718

// TestRedacted looks for the digits in all that printers make of a key. It kills
// the mutant that holds the integer in a field.
func TestRedacted(t *testing.T) {
	k := intkey.New("engine", secret)
	type config struct {
		Key    intkey.Key
		hidden intkey.Key
		List   []intkey.Key
		Ptr    *intkey.Key
		Map    map[string]intkey.Key
	}
	c := config{k, k, []intkey.Key{k}, &k, map[string]intkey.Key{"k": k}}
	var out bytes.Buffer
	for _, v := range []any{k, &k, c, &c, c.hidden} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		b, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(b)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", v)
	}
	fmt.Fprintln(&out, fmt.Errorf("wrapped: %w", errors.New(k.String())))
	text := strings.ToLower(out.String())
	for _, digits := range []string{"11651590505119483672", "a1b2c3d4e5f60718", "-6795153568590067944", "1807f6e5d4c3b2a1"} {
		assert.NotContains(t, text, digits)
	}
	assert.Contains(t, text, "redacted:"+k.ID())
}

func TestID(t *testing.T) {
	assert.Equal(t, intkey.New("a", 1).ID(), intkey.New("a", 1).ID())
	assert.NotEqual(t, intkey.New("a", 1).ID(), intkey.New("a", 2).ID())
	assert.NotEqual(t, intkey.New("a", 1).ID(), intkey.New("b", 1).ID(), "engines share no ID")
	assert.Equal(t, "none", intkey.Key{}.ID())
	assert.Equal(t, "redacted:none", intkey.Key{}.String())
	assert.True(t, intkey.Key{}.IsZero())
	assert.Zero(t, intkey.Key{}.Value())
	assert.Equal(t, uint64(secret), intkey.New("a", secret).Value())
}

func TestDecoy(t *testing.T) {
	seed := [32]byte{1}
	assert.Equal(t, intkey.Decoy(seed, 0), intkey.Decoy(seed, 0))
	assert.NotEqual(t, intkey.Decoy(seed, 0), intkey.Decoy(seed, 1))
	assert.NotEqual(t, intkey.Decoy(seed, 0), intkey.Decoy([32]byte{2}, 0))
	assert.Equal(t, [32]byte{1}, seed)
}

func TestPublic(t *testing.T) {
	assert.True(t, intkey.Public(42))
	assert.True(t, intkey.Public(15485863))
	assert.False(t, intkey.Public(secret))
}
