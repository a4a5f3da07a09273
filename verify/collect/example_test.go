package collect_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// parrot is a suspect that runs in this process: one method is enough.
type parrot struct{}

func (parrot) Answer(_ context.Context, prompt string) (collect.Answer, error) {
	return collect.Answer{Text: strings.ToUpper(prompt), Model: "parrot-2"}, nil
}

func Example() {
	// The list of what might be asked. Its digest is published first …
	frame, err := collect.NewFrame([]string{"Tell me a story.", "Name a colour.", "What is rain?", "Sing."})
	if err != nil {
		fmt.Println(err)
		return
	}
	// … then comes a nonce that nobody could know, and picks.
	nonce, err := collect.ParseDigest(strings.Repeat("2a", 32))
	if err != nil {
		fmt.Println(err)
		return
	}
	prompts, err := frame.Sample(nonce, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "collect")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	plan := nonce // the digest of a plan, in earnest
	transcript, err := collect.Run(context.Background(), collect.Task{Plan: plan, Prompts: prompts},
		collect.Suspect{Name: "parrot", Text: parrot{}}, filepath.Join(dir, "journal"), collect.Options{Concurrency: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range transcript.Prompts {
		fmt.Println(e.Status, e.Text)
	}
	// Output:
	// complete WHAT IS RAIN?
	// complete NAME A COLOUR.
}

func ExampleFrame_WriteTo() {
	frame, err := collect.NewFrame([]string{"Is 1 < 2?", "Say \"two\nlines\"."})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := frame.WriteTo(os.Stdout); err != nil {
		fmt.Println(err)
	}
	fmt.Println(frame.Digest())
	// Output:
	// "Is 1 < 2?"
	// "Say \"two\nlines\"."
	// 88caaade37fc07adf2beb7311ce8e051d51b12a2f9c40d039487f8f9553f58fd
}

func ExampleTranscript_WriteTo() {
	t := collect.Transcript{
		Plan:    collect.Digest{31: 1},
		Suspect: "parrot",
		Prompts: []collect.Exchange{
			{Stage: collect.Prompts, N: 0, Question: "Sing.", Status: collect.Complete, Text: "SING.", Model: "parrot-2",
				Asked: 2, Unreached: []string{"no byte of an answer: connection refused"}, First: 1795478400000, Last: 1795478401250},
			{Stage: collect.Prompts, N: 1, Question: "What is rain?", Status: collect.Missing},
		},
	}
	if _, err := t.WriteTo(os.Stdout); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%+v\n", t.Counts())
	seal, err := t.Seal()
	if err != nil {
		fmt.Println(err)
		return
	}
	line, err := seal.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(line))
	// Output:
	// {"schema":"dyetrace/transcript/1","plan":"0000000000000000000000000000000000000000000000000000000000000001","suspect":"parrot","probes":0,"prompts":2}
	// {"stage":"prompt","n":0,"question":"Sing.","status":"complete","text":"SING.","model":"parrot-2","asked":2,"unreached":["no byte of an answer: connection refused"],"first":1795478400000,"last":1795478401250}
	// {"stage":"prompt","n":1,"question":"What is rain?","status":"missing","asked":0,"first":0,"last":0}
	// {Complete:1 Refused:0 Empty:0 Failed:0 Missing:1 Unreached:1}
	// {"schema":"dyetrace/seal/1","plan":"0000000000000000000000000000000000000000000000000000000000000001","transcript":"df20fa3f8269ccbfbc109a86666057279bbfd68858f21b12a983a95cf4f7ce6c","digest":"746b8794ca80195ee62a8d55e366a0ef6f63a6fbaf037e660b4532877a48beb2"}
}

func ExampleTransportError() {
	err := error(&collect.TransportError{Err: errors.New("status 429"), RetryAfter: 20 * time.Second})
	var te *collect.TransportError
	fmt.Println(err, errors.As(err, &te) && te.RetryAfter > time.Second)
	// Output:
	// no byte of an answer: status 429 true
}

func ExampleDigest() {
	_, err := collect.ParseDigest("DEADBEEF")
	fmt.Println(err)
	fmt.Println(collect.Digest{0xde, 0xad, 0xbe, 0xef})
	// Output:
	// collect: digest has 8 characters, want 64
	// deadbeef00000000000000000000000000000000000000000000000000000000
}

// flaky is a suspect whose line drops every third request.
type flaky struct{ n *int }

func (f flaky) Answer(_ context.Context, prompt string) (collect.Answer, error) {
	if *f.n++; *f.n%3 == 0 {
		return collect.Answer{}, &collect.TransportError{Err: errors.New("connection reset"), RetryAfter: time.Minute}
	}
	return collect.Answer{Text: "I heard: " + prompt}, nil
}

// still is a clock that waits for nothing.
type still struct{}

func (still) Now() time.Time { return time.UnixMilli(1_795_478_400_000) }

func (still) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func ExampleRun() {
	dir, err := os.MkdirTemp("", "collect")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	task := collect.Task{Plan: collect.Digest{1}, Prompts: []string{"one", "two", "three"}, Probes: []string{"who?"}}
	var last collect.Progress
	transcript, err := collect.Run(context.Background(), task, collect.Suspect{Name: "flaky", Text: flaky{new(int)}},
		filepath.Join(dir, "journal"), collect.Options{Retries: 2, Clock: still{}, Progress: func(p collect.Progress) { last = p }})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d of %d answered, %d times nothing came back\n", last.Complete, last.Total, last.Unreached)
	for _, e := range transcript.Prompts {
		fmt.Println(e.N, e.Asked, e.Unreached)
	}
	// Output:
	// 6 of 6 answered, 2 times nothing came back
	// 0 1 []
	// 1 2 [no byte of an answer: connection reset]
	// 2 2 [no byte of an answer: connection reset]
}

func ExampleSeal_Check() {
	t := &collect.Transcript{Plan: collect.Digest{1}, Suspect: "parrot",
		Prompts: []collect.Exchange{{Stage: collect.Prompts, Question: "Sing.", Status: collect.Complete, Text: "La.", Asked: 1}}}
	seal, err := t.Seal()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(seal.Check(t))
	t.Prompts[0].Text = "Lo."
	fmt.Println(seal.Check(t) != nil)
	// Output:
	// <nil>
	// true
}
