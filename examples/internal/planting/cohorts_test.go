package planting_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
)

func hashOf(key string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(key))) }

func TestParseCohorts(t *testing.T) {
	a, b := hashOf("a"), hashOf("b")
	c, err := planting.ParseCohorts(strings.NewReader("# keys\n\n "+a+" blue\n"+b+"\t- trusted \n"), "f")
	require.NoError(t, err)
	assert.Equal(t, planting.Cohorts{a: {a, "blue", false}, b: {b, "", true}}, c)
	secret := "sk-0123456789abcdef"
	for text, want := range map[string]string{
		secret + " blue":                "f:1: first column has 19 characters",
		strings.ToUpper(a) + " blue":    "f:1: first column has 64 characters, want 64 of lower-case hexadecimal",
		a:                               "f:1: line has 1 columns",
		a + " blue trusted 1":           "f:1: line has 4 columns",
		a + " blue yes":                 `f:1: third column is "yes", want trusted or nothing`,
		a + " blue\n" + a + " green":    "f:2: hash " + a + " is there twice",
		strings.Repeat("x", 1<<20) + "": "token too long",
	} {
		_, err := planting.ParseCohorts(strings.NewReader(text), "f")
		require.Error(t, err)
		assert.Contains(t, err.Error(), want)
		assert.NotContains(t, err.Error(), secret)
	}
	_, err = planting.ReadCohorts(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAccounts(t *testing.T) {
	c := planting.Cohorts{hashOf("k"): {hashOf("k"), "blue", true}}
	for name, header := range map[string]http.Header{
		"bearer": {"Authorization": {"Bearer k"}}, "Azure": {"Api-Key": {"k"}}, "gateway": {"X-Api-Key": {"k"}}, "bare": {"Authorization": {"k"}},
	} {
		assert.Equal(t, planting.Account{hashOf("k"), "blue", true}, c.Of(header), name)
	}
	assert.Equal(t, planting.Account{Hash: hashOf("other")}, c.Of(http.Header{"Authorization": {"Bearer other"}}))
	assert.Equal(t, planting.Account{}, c.Of(http.Header{}))
	assert.Equal(t, planting.Account{Hash: hashOf("k")}, planting.Cohorts(nil).Of(http.Header{"Authorization": {"Bearer k"}}))
}
