package verify_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/watermark"
)

// Mutants killed in this file, each by the test in brackets:
// prompts not skipped [PromptWindowsAreNotScored];
// G2 with all survivors against the law of as many [PresenceFilterNeedsItsOrder];
// G2's first N in the suspect's order or backwards [same]; by
// the last occurrence [PresenceFilterGoesByFirstOccurrence]; G2's missing scores not counted [same]; G2 without N by the
// tail in place of the e-value [same];
// tail at N−1 scores, sums rounded up to whole nats, duplicates scored
// [JudgeIsCalibrated].

// clean writes answers that have nothing to do with any key, of the kind that
// convicts innocent models where repeats are scored again: phrases of 5 and of 20
// tokens come back in every answer and within each.
func clean(rng *rand.Rand) []string {
	say := func(n int) []token { return speak(n, token(rng.IntN(2048)), plainly(rng), func(token) {}) }
	short, long := say(5), say(20)
	var out []string
	for range 6 {
		var a []token
		for range 4 {
			a = append(append(append(append(a, say(6)...), short...), short...), long...)
		}
		out = append(out, text(a...))
	}
	return out
}

// The whole judgement of clean answers under many keys of each scheme, each key
// with served answers of its own making.
func TestJudgeIsCalibrated(t *testing.T) {
	for name, scheme := range map[string]watermark.Scheme{
		"gumbel": watermark.Gumbel{}, "green list": watermark.GreenList{Gamma: 0.25, Delta: 2}, "tournament": watermark.Tournament{Depth: 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			var g1, g2, bet, layer []float64
			runs := uint64(350)
			if name == "gumbel" {
				runs = 900
			}
			for i := range runs {
				answers := clean(rng)
				vendor, epoch := newKey(t, 3*i), newKey(t, 3*i+1)
				layers, err := watermark.NewLayers(newKey(t, 3*i+2),
					watermark.Layer{Name: "vendor", Share: watermark.AllWindows / 4 * 3, Mark: newMark(t, vendor, scheme, 1)},
					watermark.Layer{Name: "epoch", Share: watermark.AllWindows / 4, Mark: newMark(t, epoch, scheme, 2)})
				require.NoError(t, err)
				c := newCase(t, answers, nil)
				c.key(t, "vendor", layers.Mark("vendor"), vendor)
				c.key(t, "epoch", layers.Mark("epoch"), epoch)
				first := 40
				if i%2 == 0 {
					first = 0
				}
				c.Plan.Tests = []verify.Test{{Name: verify.G1}, {Name: verify.G2, First: first}}
				c.serve(serve(t, session(t, layers, i, 1), 60, 7), serve(t, session(t, layers, i, 2), 60, 8))
				r := c.judge(t)
				assert.Empty(t, r.Warning)
				g1 = append(g1, r.Finding("vendor", verify.G1).LogP)
				layer = append(layer, r.Finding("epoch", verify.G1).LogP)
				if f := r.Finding("vendor", verify.G2); first == 0 {
					bet = append(bet, f.LogP)
				} else {
					g2 = append(g2, f.LogP)
				}
			}
			for name, p := range map[string][]float64{"G1": g1, "G1 of a layer": layer, "G2": g2, "G2 by its bet": bet} {
				superUniform(t, name, p)
			}
			if name == "gumbel" { // discrete laws are conservative
				notIdle(t, "G1", g1)
				notIdle(t, "G1 of a layer", layer)
			}
		})
	}
}

// A suspect that copies its prompt, prompts that are marked answers: it looks
// marked under the right key, and is not scored there.
func TestPromptWindowsAreNotScored(t *testing.T) {
	key := newKey(t, 1)
	mark := newMark(t, key, watermark.Gumbel{}, 3)
	rng := rand.New(rand.NewPCG(5, 5))
	var prompts, answers []string
	for i := range uint64(20) {
		marked := serve(t, session(t, mark, i), 60, 3)
		prompts = append(prompts, text(marked...))
		own := speak(40, 9, plainly(rng), func(token) {})
		answers = append(answers, text(append(own, marked...)...))
	}
	c := newCase(t, answers, prompts)
	c.key(t, "vendor", mark, key)
	c.Plan.Tests = []verify.Test{{Name: verify.G1}}
	f := c.judge(t).Finding("vendor", verify.G1)
	assert.Greater(t, f.LogP, -7.0)
	assert.Greater(t, f.Dropped.Prompt, 20*55)
	assert.Greater(t, f.Scored, 20*35)
	// The same answers to other prompts, where copying is no excuse.
	c = newCase(t, answers, nil)
	c.key(t, "vendor", mark, key)
	c.Plan.Tests = []verify.Test{{Name: verify.G1}}
	assert.Less(t, c.judge(t).Finding("vendor", verify.G1).LogP, -500.0)
}

// A chain is a world made to mislead an unordered presence filter. At step i the
// served answer has 16 candidates of equal logit; the suspect, which knows
// nothing of the key, has its own token, the exit of step i, after each window
// that the answer may come through. Where the exit's word is the highest the
// answer leaves the suspect's windows for good: how many of them it visits, and
// which, is decided by the very words that are scored.
const (
	chainSteps = 12
	chainWidth = 16
)

// chainToken is candidate i of step; candidate 0 is the exit.
func chainToken(step, i int) token { return token(1 + step*chainWidth + i) }

// chainServed walks through the chain by a session of the mark.
func chainServed(t *testing.T, mark *watermark.Watermark, seed uint64) []token {
	s := session(t, mark, seed)
	out := []token{chainToken(0, 1)}
	require.NoError(t, s.Accept(out[0]))
	for step := 1; step <= chainSteps; step++ {
		ids, logits := make([]token, chainWidth), make([]float32, chainWidth)
		for i := range ids {
			ids[i] = chainToken(step, i)
		}
		next, err := s.Sample(ids, logits)
		require.NoError(t, err)
		require.NoError(t, s.Accept(next))
		if out = append(out, next); next == ids[0] {
			break
		}
	}
	return out
}

// chainAnswer is the suspect's: after every window its exit, the last step first.
func chainAnswer() string {
	var all []token
	for step := chainSteps - 1; step >= 1; step-- {
		for i := 1; i < chainWidth; i++ {
			all = append(all, chainToken(step, i), chainToken(step+1, 0))
		}
	}
	return text(append(all, chainToken(0, 1), chainToken(1, 0))...)
}

func TestPresenceFilterNeedsItsOrder(t *testing.T) {
	const n = 1500
	var first, firstN, bet, all, last []float64
	for i := range uint64(n) {
		key := newKey(t, i)
		mark := newMark(t, key, watermark.Gumbel{}, 1)
		served := chainServed(t, mark, i)
		judge := func(first int) *verify.Finding {
			c := newCase(t, []string{chainAnswer()}, nil)
			c.key(t, "vendor", mark, key)
			c.Plan.Tests = []verify.Test{{Name: verify.G2, First: first}}
			c.serve(served)
			return c.judge(t).Finding("vendor", verify.G2)
		}
		f, b := judge(chainSteps), judge(0)
		first, firstN, bet = append(first, judge(1).LogP), append(firstN, f.LogP), append(bet, b.LogP)
		// What the statistic would say with the number of survivors taken for
		// given, and with the first of them in the suspect's own order.
		require.Equal(t, len(served)-1, f.Scored)
		require.Equal(t, f.Statistic, b.Statistic)
		all = append(all, mark.Law().LogTail(f.Statistic, int64(f.Scored)))
		var s [1]float64
		end := len(served) - 1
		require.True(t, mark.Scores(served[end-1:end], []token{chainToken(end, 0)}, s[:]))
		last = append(last, mark.Law().LogTail(s[0], 1))
	}
	superUniform(t, "the first in the served order", first)
	notIdle(t, "the first in the served order", first)
	superUniform(t, "the first N in the served order", firstN)
	superUniform(t, "the e-process in the served order", bet)
	for name, p := range map[string][]float64{"all survivors": all, "the first in the suspect's order": last} {
		small := 0
		for _, x := range p {
			if x <= math.Log(0.05) {
				small++
			}
		}
		// 75 are expected of an honest test, 120 by chance once in a million.
		assert.Greater(t, small, 120, "%s do not convict: the test has lost its point", name)
		t.Logf("%s: %d of %d p-values of a clean suspect are at most 0.05", name, small, n)
	}
}

// Windows are ranked by where they first occur in the served answers, whatever
// comes there, and not by where they last do.
func TestPresenceFilterGoesByFirstOccurrence(t *testing.T) {
	key := newKey(t, 1)
	mark := newMark(t, key, watermark.Gumbel{}, 1)
	c := newCase(t, []string{text(9, 2, 50, 1, 60, 70), text(1, 61)}, nil)
	c.key(t, "vendor", mark, key)
	c.serve([]token{5, 3, 1, 80, 2, 81}, []token{1, 82, 4, 83})
	var want []float64
	for _, pair := range [][2]token{{1, 60}, {1, 61}, {2, 50}} {
		var s [1]float64
		require.True(t, mark.Scores(pair[:1], pair[1:], s[:]))
		want = append(want, s[0])
	}
	if c.Transcript.Prompts[0].Text != text(9, 2, 50, 1, 60, 70) {
		want[0], want[1] = want[1], want[0] // the nonce asked the other prompt first
	}
	for n := 1; n <= 3; n++ {
		c.Plan.Tests = []verify.Test{{Name: verify.G2, First: n}}
		f := c.judge(t).Findings[0]
		sum := 0.0
		for _, s := range want[:n] {
			sum += s
		}
		assert.InDelta(t, sum, f.Statistic, 1e-8, "first %d", n)
		assert.Equal(t, 3-n, f.Dropped.Beyond)
		assert.Equal(t, 3, f.Dropped.NotServed) // after 9, 50 and 60
	}
}
