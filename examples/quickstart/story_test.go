package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
)

// A stoppedClock makes transcripts, and with them seals and decoy keys, the same
// in every run.
type stoppedClock struct{}

func (stoppedClock) Now() time.Time { return time.Unix(1_790_000_000, 0) }

func (stoppedClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// TestStory tells the story once, as the program does, and checks how it ends.
func TestStory(t *testing.T) {
	if testing.Short() {
		t.Skip("ten seconds on two cores")
	}
	f, err := openFolder(t.TempDir())
	require.NoError(t, err)
	var verdicts []verdict
	err = tell(t.Context(), 1, stoppedClock{}, f, quiet(), func(v verdict) error {
		verdicts = append(verdicts, v)
		assert.FileExists(t, v.path)
		if v.name != control {
			assert.NoFileExists(t, f.path(control, planFile), "told when it is ready, not when all are")
		}
		return nil
	})
	require.NoError(t, err)
	require.Len(t, verdicts, 4)
	t.Run("conclusions", func(t *testing.T) { checkConclusions(t, verdicts) })
	t.Run("tables", func(t *testing.T) { checkTables(t, verdicts) })
	t.Run("README", func(t *testing.T) { checkREADME(t, verdicts) })
	t.Run("lines", func(t *testing.T) { checkLines(t, verdicts) })
	t.Run("files", func(t *testing.T) { checkFiles(t, f, verdicts) })
}

func checkConclusions(t *testing.T, verdicts []verdict) {
	found := map[string][]string{
		served:      {vendorLayer, epochLayer, canaryKey, bothChannels},
		diluted:     {vendorLayer, epochLayer, canaryKey, bothChannels},
		paraphrased: {canaryKey, bothChannels}, // nothing is left of marks in tokens
		control:     nil,
	}
	for _, v := range verdicts {
		require.Len(t, v.report.Findings, 6)
		for _, f := range v.report.Findings {
			what := v.name + ", " + f.Key
			assert.Empty(t, f.Void, what)
			assert.Equal(t, slices.Contains(found[v.name], f.Key), f.Rejected, what)
			if f.Key == bothChannels {
				continue
			}
			assert.InDelta(t, 1, f.Decoys.Dispersion, 0.05, what)
			require.Len(t, f.Controls, 1, what)
			assert.True(t, f.Power.Attainable, what)
			if f.Test == verify.Cells {
				assert.Greater(t, f.Scored, 40, what)
				continue
			}
			assert.Greater(t, f.Scored, 300, what)
			// Without this power the control's result would say nothing.
			assert.Less(t, f.Power.Detectable, 0.3, what)
		}
	}
	mild, full := verdicts[1].report.Finding(vendorLayer, verify.G1), verdicts[0].report.Finding(vendorLayer, verify.G1)
	assert.Less(t, mild.Effect.D, full.Effect.D, "dilution weakens the mark")
	for _, f := range verdicts[1].report.Findings[3:6] {
		assert.Equal(t, f.Key != wrongCanaries, f.LogP < math.Log(1e-6), "a tenth of what it read is enough for text alone, under key %s", f.Key)
	}
}

func checkTables(t *testing.T, verdicts []verdict) {
	var b bytes.Buffer
	for _, v := range verdicts {
		require.NoError(t, writeTable(&b, v))
	}
	require.NoError(t, writeLegend(&b))
	text := b.String()
	for _, v := range verdicts {
		assert.Contains(t, text, "\n"+v.name+": trained on ")
		assert.Contains(t, text, v.path)
	}
	assert.Equal(t, 10, strings.Count(text, "REJECTED"))
	assert.Equal(t, 14, strings.Count(text, "not rejected"))
	assert.NotContains(t, text, "VOID")
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.Contains(line, "report of") { // its path is as long as it is
			assert.LessOrEqual(t, len([]rune(line)), 100, line)
		}
	}
}

// checkREADME compares the tables with those in README.md, except for the spread
// of the decoys, which depends on the time of day.
func checkREADME(t *testing.T, verdicts []verdict) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, shown, found := strings.Cut(string(readme), "```\nparaphrased: ") // what the others show is no surprise
	require.True(t, found, "README.md shows the tables")
	shown, _, _ = strings.Cut("paraphrased: "+shown, "```")

	var b bytes.Buffer
	for _, v := range verdicts[2:] {
		require.NoError(t, writeTable(&b, v))
	}
	paths := regexp.MustCompile(`\n  report of .*\n`)
	spread := regexp.MustCompile(`[01]\.\d{3} `)
	hide := func(text string) string { return spread.ReplaceAllString(text, "x.xxx ") }
	assert.Equal(t, hide(strings.TrimSpace(shown)), hide(strings.TrimSpace(paths.ReplaceAllString(b.String(), ""))))
}

func checkLines(t *testing.T, verdicts []verdict) {
	var b bytes.Buffer
	for _, v := range verdicts {
		require.NoError(t, writeLines(&b, v))
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	require.Len(t, lines, 16)
	for i, text := range lines {
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		v := verdicts[i/4]
		layer := []string{vendorLayer, epochLayer, canaryKey, bothChannels}[i%4]
		want := &v.report.Findings[[]int{0, 1, 3, 5}[i%4]]
		require.Equal(t, layer, want.Key)
		assert.Equal(t, v.name, got["suspect"])
		assert.Equal(t, layer, got["layer"])
		assert.EqualValues(t, want.Scored, got["n_scored"])
		assert.EqualValues(t, log10(want.LogP), got["log10_p"])
		assert.Equal(t, want.Rejected, got["rejected"])
		assert.Equal(t, layer == epochLayer, got["wrong_epoch"] != nil)
		assert.Equal(t, layer == canaryKey, got["wrong_canaries"] != nil)
	}
}

// checkFiles reads the files back and judges nothing: that they belong together
// is enough for whoever gets them.
func checkFiles(t *testing.T, f folder, verdicts []verdict) {
	open := func(name ...string) *os.File {
		file, err := os.Open(f.path(name...))
		require.NoError(t, err)
		t.Cleanup(func() { file.Close() })
		return file
	}
	frame, err := collect.ReadFrame(open(frameFile))
	require.NoError(t, err)
	for _, v := range verdicts {
		data, err := os.ReadFile(f.path(v.name, planFile))
		require.NoError(t, err)
		plan, err := verify.ParsePlan(data)
		require.NoError(t, err)
		task, err := plan.Task(verify.Frames{Prompts: frame})
		require.NoError(t, err)
		transcript, err := collect.ReadTranscript(open(v.name, transcriptFile))
		require.NoError(t, err)
		assert.Equal(t, task.Plan, transcript.Plan)
		data, err = os.ReadFile(f.path(v.name, sealFile))
		require.NoError(t, err)
		seal, err := collect.ParseSeal(data)
		require.NoError(t, err)
		assert.NoError(t, seal.Check(transcript))
		for _, name := range []string{reportFile, reportJSON} {
			data, err := os.ReadFile(f.path(v.name, name))
			require.NoError(t, err)
			assert.Contains(t, string(data), seal.Digest.String())
		}
	}
}
