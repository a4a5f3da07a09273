package verify_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
)

// A frame has every candidate once after every prompt, in the order of the book, and
// says nothing of which one a key plants.
func TestTwinsFrame(t *testing.T) {
	book := readBook(t, twinsText(3, 2, vendorTree+"pick town\nask a town\nform Aldmoor\nform Cley\n"))
	c := newTwins(t, book, 1, twinsPrompts...)
	n := 0
	lines, err := c.Frames.Twins.Sample(collect.Digest{}, c.Frames.Twins.Len())
	require.NoError(t, err)
	for _, prompt := range twinsPrompts {
		for _, item := range book.Items() {
			for _, candidate := range item.Options {
				if !item.Twins {
					continue
				}
				p, err := collect.ParsePassage(lines[n])
				require.NoError(t, err)
				before := strings.ReplaceAll(prompt, "{item}", item.Name)
				assert.Equal(t, collect.Passage{Prompt: c.Tokenizer.Encode(before), Tokens: c.Tokenizer.Encode(candidate), PromptText: before}, p)
				n++
			}
		}
	}
	assert.Equal(t, len(lines), n)
	assert.Equal(t, 18, n)
}

// The nonce picks one prompt for all candidates, and no candidate is left out.
func TestTwinsNoncePicksThePrompt(t *testing.T) {
	book := readBook(t, twinsText(3, 2, vendorTree))
	c := newTwins(t, book, 1, twinsPrompts...)
	times := map[string]int{}
	for i := range byte(90) {
		c.Plan.Nonce.Value = collect.Digest{i + 1}
		task, err := c.Plan.Task(c.Frames)
		require.NoError(t, err)
		assert.Equal(t, collect.Want{Own: true}, task.Want)
		require.Len(t, task.Passages, 6)
		for n, p := range task.Passages {
			assert.Equal(t, strings.ReplaceAll(task.Passages[0].PromptText, "note0", fmt.Sprint("note", n/2)), p.PromptText)
		}
		times[task.Passages[0].PromptText]++
	}
	assert.Len(t, times, 3)
	for prompt, n := range times {
		assert.InDelta(t, 30, n, 22, prompt)
	}
	c.Plan.Nonce = verify.Nonce{}
	task, err := c.Plan.Task(c.Frames)
	require.NoError(t, err)
	assert.Equal(t, "Note note0: ", task.Passages[0].PromptText, "the first, without a nonce")
}

func TestTwinsFrameRefuses(t *testing.T) {
	book := readBook(t, twinsText(2, 3, vendorTree))
	none := readBook(t, twinsText(0, 0, vendorTree+"pick town\nask a town\nform Aldmoor\nform Cley\n"))
	bytes, err := loadBytes(verify.TokenizerID{}, nil)
	require.NoError(t, err)
	var many strings.Builder
	many.WriteString(twinsText(1, 2, vendorTree))
	for i := range 1023 {
		fmt.Fprintf(&many, "form Heron %d.\n", i)
	}
	for want, try := range map[string]func() (*collect.Frame, error){
		"verify: twins have no book":             func() (*collect.Frame, error) { return verify.TwinsFrame(nil, []string{"a"}, bytes.Encode) },
		"verify: twins have no tokenizer":        func() (*collect.Frame, error) { return verify.TwinsFrame(book, []string{"a"}, nil) },
		"verify: twins have 0 prompts":           func() (*collect.Frame, error) { return verify.TwinsFrame(book, nil, bytes.Encode) },
		"verify: prompt 1 of the twins is \"\"":  func() (*collect.Frame, error) { return verify.TwinsFrame(book, []string{"a", ""}, bytes.Encode) },
		"verify: prompt 2 of the twins is \"a\"": func() (*collect.Frame, error) { return verify.TwinsFrame(book, []string{"a", "b", "a"}, bytes.Encode) },
		"verify: book \"twins\" has 0 twins":     func() (*collect.Frame, error) { return verify.TwinsFrame(none, []string{"a"}, bytes.Encode) },
		"twins \"note0\" have 1025 candidates, want at most 1024": func() (*collect.Frame, error) {
			return verify.TwinsFrame(readBook(t, many.String()), []string{"a"}, bytes.Encode)
		},
		"are 0 and 0 tokens, want at least 1 each": func() (*collect.Frame, error) {
			return verify.TwinsFrame(book, []string{"a"}, func(string) []token { return nil })
		},
		"passage 1 of the frame equals passage 0": func() (*collect.Frame, error) {
			return verify.TwinsFrame(book, []string{"a"}, func(string) []token { return []token{1} })
		},
	} {
		_, err := try()
		assert.ErrorContains(t, err, want)
	}
}

func TestTwinsPlanRefuses(t *testing.T) {
	book := readBook(t, twinsText(2, 3, vendorTree))
	for want, change := range map[string]func(p *verify.Plan){
		"plan has test rank true and twins false, want both or neither":                      func(p *verify.Plan) { p.Twins = verify.TwinsPlan{} },
		"plan has test rank false and twins true":                                            func(p *verify.Plan) { p.Tests[0].Name = verify.Cells; p.Frame = p.Twins.Frame },
		"verify: twins have 0 prompts":                                                       func(p *verify.Plan) { p.Twins.Prompts = nil },
		"prompt 1 of the twins is \"b\"":                                                     func(p *verify.Plan) { p.Twins.Prompts = []string{"b", "b", "c"} },
		"verify: plan has no digest of a frame of twins":                                     func(p *verify.Plan) { p.Twins.Frame.Digest = collect.Digest{} },
		"plan asks 5 of 18 candidates of twins, want those of one of 3 prompts, all of them": func(p *verify.Plan) { p.Twins.Frame.Ask = 5 },
		"plan asks 18 of 18 candidates of twins":                                             func(p *verify.Plan) { p.Twins.Frame.Ask = 18 },
		"verify: plan has no tokenizer":                                                      func(p *verify.Plan) { p.Tokenizer = verify.TokenizerID{} },
		"want valid UTF-8":                                                                   func(p *verify.Plan) { p.Twins.Prompts[0] = "\xff" },
		"verify: test rank has parameters of other tests":                                    func(p *verify.Plan) { p.Tests[0].First = 3 },
		"verify: test rank looks at -3 units of the reserve":                                 func(p *verify.Plan) { p.Tests[0].Reserve = -3 },
		"want all of them or none":                                                           func(p *verify.Plan) { p.Book = verify.BookPlan{} },
		"verify: plan asks prompts, but has no test of texts":                                func(p *verify.Plan) { p.Frame = p.Twins.Frame },
	} {
		c := newTwins(t, book, 1, "a{item}", "b{item}", "c{item}")
		change(c.Plan)
		assert.ErrorContains(t, c.Plan.Check(), want, want)
	}
	c := newTwins(t, book, 1, "a{item}")
	data, err := c.Plan.Encode()
	require.NoError(t, err)
	assert.Contains(t, string(data), `"twins":{"frame":{"digest":"`)
	again, err := verify.ParsePlan(data)
	require.NoError(t, err)
	assert.Equal(t, c.Plan, again)
	_, err = c.Plan.Task(verify.Frames{})
	assert.ErrorContains(t, err, "verify: there is no frame of twins")
	_, err = c.Plan.Task(verify.Frames{Twins: c.Frames.Twins, Passages: c.Frames.Twins})
	assert.ErrorContains(t, err, "verify: there is a frame of passages, the plan has none")
	other := newTwins(t, book, 1, "b{item}")
	_, err = c.Plan.Task(other.Frames)
	assert.ErrorContains(t, err, "verify: frame has 6 twins and digest")
}

// A frame that leaves a twin out, cuts one into other tokens or puts another text in
// front of one is not the book's, and a case with it is refused.
func TestTwinsOfAnotherMakingAreRefused(t *testing.T) {
	book := readBook(t, twinsText(3, 3, vendorTree))
	for name, change := range map[string]func(p []collect.Passage) []collect.Passage{
		"a twin less":       func(p []collect.Passage) []collect.Passage { return p[:8] },
		"another order":     func(p []collect.Passage) []collect.Passage { p[0], p[1] = p[1], p[0]; return p },
		"another cut":       func(p []collect.Passage) []collect.Passage { p[4].Tokens = append(p[4].Tokens, 7); return p },
		"another beginning": func(p []collect.Passage) []collect.Passage { p[4].Prompt = append(p[4].Prompt, 7); return p },
		"pieces":            func(p []collect.Passage) []collect.Passage { p[4].Pieces = make([]string, len(p[4].Tokens)); return p },
	} {
		c := newTwins(t, book, 1, twinsPrompts[0])
		lines, err := c.Frames.Twins.Sample(collect.Digest{}, 9)
		require.NoError(t, err)
		var passages []collect.Passage
		for _, line := range lines {
			p, err := collect.ParsePassage(line)
			require.NoError(t, err)
			passages = append(passages, p)
		}
		c.Frames.Twins, err = collect.PassageFrame(change(passages))
		require.NoError(t, err)
		size := c.Frames.Twins.Len()
		c.Plan.Twins.Frame = verify.FramePlan{Digest: c.Frames.Twins.Digest(), Size: size, Ask: size}
		c.ask(t, train(common(book)...))
		_, err = verify.Judge(context.Background(), c.Case)
		assert.ErrorContains(t, err, "which book, prompts and tokenizer give", name)
	}
	c := newTwins(t, book, 1, twinsPrompts...)
	c.ask(t, train(common(book)...))
	c.Book = nil
	_, err := verify.Judge(context.Background(), c.Case)
	assert.ErrorContains(t, err, "there is no book of canaries")
}

// What a reader of a report is told of ranks.
func TestRankText(t *testing.T) {
	text := twinsText(24, 4, "tree vendor 1\ntree epoch 1\n")
	book := readBook(t, text)
	c := newTwins(t, book, 1, "Note {item}:\n ")
	c.Plan.Decoys = 1000
	c.ask(t, train(append(common(book), c.served(t)...)...))
	r := c.rejudge(t)
	var out strings.Builder
	require.NoError(t, r.WriteText(&out))
	of := 0
	for _, item := range book.Items() {
		if item.Unit().Tree == "vendor" {
			of++
		}
	}
	f := r.Findings[0]
	assert.Equal(t, of, f.Scored, "those of the tree alone")
	assert.Equal(t, 4*of, f.Raw)
	for _, want := range []string{
		"rank vendor: REJECTED",
		`96 candidates, all that the book has, each after "Note {item}:\n ", the only prompt`,
		"readings     96 complete",
		fmt.Sprintf("%d items with %d candidates; 0 candidates without ln p, 0 items without a likeliest one", of, 4*of),
		fmt.Sprintf("%d planted candidates are the likeliest of their item", of),
		"rank 1 of 4, lead +",
		"no nonce picked what stands before the candidates",
		"standard deviations an item",
	} {
		assert.Contains(t, strings.Join(strings.Fields(out.String()), " "), strings.Join(strings.Fields(want), " "))
	}
	var line strings.Builder
	require.NoError(t, r.WriteJSON(&line))
	assert.Contains(t, line.String(), `"twins":{"missing":0,"tied":0,"expected":`)
	// A tree of the book that has no twins.
	c = newTwins(t, readBook(t, twinsText(1, 4, "tree vendor 65535\ntree epoch 1\n")), 1, twinsPrompts...)
	c.Plan.Keys, c.Case.Keys = nil, nil
	holder := c.holder
	holder.Tree = "epoch"
	c.hold(t, "epoch", holder)
	c.ask(t, train())
	assert.Equal(t, []string{"the book has no twins of tree epoch in this half"}, c.rejudge(t).Findings[0].Void)
}
