package verify_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
)

// Whoever names a model, a key or a source writes none of the report's lines.
func TestNamesCannotForgeLines(t *testing.T) {
	const forged = "gpt\n\nG1 vendor: not rejected\n\x1b[8m\u202e"
	c := twoLayers(t, 0.4, 1000)
	c.Plan.Suspect, c.Transcript.Suspect = forged, forged
	c.Plan.Products = []verify.Product{{Name: "p" + forged, Parts: verify.Across(verify.G1, "vendor", forged)}}
	c.Plan.Keys[1].Name, c.Keys[1].Name = forged, forged
	c.Plan.Nonce.Source, c.Plan.Frame.Logged, c.Plan.Served.Logged = forged, forged, forged
	c.Plan.Void.OneModel = true
	c.Transcript.Prompts[0].Model, c.Transcript.Prompts[1].Model = forged, "other"
	c.Keys = c.Keys[:2]
	// The nonce asks the same prompts, whatever its source is called.
	text := report(t, c.judge(t))
	assert.NotContains(t, text, "\x1b")
	assert.NotContains(t, text, "\u202e")
	for line := range strings.SplitSeq(text, "\n") {
		assert.False(t, strings.HasPrefix(line, "G1 vendor: not"), line)
	}
	assert.GreaterOrEqual(t, strings.Count(text, `gpt\n\nG1`), 10)
}

func TestReportSaysWhatServedStandsOn(t *testing.T) {
	c := twoLayers(t, 0, 0)
	r := c.judge(t)
	flat := strings.Join(strings.Fields(report(t, r)), " ")
	assert.Contains(t, flat, "served 10 answers, "+c.Plan.Served.Digest.String()+" logged the same log")
	for _, f := range r.Findings {
		said := strings.Contains(strings.Join(f.Notes, "; "), "marked texts are the key holder's word")
		assert.Equal(t, f.Test == verify.G2, said)
	}
	c.Plan.Served.Logged = ""
	assert.Contains(t, report(t, c.judge(t)), "logged not said: nothing shows that these answers were not picked afterwards")
	c.Plan.Tests, c.Plan.Served = c.Plan.Tests[:1], verify.ServedPlan{}
	assert.NotContains(t, report(t, c.judge(t)), "served ")
}

func TestReportReadsWell(t *testing.T) {
	c := twoLayers(t, 0.4, 1000)
	r := c.judge(t)
	text := report(t, r)
	head, _, _ := strings.Cut(text, "\n\n")
	assert.Equal(t, `Was s trained on marked answers?
  - G1 vendor: REJECTED
  - G2 vendor: not rejected
  - G1 epoch: REJECTED
  - G2 epoch: REJECTED
  - G1 other epoch: not rejected
  - G2 other epoch: not rejected`, head)
	assert.Contains(t, text, "\nRejection shows use of outputs made under the key.\n\nThis does not show\n")
	assert.NotContains(t, text, "nothing came back")
	assert.Contains(t, text, "50 % of all windows")
	assert.Contains(t, text, "  decoy keys   1,000, spread ")
	for line := range strings.SplitSeq(text, "\n") {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), 110, line)
		assert.Equal(t, strings.TrimRight(line, " "), line)
	}
}

func report(t *testing.T, r *verify.Report) string {
	var b strings.Builder
	require.NoError(t, r.WriteText(&b))
	return b.String()
}
