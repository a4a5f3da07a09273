package verify_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// thief is a suspect that answers with what it took from the service.
type thief struct{ taken map[string]string }

func (s thief) Answer(_ context.Context, prompt string) (collect.Answer, error) {
	return collect.Answer{Text: s.taken[prompt], Model: "thief-1"}, nil
}

// frozen is a clock that stands still.
type frozen struct{}

func (frozen) Now() time.Time { return time.UnixMilli(1_800_000_000_000) }

func (frozen) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// write answers as a service with a mark does: 200 tokens of a model.
func write(mark *watermark.Watermark, seed uint64) ([]watermark.Token, error) {
	session, err := mark.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(seed)})
	if err != nil {
		return nil, err
	}
	at, out := watermark.Token(seed), []watermark.Token(nil)
	for range 200 {
		ids, logits := row(at)
		if at, err = session.Sample(ids, logits); err != nil {
			return nil, err
		}
		if err := session.Accept(at); err != nil {
			return nil, err
		}
		out = append(out, at)
	}
	return out, nil
}

func Example() {
	if err := story(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// complete answers: 8
	// G1 vendor: rejected true, void []
	// G1 another vendor: rejected false, void []
}

func story() error {
	// Long ago: keys, and marked answers, some of which somebody took.
	nonces := [2][32]byte{}
	var secret [2]keys.Key
	var marks [2]*watermark.Watermark
	for i := range secret {
		var err error
		// Do it with crypto/rand.Reader: this example is to be the same every time.
		if secret[i], err = keys.New(strings.NewReader(strings.Repeat(string('k'+rune(i)), 32))); err != nil {
			return err
		}
		nonces[i][0] = byte(1 + i)
		if marks[i], err = watermark.New(secret[i], watermark.Gumbel{}, watermark.Options{}); err != nil {
			return err
		}
	}
	suspect := thief{map[string]string{}}
	var prompts []string
	for i := range uint64(12) {
		answer, err := write(marks[0], i)
		if err != nil {
			return err
		}
		prompts = append(prompts, fmt.Sprintf("Tell me story %d.", i))
		suspect.taken[prompts[i]] = text(answer...)
	}

	// The plan, before anything is asked.
	frame, err := collect.NewFrame(prompts)
	if err != nil {
		return err
	}
	vendor, err := verify.Commit("vendor", marks[0], secret[0], nonces[0])
	if err != nil {
		return err
	}
	other, err := verify.Commit("another vendor", marks[1], secret[1], nonces[1])
	if err != nil {
		return err
	}
	plan := &verify.Plan{
		Suspect: "thief", Sequence: 1,
		Frame:     verify.FramePlan{Digest: frame.Digest(), Size: frame.Len(), Ask: 8, Logged: "a public log, entry 4711"},
		Nonce:     verify.Nonce{Value: collect.Digest{1, 2, 3}, Source: "a public beacon, round 815"},
		Tokenizer: tokenizer.TokenizerID,
		Keys:      []verify.KeyPlan{vendor, other},
		Tests:     []verify.Test{{Name: verify.G1}},
		Alpha:     1e-6, Decoys: 1000,
	}

	// Ask, and seal. No key is needed.
	dir, err := os.MkdirTemp("", "verify")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	task, err := plan.Task(verify.Frames{Prompts: frame})
	if err != nil {
		return err
	}
	ctx := context.Background()
	transcript, err := collect.Run(ctx, task, collect.Suspect{Name: "thief", Text: suspect}, filepath.Join(dir, "journal"), collect.Options{Clock: frozen{}})
	if err != nil {
		return err
	}
	seal, err := transcript.Seal()
	if err != nil {
		return err
	}

	// Open the keys, and judge.
	report, err := verify.Judge(ctx, verify.Case{
		Plan: plan, Frames: verify.Frames{Prompts: frame}, Transcript: transcript, Seal: seal, Tokenizer: tokenizer,
		Keys: []verify.Opened{
			{Name: "vendor", Mark: marks[0], Key: secret[0], Nonce: nonces[0]},
			{Name: "another vendor", Mark: marks[1], Key: secret[1], Nonce: nonces[1]},
		},
	})
	if err != nil {
		return err
	}
	fmt.Println("complete answers:", report.Answers.Complete)
	for _, f := range report.Findings {
		fmt.Printf("%s %s: rejected %v, void %v\n", f.Test, f.Key, f.Rejected, f.Void)
	}
	return nil
}

func ExamplePlan_Encode() {
	plan := verify.Plan{
		Suspect: "student", Sequence: 1,
		Frame:     verify.FramePlan{Digest: collect.Digest{0xf1}, Size: 2000, Ask: 500},
		Tokenizer: verify.TokenizerID{Name: "gpt2", Digest: collect.Digest{0x71}},
		Keys:      []verify.KeyPlan{{Name: "vendor", Mark: "vllm gumbel key=7f", KeyID: "7f", Kind: watermark.Statistical}},
		Tests:     []verify.Test{{Name: verify.G1}, {Name: verify.G2, First: 3000}},
		Served:    verify.ServedPlan{Digest: collect.Digest{0x5e}, Texts: 900, Logged: "a public log, entry 12"},
		Alpha:     1e-3, Decoys: 1000,
		Void: verify.Voiding{Missing: 0.02},
	}
	data, err := plan.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(strings.ReplaceAll(string(data), strings.Repeat("0", 62), "…"))
	if _, err := verify.ParsePlan(data[:len(data)-2]); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"schema":"dyetrace/plan/1","suspect":"student","sequence":1,"earlier":0,"frame":{"digest":"f1…","size":2000,"ask":500},"tokenizer":{"name":"gpt2","digest":"71…"},"keys":[{"name":"vendor","mark":"vllm gumbel key=7f","kind":"statistical","key_id":"7f"}],"tests":[{"name":"G1"},{"name":"G2","first":3000}],"served":{"digest":"5e…","texts":900,"logged":"a public log, entry 12"},"alpha":0.001,"decoys":1000,"void":{"missing":0.02}}
	// verify: plan does not end with a newline: cut off
}

func ExampleReport_WriteText() {
	r := verify.Report{
		Warning: verify.NoNonce, Plan: collect.Digest{0xaa}, Transcript: collect.Digest{0xbb}, Seal: collect.Digest{0xcc},
		Suspect: "student", Sequence: 1, Alpha: 1e-3, Family: 4,
		Frame:   verify.FramePlan{Size: 2000, Ask: 500},
		Answers: collect.Counts{Complete: 497, Refused: 2, Missing: 1, Unreached: 6}, Models: []string{"student-7b"},
		Findings: []verify.Finding{{
			Key: "vendor", Test: verify.G2, Mark: "dyetrace/1 width=3 gumbel key=…", Kind: watermark.Cryptographic,
			Null: "the suspect is independent of key vendor, given everything else it was trained on",
			Raw:  81_000, Scored: 3000, Dropped: verify.Dropped{Head: 1491, Repeat: 12_007, Duplicate: 8_811, NotServed: 55_691},
			Law: "Exponential(1)", Statistic: 3310.5, LogP: -17.22, Tail: verify.Exact, LogE: 12.9,
			Effect: evidence.Effect{D: 0.1035, Low: 0.0677, High: 0.1393},
			Decoys: &verify.DecoyFinding{Keys: 1000, LogPSpread: -0.61, Mean: 0.031, LogPMean: -1.1, Small: 12, LogPSmall: -0.6,
				Dispersion: 1.012, DispersionLimit: 1.066, Sensitivity: -15.3, Rank: -6.9},
			Power:    &verify.PowerFinding{Level: -8.29, Power: 0.8, Detectable: 0.0808, Attainable: true},
			Adjusted: -15.83, Rejected: true,
		}},
		Limits: []string{"who took the outputs"},
	}
	if err := r.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// prompts chosen by the key holder: not evidence against a third party
	// Was student trained on marked answers?
	//   - G2 vendor: REJECTED
	//
	//   plan 1       aa00000000000000000000000000000000000000000000000000000000000000
	//   transcript   bb00000000000000000000000000000000000000000000000000000000000000
	//   seal         cc00000000000000000000000000000000000000000000000000000000000000
	//   prompts      500 of a frame of 2,000
	//   frame logged not said: nothing shows that the frame is older than the nonce
	//   answers      497 complete, 2 refused, 0 empty, 0 failed, 1 missing; nothing came back 6 times
	//   answered by  student-7b
	//   family       4 tests at α = 0.001 together (Holm)
	//
	// G2 vendor: REJECTED
	//   null         the suspect is independent of key vendor, given everything else it was trained on
	//   mark         dyetrace/1 width=3 gumbel key=…; words: cryptographic
	//   scored       3,000 of 81,000 tokens (dropped: 1,491 at the head of an answer, 12,007 repeated in their
	//                answer, 8,811 scored already, 55,691 after windows that were not served)
	//   sum          3310.500 of scores Exponential(1)
	//   log10 p      -7.48 (exact); corrected for the family -6.87
	//   log10 e      5.60
	//   effect       0.1035 standard deviations a token (95 %: 0.0677 to 0.1393)
	//   decoy keys   1,000, spread 1.012 times the null law's (99 % limit 1.066), mean z 0.031, 12 with p ≤ 0.01
	//                log10 p of spread -0.26, mean -0.48, count -0.26
	//                log10 p of the finding at the limit of spread -6.64, by rank -3.00
	//   power        would have detected d ≥ 0.0808 with 80 % power at 10^-3.60
	//
	// Rejection shows use of outputs made under the key.
	//
	// This does not show
	//   - who took the outputs
}

func ExampleReport_WriteJSON() {
	r := verify.Report{Schema: "dyetrace/report/1", Suspect: "student", Alpha: 1e-3, Family: 1,
		Findings: []verify.Finding{{Key: "vendor", Test: verify.G1, Null: "…", Tail: verify.Bound, Void: []string{"the key was not opened"}}}}
	var b strings.Builder
	if err := r.WriteJSON(&b); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.String()[strings.Index(b.String(), `"findings"`):])
	// Output:
	// "findings":[{"key":"vendor","test":"G1","null":"…","raw":0,"scored":0,"dropped":{"head":0,"gated":0,"repeat":0,"prompt":0,"duplicate":0,"not_served":0,"beyond":0,"no_word":0,"foreign":0,"ended":0},"statistic":0,"ln_p":0,"tail":"bound","ln_e":0,"ln_tail":0,"effect":{"d":0,"low":0,"high":0},"void":["the key was not opened"],"ln_p_adjusted":0,"rejected":false}],"limits":null}
}

func ExampleCommit() {
	key, err := keys.New(strings.NewReader("thirty-two bytes of a public key"))
	if err != nil {
		fmt.Println(err)
		return
	}
	mark, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	k, err := verify.Commit("vendor", mark, key, [32]byte{1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(k.Name, k.Kind, k.Commitment.Verify(key, [32]byte{1}), k.Commitment.Verify(key, [32]byte{2}))
	_, err = verify.Commit("vendor", mark, key.Epoch("2026-11"), [32]byte{1})
	fmt.Println(err != nil)
	// Output:
	// vendor cryptographic true false
	// true
}

func ExampleTokenizer() {
	t := verify.Tokenizer{
		TokenizerID: verify.TokenizerID{Name: "bytes", Digest: collect.Digest{1}},
		Encode: func(text string) (out []watermark.Token) {
			for _, b := range []byte(text) {
				out = append(out, watermark.Token(b))
			}
			return out
		},
	}
	fmt.Println(t.Name, t.Encode("dye"))
	// Output:
	// bytes [100 121 101]
}

func ExampleDropped() {
	fmt.Println(verify.Dropped{Head: 3, Duplicate: 40})
	// Output:
	// (dropped: 3 at the head of an answer, 40 scored already)
}

func ExampleServedDigest() {
	a := verify.ServedDigest([]watermark.Text{{Tokens: []watermark.Token{1, 2}}, {Tokens: []watermark.Token{3}}})
	b := verify.ServedDigest([]watermark.Text{{Tokens: []watermark.Token{3}}, {Tokens: []watermark.Token{1, 2}}})
	fmt.Println(a == b)
	// Output:
	// false
}

func ExampleJudge() {
	// A case must be what its plan says; the first difference is named.
	_, err := verify.Judge(context.Background(), verify.Case{
		Plan: &verify.Plan{Suspect: "student", Sequence: -1}, Transcript: &collect.Transcript{}, Tokenizer: tokenizer})
	fmt.Println(err)
	// Output:
	// verify: plan has sequence number -1, want at least 1
}

func ExampleProduct() {
	// One hypothesis for two layers: independent of both. Their e-values multiply.
	p := verify.Product{Name: "release 7", Parts: verify.Across(verify.G1, "vendor", "epoch")}
	fmt.Println(p.Name, evidence.LogPOfE(evidence.Product(4.5, 3)))
	// Output:
	// release 7 -7.5
}
