package collect_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// What is accepted is written back byte for byte, and can be replayed.
func FuzzReadTranscript(f *testing.F) {
	for _, t := range []*collect.Transcript{
		{Plan: digest(1), Suspect: "s", Prompts: []collect.Exchange{
			{Stage: collect.Prompts, Question: "q", Status: collect.Complete, Text: "\xff", Asked: 2, Unreached: []string{"interrupted"}}}},
		{Plan: digest(1), Suspect: "s", Want: collect.Want{Argmax: true, Top: 2}, Reference: true, Span: 1, Readings: []collect.ReadingExchange{
			{End: 1, Question: digest(2), Status: collect.Complete, Asked: 1, Predictions: []collect.Prediction{
				{Argmax: 1, Sample: collect.NoToken, IDs: []int32{1, 2}, LogProbs: []float64{-1, -1.5e-7 - 1}, Reference: []float64{-2, 0}}}},
			{N: 1, Begin: 1, End: 2, Question: digest(2), Status: collect.Failed, Error: "e", Asked: 1},
			{N: 2, Passage: 1, End: 1, Question: digest(3), Status: collect.Missing}}},
		{Plan: digest(1), Suspect: "s", Want: collect.Want{Sample: true}, Readings: []collect.ReadingExchange{
			{End: 1, Question: digest(2), Status: collect.Complete, Asked: 1, Predictions: []collect.Prediction{{Argmax: collect.NoToken, Sample: 7}}}}},
	} {
		var b bytes.Buffer
		if _, err := t.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		if _, err := collect.ReadTranscript(bytes.NewReader(b.Bytes())); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := collect.ReadTranscript(bytes.NewReader(data))
		if err != nil {
			return
		}
		var b bytes.Buffer
		n, err := got.WriteTo(&b)
		require.NoError(t, err)
		require.Equal(t, string(data), b.String())
		require.Equal(t, int64(len(data)), n)
		collect.Replay(got)
	})
}

// Whatever events a journal holds, in whatever order, Run goes on with it or
// refuses it and leaves it as it is; what it made of it, it makes of it again. A
// byte is an event of the pool, 255 cuts the journal in the last line.
func FuzzJournal(f *testing.F) {
	suspect := func() collect.Suspect {
		s, _, _ := reading()
		s.Text = echo()
		return s
	}
	job := readTask(1)
	job.Prompts = prompts(1)
	path := filepath.Join(f.TempDir(), "journal")
	if _, err := collect.Run(context.Background(), job, suspect(), path, collect.Options{Clock: newClock()}); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	pool := strings.SplitAfter(strings.TrimSuffix(string(data), "\n"), "\n")
	header, pool := pool[0], pool[1:] // ask, answer, ask, read, answer, ask, read, answer
	pool[len(pool)-1] += "\n"
	pool = append(pool,
		`{"at":-5,"kind":"unreached","stage":"prompt","n":0,"error":"e"}`+"\n",
		`{"at":7,"kind":"unreached","stage":"reading","n":0,"error":"e"}`+"\n",
		`{"at":7,"kind":"answer","stage":"reading","n":0,"passage":0,"begin":0,"end":2,"status":"failed","error":"e"}`+"\n",
		`{"at":7,"kind":"answer","stage":"reading","n":1,"passage":0,"begin":2,"end":3,"status":"failed","model":"m","error":"e"}`+"\n",
		strings.Replace(pool[3], `"kind":"read"`, `"kind":"answer"`, 1),
		strings.Replace(pool[4], `"complete"`, `"missing"`, 1))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{2, 9, 2, 3, 10, 5, 11, 0, 8, 0, 255})
	f.Add([]byte{2, 2, 3, 255})
	f.Add([]byte{2, 12})
	f.Fuzz(func(t *testing.T, program []byte) {
		before := header
		for _, op := range program {
			if op == 255 {
				before = before[:len(before)-3]
				break
			}
			before += pool[int(op)%len(pool)]
		}
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, []byte(before), 0o600))
		got, err := collect.Run(context.Background(), job, suspect(), path, collect.Options{Clock: newClock()})
		after, readErr := os.ReadFile(path)
		require.NoError(t, readErr)
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "collect: "), err)
			require.Equal(t, before, string(after))
			return
		}
		require.True(t, strings.HasPrefix(string(after), before[:strings.LastIndexByte(before, '\n')+1]))
		require.Equal(t, got, reread(t, got))
		again, err := collect.Run(context.Background(), job, collect.Suspect{Name: "s", Text: &model{},
			TopLogProbs: &reader{f: nobody(t)}, Reference: &scorer{}}, path, collect.Options{Clock: newClock()})
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
