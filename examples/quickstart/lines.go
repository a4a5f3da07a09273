package main

import (
	"encoding/json"
	"io"

	"github.com/dyetrace/dyetrace/verify"
)

// A line is a finding about a suspect, for programs.
type line struct {
	Suspect         string   `json:"suspect"` // served, diluted, paraphrased, control
	Layer           string   `json:"layer"`   // vendor, epoch, canaries, both
	Test            string   `json:"test"`
	NRaw            int      `json:"n_raw"`
	NScored         int      `json:"n_scored"`
	Log10P          float64  `json:"log10_p"`
	Log10PCorrected float64  `json:"log10_p_corrected"` // for the family of tests of the suspect
	Alpha           float64  `json:"alpha"`             // of that family
	Rejected        bool     `json:"rejected"`
	Void            []string `json:"void,omitempty"`
	Effect          float64  `json:"effect"` // standard deviations per scored token
	Decoys          int      `json:"decoys"`
	Dispersion      float64  `json:"decoy_dispersion"`              // 1 if the null law holds
	Detectable      float64  `json:"would_have_detected,omitempty"` // the least effect found with 80 % power
	WrongEpoch      *line    `json:"wrong_epoch,omitempty"`         // of the epoch layer: the negative control
	WrongCanaries   *line    `json:"wrong_canaries,omitempty"`      // of the canaries: the negative control
	Report          string   `json:"report,omitempty"`
}

func newLine(v verdict, f verify.Finding) line {
	l := line{
		Suspect: v.name, Layer: f.Key, Test: f.Test, NRaw: f.Raw, NScored: f.Scored,
		Log10P: log10(f.LogP), Log10PCorrected: log10(f.Adjusted), Alpha: v.report.Alpha,
		Rejected: f.Rejected, Void: f.Void, Effect: f.Effect.D, Report: v.path,
	}
	if f.Decoys != nil {
		l.Decoys, l.Dispersion = f.Decoys.Keys, f.Decoys.Dispersion
	}
	if f.Power != nil {
		l.Detectable = f.Power.Detectable
	}
	return l
}

// writeLines writes an object of JSON for each finding of a verdict, one a line. The negative
// control is a part of the line of the layer that it controls.
func writeLines(w io.Writer, v verdict) error {
	out := json.NewEncoder(w)
	for _, f := range v.report.Findings {
		l := newLine(v, f)
		switch f.Key {
		case wrongEpoch, wrongCanaries:
			continue
		case epochLayer:
			l.WrongEpoch = negative(v, wrongEpoch, f.Test)
		case canaryKey:
			l.WrongCanaries = negative(v, wrongCanaries, f.Test)
		}
		if err := out.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// negative returns the line of a negative control, or nil without one.
func negative(v verdict, key, test string) *line {
	f := v.report.Finding(key, test)
	if f == nil {
		return nil
	}
	l := newLine(v, *f)
	l.Report = ""
	return &l
}
