package main_test

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"flag"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
	"github.com/dyetrace/dyetrace/watermark"
)

// The binary under test, built once.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	set := func(name string) string { return flag.Lookup("test." + name).Value.String() }
	if set("list") != "" || set("fuzzworker") == "true" || set("fuzz") != "" && set("run") == "^$" { // fuzz targets need no binary
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "dyetrace-test-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "dyetrace")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		os.Stderr.Write(out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// An outcome is what a process wrote and how it ended.
type outcome struct {
	out, err string
	code     int
}

// dyetrace runs the command in a folder.
func dyetrace(t *testing.T, dir string, args ...string) outcome {
	t.Helper()
	return withInput(t, dir, "", args...)
}

func withInput(t *testing.T, dir, input string, args ...string) outcome {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(input)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); !exited {
		require.NoError(t, err)
	}
	return outcome{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// done runs the command and requires that it ends with code 0.
func done(t *testing.T, dir string, args ...string) string {
	t.Helper()
	o := dyetrace(t, dir, args...)
	require.Zero(t, o.code, "%v: %s%s", args, o.out, o.err)
	return o.out
}

// smollm2 is the tokenizer of a real model.
var smollm2 = sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
	f, err := os.Open("../../tokenizer/testdata/smollm2/tokenizer.json.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return tokenizer.Parse(data)
})

const (
	tokenizerPath = "../../tokenizer/testdata/smollm2/tokenizer.json.gz"
	smallPath     = "../../tokenizer/testdata/fallback/tokenizer.json.gz" // where it does not matter which
)

// absolute returns the path of a file of this module for processes elsewhere.
func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	require.NoError(t, err)
	return abs
}

// books are some of the old novels of the quickstart.
var books = sync.OnceValues(func() (string, error) {
	f, err := os.Open("../../../examples/quickstart/corpus/books.txt.bz2")
	if err != nil {
		return "", err
	}
	defer f.Close()
	text := make([]byte, 1_200_000)
	n, err := io.ReadFull(bzip2.NewReader(f), text)
	return string(text[:n]), err
})

// A model is a 2-gram model of tokens, with the counts after each pair, or after
// the last token where a pair is new.
type model struct {
	tok   *tokenizer.Tokenizer
	after map[[2]int32]map[int32]int
	known sync.Map // what candidates returned after a pair
}

type following struct {
	ids    []int32
	logits []float32
}

var novels = sync.OnceValues(func() (*model, error) {
	text, err := books()
	if err != nil {
		return nil, err
	}
	tok, err := smollm2()
	if err != nil {
		return nil, err
	}
	return learn(tok, text), nil
})

func learn(tok *tokenizer.Tokenizer, texts ...string) *model {
	m := &model{tok: tok, after: map[[2]int32]map[int32]int{}}
	for _, text := range texts {
		a, b := int32(-1), int32(-1)
		for _, c := range tok.Encode(text) {
			for _, k := range [][2]int32{{a, b}, {-1, b}, {-1, -1}} {
				if m.after[k] == nil {
					m.after[k] = map[int32]int{}
				}
				m.after[k][c]++
			}
			a, b = b, c
		}
	}
	return m
}

// candidates returns what may follow, in descending order, and logits.
func (m *model) candidates(text []int32) (ids []int32, logits []float32) {
	a, b := int32(-1), int32(-1)
	if n := len(text); n > 0 {
		if b = text[n-1]; n > 1 {
			a = text[n-2]
		}
	}
	if known, ok := m.known.Load([2]int32{a, b}); ok {
		return known.(following).ids, known.(following).logits
	}
	counts := m.after[[2]int32{a, b}]
	if len(counts) < 4 {
		if counts = m.after[[2]int32{-1, b}]; len(counts) == 0 {
			counts = m.after[[2]int32{-1, -1}]
		}
	}
	for id := range counts {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y int32) int {
		if counts[x] != counts[y] {
			return counts[y] - counts[x]
		}
		return int(x - y)
	})
	ids = ids[:min(len(ids), 64)]
	for _, id := range ids {
		logits = append(logits, float32(math.Log(float64(counts[id]))))
	}
	m.known.Store([2]int32{a, b}, following{ids, logits})
	return ids, logits
}

// write writes n tokens in a session.
func (m *model) write(t testing.TB, s *watermark.Session, prompt string, n int) []int32 {
	t.Helper()
	text := m.tok.Encode(prompt)
	begin := len(text)
	for len(text) < begin+n {
		ids, logits := m.candidates(text)
		token, err := s.Sample(ids, logits)
		require.NoError(t, err)
		require.NoError(t, s.Accept(token))
		text = append(text, token)
	}
	return text[begin:]
}

// session returns a session of a mark, or with nil of none.
func session(t testing.TB, w *watermark.Watermark, seed uint64) *watermark.Session {
	t.Helper()
	opt := watermark.SessionOptions{Seed: watermark.SeedOf(seed, 7)}
	if w == nil {
		opt.Off = true
		w = anyMark(t)
	}
	s, err := w.NewSession(opt)
	require.NoError(t, err)
	return s
}

func decode(t testing.TB, m *model, ids []int32) string {
	t.Helper()
	text, err := m.tok.Decode(ids)
	require.NoError(t, err)
	return text
}

// prompts returns n beginnings of sentences.
func prompts(t testing.TB, n int, seed uint64) []string {
	t.Helper()
	text, err := books()
	require.NoError(t, err)
	words := strings.Fields(text)
	rng := rand.New(rand.NewPCG(seed, 1))
	seen := map[string]bool{}
	var all []string
	for len(all) < n {
		i := rng.IntN(len(words) - 8)
		p := strings.Join(words[i:i+6], " ")
		if !seen[p] {
			seen[p] = true
			all = append(all, p)
		}
	}
	return all
}
