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

// pilotFolder is testdata/pilot, or the folder in DYETRACE_VECTORS, or its part pilot
// or canary.
func pilotFolder(t testing.TB) (dir string, own bool) {
	other := os.Getenv("DYETRACE_VECTORS")
	if other == "" {
		return "testdata/pilot", true
	}
	for _, part := range []string{"", "pilot", "canary"} {
		dir := filepath.Join(other, part)
		if _, err := os.Stat(filepath.Join(dir, "carriers.json")); err == nil {
			return dir, false
		}
	}
	t.Skip("DYETRACE_VECTORS holds no carriers.json")
	return "", false
}

type pilotCarrier struct {
	Name   string
	Forms  []string
	Option int
}

func pilotCarriers(t testing.TB, dir string) (carriers []pilotCarrier) {
	raw, err := os.ReadFile(filepath.Join(dir, "carriers.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &carriers))
	require.NotEmpty(t, carriers)
	return carriers
}

// pilotText is the list as a book.
func pilotText(carriers []pilotCarrier) string {
	var b strings.Builder
	fmt.Fprint(&b, "dyetrace canary book/1\n# carriers.json in the format of this package: see README.md\n\n"+
		"name pilot\nparser plain/1\nmode tilt 0.999\nclassifier none\nbucket none\ntree vendor 1\nreserve 0\n")
	for _, c := range carriers {
		fmt.Fprintf(&b, "\ncarrier %s\nform %s\nform %s\n", c.Name, c.Forms[0], c.Forms[1])
	}
	return b.String()
}

func pilotBook(t testing.TB) *canary.Book {
	b, err := canary.ReadFile("testdata/pilot/book.txt")
	require.NoError(t, err)
	return b
}

func pilotTexts(t testing.TB, name string) []string { return recorded(t, "testdata/pilot", name) }

// recorded returns the texts of a file of a pilot.
func recorded(t testing.TB, dir, name string) (texts []string) {
	f, err := os.Open(filepath.Join(dir, name+".jsonl.gz"))
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
	got, err := os.ReadFile("testdata/pilot/book.txt")
	require.NoError(t, err)
	carriers := pilotCarriers(t, "testdata/pilot")
	require.Len(t, carriers, 96)
	assert.Equal(t, pilotText(carriers), string(got))
}

func pilotTally(t testing.TB, b *canary.Book, dir, name string) *canary.Tally {
	tally := b.NewTally()
	for _, text := range recorded(t, dir, name) {
		require.NoError(t, tally.Add(canary.Request{}, text))
	}
	return tally
}

// TestPilotStudent reads the recorded answers with the pilot's own carriers and
// finds the student: the counts, T and the cumulant bound of the pilot.
func TestPilotStudent(t *testing.T) {
	dir, own := pilotFolder(t)
	carriers := pilotCarriers(t, dir)
	b, err := canary.Read(strings.NewReader(pilotText(carriers)), "book.txt")
	require.NoError(t, err)
	options := map[string]int{}
	for _, c := range carriers {
		options[c.Name] = c.Option
	}
	base := pilotTally(t, b, dir, "base")
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
		for _, c := range pilotTally(t, b, dir, want.suspect).Counts() {
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
		if !own { // another recording: its student is found, its control is not
			assert.Equal(t, want.log10p < -2, bound/math.Ln10 < -6, "%s: log10 p %v", want.suspect, bound/math.Ln10)
			continue
		}
		assert.Equal(t, want.cells, cells, want.suspect)
		assert.Equal(t, want.uses, uses, want.suspect)
		assert.InDelta(t, want.sum, sum, 0.1, want.suspect)
		assert.InDelta(t, want.log10p, bound/math.Ln10, 0.05, want.suspect)
		assert.InDelta(t, want.adoption, moved/toMove, 0.01, want.suspect)
	}
}
