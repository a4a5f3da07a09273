// Endtoend plays the story with a real model, a real server and the command, and
// checks how each part ends:
//
//	go run .ci/endtoend.go -bin DIR -files DIR -dir DIR [-tokens N]
//
// A server that marks and plants answers two customers over eight connections. Its
// texts alone show the marks. The ledger holds, and a changed byte in it shows. A
// suspect that passes questions on to the server is collected from, in text and in
// log-probabilities, judged, and recognised as a relay; its report and its bundle are
// made and checked. The exit status is 1 if anything is not as it should be.
//
// -bin has the binaries llamacpp and dyetrace, -files what fetch.sh fetched, and -dir
// is an empty folder.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	connections = 8
	most        = 256 // tokens of an answer
	seed        = 7   // of every request: with it a prompt has one answer
	fresh       = 16  // prompts of the suspect that nobody asked before
	again       = 8   // prompts of the suspect that its account asked before, whose answers it reads, too

	customer = "sk-end-to-end-customer-0001" // of cohort paid
	relay    = "sk-end-to-end-relay-0000002" // of cohort trial
	trusted  = "sk-end-to-end-trusted-00003" // may go without marks

	model = "smollm2"

	signed = 2 * time.Second // the server signs the ledger every second
)

func main() {
	var s story
	flag.StringVar(&s.bin, "bin", "", "folder of the binaries")
	flag.StringVar(&s.files, "files", "", "folder that fetch.sh filled")
	flag.StringVar(&s.dir, "dir", "", "empty folder to work in")
	flag.IntVar(&s.tokens, "tokens", 20_000, "have this `number` of marked tokens served")
	flag.Parse()
	if s.bin == "" || s.files == "" || s.dir == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	begun := time.Now()
	err := s.play()
	if s.server != nil {
		_ = s.server.Process.Kill()
		_ = s.server.Wait()
	}
	if err != nil {
		fmt.Println("FAILED:", err)
		if log, e := os.ReadFile(s.path("server.log")); e == nil {
			fmt.Printf("the server's log:\n%s", log[max(0, len(log)-4000):])
		}
		os.Exit(1)
	}
	fmt.Printf("all is as it should be, %.0f s\n", time.Since(begun).Seconds())
}

// A story is what was made so far. What goes wrong is a panic of a failure.
type story struct {
	bin, files, dir string
	tokens          int // wanted of marked answers
	server          *exec.Cmd
	url, verifier   string
	served          []answer
	planted         float64 // answers to the suspect with canaries
	began           time.Time
}

type failure struct{ error }

func fail(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

func must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

func (s *story) play() (err error) {
	defer func() {
		switch x := recover().(type) {
		case nil:
		case failure:
			err = x.error
		default:
			panic(x)
		}
	}()
	for _, step := range []struct {
		name string
		play func()
	}{
		{"start the server", s.start},
		{"serve", s.serve},
		{"detect from text alone", s.detect},
		{"verify the ledger", s.verifyLedger},
		{"plan", s.plan},
		{"collect from the suspect", s.collect},
		{"judge", s.judge},
		{"report and bundle", s.bundle},
		{"end the server", s.stop},
	} {
		fmt.Printf("\n## %s\n", step.name)
		s.began = time.Now()
		step.play()
		fmt.Printf("%s: %.1f s\n", step.name, time.Since(s.began).Seconds())
	}
	return nil
}

func (s *story) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// says reports something that was measured.
func says(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }

// check reports something that has to be so.
func check(ok bool, format string, args ...any) {
	if !ok {
		fail("not so: "+format, args...)
	}
	fmt.Printf("  ok: "+format+"\n", args...)
}

// dyetrace runs the command, which has to end with a code, and returns what it wrote.
func (s *story) dyetrace(code int, args ...string) string {
	return s.run(code, "dyetrace", args...)
}

func (s *story) run(code int, name string, args ...string) string {
	begun := time.Now()
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "SUSPECT_KEY="+relay)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); !exited {
		must(err)
	}
	got := cmd.ProcessState.ExitCode()
	fmt.Printf("+ %s %s\n  exit %d, %.1f s\n", name, shell(args), got, time.Since(begun).Seconds())
	if got != code {
		fail("%s %s: exit %d, want %d:\n%s%s", name, args[0], got, code, errOut.String(), tail(out.String()))
	}
	return out.String()
}

// shell shows arguments, long ones cut.
func shell(args []string) string {
	var all []string
	for _, a := range args {
		if len(a) > 72 {
			a = a[:68] + "…"
		}
		if a == "" || strings.ContainsAny(a, " '\"{}*$|&;") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		all = append(all, a)
	}
	return strings.Join(all, " ")
}

func tail(text string) string { return text[max(0, len(text)-3000):] }

// decode reads a line of JSON.
func decode[T any](text string) (x T) {
	must(json.Unmarshal([]byte(text), &x))
	return x
}

// start starts the server, with an account each for two cohorts.
func (s *story) start() {
	var accounts strings.Builder
	for _, a := range []struct{ key, cohort string }{{customer, "paid"}, {relay, "trial"}, {trusted, "- trusted"}} {
		fmt.Fprintf(&accounts, "%x %s\n", sha256.Sum256([]byte(a.key)), a.cohort)
	}
	must(os.WriteFile(s.path("accounts"), []byte(accounts.String()), 0o600))
	must(os.WriteFile(s.path("service.key"), []byte(relay+"\n"), 0o600))
	args := append(s.serverFlags(), "-listen", "127.0.0.1:0")
	fmt.Printf("+ llamacpp %s\n", shell(args))
	s.server = exec.Command(filepath.Join(s.bin, "llamacpp"), args...)
	s.server.Dir = s.dir
	pipe, err := s.server.StderrPipe()
	must(err)
	must(s.server.Start())
	log, err := os.Create(s.path("server.log"))
	must(err)
	lines := bufio.NewReader(io.TeeReader(pipe, log))
	for s.url == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			fail("the server ended before it served")
		}
		if _, key, ok := strings.Cut(strings.TrimSpace(line), "the ledger is verified with "); ok {
			s.verifier = key
		}
		if _, url, ok := strings.Cut(strings.TrimSpace(line), "serving "+model+" at "); ok {
			s.url = url
		}
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	must(os.WriteFile(s.path("ledger.pub"), []byte(s.verifier+"\n"), 0o644))
	check(s.verifier != "", "it says the ledger's key: %s", s.verifier)
	s.run(0, "llamacpp", append(s.serverFlags(), "-write-marks", "study/keys")...)
}

func (s *story) serverFlags() []string {
	return []string{
		"-library", filepath.Join(s.files, "lib"), "-model", filepath.Join(s.files, "model.gguf"), "-name", model, "-context", "1024",
		"-keys", "keys", "-ledger", "ledger", "-accounts", "accounts", "-epoch", "2026-11", "-again", "1s",
	}
}

// An answer is what the server sent.
type answer struct {
	Key    string `json:"-"`
	Prompt string `json:"prompt"`
	Text   string `json:"text"`
	tokens int
}

// prompt is the i-th of many, all different.
func prompt(i int) string {
	topics := []string{
		"a lighthouse", "an old map", "the first snow", "a night train", "a garden in spring", "two brothers", "a river in flood", "the harbour",
		"a lost dog", "the market", "a broken clock", "the mountain", "a long journey", "the village school", "a letter", "the storm",
	}
	kinds := []string{
		"Write a long story about %s.", "Write a diary entry about %s.", "Explain to a child everything about %s.", "Describe %s in great detail.",
		"Write a speech about %s.", "Write an essay about %s and why it matters.", "Tell me a fable about %s.", "Write a chapter of a novel about %s.",
		"Write a newspaper article about %s.", "Write a dialogue between two friends about %s.", "Write down your thoughts about %s.", "Write a travel report about %s.",
	}
	return fmt.Sprintf(kinds[i/len(topics)%len(kinds)], topics[i%len(topics)])
}

// ask asks the server, whole or as a stream.
func (s *story) ask(client *http.Client, key, prompt string, stream bool, header ...string) answer {
	body, err := json.Marshal(map[string]any{
		"model": model, "messages": []any{map[string]string{"role": "user", "content": prompt}},
		"temperature": 1, "max_tokens": most, "seed": seed, "stream": stream, "stream_options": map[string]bool{"include_usage": true},
	})
	must(err)
	if !stream {
		body = bytes.Replace(body, []byte(`,"stream_options":{"include_usage":true}`), nil, 1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/chat/completions", bytes.NewReader(body))
	must(err)
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	must(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		data, _ := io.ReadAll(resp.Body)
		fail("%s: %s", resp.Status, data)
	}
	type chunk struct {
		Choices []struct {
			Message, Delta struct{ Content string }
		}
		Usage struct {
			Completion int `json:"completion_tokens"`
		}
	}
	a := answer{Key: key, Prompt: prompt}
	take := func(c chunk) {
		for _, x := range c.Choices {
			a.Text += x.Message.Content + x.Delta.Content
		}
		a.tokens += c.Usage.Completion
	}
	if !stream {
		data, err := io.ReadAll(resp.Body)
		must(err)
		take(decode[chunk](string(data)))
		return a
	}
	done := false
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch data, ok := strings.CutPrefix(lines.Text(), "data: "); {
		case data == "[DONE]":
			done = true
		case ok:
			take(decode[chunk](data))
		}
	}
	must(lines.Err())
	if !done {
		fail("the stream ended without [DONE]")
	}
	return a
}

// each calls f from as many goroutines as there are connections, each with a client
// and so a connection of its own, until it returns false.
func each(f func(client *http.Client, i int) bool) {
	var mu sync.Mutex
	next := 0
	failed := make(chan failure, connections)
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			defer func() {
				if x := recover(); x != nil {
					failed <- x.(failure)
				}
			}()
			client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
			defer client.CloseIdleConnections()
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if !f(client, i) {
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case f := <-failed:
		panic(f)
	default:
	}
}

// serve has the server answer two customers, of two cohorts, until there is enough.
func (s *story) serve() {
	var mu sync.Mutex
	tokens, begun := 0, time.Now()
	each(func(client *http.Client, i int) bool {
		mu.Lock()
		enough := tokens >= s.tokens
		mu.Unlock()
		if enough {
			return false
		}
		key := []string{customer, relay}[i%2]
		a := s.ask(client, key, prompt(i), i%4 >= 2)
		mu.Lock()
		defer mu.Unlock()
		s.served = append(s.served, a)
		tokens += a.tokens
		return true
	})
	seconds := time.Since(begun).Seconds()
	says("%d answers of %d tokens over %d connections, half of them streamed, %.1f tokens/s", len(s.served), tokens, connections, float64(tokens)/seconds)
	check(tokens >= s.tokens, "at least %d marked tokens", s.tokens)
	var all []answer
	for _, a := range s.served {
		if a.Text != "" {
			all = append(all, a)
		}
	}
	s.served = all
	s.writeLines("served.jsonl", s.served)
	s.writeLines("customer.jsonl", of(s.served, customer))
	s.writeLines("relay.jsonl", of(s.served, relay))
	var plain []answer
	each(func(client *http.Client, i int) bool {
		if i >= connections {
			return false
		}
		a := s.ask(client, trusted, prompt(i), false, "Dyetrace-Mark", "off", "Dyetrace-Canary", "off")
		mu.Lock()
		defer mu.Unlock()
		plain = append(plain, a)
		return true
	})
	s.writeLines("plain.jsonl", plain)
	metrics := s.metrics()
	says("the server counts %.0f leaves, %.0f answers planted", metrics["dyetrace_ledger_leaves_total"], metrics[planted])
	check(metrics["dyetrace_ledger_errors_total"] == 0 && metrics["dyetrace_ledger_usable"] == 1, "no leaf was refused")
	check(metrics[planted] >= float64(len(s.served))/20, "at least one answer of twenty carries canaries")
}

// of returns the answers to an account.
func of(all []answer, key string) (some []answer) {
	for _, a := range all {
		if a.Key == key {
			some = append(some, a)
		}
	}
	return some
}

func (s *story) writeLines(name string, all []answer) {
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	for _, a := range all {
		must(lines.Encode(a))
	}
	must(os.WriteFile(s.path(name), b.Bytes(), 0o644))
}

var sample = regexp.MustCompile(`(?m)^([a-z_]+(?:\{[^}]*\})?) ([0-9.e+-]+)$`)

// planted is what the server counts of answers with canaries.
const planted = `dyetrace_answers_total{decision="planted"}`

// metrics reads /metrics.
func (s *story) metrics() map[string]float64 {
	r, err := http.NewRequest(http.MethodGet, s.url+"/metrics", nil)
	must(err)
	r.Header.Set("Authorization", "Bearer "+trusted)
	resp, err := http.DefaultClient.Do(r)
	must(err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		fail("/metrics: %s", resp.Status)
	}
	data, err := io.ReadAll(resp.Body)
	must(err)
	all := map[string]float64{}
	for _, m := range sample.FindAllStringSubmatch(string(data), -1) {
		x, err := strconv.ParseFloat(m[2], 64)
		must(err)
		all[m[1]] = x
	}
	return all
}

type detected struct {
	Texts  int
	Tokens int64
	Rate   float64 `json:"tokens_per_second"`
	Marks  []struct {
		Name  string
		LogP  float64 `json:"ln_p_corrected"`
		Found bool
	}
}

// detect finds the marks in texts alone: of whom, in which epoch, and not where there
// are none.
func (s *story) detect() {
	const alpha = 1e-6
	args := func(file string, more ...string) []string {
		return append([]string{"detect", "--mark", "study/keys", "--tokenizer", "study/keys/tokenizer.json", "--alpha", fmt.Sprint(alpha), "--json", file}, more...)
	}
	for _, c := range []struct {
		file   string
		code   int
		cohort string
	}{{"customer.jsonl", 1, "paid"}, {"relay.jsonl", 1, "trial"}, {"plain.jsonl", 0, ""}} {
		r := decode[detected](s.dyetrace(c.code, args(c.file)...))
		says("%d texts, %d tokens, %.0f tokens/s", r.Texts, r.Tokens, r.Rate)
		for _, m := range r.Marks {
			want := c.code == 1 && (m.Name == "vendor" || m.Name == "epoch-2026-11" || m.Name == "cohort-2026-11-"+c.cohort)
			check(m.Found == want, "%-22s log10 p %8.1f, found: %t", m.Name, m.LogP/math.Ln10, m.Found)
		}
	}
	type each struct {
		Text   string
		Tokens int
		LogP   *float64 `json:"ln_p"`
	}
	long, found := 0, 0
	for line := range strings.Lines(s.dyetrace(1, args("served.jsonl", "--each")...)) {
		if x := decode[each](line); x.LogP != nil && x.Text != "" && x.Tokens >= 200 {
			long++
			if *x.LogP < math.Log(1e-6) {
				found++
			}
		}
	}
	check(long >= 20 && float64(found) >= 0.95*float64(long), "%d of %d answers of 200 tokens and more have p < 1e-6 each", found, long)
}

type verified struct {
	Leaves, Signed int64
	Kinds          map[string]int64
	Known          []int64
}

// verifyLedger verifies the ledger while the server appends to it, and finds a change.
func (s *story) verifyLedger() {
	time.Sleep(signed)
	v := decode[verified](s.dyetrace(0, "ledger", "verify", "ledger", "-v", "ledger.pub", "--json"))
	leaves := s.metrics()["dyetrace_ledger_leaves_total"]
	check(float64(v.Leaves) == leaves && v.Signed == v.Leaves, "%d leaves, all signed, as many as the server counts: %v", v.Leaves, v.Kinds)
	checkpoint, err := os.ReadFile(s.path("ledger", "checkpoint"))
	must(err)
	must(os.WriteFile(s.path("published.checkpoint"), checkpoint, 0o644))

	type counted struct {
		Leaves  int64
		Options []struct{ Plantings int64 }
	}
	c := decode[counted](s.dyetrace(0, "ledger", "show", "ledger", "-v", "ledger.pub", "--json", "--count", "--kind", "planting", "--book", "english", "--pseudonyms", "ledger.2026-11.pseudonyms", "--cohort", "trial"))
	units := int64(0)
	for _, o := range c.Options {
		units += o.Plantings
	}
	check(c.Leaves > 0 && units >= c.Leaves, "%d leaves of cohort trial, with %d units of %d options", c.Leaves, units, len(c.Options))

	must(os.CopyFS(s.path("changed"), os.DirFS(s.path("ledger"))))
	data, err := os.ReadFile(s.path("changed", "leaves"))
	must(err)
	data[len(bytes.TrimRight(data, "\x00"))*2/3] ^= 1 // the file is longer than what is in it
	must(os.WriteFile(s.path("changed", "leaves"), data, 0o600))
	s.dyetrace(3, "ledger", "verify", "changed", "-v", "ledger.pub")
}

// plan plans a test of a suspect: half of its questions were never asked, and others
// its account had answered before. The keys are in the ledger since before anything
// was served.
func (s *story) plan() {
	before := of(s.served, relay)
	if len(before) < again {
		fail("%d answers to the relay's account, want %d", len(before), again)
	}
	var prompts strings.Builder
	for _, a := range before[:again] {
		fmt.Fprintln(&prompts, a.Prompt)
	}
	for i := range fresh {
		fmt.Fprintln(&prompts, prompt(191-i)) // from the end, which nobody reached
	}
	must(os.WriteFile(s.path("prompts.txt"), []byte(prompts.String()), 0o644))
	s.writeLines("passages.jsonl", before[:again])
	s.dyetrace(0, "plan", "study", "--suspect", "relay", "--prompts", "prompts.txt", "--tokenizer", "study/keys/tokenizer.json", "--passages", "passages.jsonl", "--top", "5",
		"--test", "G1", "--test", "R1", "--test", "R3", "--held-out", "cohort-2026-11--", "--alpha", "1e-3", "--decoys", "1000")
	// The nonce is public and came after the frames' digests.
	checkpoint, err := os.ReadFile(s.path("ledger", "checkpoint"))
	must(err)
	nonce := sha256.Sum256(append(checkpoint, time.Now().String()...))
	words := s.dyetrace(0, "plan", "study", "--logged", "in this log, above", "--nonce", hex.EncodeToString(nonce[:]), "--nonce-source", "SHA-256 of the ledger's checkpoint and the time")
	fmt.Print(indent(words))
	commitments := s.commitments()
	args := []string{"ledger", "prove", "ledger", "-v", "ledger.pub", "--older", "published.checkpoint", "-o", "commitments.proof.json"}
	for _, c := range commitments {
		args = append(args, "--digest", c)
	}
	s.dyetrace(0, append(args, "--json")...)
	type proof struct {
		Size   int64
		Leaves []struct{ Kind string }
		Older  []int64
	}
	p := decode[proof](s.dyetrace(0, "ledger", "verify", "--proof", "commitments.proof.json", "-v", "ledger.pub", "--json"))
	check(len(p.Leaves) >= len(commitments) && len(p.Older) == 1, "%d leaves with the commitments to the plan's keys are in the ledger of %d", len(p.Leaves), p.Size)
}

// commitments returns those of the plan that the ledger has: of all but the cohort in
// which nobody asked anything, whose key was never used.
func (s *story) commitments() (all []string) {
	data, err := os.ReadFile(s.path("study", "plan.json"))
	must(err)
	type plan struct {
		Keys []struct {
			Name, Commitment string
			HeldOut          bool `json:"held_out"`
		}
	}
	for _, k := range decode[plan](string(data)).Keys {
		if k.Commitment == "" {
			fail("key %s of the plan has no commitment", k.Name)
		}
		if !k.HeldOut {
			all = append(all, k.Commitment)
		}
	}
	return all
}

func indent(text string) string {
	return "  | " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  | ") + "\n"
}

type counts struct{ Complete, Refused, Empty, Failed, Missing int }

// collect asks the suspect over HTTP: it has a key to the service, and passes
// everything on.
func (s *story) collect() {
	type collected struct{ Prompts, Readings counts }
	s.planted = s.metrics()[planted]
	c := decode[collected](s.dyetrace(0, "collect", "study", "--url", s.url, "--model", model, "--key-env", "SUSPECT_KEY", "--temperature", "1", "--max-tokens", fmt.Sprint(most), "--seed", fmt.Sprint(seed),
		"--concurrency", fmt.Sprint(connections), "--same-tokenizer", "--whole", "echo", "--json"))
	says("prompts %+v, readings %+v", c.Prompts, c.Readings)
	check(c.Prompts.Complete >= again+fresh-2 && c.Prompts.Missing == 0 && c.Prompts.Failed == 0, "all prompts were answered")
	check(c.Readings.Complete == again, "all passages were read, with log-probabilities")
	s.planted = s.metrics()[planted] - s.planted
	check(s.planted > 0, "the service planted in %.0f of the suspect's answers", s.planted)
	s.dyetrace(0, "seal", "study")
}

type report struct {
	Findings []struct {
		Key, Test string
		LogP      float64 `json:"ln_p"`
		Scored    int
		Rejected  bool
		Void      []string
		Notes     []string
	}
	Relayed struct{ Answers, Tokens, Longest int }
}

// judge opens the keys. The suspect's own text carries the marks of the service, and
// of its own account's cohort; its predictions do not: it learnt nothing. Answers that
// the service sent are told by the served texts and, byte for byte, by the ledger.
func (s *story) judge() {
	r := decode[report](s.dyetrace(1, "judge", "study", "--json"))
	marked := map[string]bool{"vendor": true, "epoch-2026-11": true, "cohort-2026-11-trial": true}
	for _, f := range r.Findings {
		want := f.Test == "G1" && marked[f.Key]
		void := ""
		if len(f.Void) > 0 {
			void = ", void: " + strings.Join(f.Void, "; ")
		}
		check(f.Rejected == want, "%-22s %-3s log10 p %8.1f of %5d, rejected: %t%s", f.Key, f.Test, f.LogP/math.Ln10, f.Scored, f.Rejected, void)
		if f.Test == "G1" {
			for _, note := range f.Notes {
				says("  note: %s", note)
			}
		}
	}
	check(r.Relayed.Answers >= again/2, "%d answers repeat served ones, %d tokens in runs of up to %d", r.Relayed.Answers, r.Relayed.Tokens, r.Relayed.Longest)
	text, err := os.ReadFile(s.path("study", "report.txt"))
	must(err)
	check(strings.Contains(string(text), "word for word"), "the report says so")

	time.Sleep(signed)
	type relayed struct {
		Answers int
		Relayed []struct{ Prompt int }
	}
	found := decode[relayed](s.dyetrace(1, "ledger", "relayed", "ledger", "study", "-v", "ledger.pub", "--pseudonyms", "ledger.2026-11.pseudonyms", "--json"))
	check(float64(len(found.Relayed)) == s.planted, "the ledger knows %d of %d answers byte for byte, all in which the service planted", len(found.Relayed), found.Answers)
}

// bundle draws the report, and packs and checks the evidence.
func (s *story) bundle() {
	s.dyetrace(0, "bundle", "make", "study", "--ledger-proof", "commitments.proof.json")
	type bundleChecks struct {
		OK     bool
		Checks []struct{ Name, Result, Detail string }
	}
	b := decode[bundleChecks](s.dyetrace(0, "bundle", "verify", "study/bundle.dyetrace", "-v", "ledger.pub", "--json"))
	anchored := 0
	for _, c := range b.Checks {
		if strings.HasPrefix(c.Name, "anchor of key ") && strings.Contains(c.Detail, " leaf ") {
			anchored++
		}
	}
	check(b.OK && anchored >= 3, "the bundle holds: %d checks, %d keys were in the ledger before", len(b.Checks), anchored)
	s.dyetrace(0, "report", "study")
	page, err := os.ReadFile(s.path("study", "report.html"))
	must(err)
	check(bytes.Contains(page, []byte("<svg")) && !bytes.Contains(page, []byte("<script")) && bytes.Contains(page, []byte("vendor")), "the report is a page of %d kB with plots and without scripts", len(page)/1000)

	data, err := os.ReadFile(s.path("study", "bundle.dyetrace"))
	must(err)
	data[len(data)/2] ^= 1
	must(os.WriteFile(s.path("changed.dyetrace"), data, 0o600))
	s.dyetrace(3, "bundle", "verify", "changed.dyetrace", "-v", "ledger.pub")
}

// stop ends the server as an operator does: the ledger is whole, and begins with what
// was published.
func (s *story) stop() {
	must(s.server.Process.Signal(syscall.SIGTERM))
	err := s.server.Wait()
	s.server = nil
	check(err == nil, "the server ended by SIGTERM with exit 0")
	v := decode[verified](s.dyetrace(0, "ledger", "verify", "ledger", "-v", "ledger.pub", "--known", "published.checkpoint", "--json"))
	check(v.Signed == v.Leaves && len(v.Known) == 1 && v.Known[0] < v.Leaves, "%d leaves, all signed; it begins with the %d that were published", v.Leaves, v.Known[0])
}
