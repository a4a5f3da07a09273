package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
)

// line is a row as JSON. Logarithms are to base 10.
type line struct {
	Suspect    string  `json:"suspect"`
	Test       string  `json:"test"`
	Supervised bool    `json:"supervised"`
	Raw        int     `json:"n_raw"`
	Scored     int     `json:"n_scored"`
	Statistic  float64 `json:"statistic"`
	LogP       float64 `json:"log10_p"`       // tail of the null law for n_scored scores
	LogPBound  float64 `json:"log10_p_bound"` // what the finding stands on
	LogE       float64 `json:"log10_e"`
	DecoyP     float64 `json:"decoy_p"` // (1+k)/(1+J)
	Dispersion float64 `json:"dispersion"`
	Rejected   bool    `json:"rejected"`
	Valid      bool    `json:"valid"`
	Void       string  `json:"void,omitempty"`
}

func lineOf(r row) line {
	l := line{
		Suspect: r.suspect, Test: r.Test, Supervised: r.supervised, Raw: r.Raw, Scored: r.Scored, Statistic: r.Statistic,
		LogP: log10(r.LogTail), LogPBound: log10(r.Finding.LogP), LogE: log10(r.LogE), DecoyP: 1,
		Rejected: r.Rejected, Valid: len(r.Void) == 0, Void: strings.Join(r.Void, "; "),
	}
	if d := r.Decoys; d != nil {
		l.DecoyP, l.Dispersion = math.Exp(d.Rank), d.Dispersion
	}
	return l
}

// log10 turns a natural logarithm into one to base 10, without a minus before zero.
func log10(x float64) float64 { return x/math.Ln10 + 0 }

// writeLines writes a JSON object for each row.
func writeLines(w io.Writer, rows []row) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, r := range rows {
		if err := e.Encode(lineOf(r)); err != nil {
			return err
		}
	}
	return nil
}

const columns = "  %-10s %-10s %7s %7s %11s %9s %9s %9s %8s %7s  %s\n"

const legend = `
G1, G2: what the suspect writes. R1 to R4: what it predicts when it reads texts marked under the key: the most
likely token (R1), a sampled one (R2), all listed ones by probability (R3), or by how much likelier they are to it
than to its reference (R4; R4h: the one that gained most). trained on: the texts it is said to have seen; new:
others under the same key; served: only windows that occur in the texts it is said to have seen.

log10 p: tail of the null law for so many scores; exact for G1, and for a number fixed in advance; for R3 and R4 an
approximation. bound: proven p-value, on which the verdict stands: all tests of a suspect's file together err with
probability %v at most. It is 1/e but for G1. For R3 and R4 e has bets of its own, and may say more than the
tail of the sum. log10 e: of the e-value. rank: (1 + how many score as high) / (1 + %d), of so many decoy keys; no
p-value but for G1. spread: how many times as wide as the null law the decoy keys lie.
Nobody was bound by a plan here: these figures compare tests, and are evidence against nobody.
`

// writeTable writes the rows for people.
func writeTable(w io.Writer, r *recording, rows []row, decoys int) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "key %s, mark %s\n", r.keys.Name, r.mark.ID())
	suspect := ""
	for _, x := range rows {
		if x.suspect != suspect {
			suspect = x.suspect
			fmt.Fprintf(&b, "\n%s\n\n", suspect)
			fmt.Fprintf(&b, columns, "test", "texts", "raw", "scored", "statistic", "log10 p", "bound", "log10 e", "rank", "spread", "null hypothesis")
		}
		l := lineOf(x)
		texts := "own"
		switch {
		case x.supervised:
			texts = "trained on"
		case strings.HasPrefix(x.Test, "R"):
			texts = "new"
		}
		outcome := "not rejected"
		switch {
		case !l.Valid:
			outcome = "void: " + l.Void
		case l.Rejected:
			outcome = "REJECTED"
		}
		fmt.Fprintf(&b, columns, l.Test, texts, fmt.Sprint(l.Raw), fmt.Sprint(l.Scored), fmt.Sprintf("%.2f", l.Statistic),
			fmt.Sprintf("%.2f", l.LogP), fmt.Sprintf("%.2f", l.LogPBound), fmt.Sprintf("%.2f", l.LogE),
			fmt.Sprintf("%.4f", l.DecoyP), fmt.Sprintf("%.3f", l.Dispersion), outcome)
	}
	fmt.Fprintf(&b, legend, alpha, decoys)
	_, err := w.Write(b.Bytes())
	return err
}
