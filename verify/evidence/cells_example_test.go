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

func ExamplePicks() {
	// Ten items of four even options; the suspect names the key's on seven.
	items, options := make([]evidence.Pick, 10), make([]int, 10)
	for i := range items {
		items[i] = evidence.Pick{Law: []uint32{1 << 30, 1 << 30, 1 << 30, 1 << 30}, Votes: []int{1, 0, 3, 1}}
		options[i] = 2
		if i >= 7 {
			options[i] = 0
		}
	}
	law, err := evidence.NewPicks(items)
	if err != nil {
		fmt.Println(err)
		return
	}
	k, err := law.Matches(options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d of %d, p = %.4f\n", k, law.Len(), math.Exp(law.LogTail(k)))
	// Output:
	// 7 of 10, p = 0.0035
}

func ExamplePick() {
	item := evidence.Pick{Law: []uint32{1 << 31, 1 << 30, 1 << 30}, Votes: []int{2, 5, 5}}
	vote, ok := evidence.Plurality(item.Votes)
	fmt.Println(vote, ok) // the first of the two, whatever the key
	// Output:
	// 1 true
}

func ExampleOrders() {
	// A key decided the order of five reasons under two headings, and of three under
	// another.
	law, err := evidence.NewOrders([]int{5, 5, 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	key := [][]int{{3, 0, 4, 1, 2}, {1, 2, 0, 4, 3}, {2, 1, 0}}
	said := [][]int{{3, 0, 4, 1, 2}, {1, 2, 4, 0, 3}, {2, 1, 0}}
	matches, distance, err := law.Compare(said, key)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d match: p = %.5f\n", matches, math.Exp(law.LogTailMatches(matches)))
	fmt.Printf("%d pair apart: p = %.5f\n", distance, math.Exp(law.LogTail(distance)))
	// Output:
	// 2 match: p = 0.00282
	// 1 pair apart: p = 0.00013
}

func ExampleRanks() {
	// Log-probabilities of a planted text and of three twins, for four items.
	planted := []float64{-11.2, -14.0, -9.5, -12.1}
	twins := [][]float64{{-13, -14.2, -12}, {-15, -13.5, -16}, {-12, -12, -13}, {-14, -13, -15}}
	var ranks []int
	for i := range planted {
		ranks = append(ranks, evidence.TwinRank(planted[i], twins[i]))
	}
	law, err := evidence.NewRanks([]int{3, 3, 3, 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	firsts, excess, err := law.Count(ranks)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ranks)
	fmt.Printf("%d first: p = %.3f\n", firsts, math.Exp(law.LogTailFirsts(firsts)))
	fmt.Printf("excess %d: p = %.3f\n", excess, math.Exp(law.LogTail(excess)))
	// Output:
	// [1 2 1 1]
	// 3 first: p = 0.051
	// excess 1: p = 0.020
}

func ExampleCohorts() {
	// Twelve units with a rare and a common form. The suspect has the rare forms
	// of cohort 0.
	rare := []uint32{3 << 30, 1 << 30}
	words := [][]int{{1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1}, {0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0}}
	var units []evidence.CohortUnit
	for _, o := range words[0] {
		share := 0.2 + 0.6*float64(o)
		units = append(units, evidence.CohortUnit{Law: rare, Lean: []float64{1 - share, share}})
	}
	c, err := evidence.NewCohorts(units)
	if err != nil {
		fmt.Println(err)
		return
	}
	scores, decisions, err := c.Holm(evidence.Family{Alpha: 0.01}, words)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, d := range decisions {
		fmt.Printf("cohort %d: score %.1f, adjusted p = %.4f\n", i, scores[i], math.Exp(d.LogP))
	}
	// Output:
	// cohort 0: score 7.6, adjusted p = 0.0003
	// cohort 1: score -3.5, adjusted p = 1.0000
}

func ExampleCohortUnit() {
	// Sharing an option that one cohort in a hundred has is worth more than sharing
	// one that half of them have.
	for _, bias := range []float64{0.01, 0.5} {
		option := uint32(bias * (1 << 32))
		unit := evidence.CohortUnit{Law: []uint32{-option, option}, Lean: []float64{0, 1}}
		c, err := evidence.NewCohorts([]evidence.CohortUnit{unit})
		if err != nil {
			fmt.Println(err)
			return
		}
		score, err := c.Score([]int{1})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%.2f\n", score)
	}
	// Output:
	// 9.95
	// 1.00
}

func ExampleCellsDesign() {
	// A student that moved a fifth of its mass, 20 answers with each unit.
	d := evidence.CellsDesign{Uses: 20, Shift: 0.2, Alpha: 1e-6}
	for _, reference := range []int{0, 60} {
		d.Reference = reference
		z, err := d.Z(256)
		if err != nil {
			fmt.Println(err)
			return
		}
		n, err := d.Cells()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("reference of %d: 256 cells give z = %.1f, %d cells are enough\n", reference, z, n)
	}
	// Output:
	// reference of 0: 256 cells give z = 5.6, 285 cells are enough
	// reference of 60: 256 cells give z = 9.6, 67 cells are enough
}

func ExamplePicksDesign() {
	n, err := evidence.PicksDesign{Options: 8, Shift: 0.3, Alpha: 1e-6, Power: 0.9}.Items()
	fmt.Println(n, err)
	// Output:
	// 89 <nil>
}
