package verify

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
)

// shows is what a rejection does show; limits follow it.
const shows = "Rejection shows use of outputs made under the key."

// WriteText writes the report for people, with logarithms to base 10. Names of
// others' making cannot break out of their line: what is not printable in them is
// quoted as Go quotes strings.
func (r *Report) WriteText(w io.Writer) error {
	if r == nil {
		return errors.New("verify: there is no report")
	}
	var p page
	r.writeHead(&p)
	for i := range r.Findings {
		p.gap()
		r.Findings[i].writeText(&p)
	}
	p.gap()
	p.head(shows)
	p.gap()
	p.head("This does not show")
	for _, l := range r.Limits {
		p.item(l)
	}
	_, err := w.Write(p.Bytes())
	return err
}

func (r *Report) writeHead(p *page) {
	if r.Warning != "" {
		p.head("%s", r.Warning)
	}
	p.head("Was %s trained on marked answers?", printable(r.Suspect))
	for i := range r.Findings {
		p.item(r.Findings[i].verdict())
	}
	p.gap()
	p.row(fmt.Sprintf("plan %d", r.Sequence), "%v", r.Plan)
	p.row("transcript", "%v", r.Transcript)
	p.row("seal", "%v", r.Seal)
	r.writeFrame(p, "prompts", r.Frame)
	r.writeFrame(p, "passages", r.Reading.Frame)
	r.writeTwins(p)
	if r.Reading.Reference != "" {
		p.row("reference", "%s, older than the commitments: %s", printable(r.Reading.Reference), printable(r.Reading.Age))
	}
	if !r.Served.IsZero() {
		p.row("served", "%s answers, %v", grouped(r.Served.Texts), r.Served.Digest)
		p.row("", "logged %s", logged(r.Served.Logged, "nothing shows that these answers were not picked afterwards"))
	}
	if !r.Frame.IsZero() {
		writeCounts(p, "answers", r.Answers)
	}
	if !r.Reading.IsZero() || !r.Twins.IsZero() {
		writeCounts(p, "readings", r.Readings)
	}
	if len(r.Models) > 0 {
		p.row("answered by", "%s", listed(r.Models))
	}
	if len(r.ProbesDiffer) > 0 {
		p.row("probes", "%s were answered in different ways", grouped(len(r.ProbesDiffer)))
	}
	if x := r.Relayed; !x.IsZero() {
		p.row("relayed", "%s tokens of %s answers repeat marked texts word for word, up to %s in a row: relayed, looked up or learnt by heart",
			grouped(x.Tokens), grouped(x.Answers), grouped(x.Longest))
	}
	method := "Holm"
	if r.Correction == Hierarchy {
		method = "Meinshausen, down the tree of keys"
	}
	p.row("family", "%s tests at α = %v together (%s)", grouped(r.Family), r.Alpha, method)
	for _, v := range r.Void {
		p.row("all void", "%s", v)
	}
}

// writeFrame writes how much of a frame was asked, and what shows its age.
func (r *Report) writeFrame(p *page, what string, f FramePlan) {
	if f.IsZero() {
		return
	}
	picked := ""
	if !r.Nonce.IsZero() {
		picked = ", picked by the nonce of " + printable(r.Nonce.Source)
	}
	p.row(what, "%s of a frame of %s%s", grouped(f.Ask), grouped(f.Size), picked)
	p.row("frame logged", "%s", logged(f.Logged, "nothing shows that the frame is older than the nonce"))
}

// writeTwins writes which candidates were read, and after what.
func (r *Report) writeTwins(p *page) {
	t := r.Twins
	if t.IsZero() {
		return
	}
	at, err := t.pick(r.Nonce)
	if err != nil { // a report that was made up
		return
	}
	picked := "the only prompt"
	if n := len(t.Prompts); n > 1 {
		picked = fmt.Sprintf("one of %s prompts", grouped(n))
		if !r.Nonce.IsZero() {
			picked += ", picked by the nonce of " + printable(r.Nonce.Source)
		}
	}
	p.row("twins", "%s candidates, all that the book has, each after %q, %s", grouped(t.Frame.Ask), t.Prompts[at], picked)
	p.row("frame logged", "%s", logged(t.Frame.Logged, "nothing shows that the frame is older than the nonce"))
}

func writeCounts(p *page, what string, a collect.Counts) {
	again := ""
	if a.Unreached > 0 {
		again = fmt.Sprintf("; nothing came back %s times", grouped(a.Unreached))
	}
	p.row(what, "%s complete, %s refused, %s empty, %s failed, %s missing%s",
		grouped(a.Complete), grouped(a.Refused), grouped(a.Empty), grouped(a.Failed), grouped(a.Missing), again)
}

// logged returns where something was logged, or that it is not said and what
// follows from that.
func logged(where, otherwise string) string {
	if where == "" {
		return "not said: " + otherwise
	}
	return printable(where)
}

// verdict is the finding in a line.
func (f *Finding) verdict() string {
	name := printable(f.Test) + " " + printable(f.Key)
	switch {
	case len(f.Void) > 0:
		return name + ": void"
	case f.Rejected:
		return name + ": REJECTED"
	}
	return name + ": not rejected"
}

// sumName says what the statistic is.
func (f *Finding) sumName() string {
	switch {
	case strings.HasSuffix(f.Test, " sparse"):
		return "criticism"
	case strings.HasPrefix(f.Test, R3) || f.Test == R4 || strings.HasPrefix(f.Test, R4+" "):
		return "weighted sum"
	}
	return "sum"
}

func (f *Finding) writeText(p *page) {
	p.head("%s", f.verdict())
	p.row("null", "%s", f.Null)
	if f.Mark != "" {
		share := ""
		if l, ok := layerOf(f.Mark); ok {
			share = fmt.Sprintf("; %.3g %% of all windows", 100*float64(l.end-l.begin)/(1<<32))
		}
		p.row("mark", "%s; words: %s%s", printable(f.Mark), printable(string(f.Kind)), share)
	}
	for _, v := range f.Void {
		p.row("void", "%s", v)
	}
	stopped := ""
	if f.Stopped {
		stopped = "; the test stopped there"
	}
	if f.Canaries != nil {
		p.row("cells", "%s, of %s first uses in %s answers", grouped(f.Scored), grouped(f.Canaries.Uses), grouped(f.Raw))
		p.row("sum", "%.3f of gains less their means", f.Statistic)
	} else if t := f.Twins; t != nil {
		p.row("twins", "%s items with %s candidates; %s candidates without ln p, %s items without a likeliest one",
			grouped(f.Scored), grouped(f.Raw), grouped(t.Missing), grouped(t.Tied))
		p.row("first", "%.0f planted candidates are the likeliest of their item, %.2f expected", f.Statistic, t.Expected)
	} else if f.Mark == "" && f.Law == "" {
		p.row("scored", "%s tokens, wordings or items, by its parts", grouped(f.Scored))
	} else if f.Raw > 0 || f.Law != "" {
		p.row("scored", "%s of %s tokens%s%s", grouped(f.Scored), grouped(f.Raw), f.Dropped, stopped)
	}
	if f.Law != "" {
		p.row(f.sumName(), "%.3f of scores %s", f.Statistic, printable(f.Law))
	}
	p.row("log10 p", "%.2f (%s); corrected for the family %.2f", log10(f.LogP), printable(string(f.Tail)), log10(f.Adjusted))
	if f.LogTail < f.LogP && f.Law != "" {
		p.row("", "tail of the null law at this many scores %.2f (to compare by, no evidence)", log10(f.LogTail))
	}
	if c := f.Canaries; c != nil {
		p.row("", "bound in closed form %.2f, by %s draws %.2f", log10(c.LogClosed), grouped(canaryDraws), log10(c.LogDrawn))
	}
	if t := f.Twins; t != nil {
		p.row("", "of the sum of ranks %.2f: %s above the least, %.1f expected", log10(t.LogExcess), grouped(t.Excess), t.ExpectedExcess)
	}
	p.row("log10 e", "%.2f", log10(f.LogE))
	if f.Effect != (evidence.Effect{}) {
		unit := "a token"
		switch {
		case f.Twins != nil:
			unit = "an item"
		case f.Canaries != nil:
			unit = "a unit"
		}
		p.row("effect", "%.4f standard deviations %s (95 %%: %.4f to %.4f)", f.Effect.D, unit, f.Effect.Low, f.Effect.High)
	}
	f.Decoys.writeText(p)
	f.Power.writeText(p)
	f.Canaries.writeText(p)
	f.Twins.writeText(p)
	for _, c := range f.Controls {
		p.row("control", "%s: log10 p of %s %.2f, %s scored", printable(c.Name), c.Test, log10(c.LogP), grouped(c.Scored))
	}
	for _, n := range f.Notes {
		p.row("note", "%s", n)
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
		{d.NoWord, "without a prediction"}, {d.Foreign, "predicted as no single token of the marked model"},
		{d.Ended, "predicted as the end of the turn or as by the reference"},
	} {
		if r.n > 0 {
			parts = append(parts, grouped(r.n)+" "+r.what)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (dropped: " + strings.Join(parts, ", ") + ")"
}

func (c *CanaryFinding) writeText(p *page) {
	if c == nil {
		return
	}
	for i, cell := range c.Cells {
		label := ""
		if i == 0 {
			label = "strongest"
		}
		p.row(label, "%+.2f  %s: %s in %.0f %% of %s uses, %.0f %% expected", cell.Gain, printable(cell.Unit), printable(cell.Option),
			100*cell.Share, grouped(cell.Uses), 100*cell.Baseline)
	}
}

func (d *DecoyFinding) writeText(p *page) {
	if d == nil {
		return
	}
	p.row("decoy keys", "%s, spread %.3f times the null law's (99 %% limit %.3f), mean z %.3f, %s with p ≤ 0.01",
		grouped(d.Keys), d.Dispersion, d.DispersionLimit, d.Mean, grouped(d.Small))
	p.row("", "log10 p of spread %.2f, mean %.2f, count %.2f", log10(d.LogPSpread), log10(d.LogPMean), log10(d.LogPSmall))
	rank := "by rank"
	if d.Diagnostic {
		rank = "by rank, which is a diagnostic here,"
	}
	p.row("", "log10 p of the finding at the limit of spread %.2f, %s %.2f", log10(d.Sensitivity), rank, log10(d.Rank))
}

func (f *PowerFinding) writeText(p *page) {
	switch {
	case f == nil:
	case !f.Attainable:
		p.row("power", "none: the level 10^%.2f is out of reach", log10(f.Level))
	default:
		p.row("power", "would have detected d ≥ %.4f with %.0f %% power at 10^%.2f", f.Detectable, 100*f.Power, log10(f.Level))
	}
}

// log10 turns a natural logarithm into one to base 10, without a minus before a
// zero.
func log10(x float64) float64 { return x/math.Ln10 + 0 }
