package examples_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A bigram is a language model: the logits of each token after the last one.
type bigram uint64

const words = 512

func (m bigram) logits(text []watermark.Token) []float32 {
	last := uint64(words)
	if len(text) > 0 {
		last = uint64(text[len(text)-1])
	}
	r := rand.New(rand.NewPCG(uint64(m), last))
	l := make([]float32, words)
	for i := range l {
		l[i] = float32(3 * r.NormFloat64())
	}
	return l
}

// snippet: serve
// generate answers one request: the session stands where the sampler stood.
func generate(mark *watermark.Watermark, model bigram, seed watermark.Seed, n int) ([]watermark.Token, error) {
	session, err := mark.NewSession(watermark.SessionOptions{Seed: seed})
	if err != nil {
		return nil, err
	}
	var answer []watermark.Token
	for len(answer) < n {
		token, err := session.Sample(nil, model.logits(answer)) // final logits, one a token
		if err != nil {
			return nil, err
		}
		if err := session.Accept(token); err != nil {
			return nil, err
		}
		answer = append(answer, token)
	}
	return answer, nil
}

// end

// snippet: detect
// evidence looks for a mark in answers: all that it needs of them is tokens.
func evidence(mark *watermark.Watermark, answers [][]watermark.Token) (watermark.Result, error) {
	detector := mark.NewDetector()
	for _, tokens := range answers {
		if err := detector.Add(watermark.Text{Tokens: tokens}); err != nil {
			return watermark.Result{}, err
		}
	}
	return detector.Result(), nil // Result.LogP is the natural logarithm of p
}

// end

// snippet: verify
// investigate asks what a public nonce picks, seals the answers, and only then
// opens the keys.
func investigate(ctx context.Context, plan *verify.Plan, frame *collect.Frame, suspect collect.Suspect,
	journal string, tokenizer verify.Tokenizer, opened []verify.Opened) (*verify.Report, error) {
	task, err := plan.Task(frame)
	if err != nil {
		return nil, err
	}
	transcript, err := collect.Run(ctx, task, suspect, journal, collect.Options{}) // reaches no key
	if err != nil {
		return nil, err
	}
	seal, err := transcript.Seal() // publish it now
	if err != nil {
		return nil, err
	}
	return verify.Judge(ctx, verify.Case{Plan: plan, Frame: frame, Transcript: transcript, Seal: seal,
		Keys: opened, Tokenizer: tokenizer})
}

// end

// rootKey is not random, so that the examples print the same every time. A key
// that is to mark anything comes from crypto/rand.Reader or [keys.ReadFile].
func rootKey(n byte) keys.Key {
	k, err := keys.New(bytes.NewReader(bytes.Repeat([]byte{n}, keys.Size)))
	if err != nil {
		panic(err)
	}
	return k
}

func markOf(root keys.Key) *watermark.Watermark {
	mark, err := watermark.New(root.Vendor().Purpose("watermark"), watermark.Gumbel{}, watermark.Options{})
	if err != nil {
		panic(err)
	}
	return mark
}

// serve makes answers of a model, 200 tokens each.
func serve(mark *watermark.Watermark, model bigram, n int) [][]watermark.Token {
	var answers [][]watermark.Token
	for i := range n {
		answer, err := generate(mark, model, watermark.SeedOf(uint64(i)), 200)
		if err != nil {
			panic(err)
		}
		answers = append(answers, answer)
	}
	return answers
}

// Mark the answers of a server, and read the mark back.
func Example_serveAndDetect() {
	ours, theirs := markOf(rootKey(1)), markOf(rootKey(2))
	answers := serve(ours, bigram(7), 5)
	for _, mark := range []*watermark.Watermark{ours, theirs} {
		found, err := evidence(mark, answers)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d of %d tokens scored, log10 p %.1f\n", found.Scored, found.Raw, found.LogP/math.Ln10)
	}
	// Output:
	// 565 of 1000 tokens scored, log10 p -320.4
	// 565 of 1000 tokens scored, log10 p -1.1
}

// A student answers as the marked model does: it has learnt the answers by heart.
type student struct{ answers []string }

func (s student) Answer(_ context.Context, prompt string) (collect.Answer, error) {
	i, err := strconv.Atoi(prompt)
	if err != nil || i < 0 || i >= len(s.answers) {
		return collect.Answer{}, fmt.Errorf("no answer to %q", prompt)
	}
	return collect.Answer{Text: s.answers[i], Model: "student"}, nil
}

func spell(tokens []watermark.Token) string {
	return strings.TrimSuffix(fmt.Sprintln(tokens), "\n")
}

// Find out whether a suspect was trained on marked answers.
func Example_verify() {
	// Long before: the vendor serves, and somebody trains a student.
	root := rootKey(1)
	key, mark := root.Vendor().Purpose("watermark"), markOf(root)
	var suspect student
	for _, a := range serve(mark, bigram(7), 40) {
		suspect.answers = append(suspect.answers, spell(a))
	}

	// Before anything is asked: what might be asked, the key's commitment, the plan.
	var prompts []string
	for i := range suspect.answers {
		prompts = append(prompts, strconv.Itoa(i))
	}
	frame, err := collect.NewFrame(prompts)
	if err != nil {
		fmt.Println(err)
		return
	}
	nonce := [32]byte{1, 2, 3} // of the commitment: random and secret
	committed, err := verify.Commit("vendor", mark, key, nonce)
	if err != nil {
		fmt.Println(err)
		return
	}
	tokenizer := verify.Tokenizer{
		TokenizerID: verify.TokenizerID{Name: "numbers", Digest: collect.Digest{9}},
		Encode: func(text string) []watermark.Token {
			var tokens []watermark.Token
			for _, f := range strings.Fields(strings.Trim(text, "[]")) {
				if t, err := strconv.ParseInt(f, 10, 32); err == nil && t >= 0 {
					tokens = append(tokens, watermark.Token(t))
				}
			}
			return tokens
		},
	}
	plan := &verify.Plan{
		Suspect:   "student",
		Access:    verify.AccessText,
		Sequence:  1,
		Frame:     verify.FramePlan{Digest: frame.Digest(), Size: frame.Len(), Ask: 4, Logged: "in a public log"},
		Nonce:     verify.Nonce{Value: collect.Digest{4, 5, 6}, Source: "a public beacon"},
		Tokenizer: tokenizer.TokenizerID,
		Keys:      []verify.KeyPlan{committed},
		Tests:     []verify.Test{{Name: verify.G1}},
		Alpha:     1e-3,
		Decoys:    verify.FarDecoys,
	}

	folder, err := os.MkdirTemp("", "dyetrace")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	report, err := investigate(context.Background(), plan, frame, collect.Suspect{Name: "student", Text: suspect},
		filepath.Join(folder, "journal.jsonl"), tokenizer, []verify.Opened{{Name: "vendor", Mark: mark, Key: key, Nonce: nonce}})
	if err != nil {
		fmt.Println(err)
		return
	}
	f := report.Finding("vendor", verify.G1)
	fmt.Println("null hypothesis:", f.Null)
	fmt.Printf("%d of %d tokens scored, log10 p %.1f (%s), rejected: %t\n", f.Scored, f.Raw, f.LogP/math.Ln10, f.Tail, f.Rejected)
	// Output:
	// null hypothesis: the suspect is independent of key vendor, given everything else it was trained on
	// 446 of 800 tokens scored, log10 p -250.8 (exact), rejected: true
}
