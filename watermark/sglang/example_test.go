package sglang_test

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/sglang"
)

var prompt = []watermark.Token{1, 9690, 198, 2683}

// generate stands for a server: it draws n tokens among four candidates.
func generate(w *watermark.Watermark, n int) watermark.Text {
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Prompt: prompt})
	if err != nil {
		panic(err)
	}
	text := watermark.Text{Prompt: prompt, PromptKnown: true}
	for range n {
		token, err := s.Sample([]watermark.Token{17, 290, 3411, 40061}, []float32{2, 1.5, 1.5, 1})
		if err != nil {
			panic(err)
		}
		if err := s.Accept(token); err != nil {
			panic(err)
		}
		text.Tokens = append(text.Tokens, token)
	}
	return text
}

func ExampleNew() {
	w, err := sglang.New(sglang.Config{Key: sglang.NewKey(0x1f83d9abfb41bd6b)})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := w.Detect(generate(w, 150))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d of %d tokens scored, ln p = %.1f\n", r.Scored, r.Raw, r.LogP)
	// Output:
	// 109 of 150 tokens scored, ln p = -43.2
}

// With two keys the detector follows the coin of each context.
func ExampleDetector() {
	c := sglang.Config{Key: sglang.NewKey(0x1f83d9abfb41bd6b), KeyB: sglang.NewKey(0x5be0cd19137e2179), MixingProbability: 0.75}
	w, err := sglang.New(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := sglang.NewDetector(c, sglang.DetectorOptions{VocabSize: 49152})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := d.Detect(generate(w, 150))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("combined: %d contexts, ln p = %.1f\n", r.Combined.N, r.LogP)
	for _, s := range []*sglang.Statistic{r.KeyAPartition, r.KeyBPartition} {
		fmt.Printf("by one key: %d contexts, z = %.1f\n", s.N, s.ZScore)
	}
	fmt.Printf("%d repeated, %d tokens looked at\n", r.RepeatedContexts, r.TokensExamined)
	// Output:
	// combined: 107 contexts, ln p = -36.7
	// by one key: 78 contexts, z = 9.0
	// by one key: 29 contexts, z = 5.3
	// 43 repeated, 150 tokens looked at
}

// Detect reads one text; a Detector keeps its memory from text to text.
func ExampleDetect() {
	c := sglang.Config{Key: sglang.NewKey(0x1f83d9abfb41bd6b)}
	text := watermark.Text{Tokens: []watermark.Token{504, 1194, 16804, 277, 690, 253, 1165}}
	r, err := sglang.Detect(c, sglang.DetectorOptions{}, text)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d skipped, %+v\n", r.SkippedInitialTokens, r.Combined)
	// Output:
	// 4 skipped, {N:3 Score:1.0849395723175557 ZScore:-1.1056606534368592 PValue:0.9034304568902206 LogPValue:-0.10155614270337993}
}

// A configuration prints without its keys.
func ExampleParseConfig() {
	c, err := sglang.ParseConfig([]byte(`{"key": "1f83d9abfb41bd6b", "context_window": 8, "max_probability": 0.9}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c)
	_, err = sglang.ParseConfig([]byte(`{"key": 1, "algorithm": "gumbel"}`))
	fmt.Println(err)
	// Output:
	// {"key":"redacted:c449ba343c772d11","context_window":8,"mixing_probability":0.5,"max_probability":0.9,"default_enabled":false,"enforce_all":false}
	// sglang: watermark config: unknown field "algorithm", want among key, key_b, context_window, mixing_probability, max_probability, default_enabled, enforce_all
}

// A request may bring a key of its own and a shorter window.
func ExampleRequest() {
	server := sglang.Config{Key: sglang.NewKey(0x1f83d9abfb41bd6b), ContextWindow: 6}
	r, err := sglang.ParseRequest([]byte(`{"key": "0x5be0cd19137e2179", "context_window": 2}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := server.With(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Key.ID() == server.Key.ID(), c.ContextWindow)
	_, err = server.With(sglang.Request{ContextWindow: 7})
	fmt.Println(err)
	// Output:
	// false 2
	// sglang: context_window of the request is 7, want 1 to the server's 6
}

func ExampleParseKey() {
	k, err := sglang.ParseKey("0X1F83d9abfb41bd6b")
	fmt.Printf("%v %x %v\n", k, k, err)
	_, err = sglang.ParseKey("1f83 d9ab")
	fmt.Println(err)
	// Output:
	// redacted:c449ba343c772d11 redacted:c449ba343c772d11 <nil>
	// sglang: key has a character that is no hexadecimal digit, want 1 to 16 digits after an optional 0x
}
