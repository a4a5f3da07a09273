package verify

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/dyetrace/dyetrace/verify/evidence"
)

// WriteText writes the report for people, with logarithms to base 10.
func (r *Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	r.writeHead(&b)
	for i := range r.Findings {
		b.WriteByte('\n')
		r.Findings[i].writeText(&b)
	}
	b.WriteString("\nThis does not show\n")
	for _, l := range r.Limits {
		fmt.Fprintf(&b, "  - %s\n", l)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Report) writeHead(b *bytes.Buffer) {
	if r.Warning != "" {
		fmt.Fprintln(b, r.Warning)
	}
	fmt.Fprintf(b, "Was %s trained on marked answers?\n", r.Suspect)
	fmt.Fprintf(b, "  plan %d       %v\n  transcript   %v\n  seal         %v\n", r.Sequence, r.Plan, r.Transcript, r.Seal)
	fmt.Fprintf(b, "  prompts      %d of a frame of %d", r.Frame.Ask, r.Frame.Size)
	if !r.Nonce.IsZero() {
		fmt.Fprintf(b, ", picked by the nonce of %s", r.Nonce.Source)
	}
	logged := r.Frame.Logged
	if logged == "" {
		logged = "not said: nothing shows that the frame is older than the nonce"
	}
	fmt.Fprintf(b, "\n  frame logged %s\n", logged)
	a := r.Answers
	fmt.Fprintf(b, "  answers      %d complete, %d refused, %d empty, %d failed, %d missing; nothing came back %d times\n",
		a.Complete, a.Refused, a.Empty, a.Failed, a.Missing, a.Unreached)
	if len(r.Models) > 0 {
		fmt.Fprintf(b, "  answered by  %s\n", strings.Join(r.Models, ", "))
	}
	if len(r.ProbesDiffer) > 0 {
		fmt.Fprintf(b, "  probes       %d were answered in different ways\n", len(r.ProbesDiffer))
	}
	fmt.Fprintf(b, "  family       %d tests at α = %v together (Holm)\n", r.Family, r.Alpha)
	for _, v := range r.Void {
		fmt.Fprintf(b, "  all void     %s\n", v)
	}
}

func (f *Finding) writeText(b *bytes.Buffer) {
	verdict := "not rejected"
	switch {
	case len(f.Void) > 0:
		verdict = "void"
	case f.Rejected:
		verdict = "REJECTED"
	}
	fmt.Fprintf(b, "%s %s: %s\n", f.Test, f.Key, verdict)
	fmt.Fprintf(b, "  null         %s\n", f.Null)
	if f.Mark != "" {
		fmt.Fprintf(b, "  mark         %s; words: %s\n", f.Mark, f.Kind)
	}
	for _, v := range f.Void {
		fmt.Fprintf(b, "  void         %s\n", v)
	}
	fmt.Fprintf(b, "  scored       %d of %d tokens%s\n", f.Scored, f.Raw, f.Dropped)
	if f.Law != "" {
		fmt.Fprintf(b, "  sum          %.3f of scores %s\n", f.Statistic, f.Law)
	}
	fmt.Fprintf(b, "  log10 p      %.2f (%s); corrected for the family %.2f\n", log10(f.LogP), f.Tail, log10(f.Adjusted))
	fmt.Fprintf(b, "  log10 e      %.2f\n", log10(f.LogE))
	if f.Effect != (evidence.Effect{}) {
		fmt.Fprintf(b, "  effect       %.4f standard deviations a token (95 %%: %.4f to %.4f)\n", f.Effect.D, f.Effect.Low, f.Effect.High)
	}
	f.Decoys.writeText(b)
	f.Power.writeText(b)
	for _, n := range f.Notes {
		fmt.Fprintf(b, "  note         %s\n", n)
	}
}

// String lists the reasons that occur, as " (dropped: …)", or nothing.
func (d Dropped) String() string {
	var parts []string
	for _, r := range []struct {
		n    int
		what string
	}{
		{d.Head, "at the head of an answer"}, {d.Gated, "on other layers' windows"}, {d.Repeat, "repeated in their answer"},
		{d.Prompt, "after windows of a prompt"}, {d.Duplicate, "scored already"},
		{d.NotServed, "after windows that were not served"}, {d.Beyond, "after the first N"},
	} {
		if r.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", r.n, r.what))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (dropped: " + strings.Join(parts, ", ") + ")"
}

func (d *DecoyFinding) writeText(b *bytes.Buffer) {
	if d == nil {
		return
	}
	fmt.Fprintf(b, "  decoy keys   %d; dispersion %.3f, at most %.3f; mean z %.3f; %d with p ≤ 0.01; log10 p: %.2f, %.2f, %.2f\n",
		d.Keys, d.Dispersion, d.DispersionLimit, d.Mean, d.Small, log10(d.LogPSpread), log10(d.LogPMean), log10(d.LogPSmall))
	fmt.Fprintf(b, "               log10 p at that dispersion %.2f; by rank %.2f\n", log10(d.Sensitivity), log10(d.Rank))
}

func (p *PowerFinding) writeText(b *bytes.Buffer) {
	switch {
	case p == nil:
	case !p.Attainable:
		fmt.Fprintf(b, "  power        none: the level 10^%.2f is out of reach\n", log10(p.Level))
	default:
		fmt.Fprintf(b, "  power        would have detected d ≥ %.4f with %.0f %% power at 10^%.2f\n", p.Detectable, 100*p.Power, log10(p.Level))
	}
}

// log10 turns a natural logarithm into one to base 10, without a minus before a
// zero.
func log10(x float64) float64 { return x/math.Ln10 + 0 }
