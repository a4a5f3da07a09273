package verify_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// Mutants killed in this file, each by the test in brackets: runs of 49 or 51 for 50, runs
// that the prompt holds counted, overlapping runs counted twice [RepeatsAreCounted];
// passages left out [AnswersOfPassagesAreFound]; answers that repeat scored all the same, a finding voided that
// stands without them [RelayedAnswersVoid]; runs that any model predicts noted
// [RecitedPassagesAreNoted].

// relayCase is a case of answers, with served ones.
func relayCase(t *testing.T, mark *watermark.Watermark, answers, prompts []string, served [][]token) *verify.Report {
	c := newCase(t, answers, prompts)
	c.key(t, "vendor", mark, newKey(t, 51))
	c.Plan.Tests = []verify.Test{{Name: verify.G1}, {Name: verify.G2}}
	c.Plan.Decoys = 1000
	c.serve(served...)
	return c.judge(t)
}

func TestRepeatsAreCounted(t *testing.T) {
	mark := newMark(t, newKey(t, 51), watermark.Gumbel{}, 3)
	rng := rand.New(rand.NewPCG(1, 51))
	own := func(n int) []token { return speak(n, token(rng.IntN(2048)), plainly(rng), func(token) {}) }
	served := [][]token{serve(t, session(t, mark, 1), 200, 3), serve(t, session(t, mark, 2), 200, 4)}
	join := func(parts ...[]token) string {
		var all []token
		for _, p := range parts {
			all = append(all, p...)
		}
		return text(all...)
	}
	other := served[0][40]%64 + 100*64 // ends a run
	for _, x := range []struct {
		name    string
		answers []string
		prompts []string
		want    verify.Relayed
	}{
		{"nothing", []string{join(own(80))}, nil, verify.Relayed{}},
		{"49 in a row", []string{join(own(20), served[0][10:59], []token{other}, own(20))}, nil, verify.Relayed{}},
		{"50 in a row", []string{join(own(20), served[0][10:60], []token{other}, own(20))}, nil, verify.Relayed{Answers: 1, Tokens: 50, Longest: 50}},
		{"to the end", []string{join(served[1][120:200])}, nil, verify.Relayed{Answers: 1, Tokens: 80, Longest: 80}},
		{"two runs, two answers", []string{join(served[0][:60], []token{other}, served[1][:70]), join(served[0][100:150]), join(own(60))}, nil, verify.Relayed{Answers: 2, Tokens: 180, Longest: 70}},
		{"quoted from the prompt", []string{join(own(20), served[0][10:100])}, []string{"Repeat: " + join(served[0][:120])}, verify.Relayed{}},
		{"of another's prompt", []string{join(own(20), served[0][10:100]), ""}, []string{"Say", "Repeat: " + join(served[0][:120])}, verify.Relayed{Answers: 1, Tokens: 90, Longest: 90}},
		{"more than the prompt holds", []string{join(served[0][10:110])}, []string{join(served[0][:60])}, verify.Relayed{Answers: 1, Tokens: 99, Longest: 99}},
		{"twice the same", []string{join(served[0][10:60], served[0][10:60])}, nil, verify.Relayed{Answers: 1, Tokens: 100, Longest: 100}},
	} {
		r := relayCase(t, mark, x.answers, x.prompts, served)
		assert.Equal(t, x.want, r.Relayed, x.name)
		assert.Equal(t, !x.want.IsZero(), strings.Contains(report(t, r), "repeat marked texts word for word"), x.name)
	}
}

// A suspect that hands served answers through, or looks them up, is found by every
// test of texts: that it was trained on them is not what this shows, and the finding is
// void. Where the rest of its answers says the same, the finding stands.
func TestRelayedAnswersVoid(t *testing.T) {
	mark := newMark(t, newKey(t, 51), watermark.Gumbel{}, 3)
	rng := rand.New(rand.NewPCG(2, 51))
	var served [][]token
	for i := range uint64(8) {
		served = append(served, serve(t, session(t, mark, i), 120, token(i)))
	}
	for name, share := range map[string]float64{"a clean model": 0, "a student": 0.5} {
		var answers []string
		for i := range 12 {
			if i%3 == 0 { // relayed
				answers = append(answers, text(served[i%8]...))
				continue
			}
			answers = append(answers, text(student(t, mark, share, 120, token(rng.IntN(2048)), rng)...))
		}
		r := relayCase(t, mark, answers, nil, served)
		assert.Equal(t, 4, r.Relayed.Answers)
		for _, f := range r.Findings {
			assert.Less(t, f.LogP, math.Log(1e-6), "%s %s", name, f.Test)
			if f.Test == verify.G2 && share > 0 { // too few windows of the others were served
				continue
			}
			assert.Equal(t, share > 0, f.Rejected, "%s %s", name, f.Test)
			void, notes := fmt.Sprint(f.Void), fmt.Sprint(f.Notes)
			const says = "without the 4 answers that repeat marked texts word for word"
			assert.Equal(t, share == 0, strings.Contains(void, says+": these were relayed or looked up, which is another finding and a stronger one"), "%s %s: %s", name, f.Test, void)
			assert.Equal(t, share > 0, strings.Contains(notes, says), "%s %s: %s", name, f.Test, notes)
		}
	}
}

// Passages are marked texts, too: who answers with them has them from somewhere.
func TestAnswersOfPassagesAreFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 51))
	key := newKey(t, 53)
	mark := newMark(t, key, watermark.Gumbel{}, 3)
	passages := teacher.passages(t, mark, 2, 90, rng)
	c := newReadingCase(t, passages)
	frame, err := collect.NewFrame([]string{text(1, 2, 3)})
	require.NoError(t, err)
	c.Frames.Prompts, c.Tokenizer, c.Plan.Tokenizer = frame, tokenizer, tokenizer.TokenizerID
	c.Plan.Frame = verify.FramePlan{Digest: frame.Digest(), Size: 1, Ask: 1}
	c.key(t, "vendor", mark, key)
	c.Plan.Tests = []verify.Test{{Name: verify.G1}, {Name: verify.R1}}
	access := readerOf("s", &mind{own: plainSelf, reference: plainSelf, habit: habits[0].make(), rng: rng})
	access.Text = said(text(append(teacher.plain(5, rng), passages[1].Tokens[10:80]...)...))
	c.Transcript, c.Seal = c.collect(t, access)
	r, err := verify.Judge(context.Background(), c.Case)
	require.NoError(t, err)
	assert.Equal(t, 1, r.Relayed.Answers)
	assert.GreaterOrEqual(t, r.Relayed.Tokens, 70)
}

// said answers every prompt alike.
type said string

func (s said) Answer(context.Context, string) (collect.Answer, error) {
	return collect.Answer{Text: string(s)}, nil
}

// What a suspect predicts as the passage goes on, token after token and beyond what
// its reference would, it knows by heart or looks up.
func TestRecitedPassagesAreNoted(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 51))
	key := newKey(t, 52)
	mark := newMark(t, key, watermark.Gumbel{}, 3)
	passages := teacher.passages(t, mark, 4, 90, rng)
	clean := &mind{own: plainSelf, reference: plainSelf, habit: habits[0].make(), rng: rng}
	judge := func(p collect.Predictor, reference collect.Rescorer) verify.Finding {
		c := newReadingCase(t, passages)
		c.key(t, "vendor", mark, key)
		c.Plan.Tests = []verify.Test{{Name: verify.R1}, {Name: verify.R4}}
		c.Plan.Reading.Top, c.Plan.Reading.Reference, c.Plan.Reading.Age = 3, "base", "released before"
		if reference == nil {
			c.Plan.Tests = c.Plan.Tests[:1]
			c.Plan.Reading.Top, c.Plan.Reading.Reference, c.Plan.Reading.Age = 0, "", ""
		}
		c.Transcript, c.Seal = c.collect(t, collect.Suspect{Name: "s", Prefix: p, TopLogProbs: p, Reference: reference})
		r, err := verify.Judge(context.Background(), c.Case)
		require.NoError(t, err)
		return r.Findings[len(r.Findings)-1]
	}
	const says = "positions were predicted as the passages go on, in unbroken runs of 50 and more"
	for _, x := range []struct {
		name      string
		suspect   collect.Predictor
		reference collect.Rescorer
		want      string
	}{
		{"a clean model", clean, surprised(10), ""},
		{"60 in a row", reciter{10, 70}, surprised(10), "240 " + says + ", 24 of them tokens with a probability below 0.001 to the reference"},
		{"49 in a row", reciter{10, 59}, surprised(10), ""},
		{"what any model would say", reciter{10, 70}, surprised(1000), ""},
		{"to the end", reciter{40, 90}, surprised(50), "200 " + says + ", 4 of them tokens"},
		{"without a reference", reciter{10, 70}, nil, "240 " + says + ": the suspect knows"},
	} {
		notes := fmt.Sprint(judge(x.suspect, x.reference).Notes)
		assert.Equal(t, x.want != "", strings.Contains(notes, says), "%s: %s", x.name, notes)
		assert.Contains(t, notes, x.want, x.name)
		assert.Equal(t, x.want != "", strings.Contains(notes, "knows them by heart or looks them up, which the test does not tell apart"), x.name)
	}
}

// A reciter looks passages up at positions [from, to), and says nothing else right.
type reciter struct{ from, to int }

func (r reciter) Predict(_ context.Context, q collect.Reading) (collect.Predictions, error) {
	return predictions(q, func(c []token, prompt int) collect.Prediction {
		i := len(c) - prompt
		x := q.Passage.Tokens[i]
		if i < r.from || i >= r.to {
			x = (x + 1) % smallWords
		}
		return collect.Prediction{Argmax: x, Sample: x, IDs: []token{x}, LogProbs: []float64{-0.1}}
	}), nil
}

// A surprised reference gives every so manieth token, from the last on, next to nothing.
type surprised int

func (n surprised) Rescore(_ context.Context, q collect.Reading, ids [][]int32) ([][]float64, error) {
	out := make([][]float64, len(ids))
	for i := range ids {
		for range ids[i] {
			l := -0.5
			if (q.Begin+i)%int(n) == int(n)-1 {
				l = -8
			}
			out[i] = append(out[i], l)
		}
	}
	return out, nil
}
