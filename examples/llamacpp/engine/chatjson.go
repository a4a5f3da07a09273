package engine

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/ardanlabs/jinja"
)

// Templates write tools and arguments by the filter tojson, which transformers
// replaces by Python's json.dumps, spaces and order of keys included: that is the
// text that models were trained on. The template library's own writes another,
// so that the filter gets another name, under which dumps is found.
const dumpsName = "json_dumps"

var tojson = regexp.MustCompile(`\|(\s*)tojson\b`)

func withDumps(source string) string { return tojson.ReplaceAllString(source, "|${1}"+dumpsName) }

// dumps is json.dumps(x, ensure_ascii=False, indent=…).
func dumps(args []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	if len(args) == 0 {
		return jinja.None(), fmt.Errorf("tojson has no value")
	}
	w := dumper{item: ", ", indent: -1}
	for name, v := range named {
		switch {
		case name == "indent" && v.IsInt():
			if w.indent, w.item = int(v.AsInt()), ","; w.indent < 0 || w.indent > 64 {
				return jinja.None(), fmt.Errorf("tojson: indent is %d, want 0 to 64", w.indent)
			}
		case name == "ensure_ascii" && !v.IsTruthy(), name == "sort_keys" && !v.IsTruthy(), v.IsNone():
		default:
			return jinja.None(), fmt.Errorf("tojson: %s is %s, which this server does not know", name, v.String())
		}
	}
	if err := w.value(args[0], 0); err != nil {
		return jinja.None(), err
	}
	return jinja.NewString(w.out.String()), nil
}

// A dumper writes JSON as Python does.
type dumper struct {
	out    strings.Builder
	item   string // between items
	indent int    // −1 for one line
}

func (w *dumper) value(v jinja.Value, depth int) error {
	const deepest = 100
	switch {
	case depth > deepest:
		return fmt.Errorf("tojson: a value has more than %d levels", deepest)
	case v.IsNone():
		w.out.WriteString("null")
	case v.IsBool():
		w.out.WriteString(strconv.FormatBool(v.AsBool()))
	case v.IsInt():
		w.out.WriteString(strconv.FormatInt(v.AsInt(), 10))
	case v.IsFloat():
		w.out.WriteString(float(v.AsFloat()))
	case v.IsString():
		w.text(v.AsString())
	case v.IsList():
		list := v.AsList()
		return w.items('[', ']', list.Len(), depth, func(i int) error { return w.value(list.Get(i), depth+1) })
	case v.IsDict():
		dict := v.AsDict()
		names := dict.OrderedKeys()
		return w.items('{', '}', len(names), depth, func(i int) error {
			w.text(names[i])
			w.out.WriteString(": ")
			x, _ := dict.Get(names[i])
			return w.value(x, depth+1)
		})
	default:
		return fmt.Errorf("tojson: %s is no JSON", v.String())
	}
	return nil
}

// items writes n items between brackets.
func (w *dumper) items(open, end byte, n, depth int, item func(int) error) error {
	w.out.WriteByte(open)
	for i := range n {
		if i > 0 {
			w.out.WriteString(w.item)
		}
		w.line(depth + 1)
		if err := item(i); err != nil {
			return err
		}
	}
	if n > 0 {
		w.line(depth)
	}
	w.out.WriteByte(end)
	return nil
}

func (w *dumper) line(depth int) {
	if w.indent >= 0 {
		w.out.WriteByte('\n')
		w.out.WriteString(strings.Repeat(" ", w.indent*depth))
	}
}

var escapes = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`)

func (w *dumper) text(s string) {
	w.out.WriteByte('"')
	for _, r := range escapes.Replace(s) {
		if r < 0x20 {
			fmt.Fprintf(&w.out, `\u%04x`, r)
		} else {
			w.out.WriteRune(r)
		}
	}
	w.out.WriteByte('"')
}

// float is Python's repr.
func float(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
