package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/dyetrace/dyetrace/verify"
)

// A verdict is the finding in plain words.
type verdict struct {
	Kind     string // class of the page: found, nothing, void
	Word     string
	Headline string
	Odds     string
	Not      string // what it does not say, in a sentence
	Banners  []banner
	Tested   []string
	Results  []result
}

// A banner says what has to be known before anything else.
type banner struct{ Kind, Title, Text string }

// A result is a finding in a sentence.
type result struct{ Kind, Word, Name, By, Text string }

// joint reports whether a finding is a product or pool of several keys.
func joint(f *verify.Finding) bool { return f.Mark == "" }

// verdict says what the report comes to.
func (s *Source) verdict() verdict {
	r := s.Report
	v := verdict{Banners: s.banners(), Tested: s.tested(), Results: s.results()}
	var rejected []*verify.Finding
	void := 0
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case len(f.Void) > 0:
			void++
		case f.Rejected:
			rejected = append(rejected, f)
		}
	}
	keys := under(rejected)
	slices.SortStableFunc(rejected, func(a, b *verify.Finding) int { return cmp.Compare(a.Adjusted, b.Adjusted) })
	suspect := "“" + name(r.Suspect) + "”"
	switch {
	case s.broken():
		v.Kind, v.Word = "void", "Does not hold"
		v.Headline = "There is no finding: the bundle that says so of " + suspect + " does not hold."
		v.Odds = "What follows is what its report says. Nothing shows that it follows from plan, answers and keys, and no plot is drawn of it."
		v.Not = "It does not show that the suspect saw marked outputs, and not that it did not."
	case len(rejected) > 0:
		v.Kind, v.Word = "found", "Found"
		v.Headline = suspect + " shows use of outputs made under " + keys + "."
		v.Odds = s.oddsOf(rejected)
		v.Not = "It does not show who took the outputs, when, by which route, whether that was authorised or how much was gained by it, nor that the answers came from the suspect."
		if r.Warning != "" {
			v.Word = "Found, by prompts that the key holder chose"
		}
	case void > 0 && void == len(r.Findings):
		v.Kind, v.Word = "void", "Void"
		v.Headline = "There is no finding: every test of " + suspect + " is void."
		v.Odds = "A void test says nothing, neither for the suspect nor against it. It still counts among the tests that were made."
		v.Not = "It does not show that the suspect saw marked outputs, and not that it did not."
	default:
		v.Kind, v.Word = "nothing", "Not found"
		v.Headline = "Nothing here sets " + suspect + " apart from a model that never saw marked outputs."
		v.Odds = s.detectable()
		v.Not = "It does not show that the suspect never saw the outputs: paraphrase, dilution and wide windows hide a mark."
	}
	return v
}

// capital makes the first letter large, where it is one of English.
func capital(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

// under names the keys of findings that were rejected.
func under(rejected []*verify.Finding) string {
	var single, joined []string
	for _, f := range rejected {
		list := &single
		if joint(f) {
			list = &joined
		}
		if n := "“" + short(name(f.Key), 40) + "”"; !slices.Contains(*list, n) {
			*list = append(*list, n)
		}
	}
	switch {
	case len(single) == 1:
		return "the key " + single[0]
	case len(single) > 1:
		return fmt.Sprintf("%d keys: %s", len(single), listed(single))
	}
	if len(joined) > 1 {
		return "at least one of the keys that " + listed(joined) + " join"
	}
	return "at least one of the keys that " + listed(joined) + " joins"
}

// oddsOf says how seldom chance does what was found.
func (s *Source) oddsOf(rejected []*verify.Finding) string {
	first, last := rejected[0], rejected[len(rejected)-1]
	text := fmt.Sprintf("Were it independent of the keys, so strong a result as the strongest of these would come up at most %s", oneIn(first.Adjusted))
	if len(rejected) == 1 {
		text = fmt.Sprintf("Were it independent of the key, so strong a result would come up at most %s", oneIn(first.Adjusted))
	} else if last.Adjusted > first.Adjusted {
		text += fmt.Sprintf(", and as the weakest %s", oneIn(last.Adjusted))
	}
	if s.Report.Family <= 1 {
		return text + "."
	}
	return text + fmt.Sprintf(", counting all %s that could have found something.", count(s.Report.Family, "test"))
}

// detectable says what a study that found nothing could have found.
func (s *Source) detectable() string {
	var best *verify.Finding
	for i := range s.Report.Findings {
		if f := &s.Report.Findings[i]; len(f.Void) == 0 && f.Power != nil && f.Power.Attainable &&
			(best == nil || f.Power.Detectable < best.Power.Detectable) {
			best = f
		}
	}
	if best == nil {
		return "None of the tests rejects the hypothesis that it is independent of the keys."
	}
	return fmt.Sprintf("None of the tests rejects the hypothesis that it is independent of the keys. The most sensitive of them would have found an effect of %s standard deviations a score with %s probability.",
		figure(best.Power.Detectable, 4), percent(best.Power.Power))
}

// banners lists what has to be known first.
func (s *Source) banners() []banner {
	var out []banner
	if v := s.Verification; v != nil && !v.OK() {
		var failed, open []string
		for _, c := range v.Checks {
			switch {
			case c.Result == verify.Failed:
				failed = append(failed, name(c.Name))
			case !c.OK():
				open = append(open, name(c.Name))
			}
		}
		if len(failed) > 0 {
			out = append(out, banner{"bad", "This bundle does not hold", fmt.Sprintf("%s failed: %s. It proves nothing as it is, whatever the report in it says.", count(len(failed), "check"), listed(failed))})
		} else {
			out = append(out, banner{"warn", "Not everything could be checked", fmt.Sprintf("%s could not be made: %s. Until they are, the bundle proves nothing.", count(len(open), "check"), listed(open))})
		}
	}
	r := s.Report
	if r.Warning != "" {
		out = append(out, banner{"warn", "Not evidence against a third party", capital(name(r.Warning)) + ". A key holder who picks prompts with the key in hand can convict a model that never saw a mark."})
	}
	if len(r.Void) > 0 {
		out = append(out, banner{"warn", "All findings are void", sentences(r.Void)})
	}
	if x := r.Relayed; !x.IsZero() {
		out = append(out, banner{"warn", "Answers repeat marked texts word for word", fmt.Sprintf(
			"%s in %s, up to %s in a row, stand in marked texts as they are: relayed from the service, looked up or learnt by heart. That is another finding than use in training, and a stronger one. Tests of texts count only if they find the mark in the other answers, too.",
			count(x.Tokens, "token"), count(x.Answers, "answer"), grouped(x.Longest))})
	}
	return out
}

// sentences makes one text of reasons.
func sentences(list []string) string {
	var out []string
	for _, s := range list {
		if s = name(s); s != "" {
			out = append(out, capital(s)+".")
		}
	}
	return strings.Join(out, " ")
}

// tested says what was done.
func (s *Source) tested() []string {
	r := s.Report
	var out []string
	picked := "picked by a public nonce"
	if r.Nonce.IsZero() {
		picked = "chosen by the key holder"
	}
	who := func() string {
		if len(out) == 0 {
			return "The suspect"
		}
		return "It"
	}
	if f := r.Frame; !f.IsZero() {
		out = append(out, fmt.Sprintf("The suspect was asked %s, %s from a frame of %s. It gave %s.", count(f.Ask, "prompt"), picked, grouped(f.Size), outcomes(r)))
	}
	if f := r.Reading.Frame; !f.IsZero() {
		out = append(out, fmt.Sprintf("%s read %s, %s from a frame of %s, and said at each position what it would write there.", who(), count(f.Ask, "marked text"), picked, grouped(f.Size)))
	}
	if f := r.Twins.Frame; !f.IsZero() {
		out = append(out, fmt.Sprintf("%s said how likely it finds each of %s, of which the key planted one an item.", who(), count(f.Ask, "candidate")))
	}
	var kinds, keys []string
	for i := range r.Findings {
		f := &r.Findings[i]
		if joint(f) {
			continue
		}
		if what := looksAt(f.Test) + " (" + name(f.Test) + ")"; !slices.Contains(kinds, what) {
			kinds = append(kinds, what)
		}
		if !slices.Contains(keys, f.Key) {
			keys = append(keys, f.Key)
		}
	}
	out = append(out, fmt.Sprintf("What it said was sealed, and then %s %s tested: %s.", count(len(keys), "key"), plural(len(keys), "was", "were"), listed(kinds)))
	if r.Family == 1 {
		return append(out, fmt.Sprintf("It is the only test. A suspect that is independent of the key has a chance of at most %s that it rejects.", percent(r.Alpha)))
	}
	out = append(out, fmt.Sprintf("%s count together, those of earlier plans included. A suspect that is independent of all keys has a chance of at most %s that any of them rejects.", count(r.Family, "test"), percent(r.Alpha)))
	return out
}

// outcomes says what became of prompts.
func outcomes(r *verify.Report) string {
	a := r.Answers
	parts := []string{count(a.Complete, "whole answer")}
	for _, x := range []struct {
		n    int
		what string
	}{{a.Refused, "refusal"}, {a.Empty, "empty answer"}, {a.Failed, "failed one"}, {a.Missing, "missing one"}} {
		if x.n > 0 {
			parts = append(parts, count(x.n, x.what))
		}
	}
	return listed(parts)
}

// mostResults is how many findings have a sentence of their own.
const mostResults = 8

// results says what came out, in a sentence a finding.
func (s *Source) results() []result {
	var out []result
	list := s.subjects(func(subject) bool { return true })
	for _, x := range list[:min(len(list), mostResults)] {
		out = append(out, s.result(x))
	}
	if left := len(list) - len(out); left > 0 {
		out = append(out, result{Kind: "more", Text: fmt.Sprintf("%s more are in the table below.", grouped(left))})
	}
	return out
}

func (s *Source) result(x subject) result {
	f := x.f
	out := result{Name: short(name(f.Key), 60), By: fmt.Sprintf("by %s (%s)", looksAt(f.Test), short(name(f.Test), 60))}
	if looksAt(f.Test) == "" {
		out.By = "by " + short(name(f.Test), 60)
	}
	if out.Kind, out.Word = s.outcome(f); len(f.Void) > 0 {
		own := slices.DeleteFunc(slices.Clone(f.Void), func(v string) bool { return slices.Contains(s.Report.Void, v) })
		if out.Text = sentences(own); len(own) == 0 {
			out.Text = "As all findings are, for what is said above."
		}
		return out
	}
	out.Text = "Chance does as much " + odds(f) + "."
	if again := oneIn(f.Adjusted); f.LogP < math.Log(0.05) && again != oneIn(f.LogP) {
		out.Text = fmt.Sprintf("Chance does as much %s; corrected for all tests, %s.", odds(f), again)
	}
	if s.heldOut(f.Key) {
		out.Text += " Nothing was ever made under this key: it is here to be not found."
	}
	return out
}

// odds says how often chance does as much as a finding: at most so often, if its p-value is
// a bound.
func odds(f *verify.Finding) string {
	text := oneIn(f.LogP)
	switch {
	case !strings.HasPrefix(text, "1 "):
		return text
	case f.Tail == verify.Bound:
		return "at most " + text
	}
	return "about " + text
}
