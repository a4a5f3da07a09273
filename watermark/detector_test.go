package watermark_test

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// naiveScoreOf is the evidence of a token by the specification's letter.
type naiveScoreOf func(window []watermark.Token, t watermark.Token) float64

func naiveScorer(t testing.TB, scheme watermark.Scheme, key byte, width int) naiveScoreOf {
	t.Helper()
	words := func(family, stream byte) naiveWords {
		return newNaiveWords(t, testKey(t, key), family, stream, byte(width))
	}
	switch g := scheme.(type) {
	case watermark.Gumbel:
		n := words(familyGumbel, 0)
		return func(window []watermark.Token, x watermark.Token) float64 { return naiveScore(n.word(window, x)) }
	case watermark.DualGumbel:
		a, b := words(familyGumbel, 0), words(familyGumbel, 1)
		return func(window []watermark.Token, x watermark.Token) float64 {
			return (1-g.Alpha)*naiveScore(a.word(window, x)) + g.Alpha*naiveScore(b.word(window, x))
		}
	case watermark.GreenList:
		n := words(familyGreenList, 0)
		return func(window []watermark.Token, x watermark.Token) float64 {
			if float64(n.word(window, x)) < g.Gamma*(1<<64) {
				return 1
			}
			return 0
		}
	case watermark.Tournament:
		n := words(familyTournament, 0)
		return func(window []watermark.Token, x watermark.Token) float64 {
			return float64(bits.OnesCount64(n.word(window, x) >> (64 - g.Depth)))
		}
	}
	t.Fatalf("no naive score of %s", scheme)
	return nil
}

// naiveDetect reads a corpus with maps: within a text a window once, over the
// corpus a window and token once, and no window of the skipped texts.
func naiveDetect(texts, skip [][]watermark.Token, width int, score naiveScoreOf) watermark.Result {
	var r watermark.Result
	left := map[string]bool{}
	for _, s := range skip {
		for i := width; i <= len(s); i++ {
			left[fmt.Sprint(s[i-width:i])] = true
		}
	}
	pairs := map[string]bool{}
	for _, tokens := range texts {
		seen := map[string]bool{}
		for i, x := range tokens {
			r.Raw++
			if i < width {
				r.Dropped.Head++
				continue
			}
			window := fmt.Sprint(tokens[i-width : i])
			pair := fmt.Sprint(window, x)
			switch {
			case seen[window]:
				r.Dropped.Repeat++
			case left[window]:
				r.Dropped.Skipped++
			case pairs[pair]:
				r.Dropped.Duplicate++
			default:
				r.Scored++
				r.Score += score(tokens[i-width:i], x)
				pairs[pair] = true
			}
			seen[window] = true
		}
	}
	return r
}

// repetitive makes a corpus of a small alphabet with phrases that come again.
func repetitive(seed uint64, texts int) [][]watermark.Token {
	r := rand.New(rand.NewPCG(seed, 5))
	phrases := make([][]watermark.Token, 6)
	for i := range phrases {
		for range 1 + r.IntN(12) {
			phrases[i] = append(phrases[i], r.Int32N(6)*r.Int32N(1000))
		}
	}
	corpus := make([][]watermark.Token, texts)
	for i := range corpus {
		for range r.IntN(14) {
			if r.IntN(2) == 0 {
				corpus[i] = append(corpus[i], r.Int32N(40))
			} else {
				corpus[i] = append(corpus[i], phrases[r.IntN(len(phrases))]...)
			}
		}
	}
	return corpus
}

func TestDetectorIsTheNaiveSum(t *testing.T) {
	for _, scheme := range schemes {
		for _, width := range []int{1, 2, 3, 5, 16} {
			w, err := watermark.New(testKey(t, 1), scheme, watermark.Options{Width: width})
			require.NoError(t, err)
			score := naiveScorer(t, scheme, 1, width)
			for seed := range uint64(3) {
				corpus := repetitive(seed, 12)
				skip := [][]watermark.Token{corpus[3], repetitive(seed+100, 1)[0], corpus[0][:len(corpus[0])/2]}
				d := w.NewDetector()
				for i, tokens := range corpus {
					require.NoError(t, d.Add(watermark.Text{Tokens: tokens}))
					if i == 5 {
						for _, s := range skip {
							require.NoError(t, d.Skip(s))
						}
					}
				}
				got, want := d.Result(), naiveDetect(corpus, skip, width, score)
				assert.InDelta(t, want.Score, got.Score, float64(got.Scored+1)*0x1p-32)
				assert.LessOrEqual(t, got.Score, want.Score+1e-9)
				assert.Equal(t, w.Law().LogTail(got.Score, int64(got.Scored)), got.LogP)
				assert.Equal(t, w.ID(), got.Mark)
				got.Score, got.LogP, got.Mark, want.Score = 0, 0, "", 0
				assert.Equal(t, want, got, "%s width %d", scheme, width)
			}
		}
	}
}

// Texts of every length about the size of what is hashed ahead, in one buffer
// that is used again, with skipped texts and other detectors' readings between,
// score as position by position.
func TestDetectorReadsAheadOfNothing(t *testing.T) {
	l := testLayout(t, 2, 3)
	marks := []*watermark.Watermark{l.Mark("a"), l.Mark("b"), testMark(t, 1, watermark.DualGumbel{Alpha: 0.3}), testMark(t, 1, watermark.Gumbel{})}
	r := rand.New(rand.NewPCG(8, 8))
	buffer := make([]watermark.Token, 100)
	for _, w := range marks {
		one, sc := w.NewDetector(), w.NewScorer()
		for n := range len(buffer) {
			text := buffer[n/3 : n/3+n/2]
			for i := range text {
				text[i] = r.Int32N(4)
			}
			d := w.NewDetector()
			require.NoError(t, d.Add(watermark.Text{Tokens: text}))
			fresh := d.Result()
			before := one.Result()
			require.NoError(t, one.Add(watermark.Text{Tokens: text}))
			after := one.Result()
			assert.Equal(t, fresh.Scored, after.Scored+after.Dropped.Duplicate-before.Scored-before.Dropped.Duplicate)
			want, scored, seen := 0.0, 0, map[uint64]bool{}
			for i, x := range text {
				seed, ok := sc.Seed(text[:i], x)
				if !ok || seen[seed] {
					continue
				}
				seen[seed] = true
				s, ok := sc.Fixed(slices.Clone(text[:i]), x)
				require.True(t, ok)
				want += float64(s) * 0x1p-32
				scored++
			}
			assert.Equal(t, scored, fresh.Scored, "%d tokens", n)
			assert.InDelta(t, want, fresh.Score, 1e-9, "%d tokens of %s", n, w)
			require.NoError(t, one.Skip(buffer[:0]))
		}
	}
}

// A text without tokens to score is no evidence, and a second reading of the same
// text adds none.
func TestDetectorNoEvidence(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	r, err := w.Detect(watermark.Text{})
	require.NoError(t, err)
	assert.Equal(t, watermark.Result{Mark: w.ID()}, r)
	r, err = w.Detect(watermark.Text{Tokens: []watermark.Token{1, 2, 3}})
	require.NoError(t, err)
	assert.Equal(t, watermark.Result{Mark: w.ID(), Raw: 3, Dropped: watermark.Dropped{Head: 3}}, r)

	d := w.NewDetector()
	text := watermark.Text{Tokens: spliced(t, w, 0, 100, 0)}
	require.NoError(t, d.Add(text))
	once := d.Result()
	require.NoError(t, d.Add(text))
	twice := d.Result()
	assert.Equal(t, once.LogP, twice.LogP)
	assert.Equal(t, once.Scored, twice.Scored)
	assert.Equal(t, once.Scored, twice.Dropped.Duplicate)
	require.NoError(t, d.Skip(text.Tokens))
	r = d.Result()
	assert.Zero(t, r.Scored)
	assert.Zero(t, r.LogP)
	assert.Equal(t, 2*once.Scored, r.Dropped.Skipped)
	assert.Zero(t, r.Dropped.Duplicate)
	assert.Equal(t, once, must(w.Detect(text)), "another detector of the mark knows nothing of it")
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// Prompts are not scored by the native mark, whatever they hold: here they are
// marked text that the answer follows.
func TestPromptsAreNotScored(t *testing.T) {
	w := testMark(t, 1, watermark.Gumbel{})
	prompt, answer := spliced(t, w, 0, 100, 0), spliced(t, w, 100, 0, 0)
	want := must(w.Detect(watermark.Text{Tokens: answer}))
	for _, known := range []bool{true, false} {
		assert.Equal(t, want, must(w.Detect(watermark.Text{Prompt: prompt, PromptKnown: known, Tokens: answer})))
	}
}

// Texts of 200 tokens of a model with 3 nats of entropy are found, each, by every
// scheme, and not by a mark of another key, scheme or width.
func TestMarkedTextsAreFound(t *testing.T) {
	for _, scheme := range schemes {
		w := testMark(t, 1, scheme)
		strangers := []*watermark.Watermark{testMark(t, 2, scheme), w.Decoy([32]byte{5}, 1),
			must(watermark.New(testKey(t, 1), scheme, watermark.Options{Width: 4}))}
		for _, other := range schemes {
			if other != scheme {
				strangers = append(strangers, testMark(t, 1, other))
			}
		}
		for seed := range uint64(10) {
			text := watermark.Text{Tokens: write(t, testSession(t, w, seed), newToyModel(seed), 200)}
			assert.Less(t, must(w.Detect(text)).LogP, falseAlarm, "%s", scheme)
			for _, x := range strangers {
				if x.Scheme() == (watermark.DualGumbel{Alpha: 0.25}) && scheme == (watermark.Gumbel{}) ||
					scheme == (watermark.DualGumbel{Alpha: 0.25}) && x.Scheme() == (watermark.Gumbel{}) {
					continue // the dual key's first stream is the single key's
				}
				assert.Greater(t, must(x.Detect(text)).LogP, falseAlarm-math.Log(500), "%s read by %s", scheme, x)
			}
		}
	}
}
