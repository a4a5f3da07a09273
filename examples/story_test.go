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

// answer is a marked answer of a server: what the examples of package watermark
// show at length.
func answer(mark *watermark.Watermark, model bigram, seed uint64) ([]watermark.Token, error) {
	session, err := mark.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(seed)})
	if err != nil {
		return nil, err
	}
	var text []watermark.Token
	for len(text) < 200 {
		token, err := session.Sample(nil, model.logits(text))
		if err != nil {
			return nil, err
		}
		if err := session.Accept(token); err != nil {
			return nil, err
		}
		text = append(text, token)
	}
	return text, nil
}

// snippet: verify
// investigate asks what a public nonce picks, seals the answers, and only then
// opens the keys.
func investigate(ctx context.Context, plan *verify.Plan, frames verify.Frames, suspect collect.Suspect,
	journal string, tokenizer verify.Tokenizer, opened []verify.Opened) (*verify.Report, error) {
	task, err := plan.Task(frames)
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
	return verify.Judge(ctx, verify.Case{Plan: plan, Frames: frames, Transcript: transcript, Seal: seal,
		Keys: opened, Tokenizer: tokenizer})
}

// end

// A student answers as the marked model does: it has learnt the answers by heart.
type student struct{ answers []string }

func (s student) Answer(_ context.Context, prompt string) (collect.Answer, error) {
	i, err := strconv.Atoi(prompt)
	if err != nil || i < 0 || i >= len(s.answers) {
		return collect.Answer{}, fmt.Errorf("no answer to %q", prompt)
	}
	return collect.Answer{Text: s.answers[i], Model: "student"}, nil
}

// Find out whether a suspect was trained on marked answers.
func Example_verify() {
	if err := convict(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// null hypothesis: the suspect is independent of key vendor, given everything else it was trained on
	// 449 of 800 tokens scored, log10 p -250.0 (exact), rejected: true
}

func convict() error {
	// Long before: the vendor serves, and somebody trains a student. The key is
	// not random here, so that the example prints the same every time: one that is
	// to mark anything comes from crypto/rand.Reader.
	root, err := keys.New(bytes.NewReader(bytes.Repeat([]byte{1}, keys.Size)))
	if err != nil {
		return err
	}
	key := root.Vendor().Purpose("watermark")
	mark, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{})
	if err != nil {
		return err
	}
	var suspect student
	var prompts []string
	for i := range 40 {
		a, err := answer(mark, bigram(7), uint64(i))
		if err != nil {
			return err
		}
		suspect.answers = append(suspect.answers, strings.Trim(fmt.Sprint(a), "[]"))
		prompts = append(prompts, strconv.Itoa(i))
	}

	// Before anything is asked: what might be asked, the key's commitment, the plan.
	frame, err := collect.NewFrame(prompts)
	if err != nil {
		return err
	}
	nonce := [32]byte{1, 2, 3} // of the commitment: random and secret
	committed, err := verify.Commit("vendor", mark, key, nonce)
	if err != nil {
		return err
	}
	tokenizer := verify.Tokenizer{
		TokenizerID: verify.TokenizerID{Name: "numbers", Digest: collect.Digest{9}},
		Encode: func(text string) []watermark.Token {
			var tokens []watermark.Token
			for _, f := range strings.Fields(text) {
				if t, err := strconv.ParseInt(f, 10, 32); err == nil && t >= 0 {
					tokens = append(tokens, watermark.Token(t))
				}
			}
			return tokens
		},
	}
	plan := &verify.Plan{
		Suspect:   "student",
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
		return err
	}
	defer os.RemoveAll(folder)
	report, err := investigate(context.Background(), plan, verify.Frames{Prompts: frame}, collect.Suspect{Name: "student", Text: suspect},
		filepath.Join(folder, "journal.jsonl"), tokenizer, []verify.Opened{{Name: "vendor", Mark: mark, Key: key, Nonce: nonce}})
	if err != nil {
		return err
	}
	f := report.Finding("vendor", verify.G1)
	fmt.Println("null hypothesis:", f.Null)
	fmt.Printf("%d of %d tokens scored, log10 p %.1f (%s), rejected: %t\n", f.Scored, f.Raw, f.LogP/math.Ln10, f.Tail, f.Rejected)
	return nil
}
