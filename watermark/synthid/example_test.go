package synthid_test

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/synthid"
)

// write lets a session of a mark write an answer with a model that finds all of 400
// tokens equally likely.
func write(w *watermark.Watermark, n int) ([]watermark.Token, error) {
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	if err != nil {
		return nil, err
	}
	logits := make([]float32, 400)
	var answer []watermark.Token
	for range n {
		t, err := s.Sample(nil, logits)
		if err != nil {
			return nil, err
		}
		if err := s.Accept(t); err != nil {
			return nil, err
		}
		answer = append(answer, t)
	}
	return answer, nil
}

func ExampleNew() {
	c, err := synthid.ParseConfig(synthid.Table, []byte(`{"ngram_len": 5, "keys": [8130922711, -470012533, 3377215, 99120045531]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := synthid.New(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := write(w, 120)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := w.Detect(watermark.Text{Tokens: answer})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d of 120 tokens scored, %g of %d bits are ones, ln p = %.1f\n", r.Scored, r.Score, 4*r.Scored, r.LogP)
	// Output:
	// 116 of 120 tokens scored, 355 of 464 bits are ones, ln p = -33.7
}

func ExampleDetect() {
	c := synthid.Config{Hash: synthid.TableFree, Keys: synthid.NewKeys(8130922711, -470012533, 3377215, 99120045531)}
	w, err := synthid.New(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := write(w, 120)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, hash := range []synthid.Hash{synthid.TableFree, synthid.Table} {
		c.Hash = hash
		r, err := synthid.Detect(c, answer, synthid.NoEOS)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: mean %.3f, weighted mean %.3f, ln p = %.1f\n", hash, r.Mean, r.WeightedMean, r.LogP())
	}
	// Output:
	// table-free: mean 0.772, weighted mean 0.760, ln p = -75.0
	// table: mean 0.524, weighted mean 0.533, ln p = -1.8
}

func ExampleNull() {
	n, err := synthid.NewNull(synthid.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	counts := make([]uint32, n.States())
	for i := range 1000 {
		counts[n.State([]watermark.Token{1, 2, 3, 4, int32(i)})]++
	}
	for _, sum := range []int64{15000, 15200, 15500} {
		fmt.Printf("%d of 30000 ones: ln p = %.2f\n", sum, n.LogTail(counts, 30, sum))
	}
	// Output:
	// 15000 of 30000 ones: ln p = -0.80
	// 15200 of 30000 ones: ln p = -4.95
	// 15500 of 30000 ones: ln p = -21.01
}

func ExampleParseBayes() {
	_, err := synthid.ParseBayes([]byte("PK\x03\x04 a zip file"))
	fmt.Println(err)
	// Output:
	// synthid: header of the safetensors file is said to have 8800140462016121680 bytes, want at most 7 of the file's 15
}

func ExampleKeys() {
	keys := synthid.NewKeys(8130922711, -470012533)
	fmt.Printf("%d layers, %v, %x\n", keys.Len(), keys, keys)
	// Output:
	// 2 layers, redacted:74fd0ed2b3da4ef7, redacted:74fd0ed2b3da4ef7
}
