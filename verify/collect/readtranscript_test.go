package collect_test

import (
	"bytes"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// readTranscript is a transcript of prompts, probes and readings, and its lines.
func readTranscript(t *testing.T) (*collect.Transcript, []string) {
	s, r, _ := reading()
	s.Text = echo()
	r.f = func(q collect.Reading, _ int) (collect.Predictions, error) {
		out := predict(1, q)
		for i := range out.At {
			out.At[i].Argmax, out.At[i].IDs, out.At[i].LogProbs = 5, []int32{5, 3, 4, 6}, []float64{-1, -2, -2, -30.5}
		}
		if name(q) == "1 [0, 2)" {
			out.At = nil
		}
		return out, nil
	}
	task := readTask(2)
	task.Prompts, task.Probes = prompts(2), []string{"who?"}
	got := run(t, task, s, journal(t), collect.Options{Clock: newClock()})
	var b bytes.Buffer
	_, err := got.WriteTo(&b)
	require.NoError(t, err)
	return got, strings.SplitAfter(b.String(), "\n")
}

func TestReadTranscriptRefusesReadings(t *testing.T) {
	_, l := readTranscript(t)
	require.Len(t, l, 11) // header, 3 probes, 2 prompts, 4 readings
	type edit struct {
		line     int
		old, new string
		want     string
	}
	for name, c := range map[string]edit{
		"count":         {0, `"readings":4`, `"readings":3`, "line 10 of the transcript: there is a line more than the 3 probes, 2 prompts and 3 readings of the header"},
		"more":          {0, `"readings":4`, `"readings":5`, "transcript has 3 probes, 2 prompts and 4 readings, want 3, 2 and 5 as its header says"},
		"negative":      {0, `"readings":4`, `"readings":-4`, "transcript has 2 prompts and -4 readings, want at least 1 of either"},
		"no want":       {0, `,"want":{"argmax":true,"top":4}`, ``, "transcript wants nothing of its passages"},
		"empty want":    {0, `"want":{"argmax":true,"top":4}`, `"want":{}`, "transcript wants nothing and says so"},
		"top":           {0, `"top":4`, `"top":3`, "line 7 of the transcript: prediction at position 0: lists 4 tokens, want at most 3"},
		"argmax":        {0, `"argmax":true,`, ``, "it was not asked for"},
		"no reference":  {0, `,"reference":true`, ``, "prediction at position 0: has 4 figures of a reference, want none"},
		"span":          {0, `"span":2`, `"span":-2`, "transcript has spans of -2 positions"},
		"long span":     {0, `"span":2`, `"span":3`, "line 8 of the transcript: question is of passage 0 from position 2, want passage 1 from position 0"},
		"short span":    {0, `"span":2`, `"span":1`, "line 7 of the transcript: question has 2 positions, want at most 1"},
		"no span":       {0, `,"span":2`, ``, "line 8 of the transcript: question is of passage 0 from position 2, want passage 1 from position 0"},
		"stage":         {6, `"stage":"reading"`, `"stage":"prompt"`, "line 7 of the transcript: question is prompt 0, want reading 0"},
		"number":        {7, `"n":1`, `"n":2`, "line 8 of the transcript: question is reading 2, want reading 1"},
		"passage":       {6, `"passage":0`, `"passage":1`, "question is of passage 1 from position 0, want passage 0 from position 0"},
		"skipped":       {8, `"passage":1`, `"passage":2`, "question is of passage 2 from position 0, want passage 1 from position 0"},
		"begin":         {7, `"begin":2`, `"begin":3`, "question is of passage 0 from position 3, want passage 0 from position 2"},
		"end":           {7, `"end":3`, `"end":2`, "question ends at position 2, want more than 2"},
		"long":          {7, `"end":3`, `"end":4`, "answer has 1 predictions, want 2, for positions [2, 4)"},
		"digest":        {9, `"question":"`, `"question":"` + strings.Repeat("00", 32) + `","q":"`, `unknown field "q"`},
		"refused":       {6, `"complete"`, `"refused"`, `status is "refused", want complete, failed or missing`},
		"missing":       {6, `"complete"`, `"missing"`, "status is missing, but there is an answer"},
		"failed":        {6, `"complete"`, `"failed"`, "status is failed, but there are 2 predictions"},
		"complete":      {8, `"failed"`, `"complete"`, "answer has 0 predictions, want 2, for positions [0, 2)"},
		"error":         {6, `"asked"`, `"error":"e","asked"`, "status is complete, but there is an error"},
		"asked":         {6, `"asked":1`, `"asked":2`, "asked 2 times, want 1: 0 without an outcome, status complete"},
		"order":         {6, `"l":[-1,-2,-2,-30.5]`, `"l":[-1,-2,-1.5,-30.5]`, "token 4 is listed after the less likely token 3"},
		"tie":           {6, `"i":[5,3,4,6]`, `"i":[5,4,3,6]`, "token 3 is listed after token 4, which is as likely"},
		"sum":           {6, `"l":[-1,-2,-2,-30.5]`, `"l":[-0.1,-2,-2,-30.5]`, "probabilities of the listed tokens have sum 1.17551, want at most 1.001"},
		"number form":   {6, `-30.5`, `-30.50`, "not in canonical form"},
		"exponent":      {6, `-30.5`, `-3.05e1`, "not in canonical form"},
		"huge":          {6, `-30.5`, `-1e999`, "cannot unmarshal number -1e999"},
		"null":          {6, `"l":[-1`, `"l":[null`, "not in canonical form"},
		"few figures":   {6, `"r":[`, `"r":[-1,`, "5 figures of the reference for 4 tokens"},
		"null list":     {6, `"predictions":[`, `"predictions":[null,`, "not in canonical form"},
		"contradiction": {6, `"a":5`, `"a":3`, "most likely token is 3, but the list says 5"},
		"missing token": {6, `"a":`, `"a":-`, "most likely token is -"},
	} {
		bad := strings.Join(l[:c.line], "") + strings.Replace(l[c.line], c.old, c.new, 1) + strings.Join(l[c.line+1:], "")
		require.NotEqual(t, strings.Join(l, ""), bad, name)
		_, err := collect.ReadTranscript(strings.NewReader(bad))
		assert.ErrorContains(t, err, c.want, name)
	}
	for want, lines := range map[string][]string{
		"line 8 of the transcript: question is reading 2, want reading 1":                                {l[6], l[8], l[7], l[9]},
		"transcript has 3 probes, 2 prompts and 3 readings, want 3, 2 and 4":                             {l[6], l[7], l[8]},
		"line 7 of the transcript: question has no digest of its passage":                                {zeroDigest(l[6]), l[7], l[8], l[9]},
		"line 8 of the transcript: question is of passage " + strings.Repeat("00", 31) + "01, want":      {l[6], oneDigest(l[7]), l[8], l[9]},
		"line 11 of the transcript: there is a line more than the 3 probes, 2 prompts and 4 readings of": {l[6], l[7], l[8], l[9], l[9]},
	} {
		_, err := collect.ReadTranscript(strings.NewReader(strings.Join(l[:6], "") + strings.Join(lines, "")))
		assert.ErrorContains(t, err, want)
	}
}

func zeroDigest(line string) string {
	i := strings.Index(line, `"question":"`) + len(`"question":"`)
	return line[:i] + strings.Repeat("0", 64) + line[i+64:]
}

func oneDigest(line string) string {
	i := strings.Index(line, `"question":"`) + len(`"question":"`)
	return line[:i] + strings.Repeat("0", 63) + "1" + line[i+64:]
}

// No byte of a transcript of readings can change without another digest or a
// refusal, and the digest is that of the file.
func TestReadTranscriptDigestCoversEveryByte(t *testing.T) {
	got, l := readTranscript(t)
	file := strings.Join(l, "")
	want, err := got.Digest()
	require.NoError(t, err)
	accepted := 0
	for i := range file {
		bad := []byte(file)
		bad[i] ^= 1
		read, err := collect.ReadTranscript(bytes.NewReader(bad))
		if err != nil {
			continue
		}
		accepted++
		d, err := read.Digest()
		require.NoError(t, err)
		assert.NotEqual(t, want, d, "byte %d", i)
	}
	assert.Positive(t, accepted)
}

// What cannot be written is an error and no shorter file, and has no digest.
func TestWriteTranscriptFails(t *testing.T) {
	got, l := readTranscript(t)
	w := &narrow{left: 100}
	n, err := got.WriteTo(w)
	assert.ErrorIs(t, err, io.ErrShortWrite)
	assert.Equal(t, int64(100), n)
	assert.Equal(t, strings.Join(l, "")[:100], w.String())

	got.Readings[0].Predictions[0].LogProbs[0] = math.Inf(-1)
	_, err = got.WriteTo(io.Discard)
	assert.EqualError(t, err, "collect: reading 0: json: unsupported value: -Inf")
	_, err = got.Digest()
	assert.Error(t, err)
	_, err = got.Seal()
	assert.Error(t, err)
	assert.Error(t, collect.Seal{}.Check(got))
}

// narrow is a writer that takes so many bytes.
type narrow struct {
	bytes.Buffer
	left int
}

func (w *narrow) Write(p []byte) (int, error) {
	n, _ := w.Buffer.Write(p[:min(len(p), w.left)])
	if w.left -= n; n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}
