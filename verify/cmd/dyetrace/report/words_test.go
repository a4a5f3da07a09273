package report // unexported words and colours

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"

	"github.com/dyetrace/dyetrace/verify"
)

// Odds in words, by log10 p.
func TestOneIn(t *testing.T) {
	for log10P, want := range map[float64]string{
		0: "every time", 1: "every time", math.NaN(): "every time",
		-0.05:               "most of the time",
		-math.Log10(2):      "1 time in 2",
		-math.Log10(7.7):    "1 time in 7.7",
		-1:                  "1 time in 10",
		-math.Log10(999.5):  "1 time in 999",
		-3:                  "1 time in 1,000",
		-math.Log10(3_290):  "1 time in 3,200",
		-5:                  "1 time in 100,000",
		-6:                  "1 time in 1 million",
		-math.Log10(2.99e6): "1 time in 2.9 million",
		-8.5:                "1 time in 310 million",
		-9:                  "1 time in 1 billion",
		-12.5:               "1 time in 3.1 trillion",
		-14.9:               "1 time in 790 trillion",
		-15:                 "1 time in 10¹⁵",
		-525.77:             "1 time in 10⁵²⁵",
	} {
		assert.Equal(t, want, oneIn(log10P*math.Ln10), "%v", log10P)
	}
}

// No words make chance look less likely than it is, or a tenth more.
func TestOneInIsFair(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	unit := map[string]float64{"": 1, " million": 1e6, " billion": 1e9, " trillion": 1e12}
	for range 10_000 {
		decades := 0.2 + rng.Float64()*14.7
		text, ok := strings.CutPrefix(oneIn(-decades*math.Ln10), "1 time in ")
		require.True(t, ok)
		number, name := text, ""
		if i := strings.IndexByte(text, ' '); i > 0 {
			number, name = text[:i], text[i:]
		}
		x, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
		require.NoError(t, err)
		x *= unit[name]
		n := math.Pow(10, decades)
		assert.LessOrEqual(t, x, n*(1+1e-6))
		assert.Greater(t, x, n*0.89)
	}
}

func TestWords(t *testing.T) {
	assert.Equal(t, []string{"0.00", "−0.05", "0.00", "1.50"}, []string{figure(-0.001, 2), figure(-0.05, 2), figure(0, 2), figure(1.5, 2)})
	assert.Equal(t, []string{"0", "999", "−1,000", "1,234,567"}, []string{grouped(0), grouped(999), grouped(-1000), grouped(1234567)})
	assert.Equal(t, []string{"1 test", "0 tests", "2,000 tests"}, []string{count(1, "test"), count(0, "test"), count(2000, "test")})
	assert.Equal(t, []string{"0.1 %", "5 %", "0.0001 %", "80 %"}, []string{percent(0.001), percent(0.05), percent(1e-6), percent(0.8)})
	assert.Equal(t, []string{"", "a", "a and b", "a, b and c", "1, 2, 3, 4, 5, 6 and 2 more"},
		[]string{listed(nil), listed([]string{"a"}), listed([]string{"a", "b"}), listed([]string{"a", "b", "c"}), listed(strings.Split("12345678", ""))})
	assert.Equal(t, []string{"10⁻³", "10^−3.78"}, []string{power10(-3), power10(-3.78)})
	assert.Equal(t, []string{"abc", "ab…"}, []string{short("abc", 3), short("abcd", 3)})
	assert.Equal(t, `a\nb\u202e\xff`+"é\ufffd", clean("a\nb\u202e\xffé\ufffd", false))
	assert.Equal(t, "a\n\tb", clean("a\n\tb", true))
	assert.Equal(t, []string{"a/b.c", `'it'\''s'`, "'a b'"}, []string{shellWord("a/b.c"), shellWord("it's"), shellWord("a b")})
	assert.Equal(t, []string{"A.", "Ünder.", "“x”"}, []string{sentences([]string{"a"}), sentences([]string{"Ünder"}), capital("“x”")})
	for test := range tests {
		assert.NotEmpty(t, looksAt(test+" served"))
	}
}

// FuzzClean checks that nothing that is not printable comes through.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\x00", "\u202e", "\xff\xfe", "é\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range clean(s, true) {
			if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
				t.Fatalf("%q in %q", r, s)
			}
		}
	})
}

// theme reads the colours of a theme from the page's styles.
func theme(t *testing.T, after string) map[string][3]float64 {
	_, css, ok := strings.Cut(pageCSS, after)
	require.True(t, ok)
	css, _, _ = strings.Cut(css, "}")
	out := make(map[string][3]float64)
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
		var rgb [3]float64
		for i := range rgb {
			x, err := strconv.ParseUint(m[2][2*i:2*i+2], 16, 8)
			require.NoError(t, err)
			rgb[i] = float64(x) / 255
		}
		out[m[1]] = rgb
	}
	return out
}

// contrast is that of WCAG 2.2, 1 to 21.
func contrast(a, b [3]float64) float64 {
	light := func(c [3]float64) float64 {
		sum := 0.0
		for i, w := range []float64{0.2126, 0.7152, 0.0722} {
			x := c[i] / 12.92
			if c[i] > 0.04045 {
				x = math.Pow((c[i]+0.055)/1.055, 2.4)
			}
			sum += w * x
		}
		return sum + 0.05
	}
	x, y := light(a), light(b)
	return max(x, y) / min(x, y)
}

// Every text has a contrast of at least 4.5 to what is behind it, every line of a plot
// too, and every axis one of 3.
func TestContrast(t *testing.T) {
	for name, colors := range map[string]map[string][3]float64{
		"light": theme(t, ":root {"), "dark": theme(t, "@media screen and (prefers-color-scheme: dark) {"),
	} {
		behind := func(paper string, texts ...string) {
			for _, text := range texts {
				require.Contains(t, colors, text)
				require.Contains(t, colors, paper)
				assert.GreaterOrEqual(t, contrast(colors[text], colors[paper]), 4.5, "%s: %s on %s", name, text, paper)
			}
		}
		behind("paper", "ink", "soft", "accent", "found", "nothing", "void", "bad", "s1", "s2", "s3", "s4", "s5", "s6")
		behind("panel", "ink", "soft")
		behind("found-paper", "ink", "found", "accent")
		behind("nothing-paper", "ink", "nothing", "accent")
		behind("void-paper", "ink", "void", "accent")
		behind("bad-paper", "ink", "bad")
		behind("fit", "ink")
		behind("fit2", "ink")
		for _, line := range [][2]string{{"axis", "paper"}, {"axis", "panel"}, {"s1", "fit"}, {"s1", "fit2"}, {"s2", "fit"}} {
			assert.GreaterOrEqual(t, contrast(colors[line[0]], colors[line[1]]), 3.0, "%s: line %s on %s", name, line[0], line[1])
		}
	}
	assert.InDelta(t, 21, contrast([3]float64{}, [3]float64{1, 1, 1}), 1e-9)
}

// Every colour that is drawn with is one that both themes have.
func TestInksAreNamed(t *testing.T) {
	light, dark := theme(t, ":root {"), theme(t, "@media screen and (prefers-color-scheme: dark) {")
	names := []string{"ink", "soft", "line", "axis"}
	for _, s := range strokes {
		names = append(names, s.color)
	}
	for _, n := range names {
		assert.Contains(t, light, n)
		assert.Contains(t, dark, n)
	}
	assert.Len(t, dark, len(light))
	for _, m := range regexp.MustCompile(`var\(--([a-z0-9-]+)\)`).FindAllStringSubmatch(pageCSS, -1) {
		assert.Contains(t, light, m[1])
	}
}

// A canvas puts the origin at the bottom, keeps transforms and escapes texts.
func TestCanvas(t *testing.T) {
	face := font.NewCache(liberation.Collection()).Lookup(font.Font{Typeface: "Liberation", Variant: "Sans"}, 10)
	c := newCanvas(100, 50)
	c.SetColor(ink{name: "s1"})
	c.Push()
	c.Translate(vg.Point{X: 10, Y: 20})
	c.Rotate(math.Pi / 2)
	c.Scale(2, 3)
	var p vg.Path
	p.Move(vg.Point{})
	p.Line(vg.Point{X: 1})
	p.Line(vg.Point{Y: 1})
	p.QuadTo(vg.Point{X: 1, Y: 1}, vg.Point{})
	p.Close()
	c.Stroke(p)
	c.FillString(face, vg.Point{}, `<a & "b">`)
	c.Pop()
	c.SetColor(ink{"s2", 0.5})
	c.SetLineDash([]vg.Length{1, 2}, 0)
	var full vg.Path
	full.Arc(vg.Point{X: 50, Y: 25}, 5, 0, 2*math.Pi)
	c.Fill(full)
	c.Stroke(full)
	c.SetLineWidth(0)
	c.Stroke(full)
	c.SetColor(nil)
	c.Fill(full)
	assert.Equal(t, `<path d="M10 30L10 28L7 30Q7 28 10 30Z" fill="none" stroke="var(--s1)" stroke-width="1"/>`+
		`<text x="10" y="30" font-size="10" fill="var(--s1)" textLength="`+fmt.Sprint(coordinate(float64(face.Width(`<a & "b">`))))+`" lengthAdjust="spacingAndGlyphs" transform="rotate(-90 10 30)">&lt;a &amp; &#34;b&#34;&gt;</text>`+
		`<path d="M55 25A5 5 0 0 0 45 25A5 5 0 0 0 55 25" fill="var(--s2)" opacity="0.5"/>`+
		`<path d="M55 25A5 5 0 0 0 45 25A5 5 0 0 0 55 25" fill="none" stroke="var(--s2)" opacity="0.5" stroke-width="1" stroke-dasharray="1 2"/>`+
		`<path d="M55 25A5 5 0 0 0 45 25A5 5 0 0 0 55 25" fill="currentColor"/>`, c.b.String())
	svg := c.svg("k", "x", "<t>", "<d>")
	assert.Contains(t, svg, `<title id="x-t">&lt;t&gt;</title><desc id="x-d">&lt;d&gt;</desc>`)
}

func TestTicks(t *testing.T) {
	labels := func(lo, hi float64) (out []string) {
		for _, x := range evenTicks(lo, hi) {
			out = append(out, x.Label)
		}
		return out
	}
	assert.Equal(t, []string{"0", "200", "400", "600", "800", "1,000"}, labels(0, 1000))
	assert.Equal(t, []string{"−4", "−2", "0", "2", "4", "6"}, labels(-5, 6))
	assert.Equal(t, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}, labels(0, 1))
	assert.Empty(t, labels(0, 0))
	assert.Empty(t, labels(0, math.Inf(1)))
	assert.Empty(t, labels(1, 1+1e-15), "steps that are lost beside their place")
	var log []string
	for _, x := range logTicks(0.04, 3) {
		log = append(log, x.Label)
	}
	assert.Equal(t, []string{"0.05", "0.1", "0.2", "0.5", "1", "2"}, log)
	ranks := thinned(10_000)
	assert.Equal(t, []int{1, 2, 3, 4, 5}, ranks[:5])
	assert.Equal(t, []int{9_998, 9_999, 10_000}, ranks[len(ranks)-3:])
	assert.Less(t, len(ranks), 120)
	assert.Equal(t, []int{1}, thinned(1))
}

// Of many keys the strongest findings of each test are kept in detail.
func TestWanted(t *testing.T) {
	var r verify.Report
	for i := range 40 {
		for _, test := range []string{verify.G1, verify.Cells} {
			r.Findings = append(r.Findings, verify.Finding{Key: fmt.Sprint(i), Test: test, Adjusted: -float64(i), Rejected: i == 3})
		}
	}
	wanted := (&Source{Report: &r}).wanted()
	assert.Len(t, wanted, 2*mostDetails)
	for _, key := range []string{"3", "39", "29"} {
		assert.True(t, wanted[[2]string{key, verify.G1}], key)
		assert.True(t, wanted[[2]string{key, verify.Cells}], key)
	}
	assert.False(t, wanted[[2]string{"28", verify.G1}])
}
