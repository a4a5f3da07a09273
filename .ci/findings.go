//go:build ignore

// Command findings reads what the quickstart prints with -json and checks how
// the story must end: marks are found in the two students of served answers and
// not in the control.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

type finding struct {
	Suspect  string   `json:"suspect"`
	Layer    string   `json:"layer"`
	Scored   int      `json:"n_scored"`
	Log10P   *float64 `json:"log10_p"`
	Rejected *bool    `json:"rejected"`
}

func main() {
	if err := check(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "findings:", err)
		os.Exit(1)
	}
}

func check(r io.Reader) error {
	rejected := map[string]bool{}
	for in := json.NewDecoder(r); ; {
		var f finding
		if err := in.Decode(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if f.Suspect == "" || f.Layer == "" {
			continue // a line of another kind
		}
		if f.Log10P == nil || f.Rejected == nil || f.Scored < 1 {
			return fmt.Errorf("finding of %s, layer %s, lacks a figure", f.Suspect, f.Layer)
		}
		fmt.Printf("%-8s %-12s %8d scored  log10 p %8.2f  rejected %t\n", f.Suspect, f.Layer, f.Scored, *f.Log10P, *f.Rejected)
		rejected[f.Suspect] = rejected[f.Suspect] || *f.Rejected
	}
	for suspect, want := range map[string]bool{"served": true, "diluted": true, "control": false} {
		got, found := rejected[suspect]
		if !found {
			return fmt.Errorf("no finding of %s", suspect)
		}
		if got != want {
			return fmt.Errorf("rejected for %s is %t, want %t", suspect, got, want)
		}
	}
	return nil
}
