//go:build ignore

// Command findings reads what the quickstart prints with -json and checks how
// the story must end: marks or canaries are found in the three students of served
// answers and not in the control, nor under keys of an epoch in which nothing was
// served; and canaries alone find the student of a tenth of them at p < 10^-6.
// The README's tables, of the other two, must have the same figures.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
)

type finding struct {
	Suspect  string   `json:"suspect"`
	Layer    string   `json:"layer"`
	Scored   int      `json:"n_scored"`
	Log10P   *float64 `json:"log10_p"`
	Rejected *bool    `json:"rejected"`
	Wrong    *finding `json:"wrong_epoch"`
	Other    *finding `json:"wrong_canaries"`
}

// complete reports whether the finding has all its figures.
func (f finding) complete() bool { return f.Log10P != nil && f.Rejected != nil && f.Scored > 0 }

// row is what the finding's line in the README begins with.
func (f finding) row() string {
	scored := fmt.Sprint(f.Scored)
	if n := len(scored); n > 3 {
		scored = scored[:n-3] + "," + scored[n-3:]
	}
	return fmt.Sprintf("(?m)^ +%s +%s +%.2f ", f.Layer, scored, *f.Log10P)
}

func main() {
	if err := check(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "findings:", err)
		os.Exit(1)
	}
}

func check(r io.Reader) error {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	rejected := map[string]bool{}
	for in := json.NewDecoder(r); ; {
		var f finding
		if err := in.Decode(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		findings := []finding{f}
		for _, negative := range []*finding{f.Wrong, f.Other} {
			if negative != nil {
				findings = append(findings, *negative)
			}
		}
		for _, f := range findings {
			if !f.complete() {
				return fmt.Errorf("finding of %q, layer %q, lacks a figure", f.Suspect, f.Layer)
			}
			fmt.Printf("%-11s %-14s %8d scored  log10 p %8.2f  rejected %t\n", f.Suspect, f.Layer, f.Scored, *f.Log10P, *f.Rejected)
			if f.Suspect == "diluted" && f.Layer == "canaries" && *f.Log10P >= -6 {
				return fmt.Errorf("canaries are found in %s at log10 p %.2f, want less than -6", f.Suspect, *f.Log10P)
			}
			if (f.Suspect == "paraphrased" || f.Suspect == "control") && !regexp.MustCompile(f.row()).Match(readme) {
				return fmt.Errorf("README.md has no line that matches %q", f.row())
			}
		}
		rejected[f.Suspect] = rejected[f.Suspect] || *f.Rejected
		for _, negative := range findings[1:] {
			if *negative.Rejected {
				return fmt.Errorf("%s is found in %s", negative.Layer, f.Suspect)
			}
		}
	}
	for suspect, want := range map[string]bool{"served": true, "diluted": true, "paraphrased": true, "control": false} {
		got, found := rejected[suspect]
		if !found {
			return fmt.Errorf("no finding of %q", suspect)
		}
		if got != want {
			return fmt.Errorf("rejected for %s is %t, want %t", suspect, got, want)
		}
	}
	return nil
}
