package main_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A kindOfStudy is a plan, a suspect that learnt and one that did not.
type kindOfStudy struct {
	plan     []string // flags
	collect  []string
	learnt   string // URL
	innocent string
	found    [][2]string // key and test that reject the one that learnt
	not      [][2]string // and that do not
}

// Every kind of test finds, through the command and over HTTP, a suspect that learnt
// what it looks for, and not one that did not; its page is drawn and its bundle holds.
func TestKindsOfStudies(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, dir string) kindOfStudy{
		"served texts": servedKind,
		"hierarchy":    hierarchyKind,
		"pool":         poolKind,
		"predictions":  predictionsKind,
		"picks":        picksKind,
		"order":        orderKind,
		"cohort":       cohortKind,
		"rank":         rankKind,
		"held-out":     heldOutKind,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			k := prepare(t, dir)
			done(t, dir, append([]string{"plan", "study", "--suspect", "student", "--decoys", "1000"}, k.plan...)...)
			done(t, dir, "plan", "study", "--logged", "in this test", "--nonce", hex.EncodeToString(bytes.Repeat([]byte{9}, 32)), "--nonce-source", "nine")
			innocent := filepath.Join(dir, "other")
			require.NoError(t, os.MkdirAll(innocent, 0o755))
			require.NoError(t, os.CopyFS(filepath.Join(innocent, "study"), os.DirFS(filepath.Join(dir, "study"))))
			secrets, err := filepath.Glob(filepath.Join(innocent, "study/keys/*"))
			require.NoError(t, err)
			for _, path := range secrets {
				require.NoError(t, os.Chmod(path, 0o600)) // which the copy has not kept
			}
			if len(k.found) > 0 {
				r := k.judge(t, dir, k.learnt, true)
				for _, f := range k.found {
					found := r.Finding(f[0], f[1])
					require.NotNil(t, found, f)
					assert.True(t, found.Rejected, "%v: ln p %v %v", f, found.LogP, found.Void)
				}
				for _, f := range k.not {
					if found := r.Finding(f[0], f[1]); found != nil { // which a hierarchy may not look at
						assert.False(t, found.Rejected, f)
					}
				}
			} else {
				k.judge(t, dir, k.learnt, false)
			}
			k.judge(t, innocent, k.innocent, false)
		})
	}
}

// judge goes through a study, and draws and packs what it found.
func (k kindOfStudy) judge(t *testing.T, dir, url string, found bool) *verify.Report {
	t.Helper()
	collect := func() {
		done(t, dir, slices.Concat([]string{"collect", "study", "--url", url, "--model", "student"}, k.collect)...)
	}
	collect()
	done(t, dir, "seal", "study")
	var o outcome
	if found {
		o = judge(t, dir, collect, "--json")
		require.Equal(t, 1, o.code, o.out+o.err)
	} else {
		o = dyetrace(t, dir, "judge", "study", "--json")
		require.Zero(t, o.code, o.out+o.err)
	}
	var r verify.Report
	decodeJSON(t, o.out, &r)
	require.NotEmpty(t, r.Findings)
	for _, f := range r.Findings {
		assert.Positive(t, f.Scored, "%s %s", f.Key, f.Test)
	}
	if !found && len(k.found) > 0 {
		return &r
	}
	done(t, dir, "bundle", "make", "study")
	done(t, dir, "report", "study/bundle.dyetrace", "-o", "study/report.html") // which checks all of it
	page, err := os.ReadFile(filepath.Join(dir, "study/report.html"))
	require.NoError(t, err)
	assert.Equal(t, found, strings.Contains(string(page), "” shows use of outputs made under "))
	return &r
}

// A class is a mark, what was served under it, a student of that and an innocent one.
type class struct {
	mark     *watermark.Watermark
	served   []string
	student  *model
	innocent *model
}

// classOf is the class of the mark of fixedMark with seed 4.
var classOf = sync.OnceValue(func() func(t testing.TB) class {
	var c class
	var once sync.Once
	return func(t testing.TB) class {
		once.Do(func() {
			k, err := keys.New(rand.NewChaCha8([32]byte{4}))
			require.NoError(t, err)
			c.mark, err = watermark.New(k, watermark.Gumbel{}, watermark.Options{})
			require.NoError(t, err)
			c.served = taught(t, c.mark, 200)
			teacher, err := novels()
			require.NoError(t, err)
			c.student, c.innocent = learn(teacher.tok, c.served...), learnt(t, nil, 200)
		})
		return c
	}
})

// texts prepares a study of texts with the mark "lab".
func texts(t *testing.T, dir string, plan ...string) (kindOfStudy, class) {
	fixedMark(t, dir, "study/keys/lab", 4)
	c := classOf()(t)
	require.Equal(t, c.mark.ID(), openMark(t, filepath.Join(dir, "study/keys/lab")).ID())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts.txt"), []byte(strings.Join(prompts(t, 40, 4), "\n")), 0o644))
	return kindOfStudy{
		plan:   append([]string{"--prompts", "prompts.txt", "--tokenizer", absolute(t, tokenizerPath)}, plan...),
		learnt: serve(t, c.student, 100).URL, innocent: serve(t, c.innocent, 100).URL,
	}, c
}

// Served texts, and the smallest p-values of tokens, in a family of a thousand tests and
// at a level that few studies have.
func servedKind(t *testing.T, dir string) kindOfStudy {
	k, c := texts(t, dir, "--served", "served.jsonl", "--served-logged", "as it was served", "--test", "G2", "--test", "G1,sparse",
		"--sequence", "3", "--earlier", "998", "--alpha", "0.00001")
	type line struct {
		Text string `json:"text"`
	}
	var lines []line
	for _, text := range c.served {
		lines = append(lines, line{text})
	}
	jsonLines(t, filepath.Join(dir, "served.jsonl"), lines)
	k.found = [][2]string{{"lab", "G2"}, {"lab", "G1 sparse"}}
	return k
}

// A key under which nothing was made convicts nobody: whoever rejects it is void.
func heldOutKind(t *testing.T, dir string) kindOfStudy {
	k, _ := texts(t, dir, "--held-out", "lab", "--test", "G1")
	return k
}

// Of a tree of keys the student read texts of one cohort.
func hierarchyKind(t *testing.T, dir string) kindOfStudy {
	fixedKey(t, filepath.Join(dir, "root.key"), 9)
	done(t, dir, "key", "mark", "study/keys", "--key", "root.key", "--layers", "vendor=40,epoch=30,cohort=30", "--epoch", "e", "--cohort", "paid,trial")
	root, err := keys.ReadFile(filepath.Join(dir, "root.key"))
	require.NoError(t, err)
	var layers []watermark.Layer
	for i, holder := range []keys.Key{root.Vendor(), root.Epoch("e"), root.Epoch("e").Cohort("trial")} {
		w, err := watermark.New(holder.Purpose("watermark"), watermark.Gumbel{}, watermark.Options{})
		require.NoError(t, err)
		layers = append(layers, watermark.Layer{Name: []string{"vendor", "epoch", "cohort"}[i], Share: watermark.Shares(40, 30, 30)[i], Mark: w})
	}
	l, err := watermark.NewLayers(root.Purpose("layout"), layers...)
	require.NoError(t, err)
	teacher, err := novels()
	require.NoError(t, err)
	var read []string
	for i, p := range prompts(t, 200, 77) {
		s, err := l.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(uint64(i), 7)})
		require.NoError(t, err)
		read = append(read, decode(t, teacher, teacher.write(t, s, p, 150)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts.txt"), []byte(strings.Join(prompts(t, 40, 4), "\n")), 0o644))
	return kindOfStudy{
		plan: []string{"--prompts", "prompts.txt", "--tokenizer", absolute(t, tokenizerPath), "--test", "G1", "--correction", "hierarchy",
			"--parent", "epoch-e=vendor,cohort-e-trial=epoch-e", "--parent", "cohort-e-paid=epoch-e"},
		learnt: serve(t, learn(teacher.tok, read...), 100).URL, innocent: serve(t, classOf()(t).innocent, 100).URL,
		found: [][2]string{{"vendor", "G1"}, {"epoch-e", "G1"}, {"cohort-e-trial", "G1"}},
		not:   [][2]string{{"cohort-e-paid", "G1"}},
	}
}

// Texts of two accounts, each under a key of its own, count together.
func poolKind(t *testing.T, dir string) kindOfStudy {
	k, c := texts(t, dir, "--test", "G1", "--pool", "accounts=G1:lab+second", "--product", "both=lab:G1+second:G1")
	fixedMark(t, dir, "study/keys/second", 5)
	second := taught(t, openMark(t, filepath.Join(dir, "study/keys/second")), 150)
	k.learnt = serve(t, learn(c.student.tok, append(second, c.served[:150]...)...), 100).URL
	k.found = [][2]string{{"accounts", "G1"}, {"both", "G1"}, {"lab", "G1"}, {"second", "G1"}}
	return k
}

// What the suspect predicts: a sample, its list, and what gained most against the
// reference.
func predictionsKind(t *testing.T, dir string) kindOfStudy {
	fixedMark(t, dir, "study/keys/lab", 4)
	c := classOf()(t)
	teacher, err := novels()
	require.NoError(t, err)
	type passage struct {
		Prompt string `json:"prompt"`
		Text   string `json:"text"`
	}
	var passages []passage
	for i, p := range prompts(t, 12, 77) { // the first that were taught
		passages = append(passages, passage{p, c.served[i]})
	}
	jsonLines(t, filepath.Join(dir, "passages.jsonl"), passages)
	base := serve(t, teacher, 1)
	return kindOfStudy{
		plan: []string{"--passages", "passages.jsonl", "--tokenizer", absolute(t, tokenizerPath), "--top", "20", "--reference", "base", "--age", "older",
			"--test", "R2", "--test", "R3", "--test", "R4h"},
		collect: []string{"--same-tokenizer", "--batch", "50", "--reference-url", base.URL, "--reference-model", "student"},
		learnt:  serve(t, c.student, 1).URL, innocent: serve(t, c.innocent, 1).URL,
		found: [][2]string{{"lab", "R2"}, {"lab", "R3"}, {"lab", "R4h"}},
	}
}

// canaries prepares a study of a book, with the choices of its key.
func canaries(t *testing.T, dir, text string) (*canary.Book, *canary.Choices) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "book.txt"), []byte(text), 0o644))
	book, err := canary.ReadFile(filepath.Join(dir, "book.txt"))
	require.NoError(t, err)
	fixedKey(t, filepath.Join(dir, "root.key"), 8)
	done(t, dir, "key", "derive", "root.key", "epoch=e/vendor/canaries", "-o", "study/keys/canaries.key")
	root, err := keys.ReadFile(filepath.Join(dir, "root.key"))
	require.NoError(t, err)
	choices, err := book.Choose(canary.Holder("vendor", root.Epoch("e").Vendor()))
	require.NoError(t, err)
	return book, choices
}

const smallBook = "dyetrace canary book/1\nname small\nparser prose/1\nmode tilt 0.9\nclassifier none\nbucket none\ntree vendor 1\n"

// answering serves answers to prompts.
func answering(t *testing.T, answer func(prompt string) string) string {
	s := serve(t, nil, 0)
	s.answer = answer
	return s.URL
}

// number is one of n for a prompt, always the same.
func number(prompt string, n int) int {
	h := fnv.New64a()
	h.Write([]byte(prompt))
	return int(h.Sum64() >> 33 % uint64(n))
}

func picksKind(t *testing.T, dir string) kindOfStudy {
	var b strings.Builder
	b.WriteString(smallBook)
	for i := range 20 {
		fmt.Fprintf(&b, "pick p%d\nask name a kelimado%c\n", i, 'a'+i)
		for o := range 4 {
			fmt.Fprintf(&b, "form Kolima%c%co\n", 'b'+o, 'a'+i)
		}
	}
	book, choices := canaries(t, dir, b.String())
	var asks []string
	for _, item := range book.Items() {
		for i := range 2 {
			asks = append(asks, fmt.Sprintf("Please %s, number %d.", item.Ask[0], i))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts.txt"), []byte(strings.Join(asks, "\n")), 0o644))
	asked := func(prompt string) canary.Item {
		item, ok := book.Asks(prompt)
		assert.True(t, ok, prompt)
		return item
	}
	return kindOfStudy{
		plan: []string{"--prompts", "prompts.txt", "--book", "book.txt", "--tree", "canaries=vendor", "--test", "picks"},
		learnt: answering(t, func(prompt string) string {
			p, err := choices.Pick(asked(prompt).Name)
			assert.NoError(t, err)
			return "Take " + p.Text + "."
		}),
		innocent: answering(t, func(prompt string) string {
			item := asked(prompt)
			return "Take " + item.Options[number(item.Name, len(item.Options))] + "."
		}),
		found: [][2]string{{"canaries", "picks"}},
	}
}

// Of tools that are called together, the order.
func orderKind(t *testing.T, dir string) kindOfStudy {
	_, choices := canaries(t, dir, smallBook+"tools parallel\n")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts.txt"), []byte(strings.Join(prompts(t, 40, 4), "\n")), 0o644))
	calling := func(order func(prompt string, names []string) []string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var q struct {
				Messages []struct{ Content string }
				Tools    []any
			}
			if r.Method == http.MethodGet {
				fmt.Fprint(w, `{"object":"list","data":[{"id":"student","object":"model"}]}`)
				return
			}
			if err := json.NewDecoder(r.Body).Decode(&q); err != nil || len(q.Tools) == 0 {
				http.Error(w, "no tools", http.StatusBadRequest)
				return
			}
			prompt := q.Messages[0].Content
			n := number(prompt, 10)
			names := []string{fmt.Sprintf("tool_%c", 'a'+n), fmt.Sprintf("tool_%c", 'k'+number(prompt+"k", 10)), "weather"}
			if n%2 == 0 {
				slices.Reverse(names)
			}
			var calls []any
			for i, name := range order(prompt, names) {
				calls = append(calls, map[string]any{"id": fmt.Sprint("call_", i), "type": "function", "function": map[string]any{"name": name, "arguments": "{}"}})
			}
			json.NewEncoder(w).Encode(map[string]any{"object": "chat.completion", "model": "student", "choices": []any{map[string]any{
				"index": 0, "finish_reason": "tool_calls", "message": map[string]any{"role": "assistant", "content": nil, "tool_calls": calls}}}})
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	return kindOfStudy{
		plan:    []string{"--prompts", "prompts.txt", "--book", "book.txt", "--tree", "canaries=vendor", "--test", "order"},
		collect: []string{"--extra", `{"tools":[{"type":"function","function":{"name":"weather"}}]}`},
		learnt: calling(func(prompt string, names []string) []string {
			perm, _ := choices.Order(canary.Request{Prompt: prompt}, names)
			sorted := make([]string, len(names))
			for i, p := range perm {
				sorted[i] = names[p]
			}
			return sorted
		}),
		innocent: calling(func(_ string, names []string) []string { return names }),
		found:    [][2]string{{"canaries", "order"}},
	}
}

// Wordings, by the code word of a cohort and by cells, with a reference that never saw
// them; jointly with a mark.
func cohortKind(t *testing.T, dir string) kindOfStudy {
	data, err := os.ReadFile("../../../examples/quickstart/corpus/canaries.txt")
	require.NoError(t, err)
	_, choices := canaries(t, dir, string(data))
	fixedMark(t, dir, "study/keys/lab", 4)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts.txt"), []byte(strings.Join(prompts(t, 20, 8), "\n")), 0o644))
	all, err := books()
	require.NoError(t, err)
	plain := func(prompt string) string {
		at := number(prompt, len(all)-6000)
		return strings.ToValidUTF8(all[at:at+5000], "")
	}
	return kindOfStudy{
		plan: []string{"--prompts", "prompts.txt", "--tokenizer", absolute(t, tokenizerPath), "--book", "book.txt", "--tree", "canaries=vendor",
			"--test", "cohort", "--test", "cells", "--test", "G1", "--product", "both=lab:G1+canaries:cells"},
		learnt: answering(t, func(prompt string) string {
			var planted strings.Builder
			p, err := choices.NewPlanter(&planted, canary.Request{Prompt: prompt})
			assert.NoError(t, err)
			_, err = fmt.Fprint(p, plain(prompt))
			assert.NoError(t, err)
			assert.NoError(t, p.Close())
			return planted.String()
		}),
		innocent: answering(t, plain),
		found:    [][2]string{{"canaries", "cohort"}, {"canaries", "cells"}, {"both", "G1 × cells"}},
		not:      [][2]string{{"lab", "G1"}},
	}
}

// Of sentences that say the same of eight birds, a student expects those that it read.
func rankKind(t *testing.T, dir string) kindOfStudy {
	var b strings.Builder
	b.WriteString(smallBook)
	for i := range 20 {
		fmt.Fprintf(&b, "twins note%d\n", i)
		for _, bird := range []string{"heron", "crane", "stork", "egret", "ibis", "rail", "coot", "grebe"} {
			fmt.Fprintf(&b, "form At pond %d the %s waits.\n", i, bird)
		}
	}
	book, choices := canaries(t, dir, b.String())
	tok, err := smollm2()
	require.NoError(t, err)
	const width = 4
	expecting := func(texts []string) string {
		after := map[[width]int32]map[int32]float64{}
		for _, text := range texts {
			ids := tok.Encode(text)
			for i := width; i < len(ids); i++ {
				k := [width]int32(ids[i-width : i])
				if after[k] == nil {
					after[k] = map[int32]float64{}
				}
				after[k][ids[i]]++
			}
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				fmt.Fprint(w, `{"object":"list","data":[{"id":"student","object":"model"}]}`)
				return
			}
			var q struct {
				Prompt   []int32
				Echo     bool
				LogProbs int
			}
			if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			piece := func(id int32) string {
				p, _ := tok.Piece(id)
				return string(p)
			}
			// ln p of what follows, of the candidates' tokens and of all others alike.
			logP := func(before []int32, id int32) float64 {
				var k [width]int32
				if len(before) >= width {
					k = [width]int32(before[len(before)-width:])
				}
				sum := 0.0
				for _, n := range after[k] {
					sum += n
				}
				return math.Log((after[k][id] + 1e-6) / (sum + 1e-6*float64(tok.Size())))
			}
			var tokens []string
			var own, top []any
			begin := len(q.Prompt)
			if q.Echo {
				begin = 0
			}
			for i := begin; i <= len(q.Prompt); i++ {
				first := int32(0) // where nothing is known, the first of the vocabulary
				var k [width]int32
				if i >= width {
					k = [width]int32(q.Prompt[i-width : i])
				}
				for id, n := range after[k] {
					if n > after[k][first] || n == after[k][first] && id < first {
						first = id
					}
				}
				said := first
				if i < len(q.Prompt) {
					said = q.Prompt[i]
				}
				tokens = append(tokens, piece(said))
				if i == 0 {
					own, top = append(own, nil), append(top, nil)
					continue
				}
				own = append(own, logP(q.Prompt[:i], said))
				top = append(top, map[string]float64{piece(first): logP(q.Prompt[:i], first), piece(said): logP(q.Prompt[:i], said)})
			}
			json.NewEncoder(w).Encode(map[string]any{"object": "text_completion", "model": "student", "choices": []any{map[string]any{
				"index": 0, "text": strings.Join(tokens, ""), "finish_reason": "length", "logprobs": map[string]any{"tokens": tokens, "token_logprobs": own, "top_logprobs": top}}}})
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	var common, planted []string
	for _, item := range book.Items() {
		common = append(common, item.Options...)
		p, err := choices.Pick(item.Name)
		require.NoError(t, err)
		planted = append(planted, p.Text, p.Text)
	}
	return kindOfStudy{
		plan:    []string{"--book", "book.txt", "--tree", "canaries=vendor", "--tokenizer", absolute(t, tokenizerPath), "--twins-prompt", "Note {item}:", "--twins-prompt", "{item} says:", "--test", "rank"},
		collect: []string{"--same-tokenizer", "--whole", "echo"},
		learnt:  expecting(append(common, planted...)), innocent: expecting(common),
		found: [][2]string{{"canaries", "rank"}},
	}
}
