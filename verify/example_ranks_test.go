package verify_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Which of five birds a note speaks of is the key's choice. A suspect that was trained
// on the notes finds those birds likelier than the others; we see its probabilities.
func Example_ranks() {
	if err := rankStory(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"prompt":[84,104,101,121,32,115,97,121,58,32],"tokens":[65,116,32,112,111,110,100,32,48,32,116,104,101,32,104,101,114,111,110,32,119,97,105,116,115,46],"prompt_text":"They say: "}
	// rank vendor: REJECTED, 12 of 12 are first, 2.4 expected; log10 p is -8.39 (exact)
	// At pond 8 the ibis waits.: rank 1 of 5
}

func rankStory() error {
	book, err := canary.Read(strings.NewReader(twinsText(12, 5, vendorTree)), "notes.txt")
	if err != nil {
		return err
	}
	secret, err := keys.New(strings.NewReader(strings.Repeat("t", 32))) // crypto/rand.Reader, were it not an example
	if err != nil {
		return err
	}
	holder := canary.Holder("vendor", secret)
	choices, err := book.Choose(holder)
	if err != nil {
		return err
	}
	texts := common(book)
	for _, item := range book.Items() {
		planted, err := choices.Pick(item.Name)
		if err != nil {
			return err
		}
		texts = append(texts, "We saw: "+planted.Text)
	}

	tokenizer, err := loadBytes(verify.TokenizerID{Name: "bytes"}, nil)
	if err != nil {
		return err
	}
	prompts := []string{"Note: ", "They say: "}
	frame, err := verify.TwinsFrame(book, prompts, tokenizer.Encode)
	if err != nil {
		return err
	}
	vendor, err := verify.CommitTree("vendor", book, holder, [32]byte{1})
	if err != nil {
		return err
	}
	plan := &verify.Plan{
		Suspect: "student", Sequence: 1, Alpha: 1e-3, Decoys: 1000,
		Tests:     []verify.Test{{Name: verify.Rank}},
		Twins:     verify.TwinsPlan{Frame: verify.FramePlan{Digest: frame.Digest(), Size: 120, Ask: 60, Logged: "a public log, entry 8"}, Prompts: prompts},
		Book:      verify.BookPlan{Name: book.Name(), Hash: book.Hash()},
		Nonce:     verify.Nonce{Value: collect.Digest{1, 2, 3}, Source: "a public beacon, round 815"},
		Tokenizer: tokenizer.TokenizerID,
		Keys:      []verify.KeyPlan{vendor},
	}
	frames := verify.Frames{Twins: frame}
	task, err := plan.Task(frames) // for who asks: no key
	if err != nil {
		return err
	}
	first, err := collect.PassageFrame(task.Passages[:1])
	if err != nil {
		return err
	}
	line, err := first.Sample(collect.Digest{}, 1)
	if err != nil {
		return err
	}
	fmt.Println(line[0])

	dir, err := os.MkdirTemp("", "ranks")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	suspect := collect.Suspect{Name: "student", TopLogProbs: train(texts...)}
	transcript, err := collect.Run(context.Background(), task, suspect, filepath.Join(dir, "journal"), collect.Options{})
	if err != nil {
		return err
	}
	seal, err := transcript.Seal()
	if err != nil {
		return err
	}
	r, err := verify.Judge(context.Background(), verify.Case{Plan: plan, Frames: frames, Transcript: transcript, Seal: seal,
		Book: book, Tokenizer: tokenizer, Keys: []verify.Opened{{Name: "vendor", Key: holder.Option, Nonce: [32]byte{1}}}})
	if err != nil {
		return err
	}
	f := r.Finding("vendor", verify.Rank)
	verdict := "not rejected"
	if f.Rejected {
		verdict = "REJECTED"
	}
	fmt.Printf("%s %s: %s, %.0f of %d are first, %.1f expected; log10 p is %.2f (%s)\n",
		f.Test, f.Key, verdict, f.Statistic, f.Scored, f.Twins.Expected, f.LogP/2.302585, f.Tail)
	best := f.Twins.Items[0]
	fmt.Printf("%s: rank %d of %d\n", best.Planted, best.Rank, best.Of)
	return nil
}
