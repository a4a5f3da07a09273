package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

const pairs = 40 // carriers of the book

// smallBook has 40 carriers of two made-up words each, 12 picks and ordered tools.
func smallBook(t testing.TB) *canary.Book {
	var b strings.Builder
	b.WriteString("dyetrace canary book/1\nname small\nparser prose/1\nmode tilt 0.9\nclassifier none\nbucket none\ntree vendor 1\nreserve 0.3\ntools parallel\n")
	for i := range pairs {
		fmt.Fprintf(&b, "carrier c%d\nform %s\nform %s\n", i, wordOf(i, 0), wordOf(i, 1))
	}
	for i := range 12 {
		fmt.Fprintf(&b, "pick p%d\nask name a %s\n", i, wordOf(i, 2))
		for o := range 4 {
			fmt.Fprintf(&b, "form %s\n", wordOf(i, 3+o))
		}
	}
	book, err := canary.Read(strings.NewReader(b.String()), "small.txt")
	require.NoError(t, err)
	return book
}

// wordOf returns a word that no other pair of numbers has.
func wordOf(i, form int) string {
	return string([]byte{'k', "aeiou"[i%5], 'l', "aeiou"[i/5%5], 'm', "aeiou"[i/25%5], "bdfgnprst"[form], 'o'})
}

// says writes answers that use each carrier with probability a third, in form 1 with
// the probability that lean says.
func says(rng *rand.Rand, n int, lean func(carrier int) float64) []string {
	out := make([]string, n)
	for a := range out {
		var words []string
		for i := range pairs {
			if rng.Float64() > 1.0/3 {
				continue
			}
			form := 0
			if rng.Float64() < lean(i) {
				form = 1
			}
			words = append(words, "there", wordOf(i, form), "was")
		}
		out[a] = strings.Join(append(words, "then and nothing more came of it."), " ")
	}
	return out
}

// planting adds a book, the key of its tree, a baseline and the test of cells.
func planting(t testing.TB, c *trialCase, book *canary.Book, key keys.Key, baseline []string, tests ...verify.Test) {
	nonce := [32]byte{77}
	k, err := verify.CommitTree("canaries", book, canary.TreeKey{Tree: "vendor", Option: key}, nonce)
	require.NoError(t, err)
	c.Plan.Keys = append(c.Plan.Keys, k)
	c.Keys = append(c.Keys, verify.Opened{Name: "canaries", Key: key, Nonce: nonce})
	c.Plan.Tests = append(c.Plan.Tests, tests...)
	c.Plan.Book = verify.BookPlan{Name: book.Name(), Hash: book.Hash()}
	c.Book = book
	if baseline == nil {
		return
	}
	c.Plan.Book.Baseline, c.Plan.Controls = "older", []string{"older"}
	control := *c.Transcript
	control.Suspect = "older"
	control.Prompts = append([]collect.Exchange(nil), control.Prompts...)
	for i := range control.Prompts {
		control.Prompts[i].Text, control.Prompts[i].Status = baseline[i], collect.Complete
	}
	c.Controls = []verify.Control{{Transcript: &control}}
}

// judgeAll seals the controls too.
func (c *trialCase) judgeAll(t testing.TB) *verify.Report {
	c.seal(t)
	for i := range c.Controls {
		c.Controls[i].Transcript.Plan = c.Transcript.Plan
		var err error
		c.Controls[i].Seal, err = c.Controls[i].Transcript.Seal()
		require.NoError(t, err)
	}
	r, err := verify.Judge(context.Background(), c.Case)
	require.NoError(t, err)
	return r
}

// A suspect that learnt the key's wordings is found by them, one that leans as models
// do, or always one way, is not, and neither is one under another key; the product
// with a mark counts both.
func TestCellsInTheProtocol(t *testing.T) {
	book := smallBook(t)
	key := newKey(t, 5)
	habit := rand.New(rand.NewPCG(8, 8))
	natural := make([]float64, pairs)
	for i := range natural {
		natural[i] = habit.Float64()
	}
	option := make(map[string]int)
	for _, u := range book.Units() {
		o, err := book.Option(key, u)
		require.NoError(t, err)
		option[u.Carrier] = o
	}
	learnt := func(i int) float64 {
		return 0.6*natural[i] + 0.4*float64(option[fmt.Sprintf("c%d", i)])
	}
	for name, c := range map[string]struct {
		lean  func(int) float64
		key   keys.Key
		found bool
	}{
		"learnt":           {learnt, key, true},
		"another key":      {learnt, newKey(t, 6), false},
		"as models do":     {func(i int) float64 { return natural[i] }, key, false},
		"the first form":   {func(int) float64 { return 0 }, key, false},
		"the second form":  {func(int) float64 { return 1 }, key, false},
		"all the opposite": {func(i int) float64 { return 1 - learnt(i) }, key, false},
	} {
		rng := rand.New(rand.NewPCG(1, 9))
		answers := says(rng, 150, c.lean)
		x := newCase(t, answers, nil)
		planting(t, x, book, c.key, says(rng, 150, func(i int) float64 { return natural[i] }), verify.Test{Name: verify.Cells})
		x.Plan.Decoys = 1000
		f := x.judgeAll(t).Finding("canaries", verify.Cells)
		require.NotNil(t, f)
		assert.Equal(t, c.found, f.Rejected, "%s: ln p %v", name, f.LogP)
		assert.Empty(t, f.Void, name)
		assert.Greater(t, f.Scored, 15, name)
		assert.Equal(t, 150, f.Raw)
		assert.InDelta(t, 1, f.Decoys.Dispersion, 0.2, name)
		assert.LessOrEqual(t, len(f.Canaries.Cells), 12)
		if c.found {
			assert.Less(t, f.LogP, math.Log(1e-6))
			assert.GreaterOrEqual(t, f.Canaries.LogClosed, f.LogP-1e-9, "the closed form is never the better bound")
			assert.Positive(t, f.Canaries.Cells[0].Gain)
		}
	}
}

// An answer in another encoding is read as far as it is text, and said.
func TestAnswersThatAreNotUTF8(t *testing.T) {
	book, key := smallBook(t), newKey(t, 5)
	judged := func(tail string) *verify.Finding {
		answers := says(rand.New(rand.NewPCG(1, 9)), 150, func(int) float64 { return 0 })
		answers[3] += tail
		x := newCase(t, answers, nil)
		planting(t, x, book, key, nil, verify.Test{Name: verify.Cells})
		return x.judgeAll(t).Finding("canaries", verify.Cells)
	}
	whole, broken := judged(""), judged(" caf\xe9")
	assert.Equal(t, whole.LogP, broken.LogP)
	assert.NotContains(t, strings.Join(whole.Notes, ";"), "UTF-8")
	assert.Contains(t, broken.Notes, "1 answers are not UTF-8: bytes that are no text were read as U+FFFD")
}

// Over keys, p-values of clean suspects are super-uniform in every test of canaries,
// whatever the suspect does: it leans, copies one answer, refuses most or speaks of one
// thing only.
func TestCanariesAreCalibrated(t *testing.T) {
	book := smallBook(t)
	rng := rand.New(rand.NewPCG(4, 4))
	lean := make([]float64, pairs)
	for i := range lean {
		lean[i] = math.Round(rng.Float64()*3) / 3
	}
	usual := says(rng, 60, func(i int) float64 { return lean[i] })
	one := make([]string, 60)
	for i := range one {
		one[i] = usual[0]
	}
	few := append(append([]string(nil), usual[:9]...), make([]string, 51)...)
	var asks []string
	for i := range 60 {
		asks = append(asks, fmt.Sprintf("Please name a %s, number %d.", wordOf(i%12, 2), i))
	}
	named := make([]string, 60)
	for i := range named {
		named[i] = "I would say " + wordOf(i%12, 3+i%12*7%4) + "."
	}
	calls := make([]string, 60)
	for i := range calls {
		a, b := fmt.Sprintf("tool_%c", 'a'+i%3), fmt.Sprintf("tool_%c", 'k'+i%4)
		if i%3 == 0 {
			a, b = b, a
		}
		data, err := json.Marshal(map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{
			map[string]any{"id": "1", "type": "function", "function": map[string]any{"name": a, "arguments": "{}"}},
			map[string]any{"id": "2", "type": "function", "function": map[string]any{"name": b, "arguments": "{}"}}}})
		require.NoError(t, err)
		calls[i] = string(data)
	}
	for name, c := range map[string]struct {
		prompts, answers []string
		test             verify.Test
	}{
		"cells":       {nil, usual, verify.Test{Name: verify.Cells}},
		"one answer":  {nil, one, verify.Test{Name: verify.Cells}},
		"few answers": {nil, few, verify.Test{Name: verify.Cells}},
		"reserve":     {nil, usual, verify.Test{Name: verify.Cells, Reserve: 8}},
		"cohort":      {nil, usual, verify.Test{Name: verify.Cohort}},
		"picks":       {asks, named, verify.Test{Name: verify.Picks}},
		"orders":      {nil, calls, verify.Test{Name: verify.Order}},
	} {
		var logP []float64
		scored := 0
		for i := range uint64(100) {
			x := newCase(t, c.answers, c.prompts)
			planting(t, x, book, newKey(t, 1000+i), nil, c.test)
			f := x.judgeAll(t).Finding("canaries", c.test.String())
			scored = f.Scored
			logP = append(logP, f.LogP)
		}
		assert.Positive(t, scored, name)
		superUniform(t, name, logP)
	}
}

// A pick that follows the key is found, and so is an order.
func TestPicksAndOrdersFind(t *testing.T) {
	book := smallBook(t)
	key := newKey(t, 5)
	var prompts, answers []string
	screened := 0
	for _, item := range book.Items() {
		if !item.Unit().Reserve {
			screened++
		}
		o, err := book.Option(key, item.Unit())
		require.NoError(t, err)
		for i := range 3 {
			prompts = append(prompts, fmt.Sprintf("%s, please (%d)", item.Ask[0], i))
			answers = append(answers, "Take "+item.Options[o]+".")
		}
	}
	x := newCase(t, answers, prompts)
	planting(t, x, book, key, nil, verify.Test{Name: verify.Picks})
	x.Plan.Decoys = 1000
	f := x.judgeAll(t).Finding("canaries", verify.Picks)
	assert.Equal(t, screened, f.Scored, "what is in reserve stays there")
	assert.Equal(t, verify.Exact, f.Tail)
	assert.InDelta(t, float64(screened)*math.Log(0.25), f.LogP, 1e-6)
	assert.True(t, f.Rejected)

	x = newCase(t, answers, prompts)
	planting(t, x, book, key, nil, verify.Test{Name: verify.Picks, Reserve: 9})
	f = x.judgeAll(t).Finding("canaries", "picks reserve")
	assert.Equal(t, 12-screened, f.Scored)
	assert.Less(t, f.LogP, math.Log(0.26))
}

func TestPlansOfCanariesRefuse(t *testing.T) {
	book := smallBook(t)
	whole := func() *trialCase {
		x := newCase(t, says(rand.New(rand.NewPCG(1, 1)), 10, func(int) float64 { return 0.5 }), nil)
		planting(t, x, book, newKey(t, 5), nil, verify.Test{Name: verify.Cells})
		return x
	}
	for want, spoil := range map[string]func(c *trialCase){
		"want all of them or none":                                  func(c *trialCase) { c.Plan.Book = verify.BookPlan{} },
		"verify: plan has no name or no hash of a book of canaries": func(c *trialCase) { c.Plan.Book.Name = "" },
		`verify: baseline is "x", want one of the plan's controls`:  func(c *trialCase) { c.Plan.Book.Baseline = "x" },
		`its mark is "canary/1 book=`:                               func(c *trialCase) { c.Plan.Keys[0].Tree = "epoch" },
		"verify: test cells has parameters of other tests":          func(c *trialCase) { c.Plan.Tests[0].Sparse = true },
		"looks at -1 units of the reserve":                          func(c *trialCase) { c.Plan.Tests[0].Reserve = -1 },
		`verify: there is no book of canaries, want "small"`:        func(c *trialCase) { c.Book = nil },
		`verify: book is "english" with hash `:                      func(c *trialCase) { c.Book, _ = canary.English() },
		`verify: key "canaries" does not open the commitment`:       func(c *trialCase) { c.Keys[0].Nonce[3]++ },
		`verify: key "canaries" is dyetrace_id1_`:                   func(c *trialCase) { c.Keys[0].Key = newKey(t, 6) },
		`verify: opened key "canaries" has a mark`:                  func(c *trialCase) { c.Keys[0].Mark = newMark(t, newKey(t, 5), watermark.Gumbel{}, 3) },
		`verify: key "vendor" is taken by none of the plan's tests`: func(c *trialCase) { c.key(t, "vendor", newMark(t, newKey(t, 9), watermark.Gumbel{}, 3), newKey(t, 9)) },
		"verify: there are 0 controls, want 1 as the plan says":     func(c *trialCase) { c.Plan.Controls = []string{"older"} },
		`verify: control is "s", want a name that neither`:          func(c *trialCase) { c.Plan.Controls = []string{"s"} },
	} {
		c := whole()
		spoil(c)
		digest, err := c.Plan.Digest()
		if err == nil {
			c.Transcript.Plan = digest
			c.Seal, err = c.Transcript.Seal()
			require.NoError(t, err)
			_, err = verify.Judge(context.Background(), c.Case)
		}
		assert.ErrorContains(t, err, want)
	}
	_, err := verify.CommitTree("x", nil, canary.TreeKey{}, [32]byte{1})
	assert.EqualError(t, err, `verify: key "x" has no book`)
	_, err = verify.CommitTree("x", book, canary.TreeKey{Tree: "epoch", Option: newKey(t, 1)}, [32]byte{1})
	assert.EqualError(t, err, `verify: key "x" decides tree "epoch", want a tree of book "small"`)
	_, err = verify.CommitTree("x", book, canary.TreeKey{Tree: "vendor", Option: newKey(t, 1)}, [32]byte{})
	assert.EqualError(t, err, `verify: nonce of key "x" is 32 zeros, want random bytes`)
}

// Canaries need no tokens, and neither does reading: such a plan has no tokenizer.
func TestCanariesWithoutATokenizer(t *testing.T) {
	answers := says(rand.New(rand.NewPCG(1, 81)), 40, func(int) float64 { return 0.5 })
	c := newCase(t, answers, nil)
	c.Plan.Tokenizer, c.Tokenizer, c.Plan.Decoys = verify.TokenizerID{}, verify.Tokenizer{}, 1000
	planting(t, c, smallBook(t), newKey(t, 81), nil, verify.Test{Name: verify.Cells})
	r := c.judgeAll(t)
	assert.Positive(t, r.Finding("canaries", verify.Cells).Scored)

	key := newKey(t, 82)
	c.key(t, "vendor", newMark(t, key, watermark.Gumbel{}, 2), key)
	frame, err := collect.PassageFrame([]collect.Passage{{Tokens: teacher.plain(40, rand.New(rand.NewPCG(1, 82)))}})
	require.NoError(t, err)
	c.Frames.Passages = frame
	c.Plan.Reading.Frame = verify.FramePlan{Digest: frame.Digest(), Size: 1, Ask: 1}
	c.Plan.Tests = append(c.Plan.Tests, verify.Test{Name: verify.R1})
	task, err := c.Plan.Task(c.Frames)
	require.NoError(t, err)
	digest, err := task.Passages[0].Digest()
	require.NoError(t, err)
	predicted := make([]collect.Prediction, 40)
	for i := range predicted {
		predicted[i] = argmax(token(i))
	}
	c.Transcript.Want = task.Want
	c.Transcript.Readings = []collect.ReadingExchange{{End: 40, Question: digest, Status: collect.Complete, Predictions: predicted, Asked: 1, First: 1, Last: 2}}
	r = c.judgeAll(t)
	assert.Positive(t, r.Finding("vendor", verify.R1).Scored)
}
