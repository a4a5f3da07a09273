package report_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/cmd/dyetrace/report"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// voids are elements without an end.
var voids = []string{"meta", "br", "hr", "img", "input", "link"}

// A document is a page that was read back.
type document struct {
	root *html.Node
	ids  map[string]*html.Node
	text string
}

// read parses a page and checks what every page has to be: each element ends where it
// should, headings are in order, pictures are named, links lead somewhere within, and
// nothing is fetched or run.
func read(t testing.TB, page string) document {
	t.Helper()
	balanced(t, page)
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	d := document{root: root, ids: make(map[string]*html.Node)}
	var text strings.Builder
	level := 0
	var links, labels []string
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			if n.Parent.Data != "style" && n.Parent.Data != "title" && n.Parent.Data != "desc" {
				text.WriteString(n.Data)
			}
			continue
		case html.ElementNode:
		default:
			continue
		}
		if id := attribute(n, "id"); id != "" {
			assert.NotContains(t, d.ids, id, "id twice")
			d.ids[id] = n
		}
		for _, a := range n.Attr {
			assert.False(t, strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "srcset" || a.Key == "style" || a.Key == "action", "attribute %s of %s", a.Key, n.Data)
			if a.Key == "href" || a.Key == "xlink:href" {
				assert.True(t, strings.HasPrefix(a.Val, "#"), "link to %s", a.Val)
				links = append(links, a.Val[1:])
			}
			if a.Key == "aria-labelledby" {
				labels = append(labels, strings.Fields(a.Val)...)
			}
		}
		switch n.Data {
		case "script", "link", "iframe", "img", "object", "embed", "base", "form", "image", "foreignObject", "use":
			assert.Fail(t, "element "+n.Data)
		case "h1", "h2", "h3", "h4":
			now := int(n.Data[1] - '0')
			assert.LessOrEqual(t, now, level+1, "%s after h%d", n.Data, level)
			assert.False(t, level == 0 && now != 1 || level > 0 && now == 1, "one h1, first")
			level = now
		case "svg":
			if attribute(n, "aria-hidden") != "true" {
				assert.Equal(t, "img", attribute(n, "role"))
				assert.NotEmpty(t, attribute(n, "aria-labelledby"), "a picture without a name")
			}
		case "table":
			scroll := n.Parent
			assert.Equal(t, "0", attribute(scroll, "tabindex"), "a table that a keyboard cannot scroll")
			assert.NotEmpty(t, attribute(scroll, "aria-label")+attribute(scroll, "aria-labelledby"))
		case "th":
			assert.NotEmpty(t, attribute(n, "scope"))
		case "style":
			assert.NotContains(t, n.FirstChild.Data, "url(")
			assert.NotContains(t, n.FirstChild.Data, "@import")
		case "meta":
			assert.Empty(t, attribute(n, "http-equiv"))
		case "html":
			assert.Equal(t, "en", attribute(n, "lang"))
		}
	}
	for _, to := range append(links, labels...) {
		assert.Contains(t, d.ids, to, "nothing is there")
	}
	for _, n := range d.ids {
		if n.Data == "title" || n.Data == "desc" {
			assert.NotEmpty(t, strings.TrimSpace(content(n)))
		}
	}
	d.text = strings.Join(strings.Fields(text.String()), " ")
	return d
}

// balanced checks that elements end in the order in which they began.
func balanced(t testing.TB, page string) {
	t.Helper()
	var open []string
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.Empty(t, open)
			return
		case html.StartTagToken:
			if name, _ := z.TagName(); !slices.Contains(voids, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			require.NotEmpty(t, open, "</%s>", name)
			require.Equal(t, open[len(open)-1], string(name))
			open = open[:len(open)-1]
		}
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// content is the text in an element.
func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// figure writes a logarithm as a page does.
func figure(lnP float64) string {
	s := strconv.FormatFloat(lnP/math.Ln10+0, 'f', 2, 64)
	if s == "-0.00" {
		s = "0.00"
	}
	return strings.Replace(s, "-", "−", 1)
}

// thousands writes a number with a comma.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// rows returns the rows of the table of findings.
func (d document) rows() (out []*html.Node) {
	for n := range d.ids["findings"].Descendants() {
		if n.Data == "tbody" {
			out = append(out, n.FirstChild)
		}
	}
	return out
}

// The figures of a page are those of the report, and its plots those of the bundle.
func TestPageOfABundle(t *testing.T) {
	b := student(t)
	s := source(t, b)
	page := written(t, s)
	d := read(t, page)
	r := s.Report
	require.True(t, r.Finding("vendor", verify.G1).Rejected)
	require.True(t, r.Finding("canaries", verify.Cells).Rejected)
	require.False(t, r.Finding("spare", verify.G1).Rejected)
	assert.Contains(t, d.text, "“student” shows use of outputs made under 2 keys: “vendor” and “canaries”.")
	assert.Contains(t, d.text, "picked by a public nonce from a frame of 30")
	assert.Contains(t, d.text, "It does not show who took the outputs")
	assert.Contains(t, d.text, "By the collector’s clock from 2027-01-15 08:00:00 UTC to 2027-01-15 08:01:00 UTC.")
	assert.Contains(t, d.text, "dyetrace bundle verify bundle.dyetrace dyetrace report bundle.dyetrace -o report.html")
	rows := d.rows()
	require.Len(t, rows, len(r.Findings))
	for i, f := range r.Findings {
		row := content(rows[i])
		assert.Contains(t, row, f.Key)
		assert.Contains(t, row, figure(f.LogP)+string(f.Tail)+figure(f.Adjusted)+figure(f.LogE))
		assert.Equal(t, f.Rejected, !strings.Contains(row, "not rejected"), row)
		assert.Equal(t, f.Key == "spare", strings.Contains(row, "held out"))
		full := content(d.ids[fmt.Sprintf("finding-%d", i)])
		assert.Contains(t, full, figure(f.LogP)+" ("+string(f.Tail)+"); corrected for the family "+figure(f.Adjusted))
		if f.Law != "" {
			assert.Contains(t, full, strings.Replace(strconv.FormatFloat(f.Statistic, 'f', 3, 64), "-", "−", 1)+" of scores")
		}
		if x := f.Decoys; x != nil {
			assert.Contains(t, content(d.ids["calibration"]), figure(x.LogPSpread)+figure(x.LogPMean)+figure(x.LogPSmall)+figure(x.Sensitivity)+figure(x.Rank))
		}
		for _, c := range f.Controls {
			assert.Contains(t, content(d.ids["calibration"]), c.Name+c.Test+thousands(c.Scored))
		}
		for _, l := range r.Limits {
			assert.Contains(t, content(d.ids["limits"]), l)
		}
	}
	for _, digest := range []collect.Digest{r.Plan, r.Transcript, r.Seal, s.Verification.Bundle, r.Nonce.Value, r.Frame.Digest} {
		assert.Contains(t, content(d.ids["protocol"]), digest.String())
	}
	evidence := content(d.ids["evidence"])
	for _, x := range s.Details {
		if n := len(x.Steps); n > 0 {
			assert.Contains(t, evidence, figure(x.Steps[n/2-1].LogP)+figure(x.Steps[n*3/4-1].LogP)+figure(x.Steps[n-1].LogP))
		}
	}
	decoys := content(d.ids["decoys"])
	for _, x := range s.Details {
		above := 0
		for _, z := range x.Decoys {
			if z >= x.Z {
				above++
			}
		}
		assert.Contains(t, decoys, fmt.Sprintf(" %d of 1,000 decoy keys lie as high as this key.", above))
	}
	assert.Equal(t, 3*2, strings.Count(decoys, "Where this key lies")+strings.Count(decoys, "Decoys against the null law"))
	cells := content(d.ids["cells"])
	for _, c := range r.Finding("canaries", verify.Cells).Canaries.Cells {
		assert.Contains(t, cells, fmt.Sprintf("%s%s%d", c.Unit, c.Option, c.Uses))
	}
	for _, id := range []string{"evidence-w", "evidence-n", "decoys-0", "decoys-0q", "cells-0-w", "cells-0-n", "power-w", "power-n"} {
		assert.Contains(t, d.ids, id+"-t")
		assert.Contains(t, d.ids, id+"-d")
	}
}

// Equal bundles have equal pages, and no page has a secret.
func TestPagesAreTheSame(t *testing.T) {
	b := world{suspect: "student", key: "vendor", share: 0.3}.bundle(t)
	page := written(t, source(t, b))
	assert.Equal(t, page, written(t, source(t, b)))
	var file bytes.Buffer
	_, err := b.WriteTo(&file)
	require.NoError(t, err)
	secrets := 0
	for rest := file.String(); ; secrets++ {
		_, after, found := strings.Cut(rest, `"secret":{"schema":"dyetrace/mark-secret/1","key":"`)
		if !found {
			break
		}
		secret, _, _ := strings.Cut(after, `"`)
		require.Greater(t, len(secret), 40)
		assert.NotContains(t, page, secret)
		assert.NotContains(t, page, secret[20:])
		rest = after
	}
	assert.Equal(t, 3, secrets)
}

// Samples mark what counts, in whole characters and with nothing lost.
func TestSamples(t *testing.T) {
	const more = " Ünïcode\tand <b>tags</b> & a \x00 and \u202e."
	s := source(t, world{suspect: "student", key: "vendor", share: 0.6, more: more}.bundle(t))
	d := read(t, written(t, s))
	samples := 0
	for n := range d.ids["samples"].Descendants() {
		if attribute(n, "class") != "text" {
			continue
		}
		samples++
		var shown, marked, hidden strings.Builder
		planted, other := 0, 0
		for x := range n.Descendants() {
			switch attribute(x, "class") {
			case "cell yes":
				planted++
			case "cell":
				other++
			}
			if x.Type != html.TextNode {
				continue
			}
			switch {
			case attribute(x.Parent, "class") == "hear":
				hidden.WriteString(x.Data)
				continue
			case x.Parent.Data == "mark":
				marked.WriteString(x.Data)
			}
			shown.WriteString(x.Data)
		}
		answer, counted, fit, well := "", 0, 0, 0
		for i, e := range s.Transcript.Prompts {
			if !strings.HasPrefix(strings.TrimLeft(e.Text, " "), strings.TrimLeft(shown.String(), " ")[:60]) {
				continue
			}
			answer = e.Text
			for _, d := range s.Details {
				for _, x := range d.Scores {
					if d.Key != "vendor" || x.Prompt != i {
						continue
					}
					counted++
					if x.LogP <= math.Log(0.1) {
						fit++
					}
					if x.LogP <= math.Log(0.01) {
						well++
					}
				}
			}
		}
		assert.Contains(t, content(n.Parent), fmt.Sprintf("%d tokens count in this text, %d of them fit, %d fit well.", counted, fit, well), "under the key that was rejected")
		require.NotEmpty(t, answer)
		want := strings.NewReplacer("\x00", `\x00`, "\u202e", `\u202e`).Replace(answer)
		assert.Equal(t, strings.TrimLeft(want, " \n"), shown.String())
		assert.Greater(t, marked.Len(), 5, "letters that fit well")
		assert.Greater(t, other, 0)
		assert.Greater(t, planted, other)
		assert.Contains(t, hidden.String(), "as the key decided")
	}
	assert.Equal(t, 2, samples)

	s.Texts = 0
	assert.NotContains(t, read(t, written(t, s)).ids, "samples")
	s.Texts, s.Ends = 2, nil
	assert.NotContains(t, read(t, written(t, s)).ids, "samples")
	s.Texts = -1
	assert.EqualError(t, report.Write(&bytes.Buffer{}, s), "report: number of sample texts is -1, want at least 0")
	assert.EqualError(t, report.Write(&bytes.Buffer{}, report.Source{}), "report: there is no report")
}

// A token of a green list is on it or not: none fits well, and all that are on it fit.
func TestSamplesOfGreenLists(t *testing.T) {
	s := source(t, world{suspect: "student", key: "vendor", share: 0.8, scheme: watermark.GreenList{Gamma: 0.25, Delta: 4}}.bundle(t))
	samples := content(read(t, written(t, s)).ids["samples"])
	assert.Contains(t, samples, "fits 1 time in 4")
	assert.NotContains(t, samples, "fit well")
}

// What cannot be found is not claimed.
func TestPageOfAnInnocent(t *testing.T) {
	s := source(t, world{suspect: "innocent", key: "vendor"}.bundle(t))
	d := read(t, written(t, s))
	assert.Contains(t, d.text, "Not found Nothing here sets “innocent” apart from a model that never saw marked outputs.")
	assert.Contains(t, d.text, "with 80 % probability")
	assert.Contains(t, d.text, "It does not show that the suspect never saw the outputs")
	assert.Contains(t, d.text, "No test found the mark.")
	assert.NotContains(t, d.text, "shows use of outputs made under the key “")
}

// A report alone has what it holds, and no more.
func TestPageOfAReport(t *testing.T) {
	r, err := student(t).Report()
	require.NoError(t, err)
	d := read(t, written(t, report.Source{Report: r}))
	assert.Len(t, d.rows(), 4)
	for id, has := range map[string]bool{"findings": true, "cells": true, "power": true, "calibration": true, "limits": true, "protocol": true, "again": true,
		"evidence": false, "decoys": false, "samples": false} {
		_, ok := d.ids[id]
		assert.Equal(t, has, ok, id)
	}
	assert.Contains(t, d.text, "This page was made of a report alone")
}

// A study that went wrong says so before it says anything else.
func TestPagesOfWhatWentWrong(t *testing.T) {
	r, err := student(t).Report()
	require.NoError(t, err)
	first := func(d document) string { return content(d.ids["finding"]) }

	void := *r
	void.Void = []string{"9 of 25 prompts have no whole answer, the plan allows a share of 0"}
	void.Findings = slices.Clone(r.Findings)
	for i := range void.Findings {
		f := &void.Findings[i]
		f.Void, f.Rejected, f.Adjusted = void.Void, false, 0
	}
	void.Findings[0].Void = append([]string{"the key was not opened"}, void.Void...)
	text := first(read(t, written(t, report.Source{Report: &void})))
	assert.Contains(t, text, "All findings are void. 9 of 25 prompts have no whole answer, the plan allows a share of 0.")
	assert.Contains(t, text, "There is no finding: every test of “student” is void.")
	assert.Contains(t, text, "The key was not opened.")
	assert.NotContains(t, text, "shows use")

	chosen := *r
	chosen.Warning, chosen.Nonce = verify.NoNonce, verify.Nonce{}
	d := read(t, written(t, report.Source{Report: &chosen}))
	assert.Contains(t, first(d), "Was “student” trained on marked answers? Not evidence against a third party. Prompts chosen by the key holder")
	assert.Contains(t, first(d), "Found, by prompts that the key holder chose")
	assert.Contains(t, content(d.ids["protocol"]), "Nobody but the key holder picked what was asked.")

	relayed := *r
	relayed.Relayed = verify.Relayed{Answers: 12, Tokens: 3456, Longest: 789}
	relayed.Answers.Refused = 3
	text = first(read(t, written(t, report.Source{Report: &relayed})))
	assert.Contains(t, text, "Answers repeat marked texts word for word. 3,456 tokens in 12 answers, up to 789 in a row")
	assert.Contains(t, text, "25 whole answers and 3 refusals")

	// One that rejects nothing but a product names no single key.
	joint := *r
	joint.Findings = slices.Clone(r.Findings)
	for i := range joint.Findings {
		joint.Findings[i].Rejected = joint.Findings[i].Mark == ""
	}
	assert.Contains(t, first(read(t, written(t, report.Source{Report: &joint}))), "made under at least one of the keys that “all” joins.")
}

// A bundle that was changed is shown, as what it is, and nothing is drawn of it.
func TestPageOfABrokenBundle(t *testing.T) {
	var file bytes.Buffer
	_, err := student(t).WriteTo(&file)
	require.NoError(t, err)
	changed := bytes.Replace(file.Bytes(), []byte("there kalam"), []byte("there kelam"), 1)
	require.NotEqual(t, file.Bytes(), changed)
	b, err := verify.ReadBundle(bytes.NewReader(changed))
	require.NoError(t, err)
	d := read(t, written(t, source(t, b)))
	first := content(d.ids["finding"])
	assert.Contains(t, first, "This bundle does not hold.")
	assert.Contains(t, first, "digest of ")
	assert.Contains(t, first, "There is no finding: the bundle that says so of “student” does not hold.")
	assert.NotContains(t, first, "shows use")
	assert.Contains(t, first, "says rejected")
	for n := range d.root.Descendants() {
		assert.NotContains(t, strings.Fields(attribute(n, "class")), "found", "nothing looks like a finding")
	}
	for _, id := range []string{"evidence", "decoys", "samples", "power"} {
		assert.NotContains(t, d.ids, id)
	}
	assert.Contains(t, d.text, "This bundle proves nothing as it is.")

	// Neither of a report that is not what plan, answers and keys come to.
	changed = bytes.Replace(file.Bytes(), []byte(`"tail":"exact"`), []byte(`"tail":"bound"`), 1)
	require.NotEqual(t, file.Bytes(), changed)
	b, err = verify.ReadBundle(bytes.NewReader(changed))
	require.NoError(t, err)
	s := source(t, b)
	require.NotEmpty(t, s.Details)
	d = read(t, written(t, s))
	assert.Contains(t, content(d.ids["finding"]), "This bundle does not hold.")
	for _, id := range []string{"evidence", "decoys", "samples", "power"} {
		assert.NotContains(t, d.ids, id)
	}

	// What could not be checked is said, and is no failure.
	b, err = verify.ReadBundle(&file)
	require.NoError(t, err)
	with := recompute()
	with.Tokenizer = nil
	s, err = report.FromBundle(context.Background(), b, with)
	require.NoError(t, err)
	first = content(read(t, written(t, s)).ids["finding"])
	assert.Contains(t, first, "Not everything could be checked.")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = report.FromBundle(ctx, b, recompute())
	assert.ErrorIs(t, err, context.Canceled)
}

// Whatever others call things and say, the page stays what it is.
func TestHostileStrings(t *testing.T) {
	const bad = "\u202e\x00" + `</style></title></svg><script>alert(1)</script><img src=x onerror=alert(2)>"'` + "`{{.}}\u202e\u2028\x1b[31m\x00"
	b := world{suspect: bad + "suspect", key: bad + "key", share: 0.6, more: bad + "answer", change: func(c *verify.Case, x *verify.Enclosures) {
		c.Plan.Nonce.Source, c.Plan.Frame.Logged = bad+"nonce", bad+"logged"
		c.Plan.Products[0].Name = bad + "product"
		x.Software.Module = bad + "software"
		x.Objections = []verify.Objection{{By: bad + "by", Text: bad + "objection\nsecond line"}}
	}}.bundle(t)
	s := source(t, b)
	s.Name = bad + "file"
	d := read(t, written(t, s))
	for _, what := range []string{"suspect", "key", "nonce", "logged", "product", "software", "by", "objection", "file", "answer"} {
		assert.Contains(t, d.text, "<script>alert(1)</script>", what)
		assert.Contains(t, d.text, `\u202e\u2028\x1b[31m\x00`+what)
	}
	assert.NotContains(t, d.text, "\u202e")
	for n := range d.root.Descendants() {
		if n.Data == "title" && n.Parent.Data == "head" {
			assert.Contains(t, content(n), "<script>")
		}
	}
}

// Figures of others' making, however large, small or absurd, make a page.
func TestAbsurdReports(t *testing.T) {
	r, err := student(t).Report()
	require.NoError(t, err)
	for i, x := range []float64{0, -1, 1e-320, 1e308, -1e308, 1e12} {
		for _, n := range []int{[]int{0, math.MaxInt, 1}[i%3], []int{math.MinInt, -5}[i%2]} {
			var w bytes.Buffer
			require.NoError(t, r.WriteJSON(&w))
			again, err := verify.ParseReport(w.Bytes())
			require.NoError(t, err)
			absurd(reflect.ValueOf(again), x, n)
			read(t, written(t, report.Source{Report: again}))
		}
	}
	read(t, written(t, report.Source{Report: &verify.Report{}}))
	for _, x := range []float64{1e308, 5e-324, 1e7} {
		f := verify.Finding{Key: "k", Mark: "m", Test: verify.G1, Scored: 9, Power: &verify.PowerFinding{Power: 0.8, Detectable: x, Attainable: true}}
		assert.NotContains(t, read(t, written(t, report.Source{Report: &verify.Report{Findings: []verify.Finding{f}}})).ids, "power")
		f.Power.Detectable = 1
		assert.Contains(t, read(t, written(t, report.Source{Report: &verify.Report{Findings: []verify.Finding{f}}})).ids, "power")
	}
}

// absurd sets every number.
func absurd(v reflect.Value, x float64, n int) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			absurd(v.Elem(), x, n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			absurd(v.Field(i), x, n)
		}
	case reflect.Slice:
		for i := range v.Len() {
			absurd(v.Index(i), x, n)
		}
	case reflect.Float64:
		if v.CanSet() {
			v.SetFloat(x)
		}
	case reflect.Int:
		if v.CanSet() {
			v.SetInt(int64(n))
		}
	}
}

// Passages that a suspect read are shown by their pieces, or by a tokenizer, and twins
// have a table.
func TestPagesOfReading(t *testing.T) {
	passage := collect.Passage{Tokens: []int32{1, 2, 3, 4, 5, 6}, Pieces: []string{"The", " quick", " brown\xff", " fox", "\xc3", "\xbc"}}
	s := report.Source{Texts: 1, Transcript: &collect.Transcript{}, Passages: []collect.Passage{passage}}
	s.Report = &verify.Report{Suspect: "reader", Family: 2, Alpha: 1e-3, Findings: []verify.Finding{
		{Key: "k", Test: verify.R1, Mark: "m", Scored: 2, LogP: -30, Adjusted: -29, Rejected: true, Tail: verify.Exact},
		{Key: "t", Test: verify.Rank, Mark: "m", Raw: 6, Scored: 2, Statistic: 2, Twins: &verify.TwinsFinding{Expected: 0.67,
			Items: []verify.TwinFinding{{Unit: "vendor|river", Planted: "the Orinoco", Rank: 1, Of: 3, Lead: 2.5}}}},
	}}
	s.Details = []verify.Detail{{Key: "k", Test: verify.R1, Scores: []verify.Scored{
		{Prompt: -1, Passage: 0, Pos: 1, Token: 9, Value: 7, LogP: -7}, {Prompt: -1, Passage: 0, Pos: 2, Token: 9, Value: 7, LogP: -7}, {Prompt: -1, Passage: 0, Pos: 3, Token: 9, Value: 0.1, LogP: -0.1}, {Prompt: -1, Passage: 0, Pos: 5, Token: 9, Value: 3, LogP: -3}}}}
	d := read(t, written(t, s))
	for n := range d.ids["samples"].Descendants() {
		if attribute(n, "class") == "text" {
			assert.Equal(t, `The quick brown\xff foxü`, content(n))
		}
		if n.Data == "mark" && attribute(n.Parent, "class") == "text" {
			assert.Equal(t, `quick brown\xff`, n.FirstChild.Data, "tokens that fit alike are marked as one, without the space before them")
		}
	}
	assert.Contains(t, content(d.ids["twins"]), "vendor|riverthe Orinoco1 of 32.50")
	assert.Contains(t, content(d.ids["full"]), "2 planted candidates are the likeliest of their item, 0.67 expected")
	with := written(t, s)

	s.Passages[0].Pieces = nil
	assert.NotContains(t, read(t, written(t, s)).ids, "samples")
	pieces := passage.Pieces
	s.Piece = func(id watermark.Token) (string, bool) {
		if id < 1 || int(id) > len(pieces) {
			return "", false
		}
		return pieces[id-1], true
	}
	assert.Equal(t, with, written(t, s))
	s.Passages[0].Tokens = []int32{1, 2, 3, 99, 5, 6}
	assert.NotContains(t, read(t, written(t, s)).ids, "samples")
}
