package watermark_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// ruled is a race on hashed words under given rules.
func ruled(t testing.TB, rules watermark.Rules) *watermark.Watermark {
	t.Helper()
	return must(watermark.Build(&testSource{name: "ruled", word: hashedWords(5)}, watermark.Gumbel{}, rules))
}

// markedAt accepts tokens and says before which the session was marked; it
// samples there too, as a server does.
func markedAt(t testing.TB, s *watermark.Session, tokens ...watermark.Token) string {
	t.Helper()
	out := ""
	for _, x := range tokens {
		if s.Marked() {
			out += "m"
		} else {
			out += "-"
		}
		_, err := s.Sample(nil, make([]float32, 5))
		require.NoError(t, err)
		require.NoError(t, s.Accept(x))
	}
	return out
}

// Each rule of writing, on texts small enough to read: m where the session marks.
func TestWriteRules(t *testing.T) {
	prompt := []watermark.Token{1, 2, 1}
	for _, c := range []struct {
		name   string
		rules  watermark.Rules
		prompt []watermark.Token
		tokens []watermark.Token
		want   string
	}{
		{"the native rules", watermark.Rules{Width: 2}, prompt, []watermark.Token{1, 2, 1, 2, 1, 2, 3, 4}, "--mm---m"},
		{"windows reach into the prompt", watermark.Rules{Width: 2, Prompt: true}, prompt, []watermark.Token{3, 1, 2, 1, 3}, "mmmm-"},
		{"windows reach into a short prompt", watermark.Rules{Width: 2, Prompt: true}, prompt[:1], []watermark.Token{3, 1, 2}, "-mm"},
		{"padded head", watermark.Rules{Width: 3, Write: watermark.WriteRules{Head: watermark.HeadPadded}}, prompt, []watermark.Token{1, 2, 3, 4}, "mmmm"},
		{"padded with a token that comes", watermark.Rules{Width: 2, Pad: 1, Write: watermark.WriteRules{Head: watermark.HeadPadded}}, nil, []watermark.Token{1, 1, 1}, "m--"},
		{"short head", watermark.Rules{Width: 3, Write: watermark.WriteRules{Head: watermark.HeadShort}}, prompt, []watermark.Token{1, 2, 3, 4}, "-mmm"},
		{"repeats are marked", watermark.Rules{Width: 1, Write: watermark.WriteRules{Repeats: true}}, nil, []watermark.Token{1, 1, 1, 2, 1, 1}, "-mmmmm"},
		{"repeats within 3 positions are not", watermark.Rules{Width: 1, Write: watermark.WriteRules{History: 3}}, nil, []watermark.Token{1, 2, 3, 1, 4, 5, 6, 7, 2, 5}, "-mmm-mmmmm"},
		{"the prompt's windows are seen", watermark.Rules{Width: 2, Prompt: true, Write: watermark.WriteRules{PromptSeen: true}}, []watermark.Token{1, 2, 3, 1}, []watermark.Token{2, 3, 3, 1}, "m--m"},
		{"three positions are marked", watermark.Rules{Width: 1, Write: watermark.WriteRules{Limit: 3}}, nil, []watermark.Token{1, 2, 3, 4, 5, 1, 7}, "-mmm---"},
	} {
		w := ruled(t, c.rules)
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Prompt: c.prompt})
		require.NoError(t, err)
		assert.Equal(t, c.want, markedAt(t, s, c.tokens...), c.name)
	}
}

// With MarkedOnly a window that was forced, or drawn plainly, is not seen.
func TestMarkedOnly(t *testing.T) {
	w := ruled(t, watermark.Rules{Width: 1, Write: watermark.WriteRules{MarkedOnly: true}})
	s := testSession(t, w, 1)
	for range 4 {
		require.NoError(t, s.Accept(1)) // forced: no draw
	}
	assert.True(t, s.Marked())
	assert.Equal(t, "m--", markedAt(t, s, 1, 1, 1))
	c := testSession(t, w, 2)
	require.NoError(t, c.CopyFrom(s))
	require.NoError(t, s.Accept(2))
	_, err := s.Sample(nil, make([]float32, 5))
	require.NoError(t, err)
	require.NoError(t, c.CopyFrom(s), "with a draw under way")
	require.NoError(t, c.Accept(2))
	require.NoError(t, s.Accept(2))
	assert.False(t, s.Marked())
	assert.False(t, c.Marked())
}

// Each rule of reading: which tokens are scored, of an answer to a prompt.
func TestReadRules(t *testing.T) {
	text := watermark.Text{Prompt: []watermark.Token{8, 9}, Tokens: []watermark.Token{1, 2, 3, 1, 2, 3, 4}}
	known := text
	known.PromptKnown = true
	short := known
	short.Prompt = short.Prompt[:1]
	padded, atShort := watermark.ReadRules{Head: watermark.HeadPadded}, watermark.ReadRules{Head: watermark.HeadShort}
	for _, c := range []struct {
		name  string
		rules watermark.Rules
		text  watermark.Text
		want  []int
		head  int
	}{
		{"the native rules", watermark.Rules{Width: 2}, known, []int{2, 3, 4}, 2},
		{"padded", watermark.Rules{Width: 2, Read: padded}, known, []int{0, 1, 2, 3, 4}, 0},
		{"short", watermark.Rules{Width: 2, Read: atShort}, known, []int{1, 2, 3, 4}, 1},
		{"prompt", watermark.Rules{Width: 2, Prompt: true}, known, []int{0, 1, 2, 3, 4}, 0},
		{"a short prompt", watermark.Rules{Width: 2, Prompt: true}, short, []int{1, 2, 3, 4}, 1},
		{"a short prompt, padded", watermark.Rules{Width: 2, Prompt: true, Read: padded}, short, []int{0, 1, 2, 3, 4}, 0},
		{"unknown prompt", watermark.Rules{Width: 4, Prompt: true, Read: padded}, watermark.Text{Tokens: text.Tokens}, []int{4, 5, 6}, 4},
		{"a known end of the prompt", watermark.Rules{Width: 4, Prompt: true, Read: padded}, text, []int{2, 3, 4, 5, 6}, 2},
		{"one token a window", watermark.Rules{Width: 1, Read: watermark.ReadRules{OnePerSeed: true}}, known, []int{1, 2, 3}, 1},
	} {
		w := ruled(t, c.rules)
		units, err := w.Units([]watermark.Text{c.text}, nil)
		require.NoError(t, err)
		var got []int
		for _, u := range units {
			got = append(got, u.Pos)
		}
		assert.Equal(t, c.want, got, c.name)
		r := must(w.Detect(c.text))
		assert.Equal(t, len(c.want), r.Scored, c.name)
		assert.Equal(t, c.head, r.Dropped.Head, c.name)
	}
}

// A corpus that scores a seed once takes the least token, wherever it is.
func TestOnePerSeedTakesTheLeastToken(t *testing.T) {
	w := oncePerSeed(t)
	for _, order := range [][]watermark.Token{{5, 3, 9}, {3, 9, 5}, {9, 5, 3}} {
		d := w.NewDetector()
		var texts []watermark.Text
		for _, x := range order {
			texts = append(texts, watermark.Text{Tokens: []watermark.Token{7, x}})
			require.NoError(t, d.Add(texts[len(texts)-1]))
		}
		x, ok := w.NewScorer().Fixed([]watermark.Token{7}, 3)
		require.True(t, ok)
		assert.Equal(t, 1, d.Result().Scored)
		assert.Equal(t, float64(x)*0x1p-32, d.Result().Score)
		units, err := w.Units(texts, nil)
		require.NoError(t, err)
		require.Len(t, units, 1)
		assert.Equal(t, watermark.Token(3), units[0].Token)
	}
}

// A source can leave windows without a mark: sessions draw them plainly, readers
// pass over them.
func TestSourceWithoutAMark(t *testing.T) {
	odd := func(window []watermark.Token) bool { return window[0]%2 == 1 }
	w := must(watermark.Build(&testSource{name: "odd", word: hashedWords(5), marks: odd}, watermark.Gumbel{}, watermark.Rules{Width: 1}))
	s := testSession(t, w, 1)
	assert.Equal(t, "-m-m-m", markedAt(t, s, 1, 2, 3, 4, 5, 6))
	r := must(w.Detect(watermark.Text{Tokens: []watermark.Token{1, 2, 3, 4, 5, 6}}))
	assert.Equal(t, 3, r.Scored)
	assert.Equal(t, 2, r.Dropped.Gated)
	_, ok := w.NewScorer().Fixed([]watermark.Token{2}, 1)
	assert.False(t, ok)
}

// Under any rules a rejected draft leaves no trace: after random draws, forced
// tokens, prompts and rewinds a session marks and draws as one that was told only
// what was kept.
func TestRulesSurviveRewinds(t *testing.T) {
	for _, rules := range []watermark.Rules{
		{Width: 2, Prompt: true},
		{Width: 2, Write: watermark.WriteRules{Head: watermark.HeadPadded}, Pad: -1},
		{Width: 3, Write: watermark.WriteRules{Head: watermark.HeadShort}},
		{Width: 2, Write: watermark.WriteRules{History: 7}},
		{Width: 2, Write: watermark.WriteRules{MarkedOnly: true, Limit: 6}},
		{Width: 2, Prompt: true, Write: watermark.WriteRules{PromptSeen: true, Head: watermark.HeadPadded}},
		{Width: 2, Prompt: true, Write: watermark.WriteRules{PromptSeen: true, History: 9, MarkedOnly: true}},
		{Width: 1, Write: watermark.WriteRules{Repeats: true, Limit: 3}},
		{Width: 2, Write: watermark.WriteRules{Limit: 5}},
	} {
		w := ruled(t, rules)
		for seed := range uint64(30) {
			r := rand.New(rand.NewPCG(seed, 4))
			options := watermark.SessionOptions{Seed: watermark.SeedOf(seed), Tokens: 1 + r.IntN(64),
				Prompt: randomTokens(r, r.IntN(4)), Turns: [][]watermark.Token{randomTokens(r, r.IntN(6))}}
			s := must(w.NewSession(options))
			kept := []event{{prompt: options.Prompt}}
			options.Prompt = nil
			for range 50 {
				switch r.IntN(8) {
				case 0: // to the end of an earlier event
					n := 1 + r.IntN(len(kept))
					kept = kept[:n]
					length := 0
					for _, e := range kept {
						length += len(e.prompt) + len(e.answer)
					}
					require.NoError(t, s.Rewind(length))
				case 1:
					e := event{prompt: randomTokens(r, r.IntN(3))}
					e.tell(t, s)
					kept = append(kept, e)
				default:
					e := event{answer: randomTokens(r, 1), drawn: r.IntN(3) > 0}
					e.tell(t, s)
					kept = append(kept, e)
				}
				again := must(w.NewSession(options))
				for _, e := range kept {
					e.tell(t, again)
				}
				require.Equal(t, again.Marked(), s.Marked(), "%+v, seed %d: %v", rules, seed, kept)
				require.Equal(t, must(again.Sample(nil, make([]float32, 9))), must(s.Sample(nil, make([]float32, 9))))
				require.NoError(t, s.Rewind(s.Len())) // forgets that it drew
			}
		}
	}
}

// An event is a prompt, or a token with or without a draw before it.
type event struct {
	prompt, answer []watermark.Token
	drawn          bool
}

func (e event) String() string { return fmt.Sprint(e.prompt, e.answer, e.drawn) }

func (e event) tell(t testing.TB, s *watermark.Session) {
	t.Helper()
	if e.drawn {
		_, err := s.Sample(nil, make([]float32, 9))
		require.NoError(t, err)
	}
	require.NoError(t, s.AcceptPrompt(e.prompt))
	for _, x := range e.answer {
		require.NoError(t, s.Accept(x))
	}
}

func randomTokens(r *rand.Rand, n int) []watermark.Token {
	out := make([]watermark.Token, n)
	for i := range out {
		out[i] = r.Int32N(3)
	}
	return out
}
