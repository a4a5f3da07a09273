package main_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// A suspect is a model behind OpenAI's API on a loopback address.
type suspect struct {
	*httptest.Server
	model  *model
	tokens int
	key    string
	delay  time.Duration
	asked  atomic.Int64
	answer func(prompt string) string // in place of the model
}

func serve(t testing.TB, m *model, tokens int) *suspect {
	t.Helper()
	s := &suspect{model: m, tokens: tokens}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, r *http.Request) {
		if s.allowed(w, r) {
			fmt.Fprint(w, `{"object":"list","data":[{"id":"student","object":"model"}]}`)
		}
	})
	mux.HandleFunc("POST /v1/chat/completions", s.chat)
	mux.HandleFunc("POST /v1/completions", s.completions)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *suspect) allowed(w http.ResponseWriter, r *http.Request) bool {
	if s.key == "" || r.Header.Get("Authorization") == "Bearer "+s.key {
		return true
	}
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprint(w, `{"error":{"message":"wrong key"}}`)
	return false
}

func (s *suspect) chat(w http.ResponseWriter, r *http.Request) {
	if !s.allowed(w, r) {
		return
	}
	var q struct {
		Messages []struct{ Content string }
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || len(q.Messages) == 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.asked.Add(1)
	time.Sleep(s.delay)
	prompt := q.Messages[len(q.Messages)-1].Content
	answer := s.answer
	if answer == nil {
		answer = s.write
	}
	json.NewEncoder(w).Encode(map[string]any{"object": "chat.completion", "model": "student", "system_fingerprint": "fp_1",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": answer(prompt)}}}})
}

// write answers a prompt, equal ones alike.
func (s *suspect) write(prompt string) string {
	h := fnv.New64a()
	h.Write([]byte(prompt))
	rng := rand.New(rand.NewPCG(h.Sum64(), 5))
	text := s.model.tok.Encode(prompt)
	begin := len(text)
	for len(text) < begin+s.tokens {
		ids, logits := s.model.candidates(text)
		sum := 0.0
		for _, l := range logits {
			sum += math.Exp(float64(l))
		}
		u, pick := rng.Float64()*sum, 0
		for i, l := range logits {
			if u -= math.Exp(float64(l)); u < 0 {
				pick = i
				break
			}
		}
		text = append(text, ids[pick])
	}
	answer, err := s.model.tok.Decode(text[begin:])
	if err != nil {
		panic(err) // which ends the answer
	}
	return answer
}

// learnt returns a student of what the teacher serves under a mark; of none, if mark
// is nil.
func learnt(t testing.TB, mark *watermark.Watermark, answers int) *model {
	t.Helper()
	teacher, err := novels()
	require.NoError(t, err)
	return learn(teacher.tok, taught(t, mark, answers)...)
}

// taught returns what the teacher serves.
func taught(t testing.TB, mark *watermark.Watermark, answers int) []string {
	t.Helper()
	teacher, err := novels()
	require.NoError(t, err)
	texts := make([]string, answers)
	for i, p := range prompts(t, answers, 77) {
		texts[i] = decode(t, teacher, teacher.write(t, session(t, mark, uint64(i)), p, 150))
	}
	return texts
}

// newStudy makes the keys and the plan of a study.
func newStudy(t *testing.T, ask int) (dir string, mark *watermark.Watermark) {
	t.Helper()
	dir = t.TempDir()
	fixedMark(t, dir, "study/keys/lab", 4)
	fixedMark(t, dir, "study/keys/unused", 5)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts.txt"), []byte(strings.Join(prompts(t, 80, 4), "\n")), 0o644))
	done(t, dir, "plan", "study", "--suspect", "student", "--prompts", "prompts.txt", "--tokenizer", absolute(t, tokenizerPath),
		"--ask", fmt.Sprint(ask), "--decoys", "1000", "--held-out", "unused")
	done(t, dir, "plan", "study", "--logged", "in this test", "--nonce", hex.EncodeToString(bytes.Repeat([]byte{7}, 32)), "--nonce-source", "seven")
	return dir, openMark(t, filepath.Join(dir, "study/keys/lab"))
}

// judge judges a study whose suspect is to be found. Decoy keys are drawn from the
// seal, and so from the time: once in 10^4 findings their diagnostics void one that is
// right, and then it is collected anew, which leaves one failure in 10^7 or so.
func judge(t *testing.T, dir string, collect func(), flags ...string) outcome {
	t.Helper()
	o := dyetrace(t, dir, append([]string{"judge", "study"}, flags...)...)
	if o.code == 1 {
		return o
	}
	t.Logf("judged again: %s", o.out)
	for _, pattern := range []string{"journal.jsonl", "transcript.jsonl", "seal.json", "controls/*/journal.jsonl", "controls/*/transcript.jsonl", "controls/*/seal.json"} {
		paths, err := filepath.Glob(filepath.Join(dir, "study", pattern))
		require.NoError(t, err)
		for _, path := range paths {
			require.NoError(t, os.Remove(path))
		}
	}
	if collect == nil {
		done(t, dir, "collect", "study")
	} else {
		collect()
	}
	done(t, dir, "seal", "study")
	return dyetrace(t, dir, append([]string{"judge", "study"}, flags...)...)
}

// The whole story, through the binary and over HTTP, and its figures made again by
// the library.
func TestStudy(t *testing.T) {
	t.Parallel()
	dir, mark := newStudy(t, 60)
	s := serve(t, learnt(t, mark, 250), 100)
	s.key = "sk-a-key-of-some-length"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "service.key"), []byte(s.key+"\n"), 0o600))

	o := dyetrace(t, dir, "collect", "study", "--url", s.URL, "--model", "student")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "wrong key")
	assert.NoFileExists(t, filepath.Join(dir, "study/journal.jsonl"), "nothing was asked")

	var collected struct {
		Prompts collect.Counts `json:"prompts"`
		Next    string         `json:"next"`
	}
	decodeJSON(t, done(t, dir, "collect", "study", "--url", s.URL, "--model", "student", "--key-file", "service.key", "--json"), &collected)
	assert.Equal(t, 60, collected.Prompts.Complete)
	assert.Equal(t, "dyetrace seal study/", collected.Next)
	for _, name := range []string{"suspect.json", "journal.jsonl", "transcript.jsonl"} {
		data, err := os.ReadFile(filepath.Join(dir, "study", name))
		require.NoError(t, err)
		assert.NotContains(t, string(data), s.key, name)
	}
	asked := s.asked.Load()
	done(t, dir, "collect", "study")
	assert.Equal(t, asked, s.asked.Load(), "everything was answered")
	assert.Contains(t, dyetrace(t, dir, "plan", "study", "--alpha", "0.5").err, "is fixed")

	early := dyetrace(t, dir, "judge", "study")
	assert.Equal(t, 2, early.code)
	assert.Contains(t, early.err, "dyetrace seal study/")
	done(t, dir, "seal", "study")
	assert.Contains(t, dyetrace(t, dir, "collect", "study").err, "sealed")

	judged := judge(t, dir, nil)
	require.Equal(t, 1, judged.code, judged.err)
	assert.Contains(t, judged.out, "REJECTED")
	assert.Contains(t, judged.err, "next: dyetrace report study/")
	again := dyetrace(t, dir, "judge", "study", "--json")
	assert.Equal(t, 1, again.code)
	var report verify.Report
	decodeJSON(t, again.out, &report)
	assert.True(t, report.Finding("lab", "G1").Rejected)
	assert.False(t, report.Finding("unused", "G1").Rejected)
	assert.Empty(t, report.Warning)

	made := dyetrace(t, dir, "bundle", "make", "study")
	require.Zero(t, made.code, made.err)
	checked := dyetrace(t, dir, "bundle", "verify", "study/bundle.dyetrace")
	require.Zero(t, checked.code, checked.out+checked.err)
	var v struct {
		OK     bool
		Checks []verify.Check
	}
	decodeJSON(t, done(t, dir, "bundle", "verify", "--json", "study/bundle.dyetrace"), &v)
	assert.True(t, v.OK)
	assert.Greater(t, len(v.Checks), 5)

	done(t, dir, "bundle", "object", "study/bundle.dyetrace", "--by", "student", "--text", "we read novels", "-o", "objected")
	assert.Contains(t, done(t, dir, "bundle", "verify", "objected"), "we read novels")

	// Of a whole study, any change is evidence that is not valid: code 3.
	for _, c := range []struct {
		file, old, new, says string
		args                 []string
	}{
		{"plan.json", `"alpha":0.001`, `"alpha":0.01`, "plan", []string{"judge", "study"}},
		{"plan.json", `"alpha":0.001`, `"alpha":0.00`, "plan.json", []string{"judge", "study"}},
		{"transcript.jsonl", "complete", "refused", "seal.json", []string{"judge", "study"}},
		{"prompts.jsonl", " the ", " a ", "prompts.jsonl has digest", []string{"judge", "study"}},
		{"seal.json", `"digest":"`, `"digest":"0`, "seal.json", []string{"judge", "study"}},
		{"tokenizer.json", `"version": "1.0"`, `"version":  "1.0"`, "tokenizer.json has digest", []string{"judge", "study"}},
		{"report.json", `"alpha":0.001`, `"alpha":0.01`, "FAILED", []string{"bundle", "verify", "study/bundle.dyetrace"}},
		{"bundle.dyetrace", `"alpha":0.001`, `"alpha":0.002`, "FAILED", []string{"bundle", "verify", "study/bundle.dyetrace"}},
		{"bundle.dyetrace", `{"end":`, `{"End":`, "bundle.dyetrace", []string{"bundle", "verify", "study/bundle.dyetrace"}},
	} {
		path := filepath.Join(dir, "study", c.file)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		changed := bytes.Replace(data, []byte(c.old), []byte(c.new), 1)
		require.NotEqual(t, data, changed, "%v", c)
		require.NoError(t, os.WriteFile(path, changed, 0o600))
		if c.file == "report.json" {
			made := dyetrace(t, dir, "bundle", "make", "study")
			require.Zero(t, made.code, "bundle make packs what is there: %s", made.err)
		}
		o := dyetrace(t, dir, c.args...)
		assert.Equal(t, 3, o.code, "%v: %s%s", c, o.out, o.err)
		assert.Contains(t, o.out+o.err, c.says)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		if c.file == "report.json" {
			done(t, dir, "bundle", "make", "study")
		}
	}
	nonce := filepath.Join(dir, "study/keys/lab.nonce")
	require.NoError(t, os.WriteFile(nonce, []byte(strings.Repeat("ab", 32)+"\n"), 0o600))
	o = dyetrace(t, dir, "judge", "study")
	assert.Equal(t, 3, o.code, "a nonce that does not open the commitment: %s", o.err)
}

// A vendor hands out commitments only, somebody else plans and collects without any
// key, and nothing is found in a model that read as many unmarked answers: code 0.
func TestStudyOfAnInnocent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fixedMark(t, dir, "vendor/lab", 6)
	done(t, dir, "key", "commit", "vendor/lab")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prompts.txt"), []byte(strings.Join(prompts(t, 40, 4), "\n")), 0o644))
	plan := done(t, dir, "plan", "study", "--suspect", "student", "--prompts", "prompts.txt", "--tokenizer", absolute(t, tokenizerPath),
		"--commitment", "vendor/lab.commit.json", "--decoys", "1000")
	assert.Contains(t, plan, "not evidence against a third party")
	require.NoError(t, os.Rename(filepath.Join(dir, "vendor"), filepath.Join(dir, "away")))
	s := serve(t, learnt(t, nil, 100), 60)
	done(t, dir, "collect", "study", "--url", s.URL, "--model", "student")
	done(t, dir, "seal", "study")
	o := dyetrace(t, dir, "judge", "study")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "--keys")
	o = dyetrace(t, dir, "judge", "study", "--keys", "away")
	assert.Zero(t, o.code, o.out+o.err)
	assert.Contains(t, o.out, "not rejected")

	// Another mark under the name of the plan's is no evidence.
	done(t, dir, "key", "mark", "false/lab")
	done(t, dir, "key", "commit", "false/lab")
	o = dyetrace(t, dir, "judge", "study", "--keys", "false")
	assert.Equal(t, 3, o.code, o.out+o.err)
	assert.Contains(t, o.err, "false/lab.mark.json is mark")
}

// A collection that was killed goes on, and asks nothing again that was answered; one
// that is interrupted says how.
func TestCollectGoesOn(t *testing.T) {
	t.Parallel()
	dir, _ := newStudy(t, 60)
	m, err := novels()
	require.NoError(t, err)
	s := serve(t, m, 20)
	s.delay = 20 * time.Millisecond
	interrupt := func(sig syscall.Signal, after int64, args ...string) (*exec.Cmd, string) {
		cmd := exec.Command(binary, append([]string{"collect", "study", "--concurrency", "2"}, args...)...)
		cmd.Dir = dir
		var errOut bytes.Buffer
		cmd.Stderr = &errOut
		require.NoError(t, cmd.Start())
		for deadline := time.Now().Add(20 * time.Second); s.asked.Load() < after && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		require.NoError(t, cmd.Process.Signal(sig))
		_ = cmd.Wait()
		return cmd, errOut.String()
	}
	cmd, _ := interrupt(syscall.SIGKILL, 15, "--url", s.URL, "--model", "student")
	assert.Equal(t, syscall.SIGKILL, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
	cmd, said := interrupt(syscall.SIGINT, 30)
	assert.Equal(t, 130, cmd.ProcessState.ExitCode(), said)
	assert.Contains(t, said, "to go on: dyetrace collect study/")
	cmd, said = interrupt(syscall.SIGTERM, 40)
	assert.Equal(t, 143, cmd.ProcessState.ExitCode(), said)
	assert.NoFileExists(t, filepath.Join(dir, "study/transcript.jsonl"))
	s.delay = 0
	done(t, dir, "collect", "study")
	assert.LessOrEqual(t, s.asked.Load(), int64(60+3*2), "at most what was open is asked again")
	f, err := os.Open(filepath.Join(dir, "study/transcript.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	transcript, err := collect.ReadTranscript(f)
	require.NoError(t, err)
	assert.Equal(t, 60, transcript.Counts().Complete)
}

// A suspect that does not answer for now: the collection says so, and goes on later.
func TestCollectWithoutASuspect(t *testing.T) {
	t.Parallel()
	dir, _ := newStudy(t, 5)
	m, err := novels()
	require.NoError(t, err)
	s := serve(t, m, 20)
	o := dyetrace(t, dir, "collect", "study", "--url", "http://127.0.0.1:1", "--model", "student")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "nothing was asked")
	o = dyetrace(t, dir, "collect", "study", "--url", s.URL, "--model", "other")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "other")
	o = dyetrace(t, dir, "collect", "study", "--url", "http://127.0.0.1:1", "--model", "student", "--no-check", "--retries", "0")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "dyetrace collect study/")
	done(t, dir, "collect", "study", "--url", s.URL)
	o = dyetrace(t, dir, "collect", "study", "--temperature", "0.5")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "other settings")
}
