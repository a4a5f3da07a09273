package canary_test

import (
	"fmt"

	"github.com/dyetrace/dyetrace/canary"
)

// A server's own answers say how often it uses each form, and where it would plant.
func ExampleMeasurement() {
	m := exampleBook().NewMeasurement()
	for _, answer := range []string{
		"Take moss, for example, or fern.",
		"Take moss, for example, or fern. This is a crucial part.",
		"Take moss, for instance, or fern. This is a crucial part.",
		"Take nothing.",
	} {
		if err := m.Add(canary.Request{}, answer); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(m.Texts(), "texts,", m.Bytes(), "bytes,", m.Tally().Answers("any"), "of class any")
	for _, c := range m.Carriers() {
		fmt.Println(c.Name, "in", c.First, "texts, enough for a law:", c.Enough())
	}
	// Output:
	// 4 texts, 158 bytes, 4 of class any
	// for-example in 3 texts, enough for a law: false
	// crucial in 2 texts, enough for a law: false
}

func ExampleCarrierFigures() {
	c := canary.CarrierFigures{Name: "for-example", First: 100, Forms: []canary.FormFigures{{Form: "for example", First: 75, Share: 0.75}, {Form: "for instance", First: 25, Share: 0.25}}}
	law, ok := c.Law()
	fmt.Println(c.Enough(), law, ok)
	// Output: true [3221225472 1073741824] true
}

// The company that two forms keep: both stand between a comma and a comma.
func ExampleFormFigures() {
	m := exampleBook().NewMeasurement()
	for _, answer := range []string{"Take moss, for example, or fern.", "Take a fern, for instance, or moss."} {
		if err := m.Add(canary.Request{}, answer); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, f := range m.Carriers()[0].Forms {
		fmt.Printf("%s: %.0f %% of first uses, %d use, left %.2f, right %.2f\n", f.Form, 100*f.Share, f.Uses, f.Left, f.Right)
	}
	// Output:
	// for example: 50 % of first uses, 1 use, left 1.00, right 1.00
	// for instance: 50 % of first uses, 1 use, left 1.00, right 1.00
}

func ExampleTreeFigures() {
	m := exampleBook().NewMeasurement()
	for _, answer := range []string{"Take moss, for example, or fern. This is a crucial part.", "Take nothing."} {
		if err := m.Add(canary.Request{}, answer); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, t := range m.Trees() {
		fmt.Printf("%s: %d of %d units seen, %d places in %d texts\n", t.Tree, t.Seen, t.Units, t.Places, t.Texts)
	}
	// Output: vendor: 2 of 2 units seen, 2 places in 1 texts
}
