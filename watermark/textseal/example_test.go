package textseal_test

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/textseal"
)

func ExampleParseConfig() {
	c, err := textseal.ParseConfig([]byte(`{"watermark_type": "greenlist", "secret_key": 270544960118, "ngram": 2, "gamma": 0.25}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c)
	_, err = textseal.ParseConfig([]byte(`{"secret_key": 270544960118, "ngram": 12}`))
	fmt.Println(err)
	// Output:
	// {"after_topp":true,"delta":2,"gamma":0.25,"ngram":2,"scoring_method":"v2","secret_key":"redacted:5dabed61636cf169","watermark_type":"greenlist"}
	// textseal: ngram is 12, want 1 to 10
}

// The engine counts a loop as evidence each time round when nobody hands it a set;
// each word counts once here.
func ExampleDetector_DetectSeen() {
	d, err := textseal.NewDetector(textseal.Config{SecretKey: textseal.NewKey(270544960118)})
	if err != nil {
		fmt.Println(err)
		return
	}
	var loop []watermark.Token
	for range 40 {
		loop = append(loop, 11, 46, 901, 17, 220)
	}
	r, err := d.DetectSeen(loop, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("engine: %d scored, p = %.2g\n", r.NumScored, r.EngineP)
	fmt.Printf("here: %d words, p = %.2g\n", r.Distinct, math.Exp(r.LogP))
	// Output:
	// engine: 198 scored, p = 0.0023
	// here: 5 words, p = 0.28
}

func ExampleNew() {
	w, err := textseal.New(textseal.Config{SecretKey: textseal.NewKey(42)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(w.Info().Name, "-", w.Info().Kind)
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Prompt: []watermark.Token{198}})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := s.Sample([]watermark.Token{1653, 504, 788, 6403}, []float32{-0.7, -1, -1.9, -3})
	fmt.Println(token, err)
	// Output:
	// textseal ngram=1 - public key
	// 788 <nil>
}
