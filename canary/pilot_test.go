package canary_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

// vectors returns a file of testdata, or of the folder in DYETRACE_VECTORS.
func vectors(name string) string {
	if dir := os.Getenv("DYETRACE_VECTORS"); dir != "" {
		return filepath.Join(dir, name)
	}
	return filepath.Join("testdata", name)
}

type pilotCarrier struct {
	Name   string
	Forms  []string
	Option int
}

func pilotCarriers(t testing.TB) (carriers []pilotCarrier) {
	raw, err := os.ReadFile(vectors("pilot/carriers.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &carriers))
	require.Len(t, carriers, 96)
	return carriers
}

func pilotBook(t testing.TB) *canary.Book {
	b, err := canary.ReadFile(vectors("pilot/book.txt"))
	require.NoError(t, err)
	return b
}

func pilotTexts(t testing.TB, name string) (texts []string) {
	f, err := os.Open(vectors("pilot/" + name + ".jsonl.gz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for d := json.NewDecoder(z); ; {
		var row struct{ Text string }
		err := d.Decode(&row)
		if errors.Is(err, io.EOF) {
			return texts
		}
		require.NoError(t, err)
		texts = append(texts, row.Text)
	}
}

// TestPilotBook makes the book from the pilot's own list.
func TestPilotBook(t *testing.T) {
	var want strings.Builder
	fmt.Fprint(&want, "dyetrace canary book/1\n# carriers.json in the format of this package: see README.md\n\n"+
		"name pilot\nparser plain/1\nmode tilt 0.999\nclassifier none\nbucket none\ntree vendor 1\nreserve 0\n")
	for _, c := range pilotCarriers(t) {
		fmt.Fprintf(&want, "\ncarrier %s\nform %s\nform %s\n", c.Name, c.Forms[0], c.Forms[1])
	}
	got, err := os.ReadFile(vectors("pilot/book.txt"))
	require.NoError(t, err)
	assert.Equal(t, want.String(), string(got))
}

func pilotTally(t testing.TB, b *canary.Book, name string) *canary.Tally {
	tally := b.NewTally()
	for _, text := range pilotTexts(t, name) {
		require.NoError(t, tally.Add(canary.Request{}, text))
	}
	return tally
}

// TestPilotStudent reads the recorded answers with the pilot's own carriers and
// finds the student: the counts, T and the cumulant bound of the pilot.
func TestPilotStudent(t *testing.T) {
	b := pilotBook(t)
	options := map[string]int{}
	for _, c := range pilotCarriers(t) {
		options[c.Name] = c.Option
	}
	base := pilotTally(t, b, "base")
	for _, want := range []struct {
		suspect     string
		cells, uses int
		sum, log10p float64
		adoption    float64
	}{
		{"student", 87, 2073, 199.5, -20.0, canary.PilotAdoption},
		{"control", 66, 770, 7.2, -0.2, 0},
	} {
		cells, uses, sum, moved, toMove := 0, 0, 0.0, 0.0, 0.0
		var ds []float64
		for _, c := range pilotTally(t, b, want.suspect).Counts() {
			m := float64(c.N())
			if m < 3 {
				continue
			}
			cells++
			uses += c.N()
			reference, err := base.Count(c.Unit)
			require.NoError(t, err)
			n := float64(reference.N())
			x, mu := float64(c.Options[1])/m, (float64(reference.Options[1])+0.5)/(n+1)
			d := (x - mu) / math.Sqrt(mu*(1-mu)/m+mu*(1-mu)/(n+1)+0.001)
			d = max(-6, min(6, d))
			ds = append(ds, d)
			sign, room := 1.0, 1-mu
			if options[c.Unit.Carrier] == 0 {
				sign, room = -1, mu
			}
			sum += sign * d
			moved += m * sign * (x - mu)
			toMove += m * room
		}
		bound := 0.0
		for theta := 0.0; theta < 10; theta += 0.001 {
			k := -theta * sum
			for _, d := range ds {
				k += math.Log(math.Cosh(theta * d))
			}
			bound = min(bound, k)
		}
		assert.Equal(t, want.cells, cells, want.suspect)
		assert.Equal(t, want.uses, uses, want.suspect)
		assert.InDelta(t, want.sum, sum, 0.1, want.suspect)
		assert.InDelta(t, want.log10p, bound/math.Ln10, 0.05, want.suspect)
		assert.InDelta(t, want.adoption, moved/toMove, 0.01, want.suspect)
	}
}
