package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// whatTests says in words what a test asks.
var whatTests = map[string]string{
	verify.G1:     "does the suspect write what the key prefers?",
	verify.G2:     "does it, where the served answers were?",
	verify.R1:     "does it expect the tokens that the key prefers?",
	verify.R2:     "do samples of what it expects follow the key?",
	verify.R3:     "does it give the tokens that the key prefers more probability?",
	verify.R4:     "does it, more than the reference does?",
	verify.R4h:    "does the token that gained most follow the key?",
	verify.Cells:  "does it lean to the wordings that the key decided?",
	verify.Picks:  "does it make the picks that the key decided?",
	verify.Order:  "does it call tools in the order that the key decided?",
	verify.Cohort: "does it follow the code word of one cohort?",
	verify.Rank:   "does it find the candidate that the key planted likelier than its twins?",
}

// A findable is what a test could find, before anything is asked.
type findable struct {
	Key        string  `json:"key"`
	Test       string  `json:"test"`
	Level      float64 `json:"ln_level"`
	Tokens     int64   `json:"tokens"`               // that are expected to count
	Detectable float64 `json:"detectable,omitempty"` // effect found with power 0.8; 0 if none is
	Measured   float64 `json:"measured,omitempty"`   // effect of one real student
	Needed     int64   `json:"tokens_needed,omitempty"`
}

// explain says in words what a plan does, and what it can find.
func explain(s study, p *verify.Plan, answerTokens int) (explanation, error) {
	data, err := p.Encode()
	if err != nil {
		return explanation{}, invalid(err)
	}
	digest, err := p.Digest()
	if err != nil {
		return explanation{}, invalid(err)
	}
	x := explanation{Plan: rawJSON(strings.TrimSuffix(string(data), "\n")), Digest: digest, Family: p.Size() + p.Earlier, Next: s.next()}
	say := func(format string, args ...any) { x.Words = append(x.Words, fmt.Sprintf(format, args...)) }
	say("Plan %d on the suspect %q: %s, error rate %g for all together.", p.Sequence, p.Suspect, plural(int64(x.Family), "test"), p.Alpha)
	if !p.Frame.IsZero() {
		say("It is asked %s of %s, %s.", grouped(p.Frame.Ask), plural(int64(p.Frame.Size), "prompt"), pickedBy(p, p.Frame.Ask == p.Frame.Size))
		x.digest("prompts", p.Frame.Digest, p.Frame.Logged)
	}
	if !p.Reading.IsZero() {
		say("It reads %s of %s, %s.", grouped(p.Reading.Frame.Ask), plural(int64(p.Reading.Frame.Size), "passage"), pickedBy(p, p.Reading.Frame.Ask == p.Reading.Frame.Size))
		x.digest("passages", p.Reading.Frame.Digest, p.Reading.Frame.Logged)
	}
	if !p.Twins.IsZero() {
		say("It reads %s of twins after one of %s.", plural(int64(p.Twins.Frame.Ask), "candidate"), plural(int64(len(p.Twins.Prompts)), "prompt"))
		x.digest("twins", p.Twins.Frame.Digest, p.Twins.Frame.Logged)
	}
	if !p.Served.IsZero() {
		x.digest("served answers", p.Served.Digest, p.Served.Logged)
	}
	if len(p.Probes) > 0 {
		say("%s at the start, in the middle and at the end, to see whether another model answers.", plural(int64(len(p.Probes)), "probe"))
	}
	var names []string
	for _, k := range p.Keys {
		name := k.Name
		if k.HeldOut {
			name += " (nothing was made under it: a control)"
		}
		if k.Parent != "" {
			name += " (under " + k.Parent + ")"
		}
		if k.Commitment == (keys.Commitment{}) {
			name += " (not committed to)"
		}
		names = append(names, name)
	}
	say("Keys: %s.", strings.Join(names, ", "))
	for _, t := range p.Tests {
		what := whatTests[t.Name]
		if t.First > 0 {
			what += fmt.Sprintf(" The first %s count.", grouped(t.First))
		}
		say("Test %s: %s", t, what)
	}
	for _, q := range p.Products {
		say("Joint finding %q of %d parts.", q.Name, len(q.Parts))
	}
	for _, q := range p.Pools {
		say("Joint finding %q: test %s of the texts of %d keys.", q.Name, q.Test, len(q.Keys))
	}
	if p.Correction == verify.Hierarchy {
		say("A key is looked at only where all keys above it were found.")
	}
	if len(p.Controls) > 0 {
		say("Asked the same, as they never saw the answers: %s.", strings.Join(p.Controls, ", "))
	}
	if p.Decoys > 0 {
		say("%s decoy keys calibrate, drawn from the seal.", grouped(p.Decoys))
	} else {
		say("No decoy keys: every finding will be void.")
	}
	if p.Decoys > 0 && p.Decoys < verify.FarDecoys {
		say("Claims below %g need %s decoy keys.", verify.FarLevel, grouped(verify.FarDecoys))
	}
	if p.Nonce.IsZero() {
		say("No nonce: %s.", verify.NoNonce)
	}
	x.digest("plan", digest, "")
	if x.Finds, err = finds(s, p, answerTokens); err != nil {
		return x, err
	}
	return x, nil
}

func pickedBy(p *verify.Plan, all bool) string {
	switch {
	case p.Nonce.IsZero() && all:
		return "in the order of the frame"
	case p.Nonce.IsZero():
		return "the first of the frame, as no nonce picks them"
	case all:
		return fmt.Sprintf("in the order that nonce %.12s… gives (%s)", p.Nonce.Value, p.Nonce.Source)
	}
	return fmt.Sprintf("picked by nonce %.12s… (%s)", p.Nonce.Value, p.Nonce.Source)
}

func (x *explanation) digest(what string, d collect.Digest, logged string) {
	if logged == "" && what != "plan" {
		logged = "not published"
	}
	if logged != "" {
		logged = "  (" + logged + ")"
	}
	x.digests = append(x.digests, fmt.Sprintf("digest of the %-15s %v%s", what, d, logged))
}

// finds says for each key and test of tokens what effect it could find.
func finds(s study, p *verify.Plan, answerTokens int) ([]findable, error) {
	laws, shares := map[string]tail.Law{}, map[string]float64{}
	if isFolder(s.path(keysFolder)) {
		stems, _ := stemsIn(s.path(keysFolder), specEnd)
		for _, stem := range stems {
			m, err := readMark(stem)
			if err != nil {
				continue // of another's: the normal law will do
			}
			laws[m.mark.ID()] = m.mark.Law()
			if part, ok := m.mark.Part(); ok {
				shares[m.mark.ID()] = float64(part.End-part.Begin) / (1 << 32)
			}
		}
	}
	positions := int64(0)
	if !p.Reading.IsZero() {
		frames, err := s.frames(p)
		if err != nil {
			return nil, err
		}
		task, err := p.Task(frames)
		if err != nil {
			return nil, invalid(err)
		}
		for _, q := range task.Passages {
			if p.Twins.IsZero() || len(q.Tokens) > 0 {
				positions += int64(len(q.Tokens))
			}
		}
	}
	measured := map[string]float64{}
	for _, m := range evidence.MeasuredEffects() {
		if _, there := measured[m.Test]; !there {
			measured[m.Test] = m.D
		}
	}
	family := p.Family()
	level := family.Level(p.Size())
	var all []findable
	for _, k := range p.Keys {
		if k.Tree != "" {
			continue
		}
		share, ok := shares[k.Mark]
		if !ok {
			share = shareOf(k.Mark)
		}
		for _, t := range p.Tests {
			var n int64
			switch t.Name {
			case verify.G1, verify.G2:
				n = int64(float64(p.Frame.Ask*answerTokens) * share)
			case verify.R1, verify.R2, verify.R3, verify.R4, verify.R4h:
				n = int64(float64(positions) * share)
			default:
				continue
			}
			if t.First > 0 {
				n = min(n, int64(t.First))
			}
			f := findable{Key: k.Name, Test: t.String(), Level: level, Tokens: n}
			weighted := t.Name == verify.R3 || t.Name == verify.R4
			d := evidence.Design{Law: laws[k.Mark], Tests: p.Size() + p.Earlier, Alpha: p.Alpha, Bets: weighted}
			if weighted {
				d.Law = nil
			}
			if !weighted && d.Law != nil && t.First == 0 && t.Name != verify.G1 {
				d.Law = evidence.ByE(d.Law)
			}
			if n > 0 && !t.Sparse {
				if e, err := d.DetectableEffect(n); err == nil && !math.IsInf(e, 0) && !math.IsNaN(e) {
					f.Detectable = e
				}
			}
			if f.Measured = measured[t.String()]; f.Measured > 0 && !t.Sparse {
				d.Effect = f.Measured
				if n, err := d.Tokens(); err == nil {
					f.Needed = n
				}
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// shareOf reads the share of a layer from the public name of its mark.
func shareOf(mark string) float64 {
	_, rest, ok := strings.Cut(mark, " layer=[")
	if !ok {
		return 1
	}
	var begin, end uint64
	if _, err := fmt.Sscanf(rest, "%d,%d)", &begin, &end); err != nil || end <= begin {
		return 1
	}
	return float64(end-begin) / (1 << 32)
}

func writeFinds(w io.Writer, all []findable) {
	if len(all) == 0 {
		return
	}
	wide := 3
	for _, f := range all {
		wide = max(wide, len([]rune(printable(f.Key))))
	}
	fmt.Fprintf(w, "%-*s  %-10s  %12s  %11s  %18s  %s\n", wide, "key", "test", "p first below", "tokens", "effect found (80 %)", "one real student showed")
	for _, f := range all {
		found, student := "none", "-"
		if f.Detectable > 0 {
			found = fmt.Sprintf("%.3f", f.Detectable)
		}
		if f.Measured > 0 {
			student = fmt.Sprintf("%.3f", f.Measured)
			if f.Needed > 0 {
				student += fmt.Sprintf(", for which %s tokens do", grouped(f.Needed))
			}
		}
		fmt.Fprintf(w, "%-*s  %-10s  %13s  %11s  %19s  %s\n", wide, printable(f.Key), f.Test, fmt.Sprintf("10^%.2f", f.Level/math.Ln10), "~"+grouped(f.Tokens), found, student)
	}
	fmt.Fprintf(w, "effects are in standard deviations a token; the student: a model of 135 million parameters, fine-tuned on marked answers alone\n\n")
}
