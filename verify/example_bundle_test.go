package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"regexp"
	"strings"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/marks"
	bpe "github.com/dyetrace/dyetrace/verify/tokenizer"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// exampleBundle is the bundle of a suspect that answered two prompts.
func exampleBundle() (*verify.Bundle, error) {
	// crypto/rand.Reader in real life.
	key, err := keys.New(strings.NewReader("not random: for examples only :)"))
	if err != nil {
		return nil, err
	}
	native := marks.Native{Key: key, Scheme: watermark.Gumbel{}, Width: 2}
	spec, err := marks.Of(native)
	if err != nil {
		return nil, err
	}
	mark, err := spec.Build(native.Secret())
	if err != nil {
		return nil, err
	}

	// Plan, answers, seal, report: see the example of the package.
	characters, err := loadCharacters(verify.TokenizerID{Name: "characters"}, []byte(charactersFile))
	if err != nil {
		return nil, err
	}
	frame, err := collect.NewFrame([]string{"Say something.", "Say more."})
	if err != nil {
		return nil, err
	}
	vendor, err := verify.Commit("vendor", mark, key, [32]byte{1})
	if err != nil {
		return nil, err
	}
	plan := &verify.Plan{
		Suspect: "student", Sequence: 1,
		Frame:     verify.FramePlan{Digest: frame.Digest(), Size: 2, Ask: 2, Logged: "a public log, entry 4711"},
		Nonce:     verify.Nonce{Value: collect.Digest{1, 2, 3}, Source: "a public beacon, round 815"},
		Tokenizer: characters.TokenizerID,
		Keys:      []verify.KeyPlan{vendor},
		Tests:     []verify.Test{{Name: verify.G1}},
		Alpha:     1e-3,
	}
	c := verify.Case{Plan: plan, Frames: verify.Frames{Prompts: frame}, Tokenizer: characters,
		Keys: []verify.Opened{{Name: "vendor", Mark: mark, Key: key, Nonce: [32]byte{1}}}}
	task, err := plan.Task(c.Frames)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bundle")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	student := collect.Suspect{Name: "student", Text: thief{map[string]string{"Say something.": "一丁丂七丄丅", "Say more.": "丆万丈三"}}}
	if c.Transcript, err = collect.Run(context.Background(), task, student, dir+"/journal", collect.Options{Clock: frozen{}}); err != nil {
		return nil, err
	}
	if c.Seal, err = c.Transcript.Seal(); err != nil {
		return nil, err
	}
	report, err := verify.Judge(context.Background(), c)
	if err != nil {
		return nil, err
	}

	// What makes the mark again is revealed on purpose.
	line, err := spec.Encode()
	if err != nil {
		return nil, err
	}
	secret, err := native.Secret().Reveal()
	if err != nil {
		return nil, err
	}
	return verify.NewBundle(c, report, verify.Enclosures{
		Keys:      []verify.RevealedKey{verify.Reveal("vendor", line, secret)},
		Tokenizer: []byte(charactersFile),
		Software:  verify.Software{Module: "github.com/dyetrace/dyetrace v0.1.0", Go: "go1.26.8 linux/amd64"},
	})
}

// An opponent gets one file, and makes everything again.
func ExampleBundle() {
	b, err := exampleBundle()
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := b.WriteTo(&file); err != nil {
		log.Fatal(err)
	}

	read, err := verify.ReadBundle(&file)
	if err != nil {
		log.Fatal(err)
	}
	v := read.Verify(context.Background(), verify.Recompute{Mark: marks.Open, Tokenizer: loadCharacters})
	for _, c := range v.Checks {
		if !strings.HasPrefix(c.Name, "digest") {
			fmt.Println(c.Result, "-", c.Name)
		}
	}
	fmt.Println("all of it:", v.OK())
	// Output:
	// ok - file
	// ok - plan
	// note - plan
	// ok - frame of prompts
	// ok - questions
	// ok - transcript
	// ok - questions of transcript
	// ok - seal
	// ok - keys
	// ok - mark of key vendor
	// ok - commitment of key vendor
	// ok - tokenizer
	// ok - report
	// warning - anchor of key vendor
	// warning - anchor of frame of prompts
	// warning - anchor of plan
	// warning - anchor of seal
	// note - frame of prompts
	// note - nonce
	// note - software
	// all of it: true
}

// The file, with most of each line left out here.
func ExampleBundle_WriteTo() {
	b, err := exampleBundle()
	if err != nil {
		log.Fatal(err)
	}
	var file strings.Builder
	if _, err := b.WriteTo(&file); err != nil {
		log.Fatal(err)
	}
	numbers := regexp.MustCompile(`[0-9a-f]{64}|\b[0-9]{2,4},`)
	for line := range strings.Lines(numbers.ReplaceAllStringFunc(file.String(), elided)) {
		text := []rune(strings.TrimSuffix(line, "\n"))
		fmt.Println("|" + string(text[:min(len(text), 90)]))
	}
	// Output:
	// |{"schema":"dyetrace/bundle/1","software":{"module":"github.com/dyetrace/dyetrace v0.1.0","
	// |{"part":"plan","size":…,"digest":"…"}
	// |{"schema":"dyetrace/plan/1","suspect":"student","sequence":1,"earlier":0,"frame":{"digest"
	// |
	// |{"part":"prompts","size":…,"digest":"…"}
	// |"Say something."
	// |"Say more."
	// |
	// |{"part":"transcript","size":…,"digest":"…"}
	// |{"schema":"dyetrace/transcript/1","plan":"…","suspect":"student","probes":0,"prompts":2}
	// |{"stage":"prompt","n":0,"question":"Say more.","status":"complete","text":"丆万丈三","model":"
	// |{"stage":"prompt","n":1,"question":"Say something.","status":"complete","text":"一丁丂七丄丅","m
	// |
	// |{"part":"seal","size":…,"digest":"…"}
	// |{"schema":"dyetrace/seal/1","plan":"…","transcript":"…","digest":"…"}
	// |
	// |{"part":"keys","size":…,"digest":"…"}
	// |{"name":"vendor","mark":{"schema":"dyetrace/mark/1","engine":"dyetrace/1","key_id":"dyetra
	// |
	// |{"part":"tokenizer","size":…,"digest":"…"}
	// |characters from 4e00
	// |
	// |{"part":"report","size":…,"digest":"…"}
	// |{"schema":"dyetrace/report/1","plan":"…","transcript":"…","seal":"…","suspect":"student","
	// |
	// |{"end":7,"digest":"…"}
}

// elided returns what stands for a digest or a size.
func elided(number string) string { return "…" + strings.Trim(number, "0123456789abcdef") }

// The accused adds a word to the file, which changes nothing of the rest.
func ExampleBundle_WithObjection() {
	b, err := exampleBundle()
	if err != nil {
		log.Fatal(err)
	}
	b, err = b.WithObjection(verify.Objection{By: "the accused", Text: "The answers were not ours."})
	if err != nil {
		log.Fatal(err)
	}
	v := b.Verify(context.Background(), verify.Recompute{Mark: marks.Open, Tokenizer: loadCharacters})
	last := v.Checks[len(v.Checks)-1]
	fmt.Println(v.OK(), last.Result, last.Name+":", last.Detail)
	// Output:
	// true note objection 1 by the accused: The answers were not ours.
}

// A line that somebody changed is named, and the rest is checked all the same.
func ExampleVerification_WriteText() {
	v := verify.Verification{Bundle: collect.Digest{0xbb}, Checks: []verify.Check{
		{Name: "plan", Result: verify.Passed, Detail: "aa00…"},
		{Name: "seal", Result: verify.Failed, Detail: "collect: seal is of transcript 11…, this one is 22…"},
		{Name: "report", Result: verify.NotChecked, Detail: "there is no whole seal"},
		{Name: "anchor of plan", Result: verify.Warning, Detail: "unanchored: nothing here shows when it was committed"},
		{Name: "nonce", Result: verify.Note, Detail: "09…, of a public beacon: look it up"},
	}}
	if err := v.WriteText(os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// bundle bb00000000000000000000000000000000000000000000000000000000000000
	//   ok           plan: aa00…
	//   FAILED       seal: collect: seal is of transcript 11…, this one is 22…
	//   not checked  report: there is no whole seal
	//   warning      anchor of plan: unanchored: nothing here shows when it was committed
	//   note         nonce: 09…, of a public beacon: look it up
	//
	// 1 checks passed, 1 failed, 1 could not be made; 1 warnings
	// This bundle proves nothing as it is.
}

// The packages of this module make everything again.
func ExampleRecompute() {
	with := verify.Recompute{
		Mark: marks.Open,
		Tokenizer: func(want verify.TokenizerID, data []byte) (verify.Tokenizer, error) {
			t, err := bpe.Parse(data)
			if err != nil {
				return verify.Tokenizer{}, err
			}
			return verify.Tokenizer{TokenizerID: verify.TokenizerID{Name: want.Name, Digest: t.Digest()}, Encode: t.Encode}, nil
		},
	}
	_, err := with.Tokenizer(verify.TokenizerID{Name: "gpt2"}, []byte("{}"))
	fmt.Println(err)
	// Output:
	// tokenizer: version is missing, want "1.0"
}

// A ledger's part says which claims it shows, and where.
func ExampleLedgerProof() {
	b, err := exampleBundle()
	if err != nil {
		log.Fatal(err)
	}
	plan, err := b.Plan()
	if err != nil {
		log.Fatal(err)
	}
	check := func(part verify.LedgerPart, claims []verify.Claim) (verify.LedgerProof, error) {
		var proof verify.LedgerProof
		for _, c := range claims { // a real one checks proofs, signatures and anchors in part.Data
			if c.Kind == verify.ClaimPrompts && strings.Contains(string(part.Data), c.Digest.String()) {
				proof.Anchors = append(proof.Anchors, verify.Anchor{Digest: c.Digest, Where: "entry 4711 of Monday"})
			}
		}
		return proof, nil
	}
	proof, err := check(verify.LedgerPart{Name: "a public log", Data: []byte(plan.Frame.Digest.String())},
		[]verify.Claim{{Kind: verify.ClaimPlan, Digest: collect.Digest{1}}, {Kind: verify.ClaimPrompts, Digest: plan.Frame.Digest}})
	fmt.Println(len(proof.Anchors), proof.Anchors[0].Where, err)
	// Output:
	// 1 entry 4711 of Monday <nil>
}

// A revealed key prints as everything of it but the secret.
func ExampleReveal() {
	k := verify.Reveal("vendor", []byte("{\"engine\":\"x\"}\n"), []byte("{\"key\":42}\n"))
	fmt.Println(k)
	// Output:
	// {Name:"vendor" Mark:"{\"engine\":\"x\"}" Secret:redacted}
}
