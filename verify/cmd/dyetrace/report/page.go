package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// What is shown of very large reports: the file of the report has all.
const (
	mostRows    = 300 // of a table
	mostInFull  = 40  // findings with all of their figures
	mostCharted = 6   // findings with plots of their own
)

// A page is what the template fills in.
type page struct {
	CSS     template.CSS
	Title   string
	Suspect string
	Verdict verdict
	Facts   []fact

	Findings []row
	Left     int // findings beyond the table

	Evidence *picture
	Decoys   []decoys
	Cells    []cells
	Twins    []twins
	Power    *picture
	Samples  *samples

	Calibration *grid
	Controls    *grid

	InFull   []full
	Limits   []string
	Timeline []event
	Checks   *checks
	Objected []verify.Objection
	Commands []string
	Software verify.Software
	Bundle   bool
	File     string
}

// A fact is a figure of the head.
type fact struct{ Value, What string }

// A row is a finding in the table.
type row struct {
	ID, Key, Test, Scored, Of, LogP, Tail, Adjusted, LogE, Effect, Interval, Spread string
	Kind, Word                                                                      string
	HeldOut                                                                         bool
	Void                                                                            []string
}

// full is a finding with everything that the report says of it.
type full struct {
	ID, Name, Word, Kind string
	Lines                []line
}

type line struct{ What, Text string }

// decoys are those of a finding: where they lie, and how they compare with the law.
type decoys struct {
	Name     string
	Pictures []picture
}

// cells are those of a test of canaries.
type cells struct {
	Name    string
	Uses    string
	Picture *picture
	Rows    []cellRow
	Of      int
}

type cellRow struct {
	Unit, Option, Uses, Share, Baseline, Gain string
	Width                                     int  // of the bar, per cent
	Against                                   bool // the key
}

type twins struct {
	Name string
	Rows [][]string
}

// An event is a step of the protocol.
type event struct {
	Name, Text string
	Digests    []line
}

// checks are those of the bundle.
type checks struct {
	OK      bool
	Summary string
	Rows    []verify.Check
}

// Write writes the page.
func Write(w io.Writer, s Source) error {
	switch {
	case s.Report == nil:
		return errors.New("report: there is no report")
	case s.Texts < 0:
		return fmt.Errorf("report: number of sample texts is %d, want at least 0", s.Texts)
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, s.page()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (s *Source) page() *page {
	r := s.Report
	p := &page{
		CSS: template.CSS(pageCSS), Suspect: name(r.Suspect), Verdict: s.verdict(), Facts: s.facts(),
		Evidence: s.evidencePicture(), Power: s.powerPicture(), Samples: s.samples(),
		Calibration: s.calibration(), Controls: s.controls(),
		Timeline: s.timeline(), Checks: s.checks(), Bundle: s.Verification != nil, File: name(s.Name),
		Software: verify.Software{Module: name(s.Software.Module), Go: name(s.Software.Go)},
	}
	p.Title = fmt.Sprintf("%s: was %s trained on marked answers?", p.Verdict.Word, short(p.Suspect, 60))
	for _, l := range r.Limits {
		p.Limits = append(p.Limits, name(l))
	}
	for _, o := range s.Objections {
		p.Objected = append(p.Objected, verify.Objection{By: name(o.By), Text: clean(o.Text, true)})
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if i < mostRows {
			p.Findings = append(p.Findings, s.row(i, f))
		} else {
			p.Left++
		}
		if i < mostInFull {
			p.InFull = append(p.InFull, s.full(i, f))
		}
	}
	for i, x := range s.subjects(func(x subject) bool { return x.d != nil && len(x.d.Decoys) > 0 && x.f.Decoys != nil }) {
		if i < mostCharted {
			id := fmt.Sprintf("decoys-%d", i)
			p.Decoys = append(p.Decoys, decoys{x.name(), []picture{decoyPicture(id, x), qqPicture(id+"q", x)}})
		}
	}
	for i, x := range s.subjects(func(x subject) bool { return x.f.Canaries != nil && len(x.f.Canaries.Cells) > 0 }) {
		if i < mostCharted {
			p.Cells = append(p.Cells, s.cells(fmt.Sprintf("cells-%d", i), x))
		}
	}
	for i, x := range s.subjects(func(x subject) bool { return x.f.Twins != nil && len(x.f.Twins.Items) > 0 }) {
		if i < mostCharted {
			p.Twins = append(p.Twins, twinsOf(x))
		}
	}
	if s.Name != "" && p.Bundle {
		p.Commands = []string{"dyetrace bundle verify " + shellWord(s.Name), "dyetrace report " + shellWord(s.Name) + " -o report.html"}
	}
	return p
}

// shellWord quotes a name as a shell reads it.
func shellWord(s string) string {
	s = name(s)
	if strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./+,:@%", r))
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// facts are the figures of the head.
func (s *Source) facts() []fact {
	r := s.Report
	out := []fact{}
	if !r.Frame.IsZero() {
		out = append(out, fact{grouped(r.Answers.Complete), "whole answers"})
	}
	if !r.Reading.IsZero() {
		out = append(out, fact{grouped(r.Readings.Complete), "spans read"})
	}
	decoys := 0
	for i := range r.Findings {
		if d := r.Findings[i].Decoys; d != nil {
			decoys = max(decoys, d.Keys)
		}
	}
	return append(out, fact{grouped(r.Family), "tests in the family"}, fact{percent(r.Alpha), "chance of any false finding, at most"}, fact{grouped(decoys), "decoy keys"})
}

func (s *Source) row(i int, f *verify.Finding) row {
	x := row{
		ID: fmt.Sprintf("finding-%d", i), Key: name(f.Key), Test: name(f.Test), Scored: grouped(f.Scored), Tail: string(f.Tail),
		LogP: figure(log10(f.LogP), 2), Adjusted: figure(log10(f.Adjusted), 2), LogE: figure(log10(f.LogE), 2), HeldOut: s.heldOut(f.Key),
		Effect: "–", Spread: "–",
	}
	if i >= mostInFull {
		x.ID = ""
	}
	if f.Raw > 0 && !joint(f) {
		x.Of = grouped(f.Raw)
	}
	if f.Effect != (evidence.Effect{}) {
		x.Effect, x.Interval = figure(f.Effect.D, 2), figure(f.Effect.Low, 2)+" to "+figure(f.Effect.High, 2)
	}
	if f.Decoys != nil {
		x.Spread = figure(f.Decoys.Dispersion, 3)
	}
	x.Kind, x.Word = s.outcome(f)
	for _, v := range f.Void {
		x.Void = append(x.Void, name(v))
	}
	return x
}

// outcome says what became of a finding.
func (s *Source) outcome(f *verify.Finding) (kind, word string) {
	kind, word = "nothing", "not rejected"
	switch {
	case len(f.Void) > 0:
		return "void", "void"
	case f.Rejected:
		kind, word = "found", "rejected"
	}
	if s.broken() {
		return "void", "says " + word
	}
	return kind, word
}

// full says everything that the report says of a finding.
func (s *Source) full(i int, f *verify.Finding) full {
	out := full{ID: fmt.Sprintf("finding-%d", i), Name: name(f.Test) + " " + name(f.Key)}
	out.Kind, out.Word = s.outcome(f)
	add := func(what, format string, args ...any) {
		out.Lines = append(out.Lines, line{what, fmt.Sprintf(format, args...)})
	}
	add("null hypothesis", "%s", capital(name(f.Null))+".")
	for _, v := range f.Void {
		add("void", "%s", capital(name(v))+".")
	}
	if f.Mark != "" {
		add("mark", "%s", name(f.Mark))
		add("words", "%s", name(string(f.Kind)))
	}
	unit := "score"
	switch {
	case f.Canaries != nil:
		unit = "unit"
		add("scored", "%s, of %s in %s", count(f.Scored, "cell"), count(f.Canaries.Uses, "first use"), count(f.Raw, "answer"))
		add("sum", "%s of gains less their means", figure(f.Statistic, 3))
	case f.Twins != nil:
		unit = "item"
		add("scored", "%s with %s", count(f.Scored, "item"), count(f.Raw, "candidate"))
		add("first", "%s planted candidates are the likeliest of their item, %s expected", figure(f.Statistic, 0), figure(f.Twins.Expected, 2))
	case joint(f) && f.Law == "":
		add("scored", "%s tokens, wordings or items, by its parts", grouped(f.Scored))
	default:
		add("scored", "%s of %s tokens%s", grouped(f.Scored), grouped(f.Raw), f.Dropped)
	}
	if f.Law != "" {
		add("statistic", "%s of scores %s", figure(f.Statistic, 3), name(f.Law))
	}
	if f.Stopped {
		add("stopped", "The test ended when it had seen enough.")
	}
	add("log10 p", "%s (%s); corrected for the family %s", figure(log10(f.LogP), 2), name(string(f.Tail)), figure(log10(f.Adjusted), 2))
	if f.LogTail < f.LogP && f.Law != "" {
		add("to compare by", "tail of the null law at this many scores %s: no evidence", figure(log10(f.LogTail), 2))
	}
	if c := f.Canaries; c != nil {
		add("beside it", "bound in closed form %s, by draws %s", figure(log10(c.LogClosed), 2), figure(log10(c.LogDrawn), 2))
	}
	if t := f.Twins; t != nil {
		add("beside it", "of the sum of ranks %s: %s above the least, %s expected", figure(log10(t.LogExcess), 2), grouped(t.Excess), figure(t.ExpectedExcess, 1))
	}
	add("log10 e", "%s", figure(log10(f.LogE), 2))
	if f.Effect != (evidence.Effect{}) {
		add("effect", "%s standard deviations a %s (95 %%: %s to %s)", figure(f.Effect.D, 4), unit, figure(f.Effect.Low, 4), figure(f.Effect.High, 4))
	}
	if p := f.Power; p != nil && p.Attainable {
		add("power", "would have detected %s or more with %s probability at %s", figure(p.Detectable, 4), percent(p.Power), power10(log10(p.Level)))
	} else if p != nil {
		add("power", "none: the level %s is out of reach", power10(log10(p.Level)))
	}
	for _, n := range f.Notes {
		add("note", "%s", capital(name(n))+".")
	}
	return out
}

// mostCells is how many cells a table has.
const mostCells = 12

func (s *Source) cells(id string, x subject) cells {
	list := x.f.Canaries.Cells
	out := cells{Name: x.name(), Of: x.f.Scored, Uses: grouped(x.f.Canaries.Uses)}
	if x.d != nil && len(x.d.Cells) > 1 {
		p := cellsPicture(id, x)
		out.Picture = &p
	}
	top := 0.0
	for _, c := range list {
		top = max(top, c.Gain, -c.Gain)
	}
	for _, c := range list[:min(len(list), mostCells)] {
		r := cellRow{Unit: name(c.Unit), Option: clean(c.Option, false), Uses: grouped(c.Uses), Share: percentOf(c.Share), Baseline: percentOf(c.Baseline),
			Gain: figure(c.Gain, 2), Against: c.Gain < 0}
		if top > 0 {
			r.Width = int(100 * max(c.Gain, -c.Gain) / top)
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}

func percentOf(x float64) string { return figure(100*x, 0) + " %" }

func twinsOf(x subject) twins {
	out := twins{Name: x.name()}
	for _, t := range x.f.Twins.Items {
		out.Rows = append(out.Rows, []string{name(t.Unit), clean(t.Planted, false), fmt.Sprintf("%s of %s", grouped(t.Rank), grouped(t.Of)), figure(t.Lead, 2)})
	}
	return out
}

// calibration is what decoy keys say, finding by finding.
func (s *Source) calibration() *grid {
	g := &grid{Head: []string{"finding", "decoys", "spread", "limit", "mean z", "p ≤ 0.01", "spread", "mean", "count", "at the limit", "by rank"}}
	for i := range s.Report.Findings {
		f := &s.Report.Findings[i]
		d := f.Decoys
		if d == nil || len(g.Rows) == mostRows {
			continue
		}
		rank := figure(log10(d.Rank), 2)
		if d.Diagnostic {
			rank += " (diagnostic)"
		}
		g.Rows = append(g.Rows, []string{name(f.Test) + " " + name(f.Key), grouped(d.Keys), figure(d.Dispersion, 3), figure(d.DispersionLimit, 3), figure(d.Mean, 3), grouped(d.Small),
			figure(log10(d.LogPSpread), 2), figure(log10(d.LogPMean), 2), figure(log10(d.LogPSmall), 2), figure(log10(d.Sensitivity), 2), rank})
	}
	if len(g.Rows) == 0 {
		return nil
	}
	return g
}

// controls are what tests say of clean models.
func (s *Source) controls() *grid {
	g := &grid{Head: []string{"finding", "control", "test", "scored", "log10 p", "of the suspect"}}
	for i := range s.Report.Findings {
		f := &s.Report.Findings[i]
		for _, c := range f.Controls {
			if len(g.Rows) < mostRows {
				g.Rows = append(g.Rows, []string{name(f.Test) + " " + name(f.Key), name(c.Name), name(c.Test), grouped(c.Scored), figure(log10(c.LogP), 2), figure(log10(f.LogP), 2)})
			}
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	return g
}

// timeline is the protocol, step by step.
func (s *Source) timeline() []event {
	r := s.Report
	plan := event{Name: "Plan", Text: fmt.Sprintf("Number %s on this suspect: what is tested, under which committed keys, with which error rate.", grouped(r.Sequence)), Digests: []line{{"plan", r.Plan.String()}}}
	if s.Plan != nil {
		bound := 0
		for i, k := range s.Plan.Keys {
			if k.Commitment == (keys.Commitment{}) {
				continue
			}
			if bound++; i < 12 {
				plan.Digests = append(plan.Digests, line{"commitment of " + name(k.Name), k.Commitment.String()})
			}
		}
		plan.Text += fmt.Sprintf(" %s of %s %s bound by a commitment.", grouped(bound), count(len(s.Plan.Keys), "key"), plural(bound, "is", "are"))
	}
	out := []event{plan}
	for _, f := range []struct {
		what string
		verify.FramePlan
	}{{"prompts", r.Frame}, {"marked texts", r.Reading.Frame}, {"candidates of twins", r.Twins.Frame}} {
		if !f.IsZero() {
			out = append(out, event{Name: "Frame of " + f.what, Text: fmt.Sprintf("%s of %s are asked. Logged: %s.", grouped(f.Ask), grouped(f.Size), logged(f.Logged)), Digests: []line{{"frame", f.Digest.String()}}})
		}
	}
	if !r.Served.IsZero() {
		out = append(out, event{Name: "Served answers", Text: fmt.Sprintf("%s that were generated under the keys. Logged: %s.", count(r.Served.Texts, "answer"), logged(r.Served.Logged)), Digests: []line{{"served", r.Served.Digest.String()}}})
	}
	if r.Nonce.IsZero() {
		out = append(out, event{Name: "No nonce", Text: "Nobody but the key holder picked what was asked."})
	} else {
		out = append(out, event{Name: "Nonce", Text: "Picked what was asked. Source: " + name(r.Nonce.Source) + ".", Digests: []line{{"nonce", r.Nonce.Value.String()}}})
	}
	collected := event{Name: "Collect", Text: "The suspect was asked, and no key was needed.", Digests: []line{{"transcript", r.Transcript.String()}}}
	if first, last := s.times(); first > 0 {
		collected.Text += fmt.Sprintf(" By the collector’s clock from %s to %s.", moment(first), moment(last))
	}
	if len(r.Models) > 0 {
		var models []string
		for _, m := range r.Models {
			models = append(models, name(m))
		}
		collected.Text += " Answered by " + listed(models) + ", by its own word."
	}
	if n := len(r.ProbesDiffer); n > 0 {
		collected.Text += fmt.Sprintf(" %s got different answers.", count(n, "probe"))
	}
	out = append(out, collected, event{Name: "Seal", Text: "Fixes the answers. Its digest had better be published before the keys are opened.", Digests: []line{{"seal", r.Seal.String()}}},
		event{Name: "Judge", Text: "The keys were opened and the plan was followed to the letter. Decoy keys follow from the seal."})
	if v := s.Verification; v != nil {
		e := event{Name: "Bundle", Text: "Everything in one file, from which an opponent makes every figure again.", Digests: []line{{"bundle", v.Bundle.String()}}}
		out = append(out, e)
	}
	return out
}

func logged(where string) string {
	if where == "" {
		return "not said, so that nothing shows its age"
	}
	return strings.TrimSuffix(name(where), ".")
}

// times returns the first and the last time of a transcript.
func (s *Source) times() (first, last int64) {
	if s.Transcript == nil {
		return 0, 0
	}
	see := func(begin, end int64) {
		if begin > 0 && (first == 0 || begin < first) {
			first = begin
		}
		last = max(last, end)
	}
	for _, list := range [][]collect.Exchange{s.Transcript.Probes, s.Transcript.Prompts} {
		for i := range list {
			see(list[i].First, list[i].Last)
		}
	}
	for i := range s.Transcript.Readings {
		see(s.Transcript.Readings[i].First, s.Transcript.Readings[i].Last)
	}
	return first, last
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }

// checks lists what the bundle's verification said, what is wrong first.
func (s *Source) checks() *checks {
	v := s.Verification
	if v == nil {
		return nil
	}
	out := &checks{OK: v.OK()}
	n := make(map[verify.Outcome]int)
	for _, o := range []verify.Outcome{verify.Failed, verify.NotChecked, verify.Warning, verify.Passed, verify.Note} {
		for _, c := range v.Checks {
			if c.Result == o {
				n[o]++
				out.Rows = append(out.Rows, verify.Check{Name: name(c.Name), Result: o, Detail: name(c.Detail)})
			}
		}
	}
	out.Summary = fmt.Sprintf("%s passed, %s failed, %s could not be made; %s.", count(n[verify.Passed], "check"), grouped(n[verify.Failed]), grouped(n[verify.NotChecked]), count(n[verify.Warning], "warning"))
	return out
}
