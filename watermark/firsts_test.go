package watermark_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/transformers"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// babble writes texts of few words, so that windows and phrases come back: within a
// text, from text to text, from prompts.
func babble(seed uint64, texts, words int) []watermark.Text {
	rng := rand.New(rand.NewPCG(seed, 9))
	say := func(n int) (out []watermark.Token) {
		for range n {
			out = append(out, rng.Int32N(int32(words)))
		}
		return out
	}
	out := make([]watermark.Text, texts)
	for i := range out {
		out[i] = watermark.Text{Prompt: say(rng.IntN(8)), PromptKnown: i%3 != 0, Tokens: say(rng.IntN(30))}
	}
	return out
}

// place is a position of a corpus.
type place struct{ text, pos int }

func placesOf(units []watermark.Unit) []place {
	out := make([]place, len(units))
	for i, u := range units {
		out[i] = place{u.Text, u.Pos}
	}
	return out
}

// naiveFirsts lists first windows by their tokens, for a mark that hashes all of a
// window's tokens: what the documentation says, word by word.
func naiveFirsts(texts []watermark.Text, width int, pad watermark.Token, padded, prompt bool) (firsts []place, dropped watermark.Dropped) {
	key := func(w []watermark.Token) string { return string(asRunes(w)) }
	seen := make(map[string]int)
	for n, t := range texts {
		inPrompt := make(map[string]bool)
		for i := width; i <= len(t.Prompt); i++ {
			inPrompt[key(t.Prompt[i-width:i])] = true
		}
		all, start := t.Tokens, 0
		if prompt {
			all, start = slices.Concat(t.Prompt, t.Tokens), len(t.Prompt)
		}
		for i := range t.Tokens {
			var w []watermark.Token
			missing := width - (start + i)
			switch {
			case missing <= 0:
				w = all[start+i-width : start+i]
			case padded && !(prompt && !t.PromptKnown):
				w = slices.Concat(slices.Repeat([]watermark.Token{pad}, missing), all[:start+i])
			default:
				dropped.Head++
				continue
			}
			k := key(w)
			from, before := seen[k]
			if !before {
				seen[k] = n
			}
			switch {
			case inPrompt[k]:
				dropped.Skipped++
			case !before:
				firsts = append(firsts, place{n, i})
			case from == n:
				dropped.Repeat++
			default:
				dropped.Duplicate++
			}
		}
	}
	return firsts, dropped
}

func asRunes(w []watermark.Token) []rune {
	out := make([]rune, len(w))
	for i, t := range w {
		out[i] = rune(t + 100)
	}
	return out
}

func TestFirstWindowsAreNaive(t *testing.T) {
	prompts := func(width int, head watermark.Head) *watermark.Watermark {
		native := testMark(t, 1, watermark.Gumbel{})
		w, err := watermark.Build(anySource{native.Info()}, watermark.Gumbel{}, watermark.Rules{Width: width, Pad: -7, Prompt: true, Read: watermark.ReadRules{Head: head}})
		require.NoError(t, err)
		return w
	}
	narrow, err := watermark.New(testKey(t, 1), watermark.GreenList{Gamma: 0.5, Delta: 1}, watermark.Options{Width: 1})
	require.NoError(t, err)
	padded, err := vllm.New(vllm.Config{Key: vllm.NewKey(77), ContextWidth: 3})
	require.NoError(t, err)
	for _, c := range []struct {
		name           string
		mark           *watermark.Watermark
		width          int
		pad            watermark.Token
		padded, prompt bool
	}{
		{"native", testMark(t, 1, watermark.Gumbel{}), 3, 0, false, false},
		{"narrow", narrow, 1, 0, false, false},
		{"padded heads", padded, 3, -1, true, false},
		{"into the prompt", prompts(2, watermark.HeadPlain), 2, -7, false, true},
		{"into the prompt, padded", prompts(3, watermark.HeadPadded), 3, -7, true, true},
	} {
		kept, of := 0, watermark.Dropped{}
		for seed := range uint64(40) {
			texts := babble(seed, 8, 3+4*int(seed%3))
			units, dropped, err := c.mark.FirstWindows(texts)
			require.NoError(t, err)
			want, wantDropped := naiveFirsts(texts, c.width, c.pad, c.padded, c.prompt)
			require.Equal(t, len(want), len(units), "%s %d", c.name, seed)
			if len(want) > 0 {
				require.Equal(t, want, placesOf(units), "%s %d", c.name, seed)
			}
			require.Equal(t, wantDropped, dropped, "%s %d", c.name, seed)
			for _, u := range units { // as a scorer takes them
				tokens := texts[u.Text].Tokens
				require.Equal(t, tokens[u.Pos], u.Token)
				_, ok := c.mark.NewScorer().Seed(u.Window, u.Token)
				require.True(t, ok)
				if !c.prompt {
					require.Equal(t, tokens[max(0, u.Pos-c.width):u.Pos], append([]watermark.Token{}, u.Window...))
				}
			}
			kept += len(units)
			of.Repeat, of.Skipped, of.Duplicate, of.Head = of.Repeat+dropped.Repeat, of.Skipped+dropped.Skipped, of.Duplicate+dropped.Duplicate, of.Head+dropped.Head
		}
		assert.Greater(t, kept, 100, c.name)
		assert.Greater(t, min(of.Repeat, of.Skipped, of.Duplicate), 30, "%s: %+v", c.name, of)
	}
}

// anySource hashes windows as a map of strings would.
type anySource struct{ info watermark.SourceInfo }

func (s anySource) Info() watermark.SourceInfo           { return s.info }
func (s anySource) Open() watermark.Reader               { return new(anyReader) }
func (s anySource) Decoy(seed [32]byte) watermark.Source { return s }

type anyReader struct{ seed uint64 }

func (r *anyReader) Seek(w []watermark.Token) (watermark.Place, bool) {
	r.seed = 17
	for _, t := range w {
		r.seed = (r.seed ^ uint64(uint32(t))) * 0x9E3779B97F4A7C15
		r.seed ^= r.seed >> 29
	}
	return watermark.Place{Seed: r.seed}, true
}
func (r *anyReader) Ahead([][]watermark.Token)   {}
func (r *anyReader) Seed(watermark.Token) uint64 { return r.seed }
func (r *anyReader) Word(_ int, t watermark.Token) uint64 {
	return rand.New(rand.NewPCG(r.seed, uint64(t))).Uint64()
}
func (r *anyReader) Coarse(int, []watermark.Token, watermark.Token, []byte) bool { return false }

// The windows of a layout are shared out: what one layer's mark lists is what the
// mark by itself would, of its own windows.
func TestFirstWindowsOfLayers(t *testing.T) {
	l := testLayout(t, 2, 2)
	bare, err := watermark.New(testKey(t, 40), watermark.Gumbel{}, watermark.Options{Width: 2})
	require.NoError(t, err)
	for seed := range uint64(20) {
		texts := babble(seed, 8, 6)
		all, _, err := bare.FirstWindows(texts)
		require.NoError(t, err)
		var both []place
		gated := 0
		for _, name := range l.Names() {
			units, dropped, err := l.Mark(name).FirstWindows(texts)
			require.NoError(t, err)
			both = append(both, placesOf(units)...)
			gated += dropped.Gated
		}
		slices.SortFunc(both, func(a, b place) int { return 1000*(a.text-b.text) + a.pos - b.pos })
		require.Equal(t, placesOf(all), both)
		raw, head := 0, 0
		for _, x := range texts {
			raw, head = raw+len(x.Tokens), head+min(2, len(x.Tokens))
		}
		require.Equal(t, raw-head, gated, "each window is foreign to one of two layers")
	}
}

// What a source hashes decides, not the tokens: left hash looks at the last one only,
// the minimum of unigram at none.
func TestWindowsAreWhatTheSourceHashes(t *testing.T) {
	left, err := transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(77), VocabSize: 64, ContextWidth: 3})
	require.NoError(t, err)
	texts := []watermark.Text{{Tokens: []watermark.Token{1, 2, 3, 4, 9, 9, 3, 5}, PromptKnown: true}, {Tokens: []watermark.Token{7, 8, 4, 1}, PromptKnown: true}}
	units, dropped, err := left.FirstWindows(texts)
	require.NoError(t, err)
	// Windows by their last token: 3, 4, 9, then 9 and 3 again; then 4 again.
	assert.Equal(t, []place{{0, 3}, {0, 4}, {0, 5}}, placesOf(units))
	assert.Equal(t, 2, dropped.Repeat)
	assert.Equal(t, 1, dropped.Duplicate)

	unigram, err := watermark.Build(noSource{}, watermark.GreenList{Gamma: 0.5, Delta: 2}, watermark.Rules{Width: 1})
	require.NoError(t, err)
	units, dropped, err = unigram.FirstWindows(texts)
	require.NoError(t, err)
	assert.Equal(t, []place{{0, 1}}, placesOf(units), "one window in all: one position")
	assert.Equal(t, watermark.Dropped{Head: 2, Repeat: 6, Duplicate: 3}, dropped)
	units, _, err = unigram.Pairs(texts)
	require.NoError(t, err)
	assert.Equal(t, []place{{0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 7}, {1, 1}, {1, 3}}, placesOf(units), "each token once")
}

// noSource has one list for all windows.
type noSource struct{ anySource }

func (noSource) Open() watermark.Reader { return new(noReader) }

type noReader struct{ anyReader }

func (r *noReader) Seek([]watermark.Token) (watermark.Place, bool) { return watermark.Place{}, true }

// Windows of sources that hash the candidate too have no words of their own.
func TestCandidateSeedsAreRefused(t *testing.T) {
	self, err := transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(77), VocabSize: 64, SeedingScheme: transformers.SelfHash, ContextWidth: 4})
	require.NoError(t, err)
	texts := babble(1, 8, 30)
	units, dropped, err := self.FirstWindows(texts)
	assert.ErrorIs(t, err, watermark.ErrCandidateSeeds)
	assert.Empty(t, units)
	assert.Zero(t, dropped)
	units, _, err = self.Pairs(texts)
	require.NoError(t, err, "texts may be scored all the same")
	assert.NotEmpty(t, units)
}

// Pairs are each (window, token) once, at its first place, whether it stands in the text
// of the window's first occurrence or not.
func TestPairsAreNaive(t *testing.T) {
	mark := testMark(t, 1, watermark.Gumbel{})
	once, err := watermark.Build(anySource{}, watermark.Gumbel{}, watermark.Rules{Width: 3, Read: watermark.ReadRules{OnePerSeed: true}})
	require.NoError(t, err)
	repeats := 0
	for seed := range uint64(40) {
		texts := babble(seed, 8, 3)
		var want, wantOnce []place
		seen, windows := make(map[[4]watermark.Token]bool), make(map[[4]watermark.Token]bool)
		head, raw := 0, 0
		for n, x := range texts {
			raw += len(x.Tokens)
			head += min(3, len(x.Tokens))
			for i := 3; i < len(x.Tokens); i++ {
				k := [4]watermark.Token(x.Tokens[i-3 : i+1])
				w := k
				w[3] = 0
				if !seen[k] {
					want = append(want, place{n, i})
				}
				if !windows[w] {
					wantOnce = append(wantOnce, place{n, i})
				} else if !seen[k] {
					repeats++
				}
				seen[k], windows[w] = true, true
			}
		}
		units, dropped, err := mark.Pairs(texts)
		require.NoError(t, err)
		require.Equal(t, want, placesOf(units))
		require.Equal(t, watermark.Dropped{Head: head, Duplicate: raw - head - len(want)}, dropped)
		units, _, err = once.Pairs(texts)
		require.NoError(t, err)
		require.Equal(t, wantOnce, placesOf(units))
	}
	assert.Greater(t, repeats, 100, "pairs after windows that occurred before")
}

func TestSeedsAreOfWholeWindows(t *testing.T) {
	mark := testMark(t, 1, watermark.Gumbel{}) // of width 3
	tokens := []watermark.Token{1, 2, 3, 4, 1, 2, 3}
	seeds, err := mark.Seeds(tokens)
	require.NoError(t, err)
	require.Len(t, seeds, 5) // after 123, 234, 341, 412 and the last 123
	assert.Equal(t, seeds[0], seeds[4])
	scorer := mark.NewScorer()
	for i := 3; i <= len(tokens); i++ {
		want, ok := scorer.Seed(tokens[i-3:i], 0)
		require.True(t, ok)
		assert.Equal(t, want, seeds[i-3])
	}
	short, err := mark.Seeds(tokens[:2])
	require.NoError(t, err)
	assert.Empty(t, short)

	// A layer's are its own.
	l := testLayout(t, 2, 2)
	n := 0
	for _, name := range l.Names() {
		s, err := l.Mark(name).Seeds(tokens)
		require.NoError(t, err)
		n += len(s)
	}
	assert.Equal(t, 6, n)

	// Where the candidate is hashed, each seed is that of the token that follows.
	self, err := transformers.NewGreenList(transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(77), VocabSize: 64, SeedingScheme: transformers.SelfHash, ContextWidth: 3})
	require.NoError(t, err)
	seeds, err = self.Seeds(tokens)
	require.NoError(t, err)
	width, own := self.Rules().Width, self.NewScorer()
	require.Len(t, seeds, len(tokens)-width+1)
	for i := width; i < len(tokens); i++ {
		want, ok := own.Seed(tokens[i-width:i], tokens[i])
		require.True(t, ok)
		assert.Equal(t, want, seeds[i-width])
	}
}

func TestFirstsRefuse(t *testing.T) {
	mark := testMark(t, 1, watermark.Gumbel{})
	for _, texts := range [][]watermark.Text{{{}, {Tokens: []watermark.Token{1, -1}}}, {{}, {Prompt: []watermark.Token{-1}}}} {
		_, _, err := mark.FirstWindows(texts)
		assert.ErrorContains(t, err, "text 1: watermark: token ")
		_, _, err = mark.Pairs(texts)
		assert.ErrorContains(t, err, "text 1: watermark: token ")
	}
	_, err := mark.Seeds([]watermark.Token{3, -2})
	assert.ErrorContains(t, err, "token 1 of the text is -2")
	var zero watermark.Watermark
	_, _, err = zero.FirstWindows(nil)
	assert.Error(t, err)
	_, _, err = zero.Pairs(nil)
	assert.Error(t, err)
	_, err = zero.Seeds(nil)
	assert.Error(t, err)
	units, dropped, err := mark.FirstWindows(nil)
	require.NoError(t, err)
	assert.Empty(t, units)
	assert.Zero(t, dropped)
}
