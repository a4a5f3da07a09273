package verify

import (
	"fmt"
	"io"
	"slices"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// A Verification is what [Bundle.Verify] found, one check a line.
type Verification struct {
	Bundle collect.Digest `json:"bundle"` // computed from its bytes
	Checks []Check        `json:"checks"`
}

// A Check is one thing that a verification looked at.
type Check struct {
	Name   string  `json:"name"`
	Result Outcome `json:"result"`
	Detail string  `json:"detail,omitempty"`
}

// An Outcome is what became of a check.
type Outcome string

const (
	Passed Outcome = "ok"
	Failed Outcome = "FAILED"
	// NotChecked is something that nothing was there to check with: a function that
	// the caller did not give, or another part, which is broken.
	NotChecked Outcome = "not checked"
	// Warning is something that takes away from what the bundle shows, though
	// nothing in it is wrong.
	Warning Outcome = "warning"
	// Note is the word of somebody, with nothing to check it by.
	Note Outcome = "note"
)

// OK reports whether the check neither failed nor was left undone.
func (c Check) OK() bool { return c.Result == Passed || c.Result == Warning || c.Result == Note }

// OK reports whether everything was checked and nothing failed. Warnings are not
// failures: read them.
func (v Verification) OK() bool {
	return len(v.Checks) > 0 && !slices.ContainsFunc(v.Checks, func(c Check) bool { return !c.OK() })
}

func (v Verification) count(o Outcome) int {
	n := 0
	for _, c := range v.Checks {
		if c.Result == o {
			n++
		}
	}
	return n
}

// proves is what a good bundle does and does not show.
const proves = "This shows that the report follows from plan, transcript and keys. It does not show that the answers came from the suspect."

// WriteText writes the checks for people, one a line, and what they come to.
func (v Verification) WriteText(w io.Writer) error {
	var p page
	p.head("bundle %v", v.Bundle)
	for _, c := range v.Checks {
		text := c.Name
		if c.Detail != "" {
			text += ": " + c.Detail
		}
		p.write(fmt.Sprintf("  %-13s", c.Result), 15, text)
	}
	p.gap()
	p.head("%s checks passed, %s failed, %s could not be made; %s warnings",
		grouped(v.count(Passed)), grouped(v.count(Failed)), grouped(v.count(NotChecked)), grouped(v.count(Warning)))
	if v.OK() {
		p.head(proves)
	} else {
		p.head("This bundle proves nothing as it is.")
	}
	_, err := w.Write(p.Bytes())
	return err
}

func (v *Verification) line(name string, result Outcome, format string, args ...any) {
	v.Checks = append(v.Checks, Check{name, result, fmt.Sprintf(format, args...)})
}

// check adds a line that says what is wrong, or else what is right. It returns
// whether nothing is wrong.
func (v *Verification) check(name string, wrong error, format string, args ...any) bool {
	if wrong != nil {
		v.line(name, Failed, "%v", wrong)
		return false
	}
	v.line(name, Passed, format, args...)
	return true
}
