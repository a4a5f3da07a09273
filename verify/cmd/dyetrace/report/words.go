package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dyetrace/dyetrace/verify"
)

// log10 turns a natural logarithm into one to base 10, without a minus before a zero.
func log10(x float64) float64 { return x/math.Ln10 + 0 }

// figure writes a number as reports do, with a minus that is as wide as a plus.
func figure(x float64, decimals int) string {
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return strings.Replace(s, "-", "−", 1)
}

// grouped writes n with commas: 1,234,567.
func grouped(n int) string {
	text, sign := strconv.Itoa(n), ""
	if n < 0 {
		text, sign = text[1:], "−"
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// count writes a number of things: "1 answer", "2 answers".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}

// plural returns one of two words.
func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// superscript writes an exponent.
func superscript(n int) string {
	var b strings.Builder
	for _, r := range strconv.Itoa(n) {
		if r == '-' {
			b.WriteRune('⁻')
			continue
		}
		b.WriteRune([]rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[r-'0'])
	}
	return b.String()
}

// power10 writes 10 to a power that is a number of decades: "10⁻⁵²⁶·⁴⁷" has no glyph, so
// one that is not whole is written on the line.
func power10(decades float64) string {
	if decades == math.Trunc(decades) && math.Abs(decades) < 1e9 {
		return "10" + superscript(int(decades))
	}
	return "10^" + figure(decades, 2)
}

// oneIn says in words how often chance does something whose logarithm of probability is
// lnP: "1 time in 2.9 million". It never says less often than that is.
func oneIn(lnP float64) string {
	decades := -log10(lnP)
	switch {
	case math.IsNaN(decades) || decades <= 0:
		return "every time"
	case decades < math.Log10(1.5):
		return "most of the time"
	case decades < 1:
		return fmt.Sprintf("1 time in %s", trimmed(math.Floor(math.Pow(10, decades)*10*(1+1e-8))/10))
	case decades < 3:
		return fmt.Sprintf("1 time in %d", int(math.Pow(10, decades)+1e-9))
	case decades < 15:
		n := math.Pow(10, decades)
		for _, u := range []struct {
			size float64
			name string
		}{{1e12, " trillion"}, {1e9, " billion"}, {1e6, " million"}, {1, ""}} {
			if n >= u.size*(1-1e-12) {
				return "1 time in " + twoDigits(n/u.size) + u.name
			}
		}
	}
	return "1 time in 10" + superscript(int(math.Floor(decades+1e-9)))
}

// twoDigits rounds down to two significant digits.
func twoDigits(x float64) string {
	step := math.Pow(10, math.Floor(math.Log10(x)+1e-12)-1)
	x = math.Floor(x/step+1e-9) * step
	if x >= 10 {
		return grouped(int(x + 0.5))
	}
	return trimmed(x)
}

// trimmed writes a number to a decimal, without one that is 0.
func trimmed(x float64) string { return strings.TrimSuffix(figure(x, 1), ".0") }

// percent writes a share.
func percent(x float64) string {
	for d := range 7 {
		if y := x * 100 * math.Pow(10, float64(d)); math.Abs(y-math.Round(y)) < 1e-6*y || d == 6 {
			return figure(x*100, d) + " %"
		}
	}
	return ""
}

// clean returns text of others' making with what is not printable quoted as Go quotes it;
// lines and tabs stay where keep says so.
func clean(s string, keep bool) string {
	printable := func(r rune) bool {
		return r != utf8.RuneError && (unicode.IsPrint(r) || keep && (r == '\n' || r == '\t'))
	}
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !printable(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if printable(r) || r == utf8.RuneError && n > 1 {
			b.WriteString(s[:n])
		} else {
			q := strconv.Quote(s[:n])
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// name is clean for a name that has to fit in a line.
func name(s string) string { return clean(s, false) }

// short cuts a text after some characters.
func short(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:most-1]), " ") + "…"
}

// listed joins names: "a, b and c", at most six of them.
func listed(names []string) string {
	const most = 6
	if len(names) > most+1 {
		return strings.Join(names[:most], ", ") + " and " + grouped(len(names)-most) + " more"
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// tests says what a test looks at.
var tests = map[string]string{
	verify.G1:     "the words it writes",
	verify.G2:     "the words it writes where served answers went on",
	verify.R1:     "the token it finds most likely in marked texts",
	verify.R2:     "the token it samples in marked texts",
	verify.R3:     "the probabilities it gives in marked texts",
	verify.R4:     "how its probabilities in marked texts differ from a reference model’s",
	verify.R4h:    "the token whose probability rose most against a reference model’s",
	verify.Cells:  "its choice among wordings that mean the same",
	verify.Picks:  "its picks where many answers are right",
	verify.Order:  "the order of its parallel tool calls",
	verify.Cohort: "whether its wordings follow the code word of one cohort",
	verify.Rank:   "which of several equally good candidates it finds most likely",
}

// looksAt says what a test of a finding looks at, in words.
func looksAt(test string) string {
	if strings.Contains(test, " × ") {
		return "several tests, their evidence multiplied"
	}
	base, _, _ := strings.Cut(test, " ")
	return tests[base]
}
