package evidence_test

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/verify/evidence"
)

func ExampleCell() {
	// 40 answers of the suspect have "for example" 10 times and "for instance" 30
	// times, the reference model's 90 and 10 times.
	gains, ok, err := evidence.Gains([]int{10, 30}, []int{90, 10})
	if err != nil || !ok {
		fmt.Println(ok, err)
		return
	}
	cell := evidence.Cell{Law: []uint32{1 << 31, 1 << 31}, Gains: gains}
	fmt.Printf("%.2f\n", cell.Gains)
	// Output:
	// [-6.00 6.00]
}

func ExampleCells() {
	// 30 fair decisions of two wordings. The suspect uses the one that the key
	// chose in 14 of 20 answers, where its base model has 10 of 20.
	var cells []evidence.Cell
	var options []int
	for u := range 30 {
		chosen := u % 2 // what the key, opened after the answers were sealed, says
		uses := []int{6, 6}
		uses[chosen] = 14
		gains, _, err := evidence.Gains(uses, []int{100, 100})
		if err != nil {
			fmt.Println(err)
			return
		}
		cells = append(cells, evidence.Cell{Law: []uint32{1 << 31, 1 << 31}, Gains: gains})
		options = append(options, chosen)
	}
	law, err := evidence.NewCells(cells)
	if err != nil {
		fmt.Println(err)
		return
	}
	T, err := law.Sum(options)
	if err != nil {
		fmt.Println(err)
		return
	}
	exact, _ := law.Exact(T)
	fmt.Printf("z = %.1f\n", law.Standard(T))
	fmt.Printf("log10 p = %.2f, the least that any key can have\n", exact/math.Ln10)
	fmt.Printf("Chernoff %.2f, closed form %.2f\n", law.Tails(T).Bound/math.Ln10, law.Closed(T)/math.Ln10)
	fmt.Printf("log10 e = %.2f\n", law.LogE(T)/math.Ln10)
	// Output:
	// z = 5.5
	// log10 p = -9.03, the least that any key can have
	// Chernoff -9.03, closed form -6.51
	// log10 e = 8.49
}
