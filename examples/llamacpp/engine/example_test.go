package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"math"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// An answer is drawn with a mark, and the mark is found in its tokens.
func Example() {
	e, err := engine.Open(engine.Config{Library: library, Model: model, Sequences: 1, Context: 512})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	key, err := keys.New(bytes.NewReader(bytes.Repeat([]byte("secret.."), 4))) // crypto/rand.Reader elsewhere
	if err != nil {
		log.Fatal(err)
	}
	mark, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{})
	if err != nil {
		log.Fatal(err)
	}
	text, err := e.Chat([]map[string]any{{"role": "user", "content": "Tell me about the sea."}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	prompt, err := e.Tokenize(text, true)
	if err != nil {
		log.Fatal(err)
	}
	var answer []watermark.Token
	finishes, err := e.Generate(context.Background(), engine.Request{
		Prompt: prompt, Max: 80, Mark: mark, LogProbs: -1, Sampling: engine.Sampling{Temperature: 1, Seed: 1},
	}, func(t engine.Token) error {
		answer = append(answer, t.ID)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := mark.Detect(watermark.Text{Tokens: answer})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(finishes[0].Tokens == len(answer), result.LogP < math.Log(1e-6))
	// Output: true true
}

// A grammar leaves the model what to say and not how.
func ExampleSampling() {
	e, err := engine.Open(engine.Config{Library: library, Model: model, Sequences: 1, Context: 128})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	prompt, err := e.Tokenize("The capital of France is the city of", false)
	if err != nil {
		log.Fatal(err)
	}
	_, err = e.Generate(context.Background(), engine.Request{
		Prompt: prompt, Max: 10, LogProbs: 1,
		Sampling: engine.Sampling{Grammar: `root ::= " " ("Paris" | "Rome" | "Oslo")`},
	}, func(t engine.Token) error {
		fmt.Printf("%s, of the likeliest: %t\n", t.Bytes, t.ID == t.Top[0].ID)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:  Paris, of the likeliest: true
}
