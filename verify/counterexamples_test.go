package verify_test

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// The counter-examples of the rules: each a clean suspect that a looser rule convicts and
// this package does not. That holds in the mean over keys, so each test draws many.
// Others of the kind stand elsewhere: the presence filter without its order in
// TestPresenceFilterNeedsItsOrder; the moment-matched Gamma tail, Holm's method inside each
// parent and bets on what was seen in package evidence.

// one runs a single test of a record, without decoys.
func one(t testing.TB, mark *watermark.Watermark, test verify.Test, rec *verify.Record) verify.Finding {
	found, err := verify.Examination{Name: "k", Mark: mark, Tests: []verify.Test{test}, Alpha: 1e-3}.Run(context.Background(), rec)
	require.NoError(t, err)
	return found[0]
}

// argmax is a prediction of one token.
func argmax(x token) collect.Prediction {
	return collect.Prediction{Argmax: x, Sample: collect.NoToken}
}

// A scale weighs means against their standard errors.
type scale struct{ n, sum, squares float64 }

func (s *scale) add(x float64) { s.n, s.sum, s.squares = s.n+1, s.sum+x, s.squares+x*x }

// mean returns the mean, and its standard error as estimated.
func (s *scale) mean() (mean, se float64) {
	mean = s.sum / s.n
	return mean, math.Sqrt((s.squares/s.n - mean*mean) / (s.n - 1))
}

// far is how many standard errors a mean strays with probability 1e-6, two-sided.
const far = 4.9

// A session writes a text of forced tokens and of choices between two.
type script struct {
	t       testing.TB
	session *watermark.Session
	text    []token
}

func newScript(t testing.TB, mark *watermark.Watermark, seed ...uint64) *script {
	return &script{t: t, session: session(t, mark, seed...)}
}

func (s *script) say(tokens ...token) {
	for _, x := range tokens {
		require.NoError(s.t, s.session.Accept(x))
		s.text = append(s.text, x)
	}
}

// choose lets the mark choose among equally likely tokens.
func (s *script) choose(among ...token) token {
	x, err := s.session.Sample(among, make([]float32, len(among)))
	require.NoError(s.t, err)
	s.say(x)
	return x
}

// Tokens of the scripts: windows u and w, words A and B after them.
const (
	wordA token = 100 + iota
	wordB
	neutral
)

// half is the fair bet ½ + U on the word U of a Gumbel score.
func half(score float64) float64 { return 0.5 + (1 - math.Exp(-score)) }

// Two texts meet the windows u and w in opposite order. In each the suspect predicts
// after the second window what it saw after the first, and something neutral after
// the first. One score per (window, token) counts both predictions: the mean of the
// bet is then 37/36, by enumeration and by simulation. One per window counts only
// the neutral ones, then nothing.
func TestOnePositionPerWindow(t *testing.T) {
	// Of two words after each window the larger is chosen: if the suspect's word of
	// a window is the larger, U has mean 2/3, else 1/3.
	exact := 0.0
	for _, afterU := range []token{wordA, wordB} {
		for _, afterW := range []token{wordA, wordB} {
			mean := 1.0 / 3
			if afterU == afterW { // what it says after w is what was chosen there, and after u
				mean = 2.0 / 3
			}
			exact += (0.5 + mean) * (0.5 + mean) / 4
		}
	}
	require.InDelta(t, 37.0/36, exact, 1e-12)

	var pairs, windows scale
	const blocks = 40
	var ours []float64
	for i := range uint64(600) {
		mark := newMark(t, newKey(t, i), watermark.Gumbel{}, 1)
		rec := &verify.Record{}
		score := func(window, x token) float64 {
			var s [1]float64
			require.True(t, mark.Scores([]token{window}, []token{x}, s[:]))
			return s[0]
		}
		for b := range blocks {
			u, w := token(1000+2*b), token(1001+2*b)
			var texts [2]*script
			var chosen [2]token
			for k, order := range [][2]token{{u, w}, {w, u}} {
				s := newScript(t, mark, i, uint64(b), uint64(k))
				s.say(neutral, order[0])
				chosen[k] = s.choose(wordA, wordB)
				s.say(order[1])
				s.choose(wordA, wordB)
				texts[k] = s
				p := []collect.Prediction{argmax(neutral), argmax(neutral), argmax(neutral), argmax(neutral), argmax(chosen[k])}
				rec.Passages = append(rec.Passages, collect.Passage{Tokens: s.text})
				rec.Predictions = append(rec.Predictions, p)
			}
			e := half(score(w, chosen[0])) * half(score(u, chosen[1]))
			pairs.add(e)
			windows.add(half(score(u, neutral)) * half(score(w, chosen[0])))
		}
		f := one(t, mark, verify.Test{Name: verify.R1, First: 2 * blocks}, rec)
		ours = append(ours, f.LogP)
		require.GreaterOrEqual(t, f.Scored, 2*blocks)
	}
	mean, se := pairs.mean()
	assert.InDelta(t, exact, mean, far*se)
	assert.Greater(t, mean-1, far*se, "the bet on pairs is fair: the test has lost its point")
	mean, se = windows.mean()
	assert.InDelta(t, 1, mean, far*se)
	superUniform(t, "one position per window", ours)
}

// Prompts that were themselves written under the key, earlier turns of a talk say,
// reveal words too. A window of one text's prompt is fresh in no other text: such
// turns belong among the passages, before the text, where nothing need be predicted.
// As prompts alone they bring back the 37/36.
func TestMarkedTurnsArePassages(t *testing.T) {
	var prompts, turns scale
	for i := range uint64(9000) {
		mark := newMark(t, newKey(t, i), watermark.Gumbel{}, 1)
		u, w := token(1000), token(1001)
		texts := make([][]token, 2)
		var chosen [2]token
		for k, window := range []token{u, w} {
			s := newScript(t, mark, i, uint64(k))
			s.say(neutral, window)
			chosen[k] = s.choose(wordA, wordB)
			texts[k] = s.text
		}
		none := argmax(collect.NoToken)
		read := func(passages ...collect.Passage) float64 {
			rec := &verify.Record{Passages: passages}
			for _, p := range passages {
				var list []collect.Prediction
				switch p.Tokens[0] {
				case w:
					list = []collect.Prediction{none, argmax(chosen[0])}
				case u:
					list = []collect.Prediction{none, argmax(chosen[1])}
				}
				rec.Predictions = append(rec.Predictions, list)
			}
			return bet(mark, rec, map[token]token{w: chosen[0], u: chosen[1]})
		}
		a := collect.Passage{Prompt: texts[0], Tokens: []token{w, neutral}}
		b := collect.Passage{Prompt: texts[1], Tokens: []token{u, neutral}}
		prompts.add(read(a, b))
		turns.add(read(collect.Passage{Tokens: texts[0]}, a, collect.Passage{Tokens: texts[1]}, b))
	}
	mean, se := prompts.mean()
	assert.Greater(t, mean-1, far*se, "marked prompts do no harm: the test has lost its point")
	mean, se = turns.mean()
	assert.InDelta(t, 1, mean, far*se)
}

// bet returns Π 2U over the windows that R1 scores of a record, given what is
// predicted after each.
func bet(mark *watermark.Watermark, rec *verify.Record, said map[token]token) float64 {
	var texts []watermark.Text
	for _, p := range rec.Passages {
		texts = append(texts, watermark.Text{Prompt: p.Prompt, PromptKnown: true, Tokens: p.Tokens})
	}
	units, _, err := mark.FirstWindows(texts)
	if err != nil {
		return math.NaN()
	}
	e := 1.0
	for _, x := range units {
		if predicted := rec.Predictions[x.Text]; len(predicted) == 0 || predicted[x.Pos].Argmax < 0 {
			continue
		}
		var s [1]float64
		if window := x.Window[len(x.Window)-1]; mark.Scores(x.Window, []token{said[window]}, s[:]) {
			e *= 2 * (1 - math.Exp(-s[0]))
		}
	}
	return e
}

// The presence filter in the order of the served answers is exact for texts that
// were not made under the key. In texts that were it is not: the word after u decides
// what the suspect says after w, the word after w decides whether the service came to
// u. Then the fair bet 2U has mean 1 + 1/18.
func TestPresenceFilterNeedsForeignTexts(t *testing.T) {
	var own, foreign scale
	for i := range uint64(12000) {
		mark, other := newMark(t, newKey(t, 2*i), watermark.Gumbel{}, 1), newMark(t, newKey(t, 2*i+1), watermark.Gumbel{}, 1)
		u, w := token(1000), token(1001)
		served := newScript(t, mark, i, 2)
		served.say(neutral, w)
		present := served.choose(wordA, wordB) == wordA
		if present {
			served.say(u)
			served.choose(wordA, wordB)
		}
		score := func(window, x token) float64 {
			var s [1]float64
			require.True(t, mark.Scores([]token{window}, []token{x}, s[:]))
			return s[0]
		}
		for _, c := range []struct {
			by *watermark.Watermark
			e  *scale
		}{{mark, &own}, {other, &foreign}} {
			s := newScript(t, c.by, i, 1)
			s.say(neutral, u)
			x := s.choose(wordA, wordB)
			s.say(w, neutral)
			e := 2 * (1 - math.Exp(-score(w, x)))
			sum := score(w, x)
			if present {
				e *= 2 * (1 - math.Exp(-score(u, wordA)))
				sum += score(u, wordA)
			}
			c.e.add(e)
			if i%100 == 0 { // that is what the test counts
				none := argmax(collect.NoToken)
				f := one(t, mark, verify.Test{Name: verify.R1, Served: true}, &verify.Record{
					Passages:    []collect.Passage{{Tokens: s.text}},
					Predictions: [][]collect.Prediction{{none, none, argmax(wordA), none, argmax(x)}},
					Served:      []watermark.Text{{Tokens: served.text}},
				})
				require.InDelta(t, sum, f.Statistic, 1e-8)
			}
		}
	}
	mean, se := own.mean()
	assert.InDelta(t, 1+1.0/18, mean, far*se)
	assert.Greater(t, mean-1, far*se, "texts under the key do no harm: the test has lost its point")
	mean, se = foreign.mean()
	assert.InDelta(t, 1, mean, far*se)
}

// A reader's record of passages: clean, and as it was before.
func honest(t testing.TB, mark *watermark.Watermark, texts, tokens int, rng *rand.Rand) *verify.Record {
	rec := &verify.Record{Passages: teacher.passages(t, mark, texts, tokens, rng)}
	suspect := &mind{own: plainSelf, reference: earlier, habit: habits[0].make(), rng: rng}
	rec.Predictions = suspect.read(rec.Passages)
	return rec
}

// convicts checks that the p-values of a looser rule are small far more often than
// chance has it: of n honest ones, more than half are below 1/2 and so many below the
// 1e-6 quantile at level 0.01.
func convicts(t testing.TB, name string, logP []float64) {
	small := 0
	for _, p := range logP {
		if p <= math.Log(0.01) {
			small++
		}
	}
	t.Logf("%s: %d of %d p-values of a clean suspect are at most 0.01", name, small, len(logP))
	assert.Less(t, tail.Binomial(int64(small), int64(len(logP)), 0.01), 2*math.Log(1e-6), "%s: %d of %d do not convict: the test has lost its point", name, small, len(logP))
}

// Texts that were picked for what they say: those that the suspect predicts best, as
// a distiller keeps them.
func TestTextsPickedByContentConvict(t *testing.T) {
	contrary := new(tongue) // expects what the teacher does not
	for w, row := range teacher {
		contrary[w].ids = row.ids
		for _, l := range row.logits {
			contrary[w].logits = append(contrary[w].logits, -l)
		}
		contrary[w].logP = softmax(contrary[w].logits)
	}
	var picked, all, inTime []float64
	for i := range uint64(150) {
		rng := rand.New(rand.NewPCG(i, 21))
		mark := newMark(t, newKey(t, i), watermark.Gumbel{}, 3)
		rec := &verify.Record{Passages: teacher.passages(t, mark, 200, 12, rng)}
		rec.Predictions = (&mind{own: contrary, reference: earlier, habit: habits[0].make(), rng: rng}).read(rec.Passages)
		order := make([]int, len(rec.Passages))
		agree := make([]int, len(order))
		for k, p := range rec.Passages {
			order[k] = k
			for j, x := range p.Tokens {
				if rec.Predictions[k][j].Argmax == x {
					agree[k]++
				}
			}
		}
		part := func(of []int) *verify.Record {
			out := &verify.Record{}
			for _, k := range of {
				out.Passages, out.Predictions = append(out.Passages, rec.Passages[k]), append(out.Predictions, rec.Predictions[k])
			}
			return out
		}
		test := verify.Test{Name: verify.R1, First: 70}
		all = append(all, one(t, mark, test, rec).LogP)
		inTime = append(inTime, one(t, mark, test, part(order[:24])).LogP)
		slices.SortFunc(order, func(a, b int) int { return agree[b] - agree[a] })
		picked = append(picked, one(t, mark, test, part(order[:24])).LogP)
	}
	convicts(t, "texts that the suspect predicts well", picked)
	superUniform(t, "all texts", all)
	superUniform(t, "the first texts", inTime)
	notIdle(t, "all texts", all)
}

// An interface that adds the text's own token to the most likely ones: what the
// service drew enters the sum. A task that wants m tokens refuses m+1.
func TestOwnTokenInTheListConvicts(t *testing.T) {
	var added, ranked []float64
	for i := range uint64(150) {
		rng := rand.New(rand.NewPCG(i, 22))
		mark := newMark(t, newKey(t, i), watermark.Gumbel{}, 3)
		rec := honest(t, mark, 30, 60, rng)
		whole := rec.Predictions
		cut := func(keep func(x token, p collect.Prediction) collect.Prediction) []float64 {
			rec.Predictions = make([][]collect.Prediction, len(whole))
			for k := range whole {
				for j, p := range whole[k] {
					rec.Predictions[k] = append(rec.Predictions[k], keep(rec.Passages[k].Tokens[j], p))
				}
			}
			return []float64{one(t, mark, verify.Test{Name: verify.R3}, rec).LogP}
		}
		top := func(p collect.Prediction) collect.Prediction {
			p.IDs, p.LogProbs, p.Reference = slices.Clone(p.IDs[:1]), slices.Clone(p.LogProbs[:1]), nil
			return p
		}
		ranked = append(ranked, cut(func(_ token, p collect.Prediction) collect.Prediction { return top(p) })...)
		added = append(added, cut(func(x token, p collect.Prediction) collect.Prediction {
			out := top(p)
			if k := slices.Index(p.IDs, x); k >= 1 {
				out.IDs, out.LogProbs = append(out.IDs, x), append(out.LogProbs, p.LogProbs[k])
			}
			return out
		})...)
	}
	convicts(t, "lists with the text's own token", added)
	superUniform(t, "the most likely token", ranked)

	read := func(list collect.Prediction) string {
		task := collect.Task{Plan: collect.Digest{1}, Passages: []collect.Passage{{Tokens: []token{5}}}, Want: collect.Want{Top: 2}}
		suspect := collect.Suspect{Name: "s", TopLogProbs: fixedPredictor{list}}
		got, err := collect.Run(context.Background(), task, suspect, filepath.Join(t.TempDir(), "journal"), collect.Options{})
		require.NoError(t, err)
		return string(got.Readings[0].Status) + " " + got.Readings[0].Error
	}
	p := collect.Prediction{Argmax: collect.NoToken, Sample: collect.NoToken, IDs: []token{1, 2, 5}, LogProbs: []float64{-1, -2, -5}}
	assert.Contains(t, read(p), "lists 3 tokens, want at most 2")
	p.IDs, p.LogProbs = p.IDs[:2], p.LogProbs[:2]
	assert.Equal(t, "complete ", read(p))
}

// A fixedPredictor predicts the same everywhere.
type fixedPredictor struct{ p collect.Prediction }

func (f fixedPredictor) Predict(_ context.Context, q collect.Reading) (collect.Predictions, error) {
	var out collect.Predictions
	for range q.End - q.Begin {
		out.At = append(out.At, f.p)
	}
	return out, nil
}

// Scores weighed with what the teacher logged of the token that it drew, p(x_t), against
// the same with the entropy of its prediction, which is decided before the draw.
func TestWeightsFromTheDrawConvict(t *testing.T) {
	var logged, entropy []float64
	for i := range uint64(150) {
		rng := rand.New(rand.NewPCG(i, 23))
		mark := newMark(t, newKey(t, i), watermark.Gumbel{}, 3)
		rec := honest(t, mark, 16, 60, rng)
		units, _, err := mark.FirstWindows(textsOf(rec.Passages))
		require.NoError(t, err)
		p := func(weight func(row smallRow, x token) float64) float64 {
			var coefs []float64
			var ends []int
			sum := 0.0
			for _, u := range units {
				w := weight(teacher[u.Window[len(u.Window)-1]], u.Token)
				var s [1]float64
				require.True(t, mark.Scores(u.Window, []token{rec.Predictions[u.Text][u.Pos].Argmax}, s[:]))
				coefs, ends = append(coefs, w), append(ends, len(ends)+1)
				sum += w * (s[0] - 1)
			}
			w, err := evidence.NewWeighted(mark.Law(), coefs, ends)
			require.NoError(t, err)
			return w.Tails(sum).Approx
		}
		logged = append(logged, p(func(row smallRow, x token) float64 {
			return math.Exp(row.logP[slices.Index(row.ids, x)])
		}))
		entropy = append(entropy, p(func(row smallRow, _ token) float64 {
			h := 0.0
			for _, l := range row.logP {
				h -= l * math.Exp(l)
			}
			return h
		}))
	}
	convicts(t, "weights from the logged p(x_t)", logged)
	superUniform(t, "weights from the entropy", entropy)
}

func textsOf(passages []collect.Passage) []watermark.Text {
	out := make([]watermark.Text, len(passages))
	for i, p := range passages {
		out[i] = watermark.Text{Prompt: p.Prompt, PromptKnown: true, Tokens: p.Tokens}
	}
	return out
}

// Tokenised with the token that follows, the end of the context tells what begins
// it. Here the first half of a word's number is its first letter: a suspect whose last
// token has swallowed the letter predicts among the words that begin with it.
func TestLookAheadConvicts(t *testing.T) {
	var ahead, prefix []float64
	for i := range uint64(150) {
		rng := rand.New(rand.NewPCG(i, 24))
		mark := newMark(t, newKey(t, i), watermark.Gumbel{}, 2)
		rec := honest(t, mark, 8, 40, rng)
		test := verify.Test{Name: verify.R1, First: 60}
		prefix = append(prefix, one(t, mark, test, rec).LogP)
		letter := func(x token) bool { return x < smallWords/2 }
		for k, list := range rec.Predictions {
			for j := range list {
				next := rec.Passages[k].Tokens[j]
				for _, id := range list[j].IDs { // most likely first
					if letter(id) == letter(next) {
						list[j].Argmax = id
						break
					}
				}
			}
		}
		ahead = append(ahead, one(t, mark, test, rec).LogP)
	}
	convicts(t, "tokenised with the token that follows", ahead)
	superUniform(t, "tokenised without", prefix)
	notIdle(t, "tokenised without", prefix)
}

// Read without leaving out what has occurred, an untouched model that repeats what
// followed before is far from the null, and decoy keys, under which nothing was
// written, look as they should.
func TestRepeatsConvictAndDecoysDoNotShow(t *testing.T) {
	var loose, ours, decoys []float64
	for i := range uint64(150) {
		rng := rand.New(rand.NewPCG(i, 25))
		mark := newMark(t, newKey(t, i), watermark.Gumbel{}, 2)
		rec := &verify.Record{Passages: teacher.passages(t, mark, 4, 120, rng)}
		suspect := &mind{own: plainSelf, reference: earlier, habit: habits[2].make(), certain: 0.9, rng: rng}
		rec.Predictions = suspect.read(rec.Passages)
		all := func(mark *watermark.Watermark) float64 {
			seen := make(map[[3]token]bool) // each (window, token) once, wherever it stands
			sum, n := 0.0, int64(0)
			for k, p := range rec.Passages {
				for j := 2; j < len(p.Tokens); j++ {
					x := rec.Predictions[k][j].Argmax
					key := [3]token{p.Tokens[j-2], p.Tokens[j-1], x}
					if seen[key] {
						continue
					}
					seen[key] = true
					var s [1]float64
					require.True(t, mark.Scores(p.Tokens[j-2:j], []token{x}, s[:]))
					sum, n = sum+s[0], n+1
				}
			}
			return mark.Law().LogTail(sum, n)
		}
		loose = append(loose, all(mark))
		for j := range 4 {
			decoys = append(decoys, all(mark.Decoy([32]byte{byte(i)}, j)))
		}
		ours = append(ours, one(t, mark, verify.Test{Name: verify.R1, First: 60}, rec).LogP)
	}
	convicts(t, "repeats that are read", loose)
	superUniform(t, "decoys of repeats", decoys)
	notIdle(t, "decoys of repeats", decoys)
	superUniform(t, "first occurrences", ours)
	notIdle(t, "first occurrences", ours)
}

// Without the ridge the weight of a position that training left alone is as large
// as what it says is small: the noise of such positions drowns the signal.
func TestRidgeKeepsTheSignal(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 26))
	mark := newMark(t, newKey(t, 1), watermark.Gumbel{}, 3)
	rec := &verify.Record{Passages: teacher.passages(t, mark, 40, 60, rng)}
	student := newLearnt(mark, 0.5, 0.5, rng)
	student.reference = newTongue(2, 0.4) // the same but for the last digits of its figures
	for w := range student.reference {
		for i := range student.reference[w].logP {
			student.reference[w].logP[i] -= 1e-7 * rng.Float64()
		}
	}
	rec.Predictions = student.read(t, rec.Passages)
	units, _, err := mark.FirstWindows(textsOf(rec.Passages))
	require.NoError(t, err)
	var coefs []float64
	var ends []int
	sum := 0.0
	for _, u := range units {
		p := rec.Predictions[u.Text][u.Pos]
		open, moved := 1.0, 0.0
		var d []float64
		for i := range p.IDs {
			d = append(d, math.Exp(p.LogProbs[i]/2)-math.Exp(p.Reference[i]/2))
			open -= math.Exp(2 * p.LogProbs[i])
			moved += d[i] * d[i]
		}
		scores := make([]float64, len(d))
		require.True(t, mark.Scores(u.Window, p.IDs, scores))
		for i := range d {
			coefs = append(coefs, open/moved*d[i])
			sum += open / moved * d[i] * (scores[i] - 1)
		}
		ends = append(ends, len(coefs))
	}
	w, err := evidence.NewWeighted(mark.Law(), coefs, ends)
	require.NoError(t, err)
	bare := w.Standard(sum)
	f := one(t, mark, verify.Test{Name: verify.R4, Weight: verify.Ridge}, rec)
	with := f.Effect.D * math.Sqrt(float64(f.Scored))
	plain := one(t, mark, verify.Test{Name: verify.R4}, rec)
	t.Logf("z without a ridge %.1f, with %.1f, without weights %.1f", bare, with, plain.Effect.D*math.Sqrt(float64(plain.Scored)))
	assert.Less(t, bare, 4.0)
	assert.Greater(t, with, 10.0)
	assert.Less(t, f.LogP, -30.0)
}

// A key holder who picks prompts with the key in hand, or the best of three answers, finds
// any model guilty; prompts picked by a nonce and first answers do not, and a plan
// without a nonce says so in the report's first line.
func TestPicksWithTheKeyInHandConvict(t *testing.T) {
	key := newKey(t, 1)
	mark := newMark(t, key, watermark.Gumbel{}, 2)
	rng := rand.New(rand.NewPCG(1, 27))
	const frame, ask, length = 6000, 120, 18
	answers := make([][]token, frame)
	value := make([]float64, frame)
	order := make([]int, frame)
	for i := range answers {
		order[i] = i
		answers[i] = speak(length, token(rng.IntN(2048)), plainly(rng), func(token) {})
		for j := 2; j < length; j++ {
			var s [1]float64
			require.True(t, mark.Scores(answers[i][j-2:j], answers[i][j:j+1], s[:]))
			value[i] += s[0] - 1
		}
	}
	judge := func(of []int, nonce bool) (*verify.Report, float64) {
		var texts []string
		for _, i := range of {
			texts = append(texts, text(answers[i]...))
		}
		c := newCase(t, texts, nil)
		c.key(t, "vendor", mark, key)
		c.Plan.Tests = []verify.Test{{Name: verify.G1}}
		if !nonce { // all are asked, so that the order is no matter
			c.Plan.Nonce = verify.Nonce{}
			order, err := c.Frames.Prompts.Sample(c.Plan.Nonce.Value, c.Frames.Prompts.Len())
			require.NoError(t, err)
			for k, p := range order {
				i := slices.IndexFunc(c.Transcript.Prompts, func(e collect.Exchange) bool { return e.Question == p })
				c.Transcript.Prompts[k], c.Transcript.Prompts[i] = c.Transcript.Prompts[i], c.Transcript.Prompts[k]
				c.Transcript.Prompts[k].N = k
			}
			for k := range c.Transcript.Prompts {
				c.Transcript.Prompts[k].N = k
			}
		}
		r := c.judge(t)
		f := r.Finding("vendor", verify.G1)
		return r, f.Effect.D * math.Sqrt(float64(f.Scored))
	}
	drawn, z := judge(order[:ask], true)
	assert.Empty(t, drawn.Warning)
	assert.InDelta(t, 0, z, far)
	var best []int // of three
	for i := range ask {
		three := order[3*i : 3*i+3]
		best = append(best, slices.MaxFunc(three, func(a, b int) int { return cmp.Compare(value[a], value[b]) }))
	}
	_, z3 := judge(best, true)
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(value[b], value[a]) })
	r, zKey := judge(order[:ask], false)
	t.Logf("z of prompts picked by a nonce %.1f, of the best of three answers %.1f, of prompts picked with the key %.1f", z, z3, zKey)
	assert.Greater(t, z3, 6.0)
	assert.Greater(t, zKey, 20.0)
	assert.Equal(t, verify.NoNonce, r.Warning)
	var b strings.Builder
	require.NoError(t, r.WriteText(&b))
	assert.True(t, strings.HasPrefix(b.String(), verify.NoNonce+"\n"))
}
