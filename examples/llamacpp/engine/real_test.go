package engine_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/stretchr/testify/require"
)

// Tests run on llama.cpp and a model as fetch.sh fetches them, into the folder
// that DYETRACE_LLAMACPP names or .cache.
var (
	library = filepath.Join(cache(), "lib")
	model   = filepath.Join(cache(), "model.gguf")
	absent  string // why there is no model, where there is none
)

func cache() string {
	if folder := os.Getenv("DYETRACE_LLAMACPP"); folder != "" {
		return folder
	}
	return filepath.Join("..", ".cache")
}

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("ENGINE_TEST_LIBRARY") != "" { // a process of TestBadLibraries
		os.Exit(m.Run())
	}
	const unavailable = 69
	if out, err := exec.Command("bash", filepath.Join("..", "fetch.sh"), cache()).CombinedOutput(); err != nil {
		absent = string(bytes.TrimSpace(out))
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != unavailable {
			fmt.Fprintf(os.Stderr, "fetch.sh: %v\n%s\n", err, out)
			os.Exit(1)
		}
		fmt.Fprintf(os.Stderr, "no model, tests that need one are skipped: %s\n", absent)
		_ = flag.Set("test.skip", "^Example")
	}
	code := m.Run()
	if shared.engine != nil {
		_ = shared.engine.Close()
	}
	os.Exit(code)
}

var shared struct {
	sync.Once
	engine *engine.Engine
	err    error
}

// real returns an engine that all tests share, with 8 sequences.
func real(t testing.TB) *engine.Engine {
	t.Helper()
	if absent != "" {
		t.Skip(absent)
	}
	shared.Do(func() { shared.engine, shared.err = engine.Open(engine.Config{Library: library, Model: model}) })
	require.NoError(t, shared.err)
	return shared.engine
}

// opened returns an engine of a test's own.
func opened(t testing.TB, c engine.Config) *engine.Engine {
	t.Helper()
	if absent != "" {
		t.Skip(absent)
	}
	c.Library, c.Model = library, model
	e, err := engine.Open(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// questions are the users' first messages.
var questions = []string{
	"Write a short story about a river.",
	"Explain how bread is made, step by step.",
	"What should I see in Rome in three days?",
	"Give me advice on learning to play the piano.",
	"Describe the life of a lighthouse keeper.",
	"Why do leaves change their colour in autumn?",
	"Write a letter to an old friend about the summer.",
	"Compare trains and planes for travelling in Europe.",
}

func asked(t testing.TB, e *engine.Engine, question string) []watermark.Token {
	t.Helper()
	text, err := e.Chat([]map[string]any{{"role": "user", "content": question}}, nil)
	require.NoError(t, err)
	ids, err := e.Tokenize(text, true)
	require.NoError(t, err)
	return ids
}

func plainText(t testing.TB, e *engine.Engine, text string) []watermark.Token {
	t.Helper()
	ids, err := e.Tokenize(text, false)
	require.NoError(t, err)
	return ids
}

// answer is what one request gave, by choice.
type answer struct {
	tokens   [][]watermark.Token
	all      []engine.Token
	finishes []engine.Finish
}

func (a answer) text(choice int) string {
	var b bytes.Buffer
	for _, t := range a.all {
		if t.Choice == choice && !t.Prompt {
			b.Write(t.Bytes)
		}
	}
	return b.String()
}

// generate runs a request to its end. It may be called from any goroutine.
func generate(e *engine.Engine, r engine.Request) (answer, error) {
	a := answer{tokens: make([][]watermark.Token, max(1, r.N))}
	var err error
	a.finishes, err = e.Generate(context.Background(), r, func(t engine.Token) error {
		if a.all = append(a.all, t); !t.Prompt {
			a.tokens[t.Choice] = append(a.tokens[t.Choice], t.ID)
		}
		return nil
	})
	return a, err
}

func mustGenerate(t testing.TB, e *engine.Engine, r engine.Request) answer {
	t.Helper()
	a, err := generate(e, r)
	require.NoError(t, err)
	return a
}

// together runs requests at once.
func together(t testing.TB, e *engine.Engine, requests []engine.Request) []answer {
	t.Helper()
	answers, errs := make([]answer, len(requests)), make([]error, len(requests))
	var wg sync.WaitGroup
	for i := range requests {
		wg.Go(func() { answers[i], errs[i] = generate(e, requests[i]) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	return answers
}

// testKey returns a key made of a seed.
func testKey(t testing.TB, seed byte) keys.Key {
	t.Helper()
	key, err := keys.New(bytes.NewReader(bytes.Repeat([]byte{seed}, keys.Size)))
	require.NoError(t, err)
	return key
}

// testMark returns a mark of a key made of a seed.
func testMark(t testing.TB, seed byte) *watermark.Watermark {
	t.Helper()
	w, err := watermark.New(testKey(t, seed), watermark.Gumbel{}, watermark.Options{})
	require.NoError(t, err)
	return w
}

// longText is the first n bytes of a real text.
func longText(t testing.TB, n int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "LICENSE"))
	require.NoError(t, err)
	return string(text[:n])
}
