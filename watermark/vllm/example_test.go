package vllm_test

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// generate stands for a server: it draws n tokens among four candidates.
func generate(w *watermark.Watermark, n int) []watermark.Token {
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	if err != nil {
		panic(err)
	}
	var tokens []watermark.Token
	for range n {
		token, err := s.Sample([]watermark.Token{17, 290, 3411, 40061}, []float32{2, 1.5, 1.5, 1})
		if err != nil {
			panic(err)
		}
		if err := s.Accept(token); err != nil {
			panic(err)
		}
		tokens = append(tokens, token)
	}
	return tokens
}

func ExampleNew() {
	c := vllm.Config{Key: vllm.NewKey(0x1f83d9abfb41bd6b)}
	w, err := vllm.New(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := w.Detect(watermark.Text{Tokens: generate(w, 150)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d of %d tokens scored, ln p = %.1f\n", r.Scored, r.Raw, r.LogP)
	// Output:
	// 108 of 150 tokens scored, ln p = -40.2
}

// The engine's own figures stand beside the exact ln p.
func ExampleDetector() {
	alpha := 0.25
	c := vllm.Config{Key: vllm.NewKey(0x1f83d9abfb41bd6b), Algorithm: vllm.DualKeyGumbel, Alpha: &alpha}
	w, err := vllm.New(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := vllm.NewDetector(c, vllm.DetectorOptions{VocabSize: 49152})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := d.Detect(generate(w, 150))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d scored, engine's p = %.1e, marked: %t; ln p = %.1f\n", r.NumScored, r.EngineP, r.IsWatermarked, r.LogP)

	_, err = d.Detect([]watermark.Token{5, 49152})
	fmt.Println(err)
	// Output:
	// 100 scored, engine's p = 1.8e-11, marked: true; ln p = -23.9
	// vllm: token 1 of the text is 49152, want 0 to 49151
}

// Detect reads one text; a Detector keeps its memory from text to text.
func ExampleDetect() {
	c := vllm.Config{Key: vllm.NewKey(0x1f83d9abfb41bd6b)}
	r, err := vllm.Detect(c, vllm.DetectorOptions{Threshold: 1e-4}, []watermark.Token{504, 1194, 16804, 277, 690, 253})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+v\n", r)
	// Output:
	// {NumScored:6 Score:8.12293972722852 EngineP:0.18023210991611194 IsWatermarked:false LogP:-1.7135097588163894}
}

// A configuration prints without its key.
func ExampleParseConfig() {
	c, err := vllm.ParseConfig([]byte(`{"key": 2270897969802886507, "context_width": 24, "deduplicate_contexts": "all"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c)
	for _, w := range c.Warnings() {
		fmt.Println("warning:", w)
	}
	_, err = vllm.ParseConfig([]byte(`{"key": 1, "context_window": 4}`))
	fmt.Println(err)
	// Output:
	// {"algorithm":"gumbel","key":"redacted:53226739252812e8","alpha":0.1,"context_width":24,"deduplicate_contexts":"all","deduplicate_contexts_max_history":8192,"prf":"philox","allow_target_only_watermarking":false}
	// warning: context_width is 24: above 16, few contexts survive an edit
	// vllm: watermark config: unknown field "context_window", want among algorithm, key, alpha, context_width, deduplicate_contexts, deduplicate_contexts_max_history, prf, allow_target_only_watermarking
}

func ExampleKey() {
	k := vllm.NewKey(2270897969802886507)
	fmt.Printf("%v %d %#v\n", k, k, k)
	fmt.Println(k.ID())
	// Output:
	// redacted:53226739252812e8 redacted:53226739252812e8 redacted:53226739252812e8
	// 53226739252812e8
}

// Scopes say after which contexts the generator draws plainly.
func ExampleScope() {
	for _, scope := range []vllm.Scope{vllm.None, vllm.SingleTurn, vllm.All} {
		w, err := vllm.New(vllm.Config{Key: vllm.NewKey(0x1f83d9abfb41bd6b), ContextWidth: 1, DeduplicateContexts: scope})
		if err != nil {
			fmt.Println(err)
			return
		}
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Prompt: []watermark.Token{8, 5}})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(scope, ":")
		for _, token := range []watermark.Token{7, 8, 7, 9} {
			fmt.Print(" ", s.Marked())
			if err := s.Accept(token); err != nil {
				fmt.Println(err)
			}
		}
		fmt.Println()
	}
	// Output:
	// none: true true true true
	// single_turn: true true true false
	// all: false true false false
}

// Algorithms differ in their null law.
func ExampleAlgorithm() {
	for _, a := range []vllm.Algorithm{vllm.Gumbel, vllm.DualKeyGumbel} {
		w, err := vllm.New(vllm.Config{Key: vllm.NewKey(0x1f83d9abfb41bd6b), Algorithm: a})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(w.Scheme(), w.Law())
	}
	// Output:
	// gumbel Exponential(1)
	// dual_key_gumbel(alpha=0.1) DualExponential(0.1)
}
