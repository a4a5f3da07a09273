package main_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
)

type markResult struct {
	Name   string  `json:"name"`
	Raw    int     `json:"raw"`
	Scored int     `json:"scored"`
	LogP   float64 `json:"ln_p"`
	Holm   float64 `json:"ln_p_corrected"`
	Found  bool    `json:"found"`
	Texts  int     `json:"texts_found"`
}

type detectResult struct {
	Texts  int          `json:"texts"`
	Tokens int64        `json:"tokens"`
	Found  bool         `json:"found"`
	Marks  []markResult `json:"marks"`
}

type textResult struct {
	Text   string       `json:"text"`
	Tokens int          `json:"tokens"`
	Best   string       `json:"best"`
	LogP   float64      `json:"ln_p"`
	Marks  []markResult `json:"marks"`
	Spans  []struct {
		Mark       string
		Begin, End int
		Bytes      []int
		LogP       float64 `json:"ln_p"`
	} `json:"spans"`
}

// A shelf is a folder with a mark and texts under it.
type shelf struct {
	dir   string
	mark  *watermark.Watermark
	texts []string
	ids   [][]int32
}

func newShelf(t *testing.T, n, tokens int) shelf {
	t.Helper()
	m, err := novels()
	require.NoError(t, err)
	s := shelf{dir: t.TempDir()}
	fixedMark(t, s.dir, "lab", 1)
	fixedMark(t, s.dir, "other", 2)
	s.mark = openMark(t, filepath.Join(s.dir, "lab"))
	for i, p := range prompts(t, n, 3) {
		ids := m.write(t, session(t, s.mark, uint64(i)), p, tokens)
		s.ids = append(s.ids, ids)
		s.texts = append(s.texts, decode(t, m, ids))
	}
	return s
}

func (s shelf) file(t *testing.T, name string, write func(*bytes.Buffer)) {
	t.Helper()
	var b bytes.Buffer
	write(&b)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, name), b.Bytes(), 0o644))
}

// library is what package watermark says of the texts as the tokenizer reads them.
func (s shelf) library(t *testing.T, texts ...string) watermark.Result {
	t.Helper()
	tok, err := smollm2()
	require.NoError(t, err)
	d := s.mark.NewDetector()
	for _, text := range texts {
		require.NoError(t, d.Add(watermark.Text{Tokens: tok.Encode(text)}))
	}
	return d.Result()
}

// Every format of the same texts gives what the library says, to the last digit.
func TestDetectAgreesWithTheLibrary(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 40, 120)
	want := s.library(t, s.texts...)
	type row struct {
		Answer string  `parquet:"answer"`
		IDs    []int32 `parquet:"ids,list"`
	}
	var rows []row
	s.file(t, "a.jsonl", func(b *bytes.Buffer) {
		for i, text := range s.texts {
			line, err := json.Marshal(map[string]any{"answer": text, "tokens": s.ids[i], "choices": []any{map[string]any{"message": map[string]any{"content": text}}}})
			require.NoError(t, err)
			b.Write(append(line, '\n'))
			rows = append(rows, row{text, s.ids[i]})
		}
	})
	s.file(t, "a.jsonl.gz", func(b *bytes.Buffer) {
		data, err := os.ReadFile(filepath.Join(s.dir, "a.jsonl"))
		require.NoError(t, err)
		z := gzip.NewWriter(b)
		_, err = z.Write(data)
		require.NoError(t, err)
		require.NoError(t, z.Close())
	})
	s.file(t, "a.parquet", func(b *bytes.Buffer) {
		require.NoError(t, parquet.Write(b, rows, parquet.MaxRowsPerRowGroup(7)))
	})
	var files []string
	for i, text := range s.texts {
		name := fmt.Sprintf("text-%02d.txt", i)
		s.file(t, name, func(b *bytes.Buffer) { b.WriteString(text) })
		files = append(files, name)
	}
	tok := absolute(t, tokenizerPath)
	for name, args := range map[string][]string{
		"jsonl":   {"-f", "answer", "a.jsonl"},
		"path":    {"-f", "choices.0.message.content", "a.jsonl"},
		"gzip":    {"-f", "answer", "a.jsonl.gz"},
		"parquet": {"-f", "answer", "a.parquet"},
		"files":   files,
		"twice":   {"-f", "answer", "a.jsonl", "a.parquet"},
	} {
		t.Run(name, func(t *testing.T) {
			o := dyetrace(t, s.dir, append([]string{"detect", "--json", "-m", "lab", "-m", "other", "-t", tok}, args...)...)
			require.Equal(t, 1, o.code, o.err)
			var r detectResult
			decodeJSON(t, o.out, &r)
			require.Len(t, r.Marks, 2)
			assert.Equal(t, "lab", r.Marks[0].Name)
			assert.Equal(t, want.LogP, r.Marks[0].LogP)
			assert.Equal(t, want.Scored, r.Marks[0].Scored)
			assert.Equal(t, want.LogP+0.6931471805599453, r.Marks[0].Holm)
			assert.True(t, r.Marks[0].Found)
			assert.False(t, r.Marks[1].Found)
			if name != "twice" {
				assert.Equal(t, 40, r.Texts)
				assert.Equal(t, int64(want.Raw), r.Tokens)
				assert.Greater(t, r.Marks[0].Texts, 30, "of 40 texts of 120 tokens")
				assert.Zero(t, r.Marks[1].Texts)
			}
		})
	}
	ids, err := s.mark.Detect(watermark.Text{Tokens: s.ids[0]})
	require.NoError(t, err)
	for name, args := range map[string][]string{"list": {"-f", "tokens", "one.jsonl"}, "decimal": {"--ids", "one.txt"}, "parquet": {"-f", "ids", "one.parquet"}} {
		s.file(t, "one.jsonl", func(b *bytes.Buffer) {
			fmt.Fprintf(b, `{"tokens":%s}`, strings.ReplaceAll(fmt.Sprint(s.ids[0]), " ", ","))
		})
		s.file(t, "one.txt", func(b *bytes.Buffer) { b.WriteString(strings.Trim(fmt.Sprint(s.ids[0]), "[]")) })
		s.file(t, "one.parquet", func(b *bytes.Buffer) { require.NoError(t, parquet.Write(b, rows[:1])) })
		o := dyetrace(t, s.dir, append([]string{"detect", "--json", "-m", "lab"}, args...)...)
		var r detectResult
		decodeJSON(t, o.out, &r)
		assert.Equal(t, ids.LogP, r.Marks[0].LogP, "%s needs no tokenizer", name)
	}
}

// Lines on standard input are texts; with --each there is a line of JSON for each,
// in order, and then the sum.
func TestDetectEachLine(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 60, 80)
	m, err := novels()
	require.NoError(t, err)
	var input strings.Builder
	var want []float64
	for i, text := range s.texts {
		text = strings.Join(strings.Fields(text), " ")
		if i%2 == 1 {
			text = strings.Join(strings.Fields(decode(t, m, m.write(t, session(t, nil, uint64(i)), "It was", 80))), " ")
		}
		input.WriteString(text + "\n")
		want = append(want, s.library(t, text).LogP)
	}
	o := withInput(t, s.dir, input.String(), "detect", "--json", "--each", "--lines", "-m", "lab", "-t", absolute(t, tokenizerPath))
	require.Equal(t, 1, o.code, o.err)
	lines := strings.SplitAfter(strings.TrimSuffix(o.out, "\n"), "\n")
	require.Len(t, lines, 61)
	for i := range 60 {
		var r textResult
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &r))
		assert.Equal(t, fmt.Sprintf("stdin:%d", i+1), r.Text)
		assert.Equal(t, want[i], r.Marks[0].LogP)
	}
	var sum detectResult
	require.NoError(t, json.Unmarshal([]byte(lines[60]), &sum))
	assert.Equal(t, 60, sum.Texts)
	assert.InDelta(t, 25, sum.Marks[0].Texts, 5, "of the 30 that are marked")
	for _, alpha := range []float64{0.5, 1e-6, 1e-12, 1e-24} {
		o := withInput(t, s.dir, input.String(), "detect", "--json", "--lines", "-m", "lab", "-t", absolute(t, tokenizerPath), "--alpha", fmt.Sprint(alpha))
		decodeJSON(t, o.out, &sum)
		least, most := 0, 0 // counted in steps, which errs against the claim
		for _, lnP := range want {
			if level := math.Log(alpha / 60); lnP <= level {
				most++
				if lnP <= level-1.0/16 {
					least++
				}
			}
		}
		assert.LessOrEqual(t, sum.Marks[0].Texts, most)
		assert.GreaterOrEqual(t, sum.Marks[0].Texts, least)
	}
}

// More texts than fit into one batch give the same on any number of cores.
func TestDetectOnManyCores(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fixedMark(t, dir, "lab", 1)
	mark := openMark(t, filepath.Join(dir, "lab"))
	rng := rand.New(rand.NewPCG(3, 4))
	corpus := mark.NewDetector()
	var lines bytes.Buffer
	for i := range 5000 {
		s := session(t, mark, uint64(i))
		ids := make([]int32, 0, 12)
		for range 12 {
			token, err := s.Sample([]int32{rng.Int32N(50000), rng.Int32N(50000)}, []float32{0, 0})
			require.NoError(t, err)
			require.NoError(t, s.Accept(token))
			ids = append(ids, token)
		}
		require.NoError(t, corpus.Add(watermark.Text{Tokens: ids}))
		line, err := json.Marshal(map[string]any{"ids": ids})
		require.NoError(t, err)
		lines.Write(append(line, '\n'))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "t.jsonl"), lines.Bytes(), 0o644))
	for _, cores := range []string{"1", "2", "7"} {
		cmd := exec.Command(binary, "detect", "--json", "-m", "lab", "-f", "ids", "t.jsonl")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOMAXPROCS="+cores)
		out, _ := cmd.Output()
		var r detectResult
		decodeJSON(t, string(out), &r)
		assert.Equal(t, corpus.Result().LogP, r.Marks[0].LogP, "%s cores", cores)
		assert.Equal(t, corpus.Result().Scored, r.Marks[0].Scored, "%s cores", cores)
		assert.Equal(t, 5000, r.Texts)
	}
}

// Marks of other engines are found by their files, as the library finds them.
func TestDetectOtherEngines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for engine, config := range map[string]string{
		marks.EngineVLLM: `{}`, marks.EngineSGLang: `{}`, marks.EngineSynthID: `{}`, marks.EngineTextSeal: `{"ngram":2}`,
		marks.EngineGreenList: `{"bias":8,"context_width":2}`, marks.EngineKGW: `{"algorithm_name":"KGW","delta":8}`, marks.EngineEXP: `{"algorithm_name":"EXP"}`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "c.json"), []byte(config), 0o600))
		name := strings.ReplaceAll(engine, "/", "-")
		done(t, dir, "key", "mark", name, "--engine", engine, "--config", "c.json", "--vocab", "1000")
		mark := openMark(t, filepath.Join(dir, name))
		s := session(t, mark, 9)
		rng := rand.New(rand.NewPCG(3, 4))
		var ids []int32
		for range 500 {
			candidates := make([]int32, 30)
			for i := range candidates {
				candidates[i] = rng.Int32N(1000)
			}
			token, err := s.Sample(candidates, make([]float32, 30))
			require.NoError(t, err, engine)
			require.NoError(t, s.Accept(token))
			ids = append(ids, token)
		}
		want, err := mark.Detect(watermark.Text{Tokens: ids})
		require.NoError(t, err)
		o := withInput(t, dir, strings.Trim(fmt.Sprint(ids), "[]"), "detect", "--json", "--ids", "-m", name)
		var r detectResult
		decodeJSON(t, o.out, &r)
		assert.Equal(t, 1, o.code, engine)
		assert.Equal(t, want.Scored, r.Marks[0].Scored, engine)
		assert.Equal(t, want.LogP, r.Marks[0].LogP, engine)
	}
}

// What a text may have copied does not count, and prompts do for marks whose windows
// reach into them.
func TestDetectSkipsAndPrompts(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 1, 100)
	s.file(t, "a.txt", func(b *bytes.Buffer) { b.WriteString(s.texts[0]) })
	args := []string{"detect", "--json", "-m", "lab", "-t", absolute(t, tokenizerPath), "a.txt"}
	require.Equal(t, 1, dyetrace(t, s.dir, args...).code)
	o := dyetrace(t, s.dir, append(args, "--skip", "a.txt")...)
	require.Zero(t, o.code, o.err)
	var r detectResult
	decodeJSON(t, o.out, &r)
	assert.Zero(t, r.Marks[0].Scored)
	assert.Contains(t, dyetrace(t, s.dir, "detect", "--ids", "-m", "lab", "--skip", "a.txt", "a.txt").err, "--skip needs --tokenizer")

	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "c.json"), []byte("{}"), 0o600))
	done(t, s.dir, "key", "mark", "theirs", "--engine", marks.EngineSGLang, "--config", "c.json")
	mark := openMark(t, filepath.Join(s.dir, "theirs"))
	text := watermark.Text{Prompt: []int32{5, 6}, PromptKnown: true, Tokens: s.ids[0]}
	want, err := mark.Detect(text)
	require.NoError(t, err)
	without, err := mark.Detect(watermark.Text{Tokens: s.ids[0]})
	require.NoError(t, err)
	require.NotEqual(t, want.LogP, without.LogP)
	line, err := json.Marshal(map[string]any{"ids": s.ids[0], "before": text.Prompt})
	require.NoError(t, err)
	o = withInput(t, s.dir, string(line), "detect", "--json", "-m", "theirs", "--format", "jsonl", "-f", "ids", "--prompt-field", "before")
	decodeJSON(t, o.out, &r)
	assert.Equal(t, want.LogP, r.Marks[0].LogP)
}

// Many keys are searched at once and give what a detector of each gives.
func TestDetectManyKeys(t *testing.T) {
	t.Parallel()
	m, err := novels()
	require.NoError(t, err)
	dir := t.TempDir()
	fixedKey(t, filepath.Join(dir, "root.key"), 3)
	names := make([]string, 40)
	for i := range names {
		names[i] = fmt.Sprintf("account %d", i)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "accounts.txt"), []byte(strings.Join(names, "\n")), 0o644))
	flags := []string{"--key", "root.key", "--layers", "vendor=50,account=50", "--epoch", "2026-11", "--account", "@accounts.txt"}
	done(t, dir, append([]string{"key", "mark", "marks"}, flags...)...)
	layer := openMark(t, filepath.Join(dir, "marks", "account-2026-11-account 7"))
	var lines []string
	for i, p := range prompts(t, 30, 9) {
		lines = append(lines, strings.Join(strings.Fields(decode(t, m, m.write(t, session(t, layer, uint64(i)), p, 100))), " "))
	}
	input := strings.Join(lines, "\n")
	tok, err := smollm2()
	require.NoError(t, err)
	d := layer.NewDetector()
	for _, line := range lines {
		require.NoError(t, d.Add(watermark.Text{Tokens: tok.Encode(line)}))
	}
	o := withInput(t, dir, input, append([]string{"detect", "--json", "--lines", "-t", absolute(t, tokenizerPath)}, flags...)...)
	require.Equal(t, 1, o.code, o.err)
	var r detectResult
	decodeJSON(t, o.out, &r)
	require.Len(t, r.Marks, 41)
	for _, x := range r.Marks {
		assert.Equal(t, x.Name == "account-2026-11-account 7", x.Found, x.Name)
		if x.Found {
			assert.Equal(t, d.Result().LogP, x.LogP)
		}
	}
	o = withInput(t, dir, lines[0], append([]string{"detect", "--json", "--each", "--lines", "-t", absolute(t, tokenizerPath)}, flags...)...)
	var one textResult
	require.NoError(t, json.Unmarshal([]byte(strings.SplitAfter(o.out, "\n")[0]), &one))
	assert.Equal(t, "account-2026-11-account 7", one.Best)
}

// A marked passage is found where it stands, and coloured only if that is wanted.
func TestLocalize(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 1, 150)
	m, err := novels()
	require.NoError(t, err)
	before := decode(t, m, m.write(t, session(t, nil, 1), "There was", 150))
	after := decode(t, m, m.write(t, session(t, nil, 2), "He said", 150))
	s.file(t, "t.txt", func(b *bytes.Buffer) { b.WriteString(before + s.texts[0] + after) })
	args := []string{"detect", "--localize", "-m", "lab", "-m", "other", "-t", absolute(t, tokenizerPath), "t.txt"}
	o := dyetrace(t, s.dir, append(args, "--json")...)
	require.Equal(t, 1, o.code, o.err)
	var r textResult
	require.NoError(t, json.Unmarshal([]byte(strings.SplitAfter(o.out, "\n")[0]), &r))
	require.Len(t, r.Spans, 1)
	assert.Equal(t, "lab", r.Spans[0].Mark)
	assert.InDelta(t, len(before), r.Spans[0].Bytes[0], 60)
	assert.InDelta(t, len(before)+len(s.texts[0]), r.Spans[0].Bytes[1], 60)
	plain := dyetrace(t, s.dir, args...)
	assert.NotContains(t, plain.out, "\x1b")
	assert.Contains(t, plain.out, fmt.Sprintf("bytes %d to %d", r.Spans[0].Bytes[0], r.Spans[0].Bytes[1]))
	coloured := dyetrace(t, s.dir, append(args, "--color", "always")...)
	assert.Contains(t, coloured.out, "\x1b[30;48;5;222m")
}

// No span is shown that does not reach the error rate, corrected for all spans and
// marks, though there are such.
func TestLocalizeAtItsRate(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 60, 20)
	var input strings.Builder
	for _, text := range s.texts {
		input.WriteString(strings.Join(strings.Fields(text), " ") + "\n")
	}
	spans := map[float64]int{}
	for _, alpha := range []float64{0.5, 1e-8} {
		o := withInput(t, s.dir, input.String(), "detect", "--json", "-l", "--lines", "-m", "lab", "-m", "other", "-t", absolute(t, tokenizerPath), "--alpha", fmt.Sprint(alpha))
		for line := range strings.Lines(o.out) {
			var r textResult
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			for _, span := range r.Spans {
				assert.LessOrEqual(t, span.LogP, math.Log(alpha))
				spans[alpha]++
			}
		}
	}
	assert.Greater(t, spans[0.5], spans[1e-8]+10)
	assert.Positive(t, spans[1e-8])
}

// Inputs that make no sense end with code 2 and say what is wrong and what would do.
func TestDetectBadInput(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 1, 50)
	tok := absolute(t, smallPath)
	s.file(t, "bad.jsonl", func(b *bytes.Buffer) { b.WriteString("{\"text\":\"fine\"}\n{\"text\":\n") })
	s.file(t, "other.jsonl", func(b *bytes.Buffer) { b.WriteString("{\"answer\":\"fine\",\"n\":3}\n") })
	s.file(t, "list.jsonl", func(b *bytes.Buffer) { b.WriteString("{\"text\":[1,\"x\"]}\n") })
	s.file(t, "bad.parquet", func(b *bytes.Buffer) { b.WriteString("PAR1 and no more PAR1") })
	s.file(t, "bad.gz", func(b *bytes.Buffer) { b.WriteString("\x1f\x8b\x08 and no more") })
	s.file(t, "empty.txt", func(b *bytes.Buffer) {})
	s.file(t, "empty.jsonl", func(b *bytes.Buffer) {})
	s.file(t, "notok.json", func(b *bytes.Buffer) { b.WriteString(`{"model":{"type":"Unigram"}}`) })
	s.file(t, "spec.mark.json", func(b *bytes.Buffer) { b.WriteString("{}\n") })
	s.file(t, "ids.txt", func(b *bytes.Buffer) { b.WriteString("1 2 x3") })
	s.file(t, "rows.parquet", func(b *bytes.Buffer) {
		require.NoError(t, parquet.Write(b, []struct{ Score float64 }{{1}}))
	})
	require.NoError(t, os.Mkdir(filepath.Join(s.dir, "folder"), 0o755))
	for _, c := range []struct {
		want string
		args []string
	}{
		{"bad.jsonl:2", []string{"-m", "lab", "-t", tok, "bad.jsonl"}},
		{`it has "answer", "n": choose with --field`, []string{"-m", "lab", "-t", tok, "other.jsonl"}},
		{"list", []string{"-m", "lab", "-t", tok, "list.jsonl"}},
		{"no Parquet file", []string{"-m", "lab", "-t", tok, "bad.parquet"}},
		{`it has "Score"`, []string{"-m", "lab", "-t", tok, "rows.parquet"}},
		{"of DOUBLE, want texts", []string{"-m", "lab", "-t", tok, "-f", "Score", "rows.parquet"}},
		{"bad.gz", []string{"-m", "lab", "-t", tok, "bad.gz"}},
		{"there is no text", []string{"-m", "lab", "-t", tok, "empty.jsonl"}},
		{"version is missing", []string{"-m", "lab", "-t", "notok.json", "bad.jsonl"}},
		{"no tokenizer", []string{"-m", "lab", "-t", "absent.json", "bad.jsonl"}},
		{"schema", []string{"-m", "spec", "-t", tok, "bad.jsonl"}},
		{"dyetrace key mark makes one", []string{"-m", "absent", "-t", tok, "bad.jsonl"}},
		{"no mark to look for", []string{"-t", tok, "bad.jsonl"}},
		{"give the --tokenizer", []string{"-m", "lab", "bad.jsonl"}},
		{"--alpha is 1", []string{"-m", "lab", "-t", tok, "--alpha", "1", "bad.jsonl"}},
		{"--format is", []string{"-m", "lab", "-t", tok, "--format", "csv", "bad.jsonl"}},
		{"no text", []string{"-m", "lab", "-t", tok, "absent.txt"}},
		{"is a folder", []string{"-m", "lab", "-t", tok, "folder"}},
		{`"x3" is no token id`, []string{"-m", "lab", "--ids", "ids.txt"}},
		{"same mark", []string{"-m", "lab", "-m", "lab", "-t", tok, "ids.txt"}},
		{"--key", []string{"--layers", "vendor=1", "-t", tok, "ids.txt"}},
		{"unknown flag", []string{"--frobnicate"}},
		{"unknown shorthand", []string{"-Z"}},
	} {
		o := dyetrace(t, s.dir, append([]string{"detect"}, c.args...)...)
		assert.Equal(t, 2, o.code, "%v", c.args)
		assert.Contains(t, o.err, c.want, "%v", c.args)
		assert.Empty(t, o.out, "%v", c.args)
		o = dyetrace(t, s.dir, append([]string{"detect", "--json"}, c.args...)...)
		var r struct {
			Error string `json:"error"`
			Exit  int    `json:"exit"`
		}
		assert.Equal(t, 2, o.code, "%v", c.args)
		if json.Unmarshal([]byte(o.out), &r) == nil {
			assert.Equal(t, 2, r.Exit)
			assert.NotEmpty(t, r.Error)
		} else {
			t.Errorf("%v: %q is no JSON", c.args, o.out)
		}
	}
	o := dyetrace(t, s.dir, "detect", "-m", "lab", "-t", tok, "empty.txt")
	assert.Equal(t, 0, o.code, "an empty text carries no mark: %s", o.err)
}

// Code 0: a mark that is not there is not found, whatever is looked for.
func TestDetectNothing(t *testing.T) {
	t.Parallel()
	s := newShelf(t, 3, 100)
	s.file(t, "a.txt", func(b *bytes.Buffer) { b.WriteString(strings.Join(s.texts, "\n")) })
	o := dyetrace(t, s.dir, "detect", "-m", "other", "-t", absolute(t, tokenizerPath), "a.txt")
	assert.Zero(t, o.code, o.err)
	assert.Contains(t, o.out, "no mark found")
}

// What is no text, or has nothing to score, is said.
func TestDetectInNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	done(t, dir, "key", "new", "root.key")
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("binary", "x\x00\xff\xfe")
	write("empty", "")
	write("bom.jsonl", "\ufeff{\"text\":\"It was a dark and stormy night in the harbour.\"}\n")
	detect := func(name string) outcome {
		return dyetrace(t, dir, "detect", "--key", "root.key", "--tokenizer", absolute(t, tokenizerPath), name)
	}
	o := detect("binary")
	assert.Zero(t, o.code)
	assert.Contains(t, o.err, "binary is not UTF-8: is it a text?")
	assert.Contains(t, o.out, "no token could be scored: this says nothing about these texts")
	assert.NotContains(t, o.out, "no mark found")
	assert.Contains(t, detect("empty").out, "no token could be scored")
	o = detect("bom.jsonl")
	assert.Zero(t, o.code, o.err)
	assert.Contains(t, o.out, "no mark found")
	o = dyetrace(t, dir, "bundle", "verify", ".")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, ". is a folder, want the file of a bundle, such as bundle.dyetrace")
}
