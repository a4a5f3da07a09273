package collect_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

func transcript(t *testing.T) (*collect.Transcript, string) {
	got, err := collect.Run(context.Background(), task(2), collect.Suspect{Name: "s", Text: echo()}, journal(t), collect.Options{Clock: newClock()})
	require.NoError(t, err)
	var b bytes.Buffer
	_, err = got.WriteTo(&b)
	require.NoError(t, err)
	return got, b.String()
}

func TestReadTranscriptRefuses(t *testing.T) {
	_, file := transcript(t)
	lines := strings.SplitAfter(file, "\n")
	for name, c := range map[string]struct{ old, new, want string }{
		"schema":  {"transcript/1", "transcript/2", `collect: transcript has schema "dyetrace/transcript/2", want "dyetrace/transcript/1"`},
		"header":  {`{"schema"`, `{"scheme"`, `collect: transcript header: json: unknown field "scheme"`},
		"plan":    {strings.Repeat("01", 32), strings.Repeat("00", 32), "collect: transcript has no plan digest"},
		"probes":  {`"probes":6`, `"probes":7`, "collect: transcript has 7 answers to probes, want a multiple of 3"},
		"more":    {`"probes":6`, `"probes":9`, "collect: line 4 of the transcript: question is middle 0, want start 2"},
		"prompts": {`"prompts":2`, `"prompts":0`, "collect: transcript has 0 prompts and 0 readings, want at least 1 of either"},
		"fewer":   {`"prompts":2`, `"prompts":3`, "collect: transcript has 6 probes, 2 prompts and 0 readings, want 6, 3 and 0 as its header says"},
		"order":   {lines[1] + lines[2], lines[2] + lines[1], "collect: line 2 of the transcript: question is start 1, want start 0"},
		"lost":    {lines[8], "", "collect: transcript has 6 probes, 1 prompts and 0 readings, want 6, 2 and 0 as its header says"},
		"cut":     {lines[8], lines[8][:20], "collect: line 9 is cut off after 20 bytes"},
		"status":  {`"n":1,"question":"question 1","status":"complete"`, `"n":1,"question":"question 1","status":"good"`, `collect: line 9 of the transcript: status is "good", want complete, refused, empty, failed or missing`},
		"missing": {`"n":1,"question":"question 1","status":"complete"`, `"n":1,"question":"question 1","status":"missing"`, "collect: line 9 of the transcript: status is missing, but there is an answer"},
		"empty":   {`"n":1,"question":"question 1","status":"complete"`, `"n":1,"question":"question 1","status":"empty"`, "collect: line 9 of the transcript: status is empty, but the text has 14 bytes"},
		"asked":   {`"asked":1`, `"asked":2`, "collect: line 2 of the transcript: asked 2 times, want 1: 0 without an outcome, status complete"},
		"space":   {`,"asked"`, `, "asked"`, "collect: line 2 of the transcript: not in canonical form"},
	} {
		bad := strings.Replace(file, c.old, c.new, 1)
		require.NotEqual(t, file, bad, name)
		_, err := collect.ReadTranscript(strings.NewReader(bad))
		assert.ErrorContains(t, err, c.want, name)
	}
	_, err := collect.ReadTranscript(strings.NewReader(""))
	assert.EqualError(t, err, "collect: transcript is empty")
}

// No byte of a transcript can change without another digest or a refusal.
func TestTranscriptDigestCoversEveryByte(t *testing.T) {
	got, file := transcript(t)
	want, err := got.Digest()
	require.NoError(t, err)
	for i := range file {
		bad := []byte(file)
		bad[i] ^= 1
		read, err := collect.ReadTranscript(bytes.NewReader(bad))
		if err != nil {
			continue
		}
		d, err := read.Digest()
		require.NoError(t, err)
		assert.NotEqual(t, want, d, "byte %d", i)
	}
}

func TestSeal(t *testing.T) {
	got, file := transcript(t)
	seal, err := got.Seal()
	require.NoError(t, err)
	require.NoError(t, seal.Check(got))
	data, err := seal.Encode()
	require.NoError(t, err)
	again, err := collect.ParseSeal(data)
	require.NoError(t, err)
	assert.Equal(t, seal, again)

	other, err := collect.ReadTranscript(strings.NewReader(strings.Replace(file, "re: question 1", "re: question 7", 1)))
	require.NoError(t, err)
	assert.ErrorContains(t, seal.Check(other), "collect: seal is of transcript ")
	other.Plan = digest(9)
	assert.ErrorContains(t, seal.Check(other), "collect: seal is of plan 0101")
	forged := seal
	forged.Digest[0] ^= 1
	assert.ErrorContains(t, forged.Check(got), "collect: seal has digest ")

	for want, bad := range map[string]string{
		"collect: seal does not end with a newline: cut off":                 "",
		`collect: seal: invalid character 'x'`:                               "x\n",
		`collect: seal has schema "dyetrace/seal/2", want "dyetrace/seal/1"`: strings.Replace(string(data), "seal/1", "seal/2", 1),
		"collect: seal has digest " + seal.Digest.String() + ", want ":       strings.Replace(string(data), seal.Transcript.String(), digest(3).String(), 1),
		"collect: seal: not in canonical form":                               strings.Replace(string(data), ",", ", ", 1),
	} {
		_, err := collect.ParseSeal([]byte(bad))
		assert.ErrorContains(t, err, want)
	}
}
