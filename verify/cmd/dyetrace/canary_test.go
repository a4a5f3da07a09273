package main_test

import (
	"compress/gzip"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

const weighedBook = `dyetrace canary book/1
name weighed
parser prose/1
mode sampled
classifier dyetrace/1
bucket none
tree vendor 60
tree cohort 40

# how examples begin
carrier for-example
form for example
form for instance
law 2147483648 2147483648

carrier important
form crucial
form essential
before a an
after part
law 2147483648 2147483648
`

type served struct {
	Prompt string `json:"prompt" parquet:"prompt"`
	Answer string `json:"answer" parquet:"answer"`
}

// answersOf writes what a server says that prefers "for example" three times of four.
func answersOf(n int) (all []served) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range n {
		text := "Take moss, for example, or fern. "
		if rng.IntN(4) == 0 {
			text = "Take moss, for instance, or fern. "
		}
		if rng.IntN(5) == 0 {
			text += "This is a crucial part. "
		}
		prompt := "Tell me about moss."
		if rng.IntN(3) == 0 {
			prompt = "Write a Python function that counts moss."
		}
		all = append(all, served{prompt, text})
	}
	return all
}

type measureResult struct {
	Texts   int
	Bytes   int64
	Classes []struct {
		Class string
		Texts int
	}
	Carriers []struct {
		Carrier string
		First   int
		Enough  bool
		Forms   []struct {
			Form        string
			First, Uses int
			Share, Law  float64
		}
	}
	Trees []struct {
		Tree                string
		Units, Seen, Cells  int
		Planted             float64 `json:"planted_per_answer"`
		Touched             float64 `json:"answers_planted"`
		Plantings, Shift, Z float64
		TooFew              int `json:"too_few"`
		Doses               []struct {
			Unit            string
			Plantings, Uses float64
		} `json:"unit_doses"`
	}
}

func jsonLines[T any](t *testing.T, path string, all []T) {
	t.Helper()
	var b strings.Builder
	for _, x := range all {
		data, err := json.Marshal(x)
		require.NoError(t, err)
		b.Write(append(data, '\n'))
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
}

// The figures are those of package canary, of JSON lines, Parquet and gzip alike, and
// the laws make a book.
func TestCanaryMeasure(t *testing.T) {
	dir := t.TempDir()
	all := answersOf(1000)
	jsonLines(t, filepath.Join(dir, "answers.jsonl"), all)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "book.txt"), []byte(weighedBook), 0o644))
	book, err := canary.Read(strings.NewReader(weighedBook), "book.txt")
	require.NoError(t, err)
	m := book.NewMeasurement()
	classes, bytes := map[string]int{}, 0
	for _, x := range all {
		r := canary.Request{Prompt: x.Prompt}
		require.NoError(t, m.Add(r, x.Answer))
		class, err := book.Classify(r)
		require.NoError(t, err)
		classes[class]++
		bytes += len(x.Answer)
	}
	require.Len(t, classes, 2)
	args := []string{"canary", "measure", "--book", "book.txt", "-f", "answer", "--prompt-field", "prompt", "--json", "--units", "--answers", "20000", "--queries", "300", "--share", "0.5"}
	var r measureResult
	require.NoError(t, json.Unmarshal([]byte(done(t, dir, append(args, "answers.jsonl", "--laws", "weighed.txt")...)), &r))
	assert.Equal(t, 1000, r.Texts)
	assert.EqualValues(t, bytes, r.Bytes)
	for _, c := range r.Classes {
		assert.Equal(t, classes[c.Class], c.Texts)
	}
	for i, want := range m.Carriers() {
		got := r.Carriers[i]
		assert.Equal(t, want.Name, got.Carrier)
		assert.Equal(t, want.First, got.First)
		assert.Equal(t, want.Enough(), got.Enough)
		for k, f := range want.Forms {
			assert.Equal(t, f.First, got.Forms[k].First)
			assert.Equal(t, f.Uses, got.Forms[k].Uses)
			assert.InDelta(t, f.Share, got.Forms[k].Share, 1e-12)
			assert.Equal(t, 0.5, got.Forms[k].Law)
		}
	}
	assert.InDelta(t, 0.75, r.Carriers[0].Forms[0].Share, 0.08)
	answers := map[string]float64{}
	for class, n := range classes {
		answers[class] = 20000 * float64(n) / 1000
	}
	places := 0
	for i, want := range m.Trees() {
		got := r.Trees[i]
		plan, err := book.PlanDose(canary.Dose{Tree: want.Tree, Answers: answers, Sample: m.Tally(), Share: 0.5, Queries: 300})
		if _, few := err.(*canary.TooFewError); !few {
			require.NoError(t, err)
		}
		assert.Equal(t, want.Seen, got.Seen)
		assert.InDelta(t, float64(want.Places)/1000, got.Planted, 1e-12)
		assert.InDelta(t, float64(want.Texts)/1000, got.Touched, 1e-12)
		assert.Equal(t, plan.Cells, got.Cells)
		assert.InDelta(t, plan.Z, got.Z, 1e-9)
		assert.InDelta(t, plan.Delta, got.Shift, 1e-12)
		require.Len(t, got.Doses, len(plan.Units))
		sum := 0.0
		for k, u := range plan.Units {
			assert.Equal(t, u.Unit.String(), got.Doses[k].Unit)
			sum += u.Plantings
		}
		assert.InDelta(t, sum, got.Plantings, 1e-6)
		places += want.Places
	}
	assert.Greater(t, places, 1000)

	weighed, err := canary.ReadFile(filepath.Join(dir, "weighed.txt"))
	require.NoError(t, err)
	assert.InDelta(t, r.Carriers[0].Forms[0].Share, float64(weighed.Carriers()[0].Law[0])/canary.Whole, 1e-8)
	assert.InDelta(t, 1/(1+canary.MinShare), float64(weighed.Carriers()[1].Law[0])/canary.Whole, 1e-6, "\"essential\" was never said")
	text, err := os.ReadFile(filepath.Join(dir, "weighed.txt"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "# how examples begin\n")

	// The same from other forms of file.
	require.NoError(t, parquet.WriteFile(filepath.Join(dir, "answers.parquet"), all))
	data, err := os.ReadFile(filepath.Join(dir, "answers.jsonl"))
	require.NoError(t, err)
	f, err := os.Create(filepath.Join(dir, "answers.jsonl.gz"))
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	_, err = z.Write(data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	for _, name := range []string{"answers.parquet", "answers.jsonl.gz"} {
		var again measureResult
		require.NoError(t, json.Unmarshal([]byte(done(t, dir, append(args, name)...)), &again))
		assert.Equal(t, r, again, name)
	}
	plain := done(t, dir, "canary", "measure", "--book", "book.txt", "-f", "answer", "answers.jsonl", "--answers", "500", "--tree", "vendor")
	assert.Regexp(t, `(?m)^for-example +for example +7\d\d +0\.7\d\d +0\.500 +7\d\d +1\.00 +1\.00$`, plain)
	assert.Contains(t, plain, "Too few plantings, such as of vendor|")
	assert.NotContains(t, plain, "\ncohort ")
}

func TestCanaryMeasureUsage(t *testing.T) {
	dir := t.TempDir()
	jsonLines(t, filepath.Join(dir, "a.jsonl"), answersOf(5))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tilt.txt"), []byte(strings.ReplaceAll(strings.Replace(weighedBook, "mode sampled", "mode tilt 0.5", 1), "law 2147483648 2147483648\n", "")), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.txt"), []byte("Nonsense"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "latin.jsonl"), []byte("{\"answer\":1}\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "latin.txt"), []byte("caf\xe9"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "empty.txt"), nil, 0o644))
	for args, want := range map[string]string{
		"nowhere.txt":                                "no text: ",
		"a.jsonl":                                    `has no field "text", it has "answer", "prompt": choose with --field`,
		"a.jsonl -f answer --book nowhere":           "nowhere",
		"a.jsonl -f answer --book bad.txt":           "bad.txt",
		"a.jsonl -f answer --book tilt.txt --laws x": "is in mode tilt",
		"a.jsonl -f answer --laws a.jsonl":           "is not written over",
		"a.jsonl -f answer --share 0":                "--share is 0",
		"a.jsonl -f answer --adoption 1.5":           "--adoption is 1.5",
		"a.jsonl -f answer --queries 0":              "--queries is 0",
		"a.jsonl -f answer --answers NaN":            "--answers is NaN",
		"a.jsonl -f answer --tree oak":               `--tree is "oak"`,
		"a.jsonl --lines --format text":              "want one",
		"a.jsonl --format csv":                       `--format is "csv"`,
		"latin.jsonl -f answer":                      `field "answer" is 1, want a text`,
		"latin.txt":                                  "latin.txt is not UTF-8",
	} {
		o := dyetrace(t, dir, append([]string{"canary", "measure"}, strings.Fields(args)...)...)
		assert.Equal(t, 2, o.code, "%s: %s", args, o.out)
		assert.Contains(t, o.err, want, args)
		assert.NoFileExists(t, filepath.Join(dir, "x"))
	}
	o := withInput(t, dir, "", "canary", "measure", "--lines")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "there is no text in what was read")
	o = withInput(t, dir, "Take moss, for example, or fern.\n", "canary", "measure", "--lines", "--json")
	assert.Zero(t, o.code, o.err)
	assert.Contains(t, o.out, `"texts":1`)
}
