package verify_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// A student that read each planted candidate twice is found, through the whole
// protocol; under another key it is not, and a model that read none is not.
func TestRankFindsAStudent(t *testing.T) {
	t.Parallel()
	book := readBook(t, twinsText(20, 5, vendorTree))
	c := newTwins(t, book, 1, twinsPrompts...)
	c.Plan.Decoys, c.Plan.Controls = 10_000, []string{"clean"}
	served := c.served(t)
	c.hold(t, "spare", canary.Holder("vendor", newKey(t, 2)))
	c.Plan.Keys[1].HeldOut = true
	c.ask(t, train(append(common(book), append(served, served...)...)...))
	clean, seal := c.collect(t, collect.Suspect{Name: "clean", TopLogProbs: train(common(book)...)})
	c.Controls = []verify.Control{{Transcript: clean, Seal: seal}}
	r := c.rejudge(t)
	f, spare := r.Finding("vendor", verify.Rank), r.Finding("spare", verify.Rank)
	assert.Empty(t, f.Void)
	assert.True(t, f.Rejected)
	assert.Equal(t, []any{100, 20}, []any{f.Raw, f.Scored})
	assert.Equal(t, 20., f.Statistic)
	assert.InDelta(t, -20*math.Log(5), f.LogP, 1e-8)
	assert.Equal(t, verify.Exact, f.Tail)
	assert.Less(t, f.LogE, -f.LogP)
	assert.Greater(t, f.LogE, 15.)
	assert.Equal(t, []any{0, 0, 0, 4.0, 40.0}, []any{f.Twins.Missing, f.Twins.Tied, f.Twins.Excess, f.Twins.Expected, f.Twins.ExpectedExcess})
	assert.InDelta(t, -20*math.Log(5), f.Twins.LogExcess, 1e-8)
	assert.Len(t, f.Twins.Items, 12)
	assert.Positive(t, f.Twins.Items[0].Lead)
	assert.Equal(t, 10_000, f.Decoys.Keys)
	assert.Greater(t, f.Controls[0].LogP, -6.)
	assert.Equal(t, 20, f.Controls[0].Scored)
	assert.False(t, spare.Rejected)
	assert.Greater(t, spare.LogP, math.Log(0.01))
	assert.Empty(t, f.Notes, "the nonce picked one of three prompts")

	// A control that shows the same voids it.
	c.Controls[0].Transcript, c.Controls[0].Seal = c.collect(t, collect.Suspect{Name: "clean", TopLogProbs: train(append(common(book), served...)...)})
	r = c.rejudge(t)
	f = r.Finding("vendor", verify.Rank)
	assert.False(t, f.Rejected)
	assert.Contains(t, strings.Join(f.Void, " "), "clean, which never saw marked answers, shows the same: log10 p of rank is")
}

// Of 12,000 keys that were drawn apart from the suspect, no more have a small p-value
// than it says, whatever the suspect is like: favourites of its own, ties, candidates of
// which it says nothing. 1e-6 for each.
func TestRankHoldsUnderTheNull(t *testing.T) {
	t.Parallel()
	n := 12_000
	if testing.Short() {
		n = 400
	}
	book := readBook(t, briefTwins(6, 3))
	for name, s := range map[string]func(rng *rand.Rand) func(int, int) (float64, bool){
		"noise": noise,
		"ties and silence": func(rng *rand.Rand) func(int, int) (float64, bool) {
			return func(i, o int) (float64, bool) {
				return -float64(rng.IntN(4)), i > 0 || o != 1
			}
		},
		"the first candidate": func(rng *rand.Rand) func(int, int) (float64, bool) {
			return func(_, o int) (float64, bool) { return -1 - float64(o), true }
		},
	} {
		c := newTwins(t, book, 0, "{item}:")
		runs := n / 3
		logP, bets := make([]float64, runs), make([]float64, runs)
		for i := range runs {
			c.Plan.Keys, c.Case.Keys = nil, nil
			c.hold(t, "vendor", canary.Holder("vendor", newKey(t, uint64(1000+i))))
			c.Transcript, c.Seal = c.say(t, "s", s(rand.New(rand.NewPCG(uint64(i%50), 4))))
			f := c.rejudge(t).Findings[0]
			logP[i], bets[i] = f.LogP, min(0, -f.LogE)
			assert.Equal(t, f.Twins.Tied > 0, f.Tail == verify.Bound)
		}
		superUniform(t, name, logP)
		superUniform(t, name+", e", bets)
		if name == "ties and silence" {
			continue
		}
		// P(3 or more of 6 first) is what it says.
		k := 0
		for _, x := range logP {
			if x <= tail.Binomial(3, 6, 1./3)+1e-9 {
				k++
			}
		}
		p := math.Exp(tail.Binomial(3, 6, 1./3))
		assert.InDelta(t, p, float64(k)/float64(runs), 4.9*math.Sqrt(p*(1-p)/float64(runs)), name)
	}
}

// The e-value has mean 1 over the keys, and the p-value is the binomial one, whatever
// the number of firsts.
func TestRankFigures(t *testing.T) {
	t.Parallel()
	const n, m = 10, 5
	book := readBook(t, briefTwins(n, m))
	mean, above := 0.0, 1.0
	for k := range n + 1 {
		c := newTwins(t, book, 11, "{item}:")
		c.Plan.Decoys = 1000
		c.Transcript, c.Seal = c.say(t, "s", func(i, o int) (float64, bool) {
			planted, err := book.Option(c.holder.Option, book.Items()[i].Unit())
			require.NoError(t, err)
			if i >= k {
				planted = (planted + 1) % m
			}
			if o == planted {
				return -1, true
			}
			return -2 - float64(o), true
		})
		f := c.rejudge(t).Findings[0]
		assert.Equal(t, float64(k), f.Statistic)
		assert.InDelta(t, math.Log(above), f.LogP, 1e-8)
		p := math.Exp(tail.Binomial(int64(k), n, 1./m)) - math.Exp(tail.Binomial(int64(k)+1, n, 1./m))
		above -= p
		mean += p * math.Exp(f.LogE)
		assert.Equal(t, k > 6, f.Rejected, "%d firsts: ln p is %v", k, f.LogP)
		assert.InDelta(t, 2, f.Twins.Expected, 1e-9)
		assert.InDelta(t, (float64(k)-2)/math.Sqrt(n*0.16)/math.Sqrt(n), f.Effect.D, 1e-8)
		require.True(t, f.Power.Attainable)
		assert.InDelta(t, (5/math.Sqrt(n*0.16)+0.8416212336)/math.Sqrt(n), f.Power.Detectable, 1e-8, "7 of 10 reach 1e-3, with 80 %% power")
	}
	assert.InDelta(t, 1, mean, 1e-6)
}

// One that finds all candidates alike, or says nothing of them, is never found.
func TestRankTiesCountAgainstTheClaim(t *testing.T) {
	t.Parallel()
	book := readBook(t, twinsText(15, 4, vendorTree))
	for name, said := range map[string]func(item, candidate int) (float64, bool){
		"constant": func(int, int) (float64, bool) { return -3, true },
		"certain":  func(int, int) (float64, bool) { return 0, true },
		"silent":   func(int, int) (float64, bool) { return 0, false },
	} {
		c := newTwins(t, book, 3, twinsPrompts...)
		c.Plan.Decoys, c.Plan.Void.Missing = 1000, 1
		c.Transcript, c.Seal = c.say(t, "s", said)
		f := c.rejudge(t).Findings[0]
		assert.Zero(t, f.LogP, name)
		assert.Zero(t, f.LogE, name)
		assert.Zero(t, f.Twins.LogExcess, name)
		assert.False(t, f.Rejected, name)
		assert.Equal(t, 15, f.Twins.Tied, name)
		assert.Equal(t, 45, f.Twins.Excess, name)
		assert.Contains(t, strings.Join(f.Void, " "), "15 items, 0 of them with one likeliest candidate, cannot reach the level", name)
	}
	// Of the planted candidate alone nothing is known, or nothing of one of its tokens: it
	// is last. Of one twin: that is as if it were the likeliest.
	c := newTwins(t, book, 3, twinsPrompts...)
	c.Plan.Void.Missing = 1
	planted := make([]int, 15)
	for i, item := range book.Items() {
		var err error
		planted[i], err = book.Option(c.holder.Option, item.Unit())
		require.NoError(t, err)
	}
	c.Transcript, c.Seal = c.say(t, "s", func(i, o int) (float64, bool) {
		silent := i == 0 && o == planted[0] || i == 1 && o == (planted[1]+1)%4
		switch {
		case i == 2 && o == planted[2]:
			return math.NaN(), true
		case o == planted[i]:
			return -1, !silent
		}
		return -2, !silent
	})
	f := c.rejudge(t).Findings[0]
	assert.Equal(t, 12., f.Statistic)
	assert.Equal(t, []any{3, 3, 7}, []any{f.Twins.Missing, f.Twins.Tied, f.Twins.Excess})
	assert.InDelta(t, tail.Binomial(12, 15, 0.25), f.LogP, 1e-8)
	assert.Equal(t, verify.Bound, f.Tail)
	for _, x := range f.Twins.Items {
		assert.Equal(t, 1, x.Rank, "the twelve that are listed are those that are known")
	}
}

// Decoys of a suspect that knows no key follow the null law, ties or not; those of
// candidates that are all planted alike would not.
func TestRankDecoysFollowTheLaw(t *testing.T) {
	t.Parallel()
	for i := range uint64(6) {
		book := readBook(t, twinsText(30, 2+int(i), vendorTree))
		c := newTwins(t, book, 50+i, twinsPrompts...)
		c.Plan.Decoys = 10_000
		c.Transcript, c.Seal = c.say(t, "s", func(item, o int) (float64, bool) {
			x, _ := noise(rand.New(rand.NewPCG(uint64(item), uint64(o))))(0, 0)
			return math.Round(x), true
		})
		f := c.rejudge(t).Findings[0]
		assert.Empty(t, f.Void)
		assert.InDelta(t, 1, f.Decoys.Dispersion, 0.04)
		assert.Greater(t, f.Decoys.Small, 0)
	}
}

// A collection that was broken off goes on, and gives the same report.
func TestRankResumes(t *testing.T) {
	t.Parallel()
	book := readBook(t, twinsText(8, 4, vendorTree))
	c := newTwins(t, book, 5, twinsPrompts...)
	m := train(append(common(book), c.served(t)...)...)
	c.ask(t, m)
	want := c.rejudge(t)
	task, err := c.Plan.Task(c.Frames)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "journal")
	ctx, cancel := context.WithCancelCause(context.Background())
	events := 0
	_, err = collect.Run(ctx, task, collect.Suspect{Name: "s", TopLogProbs: m}, path, collect.Options{Clock: frozen{}, Progress: func(collect.Progress) {
		if events++; events == 21 {
			cancel(errors.New("unplugged"))
		}
	}})
	require.ErrorContains(t, err, "unplugged")
	c.Transcript, err = collect.Run(context.Background(), task, collect.Suspect{Name: "s", TopLogProbs: m}, path, collect.Options{Clock: frozen{}})
	require.NoError(t, err)
	c.Seal, err = c.Transcript.Seal()
	require.NoError(t, err)
	got := c.rejudge(t)
	assert.Equal(t, want.Findings[0].Twins, got.Findings[0].Twins)
	assert.Equal(t, want.Findings[0].LogP, got.Findings[0].LogP)
}

// What R tests say does not change when own tokens are asked for, whatever was said
// of them: a test that looks at them convicts the innocent.
func TestOwnTokensAreForRanksOnly(t *testing.T) {
	t.Parallel()
	plain := readingCase(t, 40, 0)
	book := readBook(t, twinsText(6, 5, vendorTree))
	holder := canary.Holder("vendor", newKey(t, 9))
	entry, err := verify.CommitTree("tree", book, holder, [32]byte{3})
	require.NoError(t, err)
	for _, bias := range []float64{0, 1} {
		c := *plain.trialCase
		p := *c.Plan
		c.Plan, c.Book = &p, book
		c.withCharacters(t)
		c.Tokenizer.Encode = func(s string) (out []token) { // any tokens will do
			for _, r := range s {
				out = append(out, r)
			}
			return out
		}
		c.Frames.Twins, err = verify.TwinsFrame(book, twinsPrompts, c.Tokenizer.Encode)
		require.NoError(t, err)
		p.Twins = verify.TwinsPlan{Frame: verify.FramePlan{Digest: c.Frames.Twins.Digest(), Size: 90, Ask: 30}, Prompts: twinsPrompts}
		p.Book = verify.BookPlan{Name: book.Name(), Hash: book.Hash()}
		p.Tests = append([]verify.Test{{Name: verify.Rank}}, p.Tests...)
		p.Keys = append(p.Keys[:3:3], entry)
		c.Case.Keys = append(c.Case.Keys[:3:3], verify.Opened{Name: "tree", Key: holder.Option, Nonce: [32]byte{3}})
		suspect, clean := reader{map[string]*watermark.Watermark{}, 0.6}, reader{}
		for _, o := range c.Case.Keys[:3] {
			suspect.marks[o.Name] = o.Mark
		}
		c.Transcript, c.Seal = c.collect(t, collect.Suspect{Name: "reader", TopLogProbs: teller{suspect, bias}, Reference: teller{clean, bias}})
		transcript, seal := c.collect(t, collect.Suspect{Name: "clean", TopLogProbs: teller{clean, bias}, Reference: teller{clean, bias}})
		c.Controls = []verify.Control{{Transcript: transcript, Seal: seal}}
		got, err := verify.Judge(context.Background(), c.Case)
		require.NoError(t, err)
		// The shortest candidate, of the ibis, is the likeliest to one with a bias.
		rank, ibis := got.Finding("tree", verify.Rank), 0.0
		for _, item := range book.Items() {
			if o, err := book.Option(holder.Option, item.Unit()); bias > 0 && o == 4 {
				require.NoError(t, err)
				ibis++
			}
		}
		assert.Equal(t, []any{30, 6, ibis}, []any{rank.Raw, rank.Scored, rank.Statistic})
		assert.Equal(t, map[float64]int{0: 6, 1: 0}[bias], rank.Twins.Tied)
		for _, want := range plain.report.Findings {
			f := got.Finding(want.Key, want.Test)
			require.NotNil(t, f)
			assert.NotZero(t, want.Scored+len(want.Void))
			same := *f
			same.Adjusted, same.Rejected, same.Power, same.Void = want.Adjusted, want.Rejected, want.Power, want.Void
			assert.Equal(t, want, same, "%s %s", want.Key, want.Test)
		}
	}
}

// A teller predicts like another and says of own tokens what it likes.
type teller struct {
	reader
	bias float64
}

func (r teller) Predict(ctx context.Context, q collect.Reading) (collect.Predictions, error) {
	out, err := r.reader.Predict(ctx, known(q))
	for i := range out.At {
		own := -r.bias * float64(i)
		out.At[i].Own = &own
	}
	return out, err
}

func (r teller) Rescore(ctx context.Context, q collect.Reading, ids [][]int32) ([][]float64, error) {
	return r.reader.Rescore(ctx, known(q), ids)
}

// known puts tokens that a reader knows in place of those of a candidate.
func known(q collect.Reading) collect.Reading {
	if q.Passage.PromptText != "" {
		q.Passage = &collect.Passage{Key: "a", Prompt: []token{1, 2}, Tokens: make([]token, len(q.Passage.Tokens))}
	}
	return q
}

// Canaries of other kinds have other units: their e-values multiply with those of
// ranks under one key.
func TestRankMultipliesWithOtherCanaries(t *testing.T) {
	t.Parallel()
	book := readBook(t, twinsText(10, 4, vendorTree+"pick town\nask name a fictional town\nform Aldmoor\nform Brackwater\n"))
	c := newTwins(t, book, 6, twinsPrompts...)
	frame, err := collect.NewFrame([]string{"Name a fictional town."})
	require.NoError(t, err)
	c.Frames.Prompts = frame
	c.Plan.Frame = verify.FramePlan{Digest: frame.Digest(), Size: 1, Ask: 1}
	c.Plan.Tests = append(c.Plan.Tests, verify.Test{Name: verify.Picks})
	c.Plan.Products = []verify.Product{{Name: "both", Parts: []verify.Part{{Key: "vendor", Test: verify.Rank}, {Key: "vendor", Test: verify.Picks}}}}
	require.NoError(t, c.Plan.Check())
	town, err := book.Item("town")
	require.NoError(t, err)
	o, err := book.Option(c.holder.Option, town.Unit())
	require.NoError(t, err)
	c.Transcript, c.Seal = c.collect(t, collect.Suspect{Name: "s", Text: always(town.Options[o]),
		TopLogProbs: train(append(common(book), c.served(t)...)...)})
	r := c.rejudge(t)
	rank, picks, both := r.Finding("vendor", verify.Rank), r.Finding("vendor", verify.Picks), r.Finding("both", "rank × picks")
	assert.Equal(t, 10., rank.Statistic)
	assert.Equal(t, 1, picks.Scored)
	assert.InDelta(t, rank.LogE+picks.LogE, both.LogE, 1e-8)
	c.Plan.Products[0].Parts[1].Test = verify.Rank
	assert.ErrorContains(t, c.Plan.Check(), "twice")
	c.Plan.Products = nil
	c.Plan.Pools = []verify.Pool{{Name: "pool", Test: verify.Rank, Keys: []string{"vendor", "vendor"}}}
	assert.Error(t, c.Plan.Check())
}

type always string

func (a always) Answer(context.Context, string) (collect.Answer, error) {
	return collect.Answer{Text: string(a)}, nil
}

// A bundle makes the ranks again; none of its bytes can be changed.
func TestRankBundle(t *testing.T) {
	t.Parallel()
	book := readBook(t, twinsText(8, 4, vendorTree))
	c := newTwins(t, book, 7, twinsPrompts...)
	c.Plan.Decoys = 1000
	c.ask(t, train(append(common(book), c.served(t)...)...))
	data := file(t, c.enclosed(t))
	v, err := verdict(t, data, twinsRecompute)
	require.NoError(t, err)
	require.True(t, v.OK(), written(t, v))
	anchored := slices.IndexFunc(v.Checks, func(c verify.Check) bool {
		return c.Name == "anchor of frame of twins" && strings.Contains(c.Detail, "entry 3")
	})
	assert.GreaterOrEqual(t, anchored, 0, written(t, v))
	n := 600
	if testing.Short() {
		n = 50
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for range n {
		i, bits := someByte(rng, len(data))
		v, err := verdict(t, flip(data, i, bits), verify.Recompute{})
		if err == nil && len(failed(v)) == 0 {
			t.Fatalf("byte %d, bits %#x: %q", i, bits, data[max(0, i-20):min(len(data), i+20)])
		}
	}
	raw := dissect(t, data)
	for k, p := range raw.parts {
		if p.Part == "tokenizer" || p.Part == "ledger" { // loadBytes does not read it; counted in no figure
			continue
		}
		for range n / 50 {
			at := rng.IntN(len(p.data))
			raw.parts[k].data = flip(p.data, at, 1<<rng.IntN(7))
			v, err := verdict(t, raw.assemble(), twinsRecompute)
			if err == nil && v.OK() {
				t.Fatalf("%s, byte %d: %q", p.Part, at, raw.parts[k].data[max(0, at-20):min(len(p.data), at+20)])
			}
		}
		raw.parts[k].data = p.data
	}
	none := raw.with("plan", bytes.Clone)
	for i, p := range none.parts {
		if p.Part == "twins" {
			none.parts = append(none.parts[:i:i], none.parts[i+1:]...)
			break
		}
	}
	v, err = verdict(t, none.assemble(), twinsRecompute)
	require.NoError(t, err)
	assert.Contains(t, failed(v), "twins")
}

// A book keeps some twins in reserve: they are for the test that says so.
func TestRankOfTheReserve(t *testing.T) {
	t.Parallel()
	book := readBook(t, twinsText(30, 4, vendorTree+"reserve 0.5\n"))
	c := newTwins(t, book, 8, twinsPrompts...)
	c.Plan.Decoys = 1000
	c.Plan.Tests = append(c.Plan.Tests, verify.Test{Name: verify.Rank, Reserve: 1})
	c.Plan.Products = []verify.Product{{Name: "halves", Parts: []verify.Part{{Key: "vendor", Test: "rank"}, {Key: "vendor", Test: "rank reserve"}}}}
	c.ask(t, train(append(common(book), c.served(t)...)...))
	r := c.rejudge(t)
	screened, confirmed := r.Finding("vendor", "rank"), r.Finding("vendor", "rank reserve")
	assert.Equal(t, 30, screened.Scored+confirmed.Scored)
	assert.InDelta(t, 15, screened.Scored, 13)
	assert.Equal(t, float64(screened.Scored), screened.Statistic)
	assert.Equal(t, float64(confirmed.Scored), confirmed.Statistic)
	for _, x := range screened.Twins.Items {
		assert.NotContains(t, x.Unit, "|reserve")
	}
	for _, x := range confirmed.Twins.Items {
		assert.Contains(t, x.Unit, "|reserve")
	}
}
