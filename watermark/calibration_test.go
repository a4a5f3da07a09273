// Mutants of this package that were made by hand, and tests that fail for each. (In
// a calibration test's sense "neither" is the detector of most toolkits.)
//
//	no de-duplication within a text         TestDetectorIsTheNaiveSum, TestRepeatedWindowIsPlain
//	no de-duplication over the corpus       TestCalibrationOverCorpora, TestDetectorIsTheNaiveSum
//	neither                                 TestCalibrationOverKeys, TestCalibrationOverCorpora
//	tail of n−1 tokens                      TestNullLawIsExact, TestCalibrationOverKeys
//	tail of n+1 tokens                      TestNullLawIsExact, TestDecoysHaveTheLaw
//	P(S > s) in place of P(S >= s)          TestNullLawIsExact, TestCalibrationOverKeys
//	normal approximation                    TestNullLawIsExact, TestCalibrationOverKeys
//	prompts are scored                      TestCalibrationOfAnswersToMarkedText, TestPromptsAreNotScored
//	windows reach into the prompt           TestPromptsEnterNoWindow, TestRewindIntoPrompt
//	Skip ignored                            TestCalibrationOfAnswersToMarkedText, FuzzDetector
//	decoys all equal, of the true key or
//	of one stream twice                     TestDecoysHaveTheLaw
//	decoys without the gate                 TestLayersShareAnAnswer
//	words without a bit                     TestNullLawIsExact, TestVectorsWords
//	53-bit words: the top word is infinite  TestTopWordIsFinite, TestTopWord, TestRaceIsTheNaiveRule
//	scores rounded up                       TestCalibrationOverKeys, TestDetectorIsTheNaiveSum
//	window words newest first               TestVectorsWords, TestPrograms
//	look-ahead ignores which window         TestDetectorReadsAheadOfNothing, TestNativeReadsAheadUnderAnyRules
//	bounds to the nearest float32           TestRaceBoundsAreOutward, TestBoundsHold
//	threshold by byte 253                   TestRaceBoundsAreOutward, TestRaceIsTheNaiveRule
//	bound of leading ones one bit low       TestRaceIsTheNaiveRule, TestBoundsHold
//	ties go to the first                    TestTiesGoToTheLowestID
//	+Inf is only very large                 TestInfiniteCompeteAlone
//	NaN competes                            TestMaskedIsNeverChosen
//	token narrowed before its shift         TestVectorsWords, TestScorer
//	negative ids let through                TestBadSteps
//	the edge's byte is green                TestGreenListWritesWhatItReads
//	tournament: a loser loses half          TestTokenDistributionOverKeys
//	tournament: layers in another order     TestMarkedTextsAreFound
//	plain head removed                      TestHeadIsPlain, TestDetectorIsTheNaiveSum
//	turns not seen                          TestEarlierTurnsAreNotMarkedAgain
//	Rewind leaves seeds                     TestRejectedDraftsLeaveNoTrace, TestPrograms
//	Rewind opens gaps in the table          TestRewindPastGrowth, TestSeedSetIsASet
//	CopyFrom leaves seeds, or the fork      TestForkSiblingsDifferAndAreFound, TestPrograms
//	Fork's gate ignored                     TestForkWindowsAreOneSiblings
//	Fork keeps the request's seed           TestPlainDrawsOfRolesAreIndependent
//	dual key with one stream                TestSpeculativeDualKeepsTheDistribution
//	roles share plain draws                 TestPlainDrawsOfRolesAreIndependent
//	a layer's detector ignores the gate     TestLayersShareAnAnswer
//	Merge forgets what is skipped           TestShardsMergeToTheSameBytes
//	spans uncorrected                       TestLocalizeErrorRate
//	Search without Holm's factor            TestSearchErrorRate
//	Units repeat                            TestUnitsAreWhatDetectorsScore
//	digest of a binary form unchecked       TestUnmarshalDamaged
//
// Three change nothing that can be seen: bounds rounded up once, not twice (the
// second step guards against logarithms that are not monotone to the last bit); a
// signed shift of a token, since ids are not negative; and counting a window as
// seen only where this sibling marked it, since it never marks it later.

package watermark_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// calibrated are marks of every law, with shares of green tokens that fall on a
// coarse byte and that do not, and both layers of two layouts.
var calibrated = []struct {
	name string
	make func(t testing.TB, key uint64) *watermark.Watermark
}{
	{"gumbel", single(watermark.Gumbel{}, 3)},
	{"dual gumbel", single(watermark.DualGumbel{Alpha: 0.1}, 3)},
	{"dual gumbel, halves", single(watermark.DualGumbel{Alpha: 0.5}, 2)},
	{"green list 1/4", single(watermark.GreenList{Gamma: 0.25, Delta: 2}, 3)},
	{"green list 0.3", single(watermark.GreenList{Gamma: 0.3, Delta: 2}, 1)},
	{"tournament 30", single(watermark.Tournament{Depth: 30}, 3)},
	{"tournament 1", single(watermark.Tournament{Depth: 1}, 4)},
	{"layer gumbel", layer("a", watermark.Gumbel{}, watermark.GreenList{Gamma: 0.25, Delta: 2})},
	{"layer green list", layer("b", watermark.Gumbel{}, watermark.GreenList{Gamma: 0.25, Delta: 2})},
	{"layer dual gumbel", layer("a", watermark.DualGumbel{Alpha: 0.3}, watermark.Tournament{Depth: 10})},
	{"layer tournament", layer("b", watermark.DualGumbel{Alpha: 0.3}, watermark.Tournament{Depth: 10})},
}

func single(scheme watermark.Scheme, width int) func(testing.TB, uint64) *watermark.Watermark {
	return func(t testing.TB, key uint64) *watermark.Watermark {
		t.Helper()
		w, err := watermark.New(worldKey(t, 2, key), scheme, watermark.Options{Width: width})
		require.NoError(t, err)
		return w
	}
}

// layer is one of two layers, a of width 2 and b of width 3.
func layer(name string, a, b watermark.Scheme) func(testing.TB, uint64) *watermark.Watermark {
	return func(t testing.TB, key uint64) *watermark.Watermark {
		t.Helper()
		l, err := watermark.NewLayers(worldKey(t, 3, key),
			watermark.Layer{Name: "a", Share: 1 << 31, Mark: single(a, 2)(t, key)},
			watermark.Layer{Name: "b", Share: 1 << 31, Mark: single(b, 3)(t, key+1<<40)})
		require.NoError(t, err)
		return l.Mark(name)
	}
}

// assertSuperUniform checks that ln p-values of independent texts are no smaller
// than those of a uniform variate: at fixed levels by the binomial tail, and
// everywhere by the inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's
// constant, one-sided.
func assertSuperUniform(t testing.TB, logP []float64, what string) {
	t.Helper()
	slices.Sort(logP)
	n := len(logP)
	for _, level := range []float64{0.5, 0.1, 0.01, 0.001, 1e-6} {
		k, _ := slices.BinarySearch(logP, math.Nextafter(math.Log(level), 1))
		assertAtMost(t, k, n, level, fmt.Sprintf("%s: p-values of %g or less", what, level))
	}
	over := 0.0
	for i, x := range logP {
		over = math.Max(over, float64(i+1)/float64(n)-math.Exp(x))
	}
	assert.Less(t, over, math.Sqrt(-falseAlarm/2/float64(n)), "%s: distance of the distribution function above the diagonal", what)
}

// assertUniform checks both sides, for laws without atoms.
func assertUniform(t testing.TB, logP []float64, what string) {
	t.Helper()
	assertSuperUniform(t, logP, what)
	under := 0.0
	for i, x := range logP {
		under = math.Max(under, math.Exp(x)-float64(i)/float64(len(logP)))
	}
	assert.Less(t, under, math.Sqrt(-falseAlarm/2/float64(len(logP))), "%s: distance below the diagonal", what)
}

// Short texts of new tokens under one key, all with the same number scored: the
// p-value has exactly the law it claims. At each value k that a discrete score can
// take, P(score >= k) is what LogTail(k) says, from above and from below; a
// continuous one is uniform.
func TestNullLawIsExact(t *testing.T) {
	t.Parallel()
	const scored = 8
	texts := draws(10000)
	for _, c := range calibrated[:7] {
		w := c.make(t, 0)
		var scores, logP []float64
		next := watermark.Token(0)
		for range texts {
			tokens := make([]watermark.Token, w.Rules().Width+scored)
			for i := range tokens {
				next++
				tokens[i] = next
			}
			r := must(w.Detect(watermark.Text{Tokens: tokens}))
			require.Equal(t, scored, r.Scored)
			scores, logP = append(scores, r.Score), append(logP, r.LogP)
		}
		if most, discrete := mostPerToken(w.Scheme()); discrete {
			for k := range most*scored + 1 {
				p, seen := math.Exp(w.Law().LogTail(float64(k), scored)), 0
				for _, s := range scores {
					if s >= float64(k) {
						seen++
					}
				}
				what := fmt.Sprintf("%s: scores of %d or more", c.name, k)
				assertAtMost(t, seen, texts, p, what)
				assertAtLeast(t, seen, texts, p, what)
			}
		} else {
			assertUniform(t, logP, c.name)
		}
	}
}

func mostPerToken(s watermark.Scheme) (int, bool) {
	switch g := s.(type) {
	case watermark.GreenList:
		return 1, true
	case watermark.Tournament:
		return g.Depth, true
	}
	return 0, false
}

// nullTexts are texts that have nothing to do with the key that reads them.
var nullTexts = []struct {
	name string
	make func(t testing.TB, r *rand.Rand) []watermark.Token
}{
	{"phrases of 5 tokens", func(_ testing.TB, r *rand.Rand) []watermark.Token { return phrases(r, 5, 5, 30) }},
	{"phrases of 20 tokens", func(_ testing.TB, r *rand.Rand) []watermark.Token { return phrases(r, 4, 20, 10) }},
	{"a template with fillers", template},
	{"a loop", func(_ testing.TB, r *rand.Rand) []watermark.Token { return phrases(r, 1, 1+r.IntN(12), 20) }},
	{"two tokens", func(_ testing.TB, r *rand.Rand) []watermark.Token {
		text := make([]watermark.Token, 100)
		for i := range text {
			text[i] = r.Int32N(2)
		}
		return text
	}},
	{"no mark", func(t testing.TB, r *rand.Rand) []watermark.Token { return modelText(t, r, true) }},
	{"another key's mark", func(t testing.TB, r *rand.Rand) []watermark.Token { return modelText(t, r, false) }},
}

// phrases draws from a pool of phrases again and again.
func phrases(r *rand.Rand, pool, length, drawn int) []watermark.Token {
	words := make([]watermark.Token, pool*length)
	for i := range words {
		words[i] = r.Int32N(50_000)
	}
	var text []watermark.Token
	for range drawn {
		i := length * r.IntN(pool)
		text = append(text, words[i:i+length]...)
	}
	return text
}

// template is filled in five times in one text; all texts have the same one.
func template(_ testing.TB, r *rand.Rand) []watermark.Token {
	var text []watermark.Token
	for range 5 {
		for i := range int32(24) {
			if i%5 == 4 {
				text = append(text, 1000+r.Int32N(3))
			} else {
				text = append(text, i)
			}
		}
	}
	return text
}

func modelText(t testing.TB, r *rand.Rand, off bool) []watermark.Token {
	s, err := testMark(t, 99, watermark.Gumbel{}).NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(r.Uint64()), Off: off, Tokens: 64})
	require.NoError(t, err)
	return write(t, s, newToyModel(1), 60)
}

// Every mark reads texts of every kind, each text under a key of its own: the
// p-values are valid, kind by kind. Repetition is what breaks detectors that
// count a window again.
func TestCalibrationOverKeys(t *testing.T) {
	t.Parallel()
	each := draws(400)
	for n, kind := range nullTexts {
		texts := make([]watermark.Text, each)
		for i := range texts {
			texts[i].Tokens = kind.make(t, rand.New(rand.NewPCG(uint64(i), uint64(n))))
		}
		for _, c := range calibrated {
			var logP []float64
			for i, text := range texts {
				logP = append(logP, must(c.make(t, uint64(n*each+i)).Detect(text)).LogP)
			}
			assertSuperUniform(t, logP, c.name+", "+kind.name)
		}
	}
}

// A corpus is valid too, of texts that share phrases, in which pairs of a window
// and a token come again from text to text: ten answers from one template, an
// answer that is repeated, four siblings of one request under another key.
func TestCalibrationOverCorpora(t *testing.T) {
	t.Parallel()
	other := testMark(t, 98, watermark.Gumbel{})
	each := draws(300)
	for _, c := range calibrated {
		var logP []float64
		for i := range each {
			r := rand.New(rand.NewPCG(uint64(i), 20))
			d := c.make(t, uint64(i)).NewDetector()
			add := func(tokens []watermark.Token) { require.NoError(t, d.Add(watermark.Text{Tokens: tokens})) }
			switch i % 3 {
			case 0:
				for range 10 {
					add(template(t, r))
				}
			case 1:
				text := phrases(r, 20, 2, 20)
				for range 10 {
					add(text)
				}
			case 2:
				parent, err := other.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(uint64(i)), Tokens: 64})
				require.NoError(t, err)
				for j := range 4 {
					s, err := parent.Fork(j, 4)
					require.NoError(t, err)
					add(write(t, s, newToyModel(1), 30))
				}
			}
			logP = append(logP, d.Result().LogP)
		}
		assertSuperUniform(t, logP, c.name)
	}
}

// An answer to a prompt that is full of the mark, such as an earlier answer that
// the user quotes, is no evidence; nor is what an opted-out request wrote. Where
// the answer itself copies the prompt, Skip makes it none.
func TestCalibrationOfAnswersToMarkedText(t *testing.T) {
	t.Parallel()
	for _, c := range calibrated {
		var answers, copies []float64
		for i := range draws(150) {
			w := c.make(t, uint64(i))
			options := watermark.SessionOptions{Seed: watermark.SeedOf(uint64(i)), Tokens: 128}
			s, err := w.NewSession(options)
			require.NoError(t, err)
			prompt := write(t, s, newToyModel(1), 60)
			options.Seed, options.Off, options.Prompt = watermark.SeedOf(uint64(i), 1), true, prompt
			s, err = w.NewSession(options)
			require.NoError(t, err)
			text := watermark.Text{Prompt: prompt, PromptKnown: true, Tokens: write(t, s, toyModelAfter(1, prompt), 60)}
			answers = append(answers, must(w.Detect(text)).LogP)
			d := w.NewDetector()
			require.NoError(t, d.Skip(prompt))
			require.NoError(t, d.Add(watermark.Text{Tokens: append(slices.Clone(text.Tokens), prompt...)}))
			copies = append(copies, d.Result().LogP)
		}
		assertSuperUniform(t, answers, c.name+", answers")
		assertSuperUniform(t, copies, c.name+", copies")
	}
}

// Decoys read one marked text as strangers do: their p-values are those of the
// law, each decoy's apart from the others', and none is the mark's own.
func TestDecoysHaveTheLaw(t *testing.T) {
	t.Parallel()
	for _, c := range calibrated {
		w := c.make(t, 5)
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
		require.NoError(t, err)
		text := watermark.Text{Tokens: write(t, s, newToyModel(1), 60)}
		require.Less(t, must(w.Detect(text)).LogP, -2.5, c.name)
		var logP []float64
		ids := map[string]bool{w.ID(): true}
		products, last := 0.0, 0.0
		decoys := draws(1500)
		for j := range decoys {
			d := w.Decoy([32]byte{7}, j)
			require.False(t, ids[d.ID()], "%s twice", d)
			ids[d.ID()] = true
			require.Equal(t, w.Law(), d.Law())
			r := must(d.Detect(text))
			logP = append(logP, r.LogP)
			m := w.Law().Moments()
			z := (r.Score - float64(r.Scored)*m.Mean) / math.Sqrt(float64(r.Scored)*m.Variance)
			products, last = products+z*last, z
		}
		_, discrete := mostPerToken(w.Scheme())
		if discrete {
			assertSuperUniform(t, logP, c.name)
			assert.Less(t, slices.Min(logP), math.Log(20/float64(decoys)), "decoys reach small p-values too")
		} else {
			assertUniform(t, logP, c.name)
		}
		assert.Less(t, math.Abs(products)/math.Sqrt(float64(decoys)), 6.0, "%s: neighbours are correlated", c.name)
	}
}

// No word testifies without limit: the top word scores 64 ln 2, in every sum.
func TestTopWordIsFinite(t *testing.T) {
	top := func([]watermark.Token, int, watermark.Token) uint64 { return math.MaxUint64 }
	w := must(watermark.Build(&testSource{name: "top", word: top}, watermark.Gumbel{}, watermark.Rules{Width: 1}))
	r := must(w.Detect(watermark.Text{Tokens: []watermark.Token{1, 2, 3, 4}}))
	assert.InDelta(t, 3*64*math.Ln2, r.Score, 1e-8)
	assert.InEpsilon(t, tail.Gamma(r.Score, 3), r.LogP, 1e-12)
	s := testSession(t, w, 1)
	require.NoError(t, s.Accept(1))
	x, err := s.Sample([]watermark.Token{9, 4, 6}, []float32{1, 1, 1})
	require.NoError(t, err)
	assert.Equal(t, watermark.Token(4), x, "equal values go to the lowest id")
}
