package verify_test

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// Mutants killed in this file: steps of another law, or whose last is not the finding;
// scores of other answers or passages than those that count; decoys in another order than
// their p-values, or those of another test; cells that are cut off; details that change the
// report, or are told of controls.

// details returns what a bundle tells on its way, by key and test.
func details(t testing.TB, b *bundled) map[[2]string]verify.Detail {
	out := make(map[[2]string]verify.Detail)
	with := recompute
	with.Detail = func(d verify.Detail) {
		name := [2]string{d.Key, d.Test}
		assert.Empty(t, out[name], "told twice")
		out[name] = d
	}
	v := b.bundle(t).Verify(context.Background(), with)
	require.True(t, v.OK(), "%s", written(t, v))
	return out
}

// calibrated compares the decoys of a detail with what the report says of them.
func calibrated(t *testing.T, f *verify.Finding, d verify.Detail) {
	require.Equal(t, f.Decoys.Keys, len(d.Decoys))
	spread, mean, above, small := 0.0, 0.0, 0, 0
	for i, z := range d.Decoys {
		spread += z * z
		mean += z / float64(len(d.Decoys))
		if z >= d.Z {
			above++
		}
		if d.DecoyLogP != nil && d.DecoyLogP[i] <= math.Log(0.01) {
			small++
		}
	}
	assert.InEpsilon(t, f.Decoys.Spread, spread, 1e-7)
	assert.InDelta(t, f.Decoys.Mean, mean, 1e-7)
	assert.InDelta(t, f.Decoys.Rank, math.Log(float64(1+above)/float64(1+len(d.Decoys))), 1e-9)
	if d.DecoyLogP != nil {
		require.Equal(t, len(d.Decoys), len(d.DecoyLogP))
		assert.Equal(t, f.Decoys.Small, small)
		for i := range d.Decoys[1:] {
			assert.Equal(t, d.Decoys[i] < d.Decoys[i+1], d.DecoyLogP[i] > d.DecoyLogP[i+1], "p falls as z rises")
		}
	}
}

// stepped compares the steps of a detail with the finding at their end.
func stepped(t *testing.T, f *verify.Finding, d verify.Detail) {
	require.NotEmpty(t, d.Steps)
	require.LessOrEqual(t, len(d.Steps), 256)
	for i := range d.Steps[1:] {
		assert.Less(t, d.Steps[i].N, d.Steps[i+1].N)
	}
	for _, s := range d.Steps {
		assert.LessOrEqual(t, s.LogP, 0.0)
	}
	last := d.Steps[len(d.Steps)-1]
	assert.Equal(t, f.Scored, last.N)
	assert.InDelta(t, f.LogP, last.LogP, 1e-7*(1+math.Abs(f.LogP)))
	assert.InDelta(t, f.LogE, last.LogE, 1e-7*(1+math.Abs(f.LogE)))
}

func TestDetailOfTexts(t *testing.T) {
	b := textCase(t, 1000)
	told := details(t, b)
	require.Equal(t, 6, len(told), "three keys by two tests, and no product")
	for name, d := range told {
		f := b.report.Finding(name[0], name[1])
		require.Empty(t, f.Void)
		calibrated(t, f, d)
		stepped(t, f, d)
		require.Equal(t, f.Scored, len(d.Scores))
		assert.Empty(t, d.Cells)
		sum := 0.0
		mark := b.Keys(name[0]).Mark
		for _, s := range d.Scores {
			require.Equal(t, -1, s.Passage)
			answer := encode(b.Transcript.Prompts[s.Prompt].Text)
			require.Equal(t, answer[s.Pos], s.Token)
			assert.InEpsilon(t, -s.Value, s.LogP, 1e-6, "the tail of Exp(1)")
			sum += s.Value
		}
		assert.InEpsilon(t, f.Statistic, sum, 1e-7)
		first := d.Scores[0]
		answer := encode(b.Transcript.Prompts[first.Prompt].Text)
		score := []float64{0}
		require.True(t, mark.Scores(answer[first.Pos-1:first.Pos], []token{first.Token}, score))
		assert.InDelta(t, score[0], first.Value, 1e-8)
	}
	assert.Greater(t, told[[2]string{"vendor", "G1"}].Z, 5.0)
}

// Numbers are those of prompts, also after one without an answer.
func TestDetailAfterAnEmptyAnswer(t *testing.T) {
	key := newKey(t, 1)
	mark := newMark(t, key, watermark.Gumbel{}, 2)
	rng := rand.New(rand.NewPCG(2, 4))
	c := newCase(t, []string{text(student(t, mark, 0.5, 60, 5, rng)...), "", text(student(t, mark, 0.5, 60, 9, rng)...), ""}, nil)
	c.key(t, "vendor", mark, key)
	c.Plan.Tests, c.Plan.Decoys = []verify.Test{{Name: verify.G1}}, 1000
	seen := make(map[int]bool)
	c.Detail = func(d verify.Detail) {
		for _, s := range d.Scores {
			require.Equal(t, encode(c.Transcript.Prompts[s.Prompt].Text)[s.Pos], s.Token)
			seen[s.Prompt] = true
		}
	}
	c.judge(t)
	assert.Equal(t, 2, len(seen))
}

// Keys returns what was opened under a name.
func (b *bundled) Keys(name string) verify.Opened {
	return b.Case.Keys[slices.IndexFunc(b.Case.Keys, func(o verify.Opened) bool { return o.Name == name })]
}

func TestDetailOfReading(t *testing.T) {
	b := readingCase(t, 150, 1000)
	told := details(t, b)
	passages := mustPassages(t, b)
	require.Equal(t, 10, len(told), "three keys by three tests, and the pool")
	for name, d := range told {
		f := b.report.Finding(name[0], name[1])
		if name[0] == "spare" { // it has no passages
			assert.Equal(t, verify.Detail{Key: "spare", Test: name[1]}, d)
			continue
		}
		calibrated(t, f, d)
		if name[0] == "cohort" {
			continue
		}
		stepped(t, f, d)
		sum := 0.0
		for _, s := range d.Scores {
			require.Equal(t, -1, s.Prompt)
			require.Equal(t, name[0], passages[s.Passage].Key)
			require.Less(t, s.Pos, len(passages[s.Passage].Tokens))
			sum += s.Value
			if name[1] == verify.R1 {
				e := b.Transcript.Readings[slices.IndexFunc(b.Transcript.Readings, func(e collect.ReadingExchange) bool {
					return e.Passage == s.Passage && e.Begin <= s.Pos && s.Pos < e.End
				})]
				assert.Equal(t, e.Predictions[s.Pos-e.Begin].Argmax, s.Token)
				continue
			}
			assert.Equal(t, collect.NoToken, s.Token)
			assert.Zero(t, s.LogP)
		}
		require.Equal(t, f.Scored, len(d.Scores))
		assert.InEpsilon(t, f.Statistic, sum, 1e-6)
	}
	assert.Nil(t, told[[2]string{"a", verify.R4}].DecoyLogP)
}

func mustPassages(t testing.TB, b *bundled) []collect.Passage {
	task, err := b.Plan.Task(b.Frames)
	require.NoError(t, err)
	return task.Passages
}

// A detail has every cell, the report the first twelve of them.
func TestDetailOfCanaries(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	c := newCase(t, says(rng, 150, func(int) float64 { return 0.3 }), nil)
	planting(t, c, smallBook(t), newKey(t, 5), says(rng, 150, func(int) float64 { return 0.5 }),
		verify.Test{Name: verify.Cells}, verify.Test{Name: verify.Cohort})
	c.Plan.Decoys = 1000
	var told []verify.Detail
	c.Detail = func(d verify.Detail) { told = append(told, d) }
	heard := c.judgeAll(t)
	c.Detail = nil
	var a, b bytes.Buffer
	require.NoError(t, heard.WriteJSON(&a))
	require.NoError(t, c.judgeAll(t).WriteJSON(&b))
	require.Equal(t, a.String(), b.String(), "the report does not depend on who listens")
	require.Equal(t, 2, len(told))
	for i, d := range told {
		f := &heard.Findings[i]
		require.Equal(t, [2]string{f.Key, f.Test}, [2]string{d.Key, d.Test})
		calibrated(t, f, d)
		require.Equal(t, f.Scored, len(d.Cells))
		require.Greater(t, len(d.Cells), 12)
		assert.Equal(t, f.Canaries.Cells, d.Cells[:12])
		sum := 0.0
		for _, c := range d.Cells {
			sum += c.Gain
		}
		assert.InDelta(t, f.Statistic, sum, 1e-6)
		assert.InDelta(t, f.Effect.D*math.Sqrt(float64(f.Scored)), d.Z, 1e-6)
		assert.Empty(t, d.Scores)
	}
}

// Twins are compared with decoys, too.
func TestDetailOfTwins(t *testing.T) {
	book := readBook(t, twinsText(30, 8, vendorTree))
	c := newTwins(t, book, 1, twinsPrompts...)
	c.Plan.Decoys = 1000
	c.ask(t, train(c.served(t)...))
	var told []verify.Detail
	c.Detail = func(d verify.Detail) { told = append(told, d) }
	r := c.rejudge(t)
	require.Equal(t, 1, len(told))
	calibrated(t, &r.Findings[0], told[0])
}

// What a bundle holds can be had one by one.
func TestPartsOfBundle(t *testing.T) {
	b := canaryCase(t, true)
	file := b.bundle(t)
	transcript, err := file.Transcript()
	require.NoError(t, err)
	assert.Equal(t, b.Transcript.Prompts, transcript.Prompts)
	frames, err := file.Frames()
	require.NoError(t, err)
	assert.Equal(t, b.Frames.Prompts.Digest(), frames.Prompts.Digest())
	assert.Nil(t, frames.Passages)
	book, err := file.Book()
	require.NoError(t, err)
	assert.Equal(t, b.Book.Hash(), book.Hash())

	book, err = readingCase(t, 20, 0).bundle(t).Book()
	require.NoError(t, err)
	assert.Nil(t, book)
	_, err = new(verify.Bundle).Transcript()
	assert.ErrorContains(t, err, "verify: bundle has no transcript")
}

// A report that was written is read back, and nothing else is.
func TestParseReport(t *testing.T) {
	var w bytes.Buffer
	require.NoError(t, smallCase(t).report.WriteJSON(&w))
	r, err := verify.ParseReport(w.Bytes())
	require.NoError(t, err)
	var again bytes.Buffer
	require.NoError(t, r.WriteJSON(&again))
	assert.Equal(t, w.String(), again.String())
	for want, data := range map[string][]byte{
		"cut off":     w.Bytes()[:w.Len()-1],
		"want \"dyet": bytes.Replace(w.Bytes(), []byte("report/1"), []byte("report/2"), 1),
		"report: ":    append([]byte(" "), w.Bytes()...),
	} {
		_, err := verify.ParseReport(data)
		assert.ErrorContains(t, err, want)
	}
}
