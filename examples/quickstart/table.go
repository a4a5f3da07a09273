package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/dyetrace/dyetrace/verify"
)

// A verdict is what the verifier found out about a suspect, beside what its
// owner knows.
type verdict struct {
	diet
	report *verify.Report
	path   string // of the report for people
}

// legend explains the tables.
const legend = `
A line tests the null hypothesis that the suspect is independent of that key. vendor and epoch
are marks in the choice of tokens, canaries those in the choice of wordings, where one is scored
a wording; both multiplies the evidence of vendor and canaries. The wrong keys, under which
nothing was served, are negative controls. corrected: for all lines of the table, at %g together.
effect: standard deviations per token or wording. spread: how many times as wide as the null law
%s decoy keys lie.
`

// writeLegend explains the tables before it.
func writeLegend(w io.Writer) error {
	_, err := fmt.Fprintf(w, legend, alpha, grouped(decoys))
	return err
}

const row = "  %-14s %6s %8s %10s %7s %7s  %-20s  %s\n"

// writeTable writes the table of a suspect.
func writeTable(w io.Writer, v verdict) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n%s: trained on %s\n\n", v.name, v.what)
	fmt.Fprintf(&b, row, "key", "scored", "log10 p", "corrected", "effect", "spread", "would have detected", "null hypothesis")
	for _, f := range v.report.Findings {
		writeRow(&b, f)
	}
	fmt.Fprintf(&b, "\n  report of %s answers: %s\n", grouped(v.report.Answers.Complete), v.path)
	_, err := w.Write(b.Bytes())
	return err
}

func writeRow(b *bytes.Buffer, f verify.Finding) {
	effect, spread, detectable := "-", "-", "-"
	if f.Decoys != nil {
		spread = fmt.Sprintf("%.3f", f.Decoys.Dispersion)
	}
	if f.Power != nil {
		effect, detectable = decimals(f.Effect.D), "nothing: too short"
	}
	if f.Power != nil && f.Power.Attainable {
		detectable = fmt.Sprintf("effect %.2f or more", f.Power.Detectable)
	}
	outcome := "not rejected"
	switch {
	case len(f.Void) > 0:
		outcome = "VOID: " + strings.Join(f.Void, "; ")
	case f.Rejected:
		outcome = "REJECTED"
	}
	fmt.Fprintf(b, row, f.Key, grouped(f.Scored), decimals(log10(f.LogP)), decimals(log10(f.Adjusted)),
		effect, spread, detectable, outcome)
}

// decimals writes x with two decimals, and no minus before zeros.
func decimals(x float64) string {
	if text := fmt.Sprintf("%.2f", x); text != "-0.00" {
		return text
	}
	return "0.00"
}

// log10 turns a natural logarithm into one to base 10, and −0 into 0.
func log10(x float64) float64 { return x/math.Ln10 + 0 }
