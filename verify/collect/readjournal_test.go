package collect_test

import (
	"context"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// A journal is of one task: other passages, or another thing asked of them, is
// another task. Tasks without passages have the digests they always had.
func TestJournalNamesWhatIsRead(t *testing.T) {
	s, _, _ := reading()
	s.Text = echo()
	path := journal(t)
	run(t, readTask(2), s, path, collect.Options{})
	for what, change := range map[string]func(*collect.Task){
		"key":       func(t *collect.Task) { t.Passages[0].Key = "k" },
		"prompt":    func(t *collect.Task) { t.Passages[0].Prompt[1]++ },
		"token":     func(t *collect.Task) { t.Passages[0].Tokens[2]++ },
		"bytes":     func(t *collect.Task) { t.Passages[1].PromptText += "!" },
		"piece":     func(t *collect.Task) { t.Passages[1].Pieces[0] += "!" },
		"order":     func(t *collect.Task) { slices.Reverse(t.Passages) },
		"more":      func(t *collect.Task) { t.Passages = passages(3) },
		"argmax":    func(t *collect.Task) { t.Want.Argmax = false },
		"sample":    func(t *collect.Task) { t.Want.Sample = true },
		"top":       func(t *collect.Task) { t.Want.Top++ },
		"reference": func(t *collect.Task) { t.Reference = false },
		"span":      func(t *collect.Task) { t.Span = 5 },
		"prompts":   func(t *collect.Task) { t.Prompts = prompts(1) },
	} {
		task := readTask(2)
		change(&task)
		_, err := collect.Run(context.Background(), task, s, path, collect.Options{})
		assert.EqualError(t, err, "collect: journal is of other prompts, probes or passages, or of another order", what)
	}
	path = journal(t)
	run(t, task(1), s, path, collect.Options{})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	// Frozen: computed before tasks had passages.
	assert.Equal(t, `{"schema":"dyetrace/journal/1","plan":"`+digest(1).String()+`","suspect":"s","questions":"da2b8e287ce298c6290238aee09e2a18b22b25e6af42884382883aa3878d1e7f"}`,
		strings.SplitN(string(data), "\n", 2)[0])
}

// naiveQuestions follows the package comment and nothing else.
func naiveQuestions(task collect.Task, lines []string) collect.Digest {
	le := func(n int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }
	const domain = "dyetrace 2026-11-24 verify questions/1"
	list := func(entries []string) []byte {
		material := le(len(entries))
		for _, e := range entries {
			material = append(append(material, le(len(e))...), e...)
		}
		out := make([]byte, 32)
		blake3.DeriveKey(domain, material, out)
		return out
	}
	material := slices.Concat(list(task.Prompts), list(task.Probes), list(lines))
	for _, n := range []int{1, 0, task.Want.Top, 1, task.Span} { // argmax, sample, top, reference, span
		material = append(material, le(n)...)
	}
	var out collect.Digest
	blake3.DeriveKey(domain, material, out[:])
	return out
}

func TestDigestsOfReadings(t *testing.T) {
	s, _, _ := reading()
	s.Text = echo()
	task, path := readTask(2), journal(t)
	task.Prompts, task.Probes = prompts(2), []string{"who?"}
	run(t, task, s, path, collect.Options{})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	frame, err := collect.PassageFrame(task.Passages)
	require.NoError(t, err)
	lines, err := frame.Sample(collect.Digest{}, 2)
	require.NoError(t, err)
	assert.Contains(t, strings.SplitN(string(data), "\n", 2)[0], `"questions":"`+naiveQuestions(task, lines).String()+`"}`)

	var want collect.Digest
	blake3.DeriveKey("dyetrace 2026-11-24 verify passage/1", []byte(lines[1]), want[:])
	got, err := task.Passages[1].Digest()
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestRunRefusesAForeignReading(t *testing.T) {
	path := journal(t)
	s, _, _ := reading()
	task := readTask(1)
	run(t, task, s, path, collect.Options{Clock: newClock()})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	l := strings.SplitAfter(string(data), "\n") // header, ask, read, answer, ask, …
	require.Len(t, l, 8)
	failed := `{"at":0,"kind":"answer","stage":"reading","n":0,"passage":0,"begin":0,"end":2,"status":"failed","error":"e"}` + "\n"
	edit := func(line, old, new string) string {
		require.Contains(t, line, old)
		return strings.Replace(line, old, new, 1)
	}
	for want, content := range map[string]string{
		"answer to question reading 0 is of passage 1 [0, 2), want 0 [0, 2)": l[0] + l[1] + edit(l[2], `"passage":0`, `"passage":1`),
		"answer to question reading 0 is of passage 0 [1, 2), want 0 [0, 2)": l[0] + l[1] + edit(l[2], `"begin":0`, `"begin":1`),
		"answer to question reading 0 is of passage 0 [0, 3), want 0 [0, 2)": l[0] + l[1] + l[2] + edit(l[3], `"end":2`, `"end":3`),
		"answer to question reading 0 does not say to which positions":       l[0] + l[1] + edit(l[2], `"passage":0,"begin":0,"end":2,`, ``),
		"question reading 0 is answered already":                             l[0] + l[1] + l[2] + l[1],
		"line 4 of the journal: question reading 0 is answered already":      l[0] + l[1] + l[2] + l[2],
		"line 2 of the journal: question reading 0 was not asked":            l[0] + l[2],
		"line 5 of the journal: question reading 0 is answered already":      l[0] + l[1] + l[2] + l[3] + l[3],
		"question reading 0 has predictions already":                         l[0] + l[1] + l[2] + edit(failed, `"failed"`, `"failed","model":"m"`),
		"question reading 0 is answered by an event of kind \"ask\"":         l[0] + edit(l[1], `}`, `,"model":"m"}`),
		"question reading 0 has figures of a reference for no predictions":   l[0] + l[1] + l[3],
		"reference has 1 positions, want 2":                                  l[0] + l[1] + l[2] + l[3][:strings.Index(l[3], "],[")] + "]]}\n",
		"has 3 figures of a reference, want none":                            l[0] + l[1] + edit(l[2], `}]}`, `,"r":[-1,-1,-1]}]}`),
		"status is \"refused\", want complete, failed or missing":            l[0] + l[1] + edit(failed, "failed", "refused"),
		"answer has 0 predictions, want 2, for positions [0, 2)":             l[0] + l[1] + edit(failed, `"failed","error":"e"`, `"complete"`),
		"question reading 0 is answered with a text":                         l[0] + l[1] + edit(failed, `"failed"`, `"failed","text":"x"`),
		"there is no question reading 2":                                     l[0] + edit(l[1], `"n":0`, `"n":2`),
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := collect.Run(context.Background(), task, s, path, collect.Options{})
		assert.ErrorContains(t, err, want)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, content, string(after), "a refused journal is left as it is")
	}
	// A prompt is not answered like a passage, nor without the reference.
	s.Text = echo()
	task.Prompts = prompts(1)
	path = journal(t)
	run(t, task, s, path, collect.Options{})
	data, err = os.ReadFile(path)
	require.NoError(t, err)
	head := strings.SplitAfter(string(data), "\n")[:2]
	for want, line := range map[string]string{
		"question prompt 0 is answered like a reading": `{"at":0,"kind":"answer","stage":"prompt","n":0,"passage":0,"status":"complete","text":"x"}`,
		"question prompt 0 is not for the reference":   `{"at":0,"kind":"read","stage":"prompt","n":0}`,
	} {
		require.NoError(t, os.WriteFile(path, []byte(head[0]+head[1]+line+"\n"), 0o600))
		_, err := collect.Run(context.Background(), task, s, path, collect.Options{})
		assert.ErrorContains(t, err, want)
	}
}

// A file that is no journal is not overwritten.
func TestRunLeavesOtherFiles(t *testing.T) {
	path := journal(t)
	require.NoError(t, os.WriteFile(path, []byte("my notes"), 0o600))
	_, err := collect.Run(context.Background(), task(1), collect.Suspect{Name: "s", Text: echo()}, path, collect.Options{})
	assert.EqualError(t, err, `collect: journal: file begins with "my notes", want a journal or nothing`)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "my notes", string(data))
}
