package markllm_test

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/markllm"
)

const vocab = 1000

// repetitive stands for a text: nine tokens, twelve times.
func repetitive() (text []watermark.Token) {
	for range 12 {
		text = append(text, 11, 25, 37, 41, 53, 61, 79, 83, 97)
	}
	return text
}

func ExampleNewKGW() {
	config, err := markllm.ParseKGWConfig([]byte(`{"algorithm_name": "KGW", "hash_key": 48112959837082048}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	config.VocabSize = vocab
	mark, err := markllm.NewKGW(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	write(mark)
	// Output:
	// score 44 of 47 tokens, log10 p = -9.9
}

func ExampleNewUnigram() {
	mark, err := markllm.NewUnigram(markllm.UnigramConfig{HashKey: markllm.NewHashKey(48112959837082048), VocabSize: vocab})
	if err != nil {
		fmt.Println(err)
		return
	}
	write(mark)
	// Output:
	// score 53 of 57 tokens, log10 p = -12.1
}

func ExampleNewEXP() {
	mark, err := markllm.NewEXP(markllm.EXPConfig{HashKey: markllm.NewHashKey(48112959837082), VocabSize: vocab})
	if err != nil {
		fmt.Println(err)
		return
	}
	write(mark)
	// Output:
	// score 331 of 46 tokens, log10 p = -86.2
}

// write makes an answer of 60 tokens and reads it.
func write(mark *watermark.Watermark) {
	session, err := mark.NewSession(watermark.SessionOptions{Seed: watermark.Seed{7}, Prompt: []watermark.Token{1, 17}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var answer []watermark.Token
	row := make([]float32, vocab) // stands for a model
	for len(answer) < 60 {
		for i := range row {
			row[i] = float32(math.Sin(float64(i*i + 31*len(answer))))
		}
		token, err := session.Sample(nil, row)
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
	fmt.Printf("score %.0f of %d tokens, log10 p = %.1f\n", result.Score, result.Scored, result.LogP/math.Ln10)
}

func ExampleKGWDetector() {
	detector, err := markllm.NewKGWDetector(markllm.KGWConfig{HashKey: markllm.NewHashKey(48112959837082048), VocabSize: vocab})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := detector.Detect(repetitive())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("engine: %d of %d green, z = %.2f\n", r.NumGreen, r.NumScored, r.ZScore)
	fmt.Printf("here:   %d of %d green, p = %.2g\n", r.Green, r.Units, math.Exp(r.LogP))
	// Output:
	// engine: 83 of 107 green, z = 5.70
	// here:   7 of 9 green, p = 0.09
}

func ExampleUnigramDetector() {
	detector, err := markllm.NewUnigramDetector(markllm.UnigramConfig{HashKey: markllm.NewHashKey(48112959837082048), VocabSize: vocab})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := detector.Detect(repetitive())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("engine: %d of %d green, z = %.2f\n", r.NumGreen, r.NumScored, r.ZScore)
	fmt.Printf("here:   %d of %d green, p = %.2g\n", r.Green, r.Units, math.Exp(r.LogP))
	// Output:
	// engine: 60 of 108 green, z = 1.15
	// here:   5 of 9 green, p = 0.5
}

func ExampleEXPDetector() {
	detector, err := markllm.NewEXPDetector(markllm.EXPConfig{HashKey: markllm.NewHashKey(48112959837082), VocabSize: vocab})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := detector.Detect(repetitive())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("engine: %.1f of %d tokens, p = %.2g\n", r.EngineScore, r.NumScored, r.EnginePValue)
	fmt.Printf("here:   %.1f of %d tokens, p = %.2g\n", r.Score, r.Scored, math.Exp(r.LogP))
	// Output:
	// engine: 108.9 of 104 tokens, p = 0.31
	// here:   6.9 of 8 tokens, p = 0.61
}
