package canary_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

// forced returns choices that always take the second form: its weight is all but
// nothing short of everything.
func forced(t testing.TB, carriers string) *canary.Choices {
	var out []string
	for _, line := range strings.Split(strings.TrimSpace(carriers), "\n") {
		out = append(out, line)
		if strings.HasPrefix(line, "carrier ") {
			out = append(out, "law 1 4294967295")
		}
	}
	b, err := book(t, strings.Replace(anyHeader, "tilt 0.5", "sampled", 1), strings.Join(out, "\n")+"\n")
	require.NoError(t, err)
	c, err := b.Choose(canary.Holder("vendor", testKey(t, 1)))
	require.NoError(t, err)
	return c
}

const forcedCarriers = `carrier eg
form for example
form for instance
after , :
carrier its
form it is
form it's
after a an the
carrier crucial
form essential
form crucial
carrier think
form I think
form I believe
carrier sure
form certainly!
form of course!
before ^
carrier other
form each other
form one another
not-after way
`

// TestPlanted shows where forms are exchanged, and how.
func TestPlanted(t *testing.T) {
	c := forced(t, forcedCarriers)
	for _, x := range [][2]string{
		{"For example, a cat.", "For instance, a cat."},
		{"Take, for example, a cat.", "Take, for instance, a cat."},
		{"A cat (for example, mine).", "A cat (for instance, mine)."},
		{"A cat — for example, mine.", "A cat — for instance, mine."},
		{"A cat—for example, mine.", "A cat—for instance, mine."},
		{"One.\nFor example, two.", "One.\nFor instance, two."},
		{"One.\r\nFor example, two.\r\n", "One.\r\nFor instance, two.\r\n"},
		{"- For example, two.\n", "- For instance, two.\n"},
		{"1. one\n    - for example, two\n", "1. one\n    - for instance, two\n"},
		{"It is a cat.", "It's a cat."},
		{"You’re right, it is a cat.", "You’re right, it’s a cat."},
		{"You're right, it is a cat.", "You're right, it's a cat."},
		{"This is an essential part.", "This is a crucial part."},
		{"An essential part.", "A crucial part."},
		{"Essential parts.", "Crucial parts."},
		{"Love each other wisely.", "Love one another wisely."},
		{"Yes, I think so.", "Yes, I believe so."},
		{"Certainly! Here goes.", "Of course! Here goes."},
		{"for example, for example, again", "for instance, for example, again"}, // the first only
		{"It costs $20 for lunch. For example, soup.", "It costs $20 for lunch. For instance, soup."},
		{"The dogs' owner, for example, left.", "The dogs' owner, for instance, left."},
		{"He said \"no\". For example, never.", "He said \"no\". For instance, never."},
		{"Use `x`. For example, now.", "Use `x`. For instance, now."},
		{"```\ncode\n```\nFor example, now.", "```\ncode\n```\nFor instance, now."},
		{"~~~\ncode\n```\n~~~\nFor example, now.", "~~~\ncode\n```\n~~~\nFor instance, now."},
		{"> quoted\n\nFor example, now.", "> quoted\n\nFor instance, now."},
		{"$x$ is small. For example, 0.", "$x$ is small. For instance, 0."},
		{"| a | b |\n|---|---|\n\nFor example, now.", "| a | b |\n|---|---|\n\nFor instance, now."},
		{"<think>\nFor example, now.\n</think>", "<think>\nFor instance, now.\n</think>"},
		{"An \"open quotation.\n\nFor example, now.", "An \"open quotation.\n\nFor instance, now."},
		{strings.Repeat("So it was. ", 20) + "I'm sorry, for example, now.", strings.Repeat("So it was. ", 20) + "I'm sorry, for instance, now."},
		{"Hi won't, for example, now.", "Hi won't, for instance, now."},
		{"Tip\nfor example, now.", "Tip\nfor instance, now."},
		{"[link](http://x.y/z) and, for example, now.", "[link](http://x.y/z) and, for instance, now."},
	} {
		got, planted := plant(t, c, canary.Request{}, x[0])
		assert.Equal(t, x[1], got)
		if assert.Len(t, planted, 1, x[0]) {
			p := planted[0]
			assert.Equal(t, 1, p.Option)
			same := strings.ReplaceAll(x[0][p.End:], "’", "'") == strings.ReplaceAll(got[p.NewEnd:], "’", "'")
			assert.True(t, same, "%q and %q differ behind what was planted", x[0][p.End:], got[p.NewEnd:])
		}
	}
}

// TestUntouched shows what passes as it is, though it holds forms.
func TestUntouched(t *testing.T) {
	c := forced(t, forcedCarriers)
	for _, text := range []string{
		"", "x", "For", "for exampl", "for example", "FOR EXAMPLE, NO.", "For Example, no.",
		"```\nFor example, no.\n```", "```go\n\nFor example, no.\n", "- ```\n  For example, no.\n  ```", "> ```\n> For example, no.\n> ```",
		"~~~~\n~~~\nFor example, no.\n~~~~\n", "Use `for example, no` here.", "Use ``a ` for example, no`` here.", "Use `for example,\nno` here.",
		"    For example, no.\n", "\tFor example, no.\n", "Words:\n\n    code, for example, no\n",
		`{"a": "for example, no"}`, `[{"a": "for example, no"}]`, "Here:\n{\n\"a\":\n\n \"for example, no\"}\n", "Inline {for example, no}.",
		"<a>For example, no.</a>", "Words.\n\n<div>\nFor example, no.\n</div>\n", "Words <b title='for example, no'>.",
		"<pre>\n\nFor example, no.\n</pre>", "Words.\n<script>\n\nFor example, no.\n</script>\n",
		"key: for example, no\nother: it is a cat\n", "---\ntitle: x\n---\nFor example, no.\n", "Words.\nkey: for example, no\n", "- key: for example, no\n",
		"| For example, no | it is a cat |\n", "  | For example, no |\n", "Name | for example, no\n", "+---+\n| for example, no |\n",
		"He said, \"for example, no\".", "He said, “for example, no”.", "He said, ‘for example, no’.", "He said, 'for example, no'.",
		"Il dit « for example, no ».", "„for example, no“", "「for example, no」", "> For example, no.\nfor example, no\n",
		"A \"first\" and \"for example, no\".", "A 6\" pipe says \"for example, no\".",
		"See http://x.y/for-example,no and a@for example.com.", "See [for example, no](http://x).", "See [x](for example, no).",
		"Let $for example, no$ be.", "Let $$\nfor example, no\n$$ be.", "Let \\(for example, no\\) be.", "Let \\[\n\nfor example, no\n\\] be.",
		"\\begin{quote}\n\nFor example, no.\n\\end{quote}\n", "\\documentclass{article}\n\nFor example, no.\n", "Let \\text{for example, no} be.",
		"# For example, no\n", "## It is a cat\n",
		"diff --git a/x b/x\n\nFor example, no.\n", "@@ -1 +1 @@\n-for example, no\n", "--- a/x\n+++ b/x\n\nfor example, no\n",
		"I cannot help with that. For example, no.", "Thanks for asking! I'm sorry, it is a no.", "That is hard: I’m unable, for example, to.", "Well, for example, I won't.",
		"He is not able to help. It is a pity.", "Let me say that I can't do it.\n\nFor example, no.\n\nIt is a cat.", "My apologies: it is a cat.",
		"Subject: for example, no\n", "[mail]\nto = for example, no\n", "Words.\nKey: it is a cat\n", "‹for example, no›", "\"One.\n\n\"Two, for example, no.\n\n\"Three, for example, no.\"", "I'm sorry, but no. For example, no.", "I apologize. For example, no.", "As an AI, for example, no.", "For example, to be clear about this: I cannot help.",
		"Words.\n\n**Warning:** for example, no.\n", "Caution: for example, no.\n",
		"**WARNING:** For example, no.", "*Warning:* For example, no.", "__Caution__ For example, no.", "**⚠️ Note:** For example, no.", "🚨 For example, no.",
		"- **Danger**: For example, no.", "*Disclaimer: For example, no.*", "### Warning\n\nFor example, no.\n\nIt is a cat.\n", "## **Safety**\nFor example, no.\n\n- It is a cat.\n",
		"If you're having thoughts of that, for example, call.", "If you’re in danger, for example, call.", "Seek medical help, for example, now.",
		"I'm really not comfortable helping with this. For example, no.", "I must respectfully decline. For example, no.", "I shouldn't help with that. For example, no.",
		"That is not something I can help with. For example, no.", "Thanks. However, I'm not going to help with that. For example, no.",
		"He said \\\"for example, no\\\".",
		"package main\n\n// For example, no.\n", "import os\n\n# it is a cat\nit is a = 1\n", "// For example, no.\n", "#!/bin/sh\nfor example, no\n",
		"x == y, for example, no", "if a != b, for example, no",
		"for example,no", "forexample, no", "ifor example, no", "for examples, no", "for example.com", "-for example, no", "it is\na cat",
		"Grade a essential part.", "Be essential: no.", "each other\nway", "each other way", "{\"a\": \"b\\\" }\",\n\nfor example, no }", "the call to For example, no", "Ask It is a cat", "A tab\tfor example, no.", "It is.", "it is black",
	} {
		got, planted := plant(t, c, canary.Request{}, text)
		assert.Equal(t, text, got)
		assert.Empty(t, planted, text)
	}
	for _, pair := range []string{"\"\"", "“”", "‘’", "''", "«»", "»«", "„“", "「」", "『』", "``", "{}", "[]", "$$", "<b >", "\\(\\)", "\\[\\]"} {
		half := len(pair) / 2
		if pair == "<b >" {
			half = 3
		}
		text := "A 6\" pipe.\n\nWords " + pair[:half] + "so, for example, no" + pair[half:] + " and words.\n"
		got, _ := plant(t, c, canary.Request{}, text)
		assert.Equal(t, text, got)
		text = strings.Replace(text, " and words.", ", for example, yes.", 1)
		got, _ = plant(t, c, canary.Request{}, text)
		assert.Equal(t, strings.Replace(text, "for example, yes", "for instance, yes", 1), got, "outside again")
	}
	for _, text := range []string{"A 6\" pipe says \"so, for example, no\".", "[x](so, for example, no)."} {
		got, _ := plant(t, c, canary.Request{}, text)
		assert.Equal(t, text, got)
	}
}

// TestBelowAWarning: what stands below a heading that warns is left alone up to the
// next heading.
func TestBelowAWarning(t *testing.T) {
	c := forced(t, forcedCarriers)
	got, _ := plant(t, c, canary.Request{}, "# Warnings\n\nFor example, no.\n\nFor example, no.\n\n# Use\n\nFor example, yes.\n")
	assert.Equal(t, "# Warnings\n\nFor example, no.\n\nFor example, no.\n\n# Use\n\nFor instance, yes.\n", got)
}

// TestRefusalBehindEveryForm: whether a carrier stands in front of a refusal does not
// depend on which of its forms stands there, so what was planted is read back. At
// some distance it is too far to be seen.
func TestRefusalBehindEveryForm(t *testing.T) {
	c := choices(t)
	near := 0
	for n := range 100 {
		behind := " " + strings.Repeat("so ", n/3) + strings.Repeat("x", n%3) + " I cannot say."
		_, short := plant(t, c, canary.Request{}, "Maybe"+behind)
		_, long := plant(t, c, canary.Request{}, "Perhaps"+behind)
		assert.Equal(t, len(short), len(long), behind)
		if len(short) == 0 {
			near++
		}
	}
	assert.Equal(t, 63-len("an Perhaps")-len("  I cannot")+1, near)
}

// TestPrompt leaves alone every carrier of which the prompt contains a form.
func TestPrompt(t *testing.T) {
	c := forced(t, forcedCarriers)
	text := "For example, it is a cat."
	for prompt, want := range map[string]string{
		"Correct: \"FOR  EXAMPLE it are a cat\"": "For example, it's a cat.",
		"Correct: \"for\ninstance\"":             "For example, it's a cat.",
		"What is it? It’s a dog":                 "For instance, it is a cat.",
		"for examples":                           "For instance, it's a cat.",
		"":                                       "For instance, it's a cat.",
	} {
		got, _ := plant(t, c, canary.Request{Prompt: prompt}, text)
		assert.Equal(t, want, got, prompt)
	}
	got, planted := plant(t, c, canary.Request{Structured: true}, text)
	assert.Equal(t, text, got)
	assert.Empty(t, planted)
}

// TestChunks writes each text in thousands of random pieces, split inside UTF-8
// sequences too, and gets the same bytes and the same report.
func TestChunks(t *testing.T) {
	c := choices(t)
	r := rand.New(rand.NewPCG(20261125, 1))
	texts := append(pilotTexts(t, "base")[:60], tricky, refusing)
	rounds := 10_000 / len(texts)
	for _, text := range texts {
		req := canary.Request{Prompt: "Tell me."}
		want, planted := plant(t, c, req, text)
		for range rounds + 1 {
			var out bytes.Buffer
			p, err := c.NewPlanter(&out, req)
			require.NoError(t, err)
			most := 1 + r.IntN(40)
			for i := 0; i < len(text); {
				n := min(len(text)-i, r.IntN(most+1))
				_, err := p.Write([]byte(text[i : i+n]))
				require.NoError(t, err)
				i += n
				require.LessOrEqual(t, held(p.Planted(), i, out.Len()), 63, "bytes held back behind %q", text[:i])
			}
			require.NoError(t, p.Close())
			require.Equal(t, want, out.String())
			require.Equal(t, planted, p.Planted())
		}
	}
}

// held returns how many bytes of the answer are not written yet.
func held(planted []canary.Planted, read, wrote int) int {
	grown := 0
	for _, p := range planted {
		grown += int(p.NewEnd - p.NewBegin - (p.End - p.Begin))
	}
	return read - (wrote - grown) - 1 // an article may have changed its length
}

// tricky has the beginnings of everything that the parser looks ahead for.
const tricky = "Certainly! For example, it’s a “quote” — it is a\n\n```go\nx := 1\n```\n\n~~~\n~~\n~~~~\n\n1. **A**: an essential part of\n" +
	"   - nested, for example, 'single' and 6\" of $20 for, $x^2$ and \\(y\\)\n\n| a | b |\n\nWords {\"a\": 1} <b>x</b> [l](u). It is important to\n" +
	"\n---\nkey: value\nIt seems that it's an essential aspect, which means that you’ll often… “it’s”\n\n\\begin{a}\\end{a}\n\n<pre>\n</pre>\n\nmay not be, a bit more. Consider activities such as swimming, and techniques like this; materials such as wood. 東京「あ」 it is a"

// refusing says late in its first 200 bytes that it refuses.
const refusing = "Thanks! For example, it’s a “quote” — it is important, and I think that you’ll often see a cat. Perhaps it is a dog, but I’m unable to say. For example, it is a cat, and you do not know."

func TestWriterErrors(t *testing.T) {
	c := choices(t)
	broken := errors.New("broken pipe")
	p, err := c.NewPlanter(failing{broken}, canary.Request{})
	require.NoError(t, err)
	_, err = p.Write([]byte("Some words, and some more words to be sure of it. "))
	assert.ErrorIs(t, err, broken)
	_, err = p.Write([]byte("more"))
	assert.ErrorIs(t, err, broken)
	assert.ErrorIs(t, p.Close(), broken)

	p, err = c.NewPlanter(short{}, canary.Request{})
	require.NoError(t, err)
	_, err = p.Write([]byte("Some words, and some more words."))
	assert.ErrorIs(t, err, io.ErrShortWrite)

	var out bytes.Buffer
	p, err = c.NewPlanter(iotest.TruncateWriter(&out, 1<<20), canary.Request{})
	require.NoError(t, err)
	_, err = p.Write([]byte("For exampl"))
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	assert.Equal(t, "For exampl", out.String())
	_, err = p.Write([]byte("e"))
	assert.Error(t, err)

	var zero canary.Planter
	_, err = zero.Write([]byte("x"))
	assert.Error(t, err)
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }

type short struct{}

func (short) Write(b []byte) (int, error) { return len(b) / 2, nil }

func TestPlanterOff(t *testing.T) {
	var out bytes.Buffer
	var p canary.Planter
	require.NoError(t, p.Reset(&out, nil, canary.Request{}))
	assert.True(t, p.Off())
	text := []byte("For example, it is a cat.")
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		out.Reset()
		_, _ = p.Write(text)
	}))
	assert.Equal(t, string(text), out.String())

	// A request without a class: the answer passes, and the error says why.
	b, err := book(t, strings.Replace(anyHeader, "classifier none", "classifier own/1\nclass a b", 1), carrierAB)
	require.NoError(t, err)
	c, err := b.Choose(canary.Holder("vendor", testKey(t, 1)))
	require.NoError(t, err)
	out.Reset()
	q, err := c.NewPlanter(&out, canary.Request{Class: "c"})
	assert.ErrorContains(t, err, `class is "c", want one of classifier own/1`)
	assert.True(t, q.Off())
	_, err = q.Write(text)
	require.NoError(t, err)
	require.NoError(t, q.Close())
	assert.Equal(t, string(text), out.String())
}

// TestPlanterSteady plants without allocating once its buffers have grown.
func TestPlanterSteady(t *testing.T) {
	c := choices(t)
	var p canary.Planter
	text := []byte("Words that are no carriers at all stand here, and then some others. ")
	require.NoError(t, p.Reset(io.Discard, c, canary.Request{}))
	_, err := p.Write(bytes.Repeat(text, 10))
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = p.Write(text) }))
}

// TestNeighbours: a carrier whose guard looks at a word that its neighbour
// changes is no use beside that neighbour, so both texts read alike.
func TestNeighbours(t *testing.T) {
	const carriers = `carrier sure
form make sure
form ensure
after you that
carrier you
form you are
form you're
carrier often
form often
form frequently
before is
carrier it
form this is
form this's
after a an often frequently
carrier not
form are not
form aren't
before we
`
	c := forced(t, carriers)
	for in, want := range map[string]string{
		"So make sure you have it.":     "So ensure you have it.",
		"So make sure you are it.":      "So make sure you're it.",
		"So make sure you're it.":       "So make sure you're it.",
		"So make sure you aren't it.":   "So make sure you aren't it.", // might be made of "you are not"
		"So make sure that you are it.": "So ensure that you're it.",
		"It is often so.":               "It is frequently so.",
		"So this is often so.":          "So this's often so.",
		"So this is frequently so.":     "So this's frequently so.",
		"So this's often so.":           "So this's often so.",
	} {
		got, _ := plant(t, c, canary.Request{}, in)
		assert.Equal(t, want, got)
		again, _ := plant(t, c, canary.Request{}, got)
		assert.Equal(t, got, again)
	}
}

// TestOtherLanguages plants German, whose letters have capitals beyond ASCII and
// whose "an" is no article.
func TestOtherLanguages(t *testing.T) {
	const german = "carrier ja\nform übrigens\nform im Übrigen\ncarrier all\nform allen\nform sämtlichen\n"
	c := forced(t, "articles none\n"+german)
	for in, want := range map[string]string{
		"Übrigens gibt es Brot.":      "Im Übrigen gibt es Brot.",
		"Es gibt übrigens Brot.":      "Es gibt im Übrigen Brot.",
		"Es gibt Übrigens Brot.":      "Es gibt Übrigens Brot.",
		"Er ist an allen Tagen hier.": "Er ist an sämtlichen Tagen hier.",
	} {
		got, _ := plant(t, c, canary.Request{}, in)
		assert.Equal(t, want, got)
	}
	text := strings.Replace(strings.Replace(anyHeader, "classifier none", "classifier dyetrace/1", 1), "tilt 0.5", "sampled", 1) +
		"carrier all\nclasses */de\nform allen\nform sämtlichen\nlaw 1 4294967295\n"
	b, err := canary.Read(strings.NewReader(text), "german.txt")
	require.NoError(t, err)
	choices, err := b.Choose(canary.Holder("vendor", testKey(t, 1)))
	require.NoError(t, err)
	got, _ := plant(t, choices, canary.Request{Prompt: "Wann ist er hier und wie lange nicht?"}, "Er ist an allen Tagen hier.")
	assert.Equal(t, "Er ist an sämtlichen Tagen hier.", got)
	got, _ = plant(t, choices, canary.Request{Prompt: "When is he here?"}, "Er ist an allen Tagen hier.")
	assert.Equal(t, "Er ist an allen Tagen hier.", got)
}
