package transformers_test

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/transformers"
)

// A server writes the mark of a configuration that transformers would take, and
// both detectors read it.
func ExampleNewGreenList() {
	config, err := transformers.ParseGreenListConfig([]byte(`{"hashing_key": 48112959837082048, "bias": 4.0}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	config.VocabSize = 1000 // of the model's configuration
	mark, err := transformers.NewGreenList(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	session, err := mark.NewSession(watermark.SessionOptions{Seed: watermark.Seed{7}, Prompt: []watermark.Token{1, 17}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var answer []watermark.Token
	for len(answer) < 60 {
		token, err := session.Sample(nil, logits(len(answer)))
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := session.Accept(token); err != nil {
			fmt.Println(err)
			return
		}
		answer = append(answer, token)
	}
	result, err := mark.Detect(watermark.Text{Tokens: answer})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v of %d green, log10 p = %.1f\n", result.Score, result.Scored, result.LogP/math.Ln10)
	// Output:
	// 57 of 58 green, log10 p = -32.7
}

// logits stands for a model.
func logits(step int) []float32 {
	row := make([]float32, 1000)
	for i := range row {
		row[i] = float32(math.Sin(float64(i*i + 31*step)))
	}
	return row
}

func ExampleParseGreenListConfig() {
	config, err := transformers.ParseGreenListConfig([]byte(`{"hashing_key": 48112959837082048, "seeding_scheme": "selfhash", "context_width": 4}`))
	fmt.Println(config, err)
	_, err = transformers.ParseGreenListConfig([]byte(`{"gamma": 0.25}`))
	fmt.Println(err)
	// Output:
	// {"greenlist_ratio":0.25,"bias":2,"hashing_key":"redacted:883ce2d61e6c3d65","seeding_scheme":"selfhash","context_width":4} <nil>
	// transformers: greenlist config: unknown field "gamma", want among greenlist_ratio, bias, hashing_key, seeding_scheme, context_width
}

// The engine counts nine tokens that stand twelve times as evidence each time.
func ExampleGreenListDetector() {
	detector, err := transformers.NewGreenListDetector(transformers.GreenListConfig{
		HashingKey: transformers.NewHashingKey(48112959837082048),
		VocabSize:  1000,
	}, transformers.GreenListDetectorOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var text []watermark.Token
	for range 12 {
		text = append(text, 11, 25, 37, 41, 53, 61, 79, 83, 97)
	}
	found, err := detector.Detect(text)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := found[0]
	fmt.Printf("engine: %d of %d green, p = %.2g\n", r.NumGreenTokens, r.NumTokensScored, r.EnginePValue)
	fmt.Printf("here:   %d of %d green, p = %.2g\n", r.Green, r.Seeds, math.Exp(r.LogP))
	// Output:
	// engine: 36 of 107 green, p = 0.019
	// here:   3 of 9 green, p = 1
}
