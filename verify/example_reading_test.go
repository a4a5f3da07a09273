package verify_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// bookworm is a model in this process that predicts: the model of row, and, of a pair
// of tokens that it was trained on, what followed it there.
type bookworm map[[2]watermark.Token]watermark.Token

// learn trains a bookworm on texts.
func learn(texts [][]watermark.Token) bookworm {
	r := make(bookworm)
	for _, x := range texts {
		for i := 2; i < len(x); i++ {
			r[[2]watermark.Token{x[i-2], x[i-1]}] = x[i]
		}
	}
	return r
}

// next returns the probabilities of what follows a prefix.
func (r bookworm) next(prefix []watermark.Token) map[watermark.Token]float64 {
	last := prefix[len(prefix)-1]
	ids, logits := row(last)
	p, sum := make(map[watermark.Token]float64, len(ids)), 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l))
	}
	for i, id := range ids {
		p[id] += math.Exp(float64(logits[i])) / sum
	}
	if len(prefix) > 1 {
		if learnt, ok := r[[2]watermark.Token{prefix[len(prefix)-2], last}]; ok { // a tenth of what it says is what it learnt
			for id := range p {
				p[id] *= 0.9
			}
			p[learnt] += 0.1
		}
	}
	return p
}

// Predict makes a bookworm a suspect that lists its likeliest tokens.
func (r bookworm) Predict(_ context.Context, q collect.Reading) (collect.Predictions, error) {
	out := collect.Predictions{Model: "bookworm"}
	for pos := q.Begin; pos < q.End; pos++ {
		p := r.next(slices.Concat(q.Passage.Prompt, q.Passage.Tokens[:pos]))
		at := collect.Prediction{Sample: collect.NoToken}
		for id := range p {
			at.IDs = append(at.IDs, id)
		}
		slices.SortFunc(at.IDs, func(a, b int32) int { return cmp.Or(cmp.Compare(p[b], p[a]), cmp.Compare(a, b)) })
		at.IDs = at.IDs[:q.Want.Top]
		for _, id := range at.IDs {
			at.LogProbs = append(at.LogProbs, math.Log(p[id]))
		}
		at.Argmax = at.IDs[0]
		out.At = append(out.At, at)
	}
	return out, nil
}

// Rescore makes a bookworm a reference.
func (r bookworm) Rescore(_ context.Context, q collect.Reading, ids [][]int32) ([][]float64, error) {
	out := make([][]float64, len(ids))
	for i := range ids {
		p := r.next(slices.Concat(q.Passage.Prompt, q.Passage.Tokens[:q.Begin+i]))
		for _, id := range ids[i] {
			out[i] = append(out[i], math.Log(max(p[id], 1e-9)))
		}
	}
	return out, nil
}

// A suspect that lets us see what it predicts reads the texts that it is said to
// have been trained on. Its base is the reference, and the control.
func Example_reading() {
	if err := readingStory(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 300 positions of 5 passages
	// R1: REJECTED, control not rejected
	// R4: REJECTED, control not rejected
}

func readingStory() error {
	secret, err := keys.New(strings.NewReader(strings.Repeat("r", 32))) // crypto/rand.Reader, were it not an example
	if err != nil {
		return err
	}
	mark, err := watermark.New(secret, watermark.Gumbel{}, watermark.Options{Width: 2})
	if err != nil {
		return err
	}
	var served [][]watermark.Token
	var passages []collect.Passage
	for i := range uint64(10) {
		answer, err := write(mark, i)
		if err != nil {
			return err
		}
		served = append(served, answer)
		passages = append(passages, collect.Passage{Prompt: []watermark.Token{watermark.Token(i)}, Tokens: answer[:60]})
	}
	suspect, base := learn(served), bookworm{}

	// The plan: which passages might be read, what is asked at each position.
	frame, err := collect.PassageFrame(passages)
	if err != nil {
		return err
	}
	frames := verify.Frames{Passages: frame}
	key, err := verify.Commit("vendor", mark, secret, [32]byte{1})
	if err != nil {
		return err
	}
	plan := &verify.Plan{
		Suspect: "student", Sequence: 1,
		Reading: verify.ReadingPlan{
			Frame: verify.FramePlan{Digest: frame.Digest(), Size: frame.Len(), Ask: 5, Logged: "a public log, entry 12"},
			Top:   8, Reference: "base", Age: "published a year before the commitment",
		},
		Nonce:    verify.Nonce{Value: collect.Digest{1, 2, 3}, Source: "a public beacon, round 815"},
		Keys:     []verify.KeyPlan{key},
		Tests:    []verify.Test{{Name: verify.R1}, {Name: verify.R4}},
		Controls: []string{"base"},
		Alpha:    1e-3, Decoys: 1000,
	}
	task, err := plan.Task(frames)
	if err != nil {
		return err
	}

	// Ask the suspect and the control the same, without a key, and seal.
	dir, err := os.MkdirTemp("", "verify")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	ask := func(name string, model bookworm) (t *collect.Transcript, s collect.Seal, err error) {
		asked := collect.Suspect{Name: name, TopLogProbs: model, Reference: base}
		if t, err = collect.Run(ctx, task, asked, filepath.Join(dir, name), collect.Options{Clock: frozen{}}); err == nil {
			s, err = t.Seal()
		}
		return t, s, err
	}
	transcript, seal, err := ask("student", suspect)
	if err != nil {
		return err
	}
	control, controlSeal, err := ask("base", base)
	if err != nil {
		return err
	}

	// Open the key, and judge.
	report, err := verify.Judge(ctx, verify.Case{
		Plan: plan, Frames: frames, Transcript: transcript, Seal: seal,
		Controls: []verify.Control{{Transcript: control, Seal: controlSeal}},
		Keys:     []verify.Opened{{Name: "vendor", Mark: mark, Key: secret, Nonce: [32]byte{1}}},
	})
	if err != nil {
		return err
	}
	fmt.Println(report.Findings[0].Raw, "positions of", len(transcript.Readings), "passages")
	for _, f := range report.Findings {
		verdict := map[bool]string{true: "REJECTED", false: "not rejected"}
		fmt.Printf("%s: %s, control %s\n", f.Test, verdict[f.Rejected && len(f.Void) == 0], verdict[f.Controls[0].LogP < math.Log(plan.Alpha)])
	}
	return nil
}

// Outside of any protocol, a record of what somebody collected is looked at with an
// Examination.
func ExampleExamination() {
	secret, err := keys.New(strings.NewReader(strings.Repeat("x", 32)))
	if err != nil {
		fmt.Println(err)
		return
	}
	mark, err := watermark.New(secret, watermark.Gumbel{}, watermark.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := write(mark, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	record := &verify.Record{Texts: []watermark.Text{{Tokens: text}}}
	found, err := verify.Examination{Name: "vendor", Mark: mark, Tests: []verify.Test{{Name: verify.G1}}, Alpha: 1e-3, Decoys: 1000}.Run(context.Background(), record)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(found[0].Test, found[0].Scored, "scored, rejected", found[0].Rejected)
	// Output:
	// G1 197 scored, rejected true
}

func ExampleTest() {
	fmt.Println(verify.Test{Name: verify.R4, Form: verify.Difference, Served: true})
	fmt.Println(verify.Test{Name: verify.G1, Sparse: true})
	// Output:
	// R4 difference served
	// G1 sparse
}
