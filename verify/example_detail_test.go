package verify_test

import (
	"context"
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/marks"
)

// A curve of evidence, from a bundle.
func ExampleDetail() {
	bundle, err := exampleBundle()
	if err != nil {
		fmt.Println(err)
		return
	}
	with := verify.Recompute{Mark: marks.Open, Tokenizer: loadCharacters}
	with.Detail = func(d verify.Detail) {
		fmt.Println(len(d.Scores), "scores of", d.Test, d.Key)
		for _, s := range d.Steps {
			fmt.Printf("after %d: log10 p %.2f\n", s.N, s.LogP/math.Ln10)
		}
	}
	bundle.Verify(context.Background(), with)
	// Output:
	// 6 scores of G1 vendor
	// after 1: log10 p -0.35
	// after 2: log10 p -0.19
	// after 3: log10 p -0.19
	// after 4: log10 p -0.17
	// after 5: log10 p -0.33
	// after 6: log10 p -0.60
}
