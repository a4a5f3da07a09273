package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

const reportSchema = "dyetrace/report/1"

// NoNonce is the first line of a report on prompts that no public nonce picked.
const NoNonce = "prompts chosen by the key holder: not evidence against a third party"

// A Report is what [Judge] found. It holds no secret. Logarithms are natural;
// texts print base 10.
type Report struct {
	// Warning is NoNonce, or empty.
	Warning string `json:"warning,omitempty"`
	Schema  string `json:"schema"`

	Plan       collect.Digest `json:"plan"`
	Transcript collect.Digest `json:"transcript"`
	Seal       collect.Digest `json:"seal"`

	Suspect  string  `json:"suspect"`
	Sequence int     `json:"sequence"` // of the plan on this suspect
	Alpha    float64 `json:"alpha"`    // error rate of the family
	Family   int     `json:"family"`   // tests in it, those of earlier plans included

	Correction Correction `json:"correction,omitempty"` // Holm if empty

	Frame        FramePlan      `json:"frame,omitzero"`
	Reading      ReadingPlan    `json:"reading,omitzero"`
	Twins        TwinsPlan      `json:"twins,omitzero"`
	Nonce        Nonce          `json:"nonce,omitzero"`
	Served       ServedPlan     `json:"served,omitzero"`
	Answers      collect.Counts `json:"answers"`                 // of prompts
	Readings     collect.Counts `json:"readings,omitzero"`       // of questions on passages
	Models       []string       `json:"models,omitempty"`        // what said it answered
	ProbesDiffer []int          `json:"probes_differ,omitempty"` // probes with several answers
	Relayed      Relayed        `json:"relayed,omitzero"`        // what answers repeat of marked texts

	// Void says why all findings are void, if they are.
	Void     []string  `json:"void,omitempty"`
	Findings []Finding `json:"findings"` // keys × tests in the order of the plan, then products
	Limits   []string  `json:"limits"`   // what the report does not show
}

// limits say what a rejection does not show.
var limits = [...]string{
	"who took the outputs, when, by which route, whether that was authorised, and how much was gained by it",
	"that marked text was taken from the service: it may have been published or resold by somebody who had it",
	"that the suspect was not made to look so: whoever imitates marked text spreads the mark, and an insider with the key can write it",
	"that the answers came from the suspect: a seal fixes what was collected, not where",
	"that a suspect which is not rejected never saw the outputs: paraphrase, dilution and wide windows hide a mark",
}

// newReport returns the report of a case before its findings. The case is
// checked.
func newReport(c *Case) (*Report, error) {
	p, t := c.Plan, c.Transcript
	r := &Report{
		Schema: reportSchema, Plan: t.Plan, Transcript: c.Seal.Transcript, Seal: c.Seal.Digest,
		Suspect: p.Suspect, Sequence: p.Sequence, Alpha: p.Alpha, Family: p.Size() + p.Earlier, Correction: p.Correction,
		Frame: p.Frame, Reading: p.Reading, Twins: p.Twins, Nonce: p.Nonce, Served: p.Served,
		Answers: t.Counts(), Readings: t.ReadingCounts(), Models: t.Models(), ProbesDiffer: t.ProbesDiffer(),
		Limits: limits[:],
	}
	if p.Nonce.IsZero() {
		r.Warning = NoNonce
	}
	for _, asked := range []struct {
		what   string
		n      int
		counts collect.Counts
	}{{"prompts", len(t.Prompts), r.Answers}, {"questions on passages", len(t.Readings), r.Readings}} {
		lost := asked.counts.Missing + asked.counts.Failed
		if share := float64(lost) / float64(max(1, asked.n)); share > p.Void.Missing {
			r.Void = append(r.Void, fmt.Sprintf("%d of %d %s have no whole answer, the plan allows a share of %v", lost, asked.n, asked.what, p.Void.Missing))
		}
	}
	if p.Void.OneModel && len(r.Models) > 1 {
		r.Void = append(r.Void, fmt.Sprintf("%d models answered: %s", len(r.Models), listed(r.Models)))
	}
	if p.Void.SameProbes && len(r.ProbesDiffer) > 0 {
		r.Void = append(r.Void, fmt.Sprintf("%d of %d probes were answered in different ways", len(r.ProbesDiffer), len(p.Probes)))
	}
	return r, nil
}

// Finding returns the finding of a test under a key or product, or nil.
func (r *Report) Finding(key, test string) *Finding {
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Key == key && f.Test == test {
			return f
		}
	}
	return nil
}

// WriteJSON writes the report as one line of canonical JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	data, err := canon.Encode(r)
	if err != nil {
		return fmt.Errorf("verify: report: %w", err)
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

// ParseReport reads what WriteJSON wrote and refuses everything else. It says nothing of
// whether the report is right.
func ParseReport(data []byte) (*Report, error) {
	var r Report
	line, ok := bytes.CutSuffix(data, []byte("\n"))
	if !ok {
		return nil, errors.New("verify: report does not end with a newline: cut off")
	}
	if err := canon.Decode(line, &r); err != nil {
		return nil, fmt.Errorf("verify: report: %w", err)
	}
	if r.Schema != reportSchema {
		return nil, fmt.Errorf("verify: report has schema %q, want %q", r.Schema, reportSchema)
	}
	return &r, nil
}
