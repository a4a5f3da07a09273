package main_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

type powerRow struct {
	Test, Text, P string
	Effect        float64
	Needed        int64    `json:"tokens_needed"`
	Tokens        int64    `json:"tokens"`
	Power         *float64 `json:"power"`
	Detectable    *float64 `json:"detectable_effect"`
	Dose          *float64 `json:"detectable_dose"`
	Void          bool
}

func power(t *testing.T, args string) (r struct {
	Family      int
	Rows, Curve []powerRow
}) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(done(t, t.TempDir(), append([]string{"power", "--json"}, strings.Fields(args)...)...)), &r))
	return r
}

// The command says what package evidence does.
func TestPower(t *testing.T) {
	r := power(t, "")
	measured := evidence.MeasuredEffects()
	require.Len(t, r.Rows, len(measured))
	for i, m := range measured {
		d := evidence.Design{Law: tail.Exponential(), Effect: m.D, Alpha: 1e-3}
		if strings.HasPrefix(m.Test, "R3") || m.Test == "R4" || m.Test == "R4 difference" {
			d.Law, d.Bets = nil, true
		}
		want, err := d.Tokens()
		require.NoError(t, err)
		assert.Equal(t, want, r.Rows[i].Needed, m.Test)
		assert.Nil(t, r.Rows[i].Power)
	}

	r = power(t, "--effect 0.01 --dose 0.5 --keys 4 --tests 2 --alpha 1e-6 --power 0.9 --share 0.7 --tokens 1000000 --by-e")
	assert.Equal(t, 8, r.Family)
	d := evidence.Design{Law: evidence.ByE(tail.Exponential()), Effect: 0.01, Dose: 0.5, Tests: 8, Alpha: 1e-6, Power: 0.9}
	n, err := d.Tokens()
	require.NoError(t, err)
	row := r.Rows[0]
	assert.InDelta(t, float64(n)/0.7, float64(row.Needed), 1)
	p, err := d.PowerOf(700000)
	require.NoError(t, err)
	assert.Equal(t, p, *row.Power)
	effect, err := d.DetectableEffect(700000)
	require.NoError(t, err)
	assert.Equal(t, effect, *row.Detectable)
	dose, err := d.DetectableDose(700000)
	require.NoError(t, err)
	assert.Equal(t, dose, *row.Dose)

	// So many tokens as are needed have the power, and a few less have not.
	r = power(t, "--effect 0.05 --tokens 9000 --curve")
	needed := r.Rows[0].Needed
	d = evidence.Design{Law: tail.Exponential(), Effect: 0.05, Alpha: 1e-3}
	least, err := d.PowerOf(needed)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, least, 0.8)
	less, err := d.PowerOf(needed - 1)
	require.NoError(t, err)
	assert.Less(t, less, 0.8)
	require.Greater(t, len(r.Curve), 3)
	assert.Less(t, *r.Curve[0].Power, 0.01)
	assert.Greater(t, *r.Curve[len(r.Curve)-1].Power, 0.999)
	for i, c := range r.Curve {
		want, err := d.PowerOf(c.Tokens)
		require.NoError(t, err)
		assert.Equal(t, want, *c.Power)
		assert.True(t, i == 0 || c.Tokens > r.Curve[i-1].Tokens)
	}

	void := power(t, "--scheme greenlist:gamma=0.5,delta=2 --tokens 5 --test G1")
	assert.True(t, void.Rows[0].Void, "2^-5 is more than 1e-3")
	assert.Nil(t, void.Rows[0].Detectable)
	text := done(t, t.TempDir(), "power", "--test", "R4", "--tokens", "1000")
	assert.Regexp(t, `(?m)^R4 +0\.954 +32 +over 99\.9 % +0\.17 +0\.179 +1/e of weighted sums +answers that it was trained on$`, text)
	assert.NotContains(t, text, "R4h")
}

type canaryPower struct {
	Needed int
	Found  *float64 `json:"found_with_power"`
	Least  *float64 `json:"detectable_shift"`
	Shift  float64
	Curve  []struct {
		N     int
		Power float64
		Least *float64 `json:"detectable_shift"`
	}
}

func TestPowerCanaries(t *testing.T) {
	var r canaryPower
	require.NoError(t, json.Unmarshal([]byte(done(t, t.TempDir(), "power", "cells", "--json", "--uses", "12", "--reference", "40", "--dose", "0.5", "--adoption", "0.4",
		"--cells", "150", "--keys", "3", "--curve", "--alpha", "1e-4")), &r))
	assert.InDelta(t, 0.2, r.Shift, 1e-12)
	d := evidence.CellsDesign{Uses: 12, Reference: 40, Shift: r.Shift, Tests: 3, Alpha: 1e-4, Power: 0.8, Polarisation: 2}
	n, err := d.Cells()
	require.NoError(t, err)
	assert.Equal(t, n, r.Needed)
	p, err := d.PowerOf(150)
	require.NoError(t, err)
	assert.Equal(t, p, *r.Found)
	d.Shift = *r.Least
	p, err = d.PowerOf(150)
	require.NoError(t, err)
	assert.InDelta(t, 0.8, p, 0.01, "the least shift is found with the power")
	assert.GreaterOrEqual(t, p, 0.8)
	assert.Greater(t, r.Curve[len(r.Curve)-1].Power, 0.999)
	assert.Nil(t, r.Curve[0].Least, "5 cells find nothing")

	r = canaryPower{}
	require.NoError(t, json.Unmarshal([]byte(done(t, t.TempDir(), "power", "picks", "--json", "--options", "6", "--shift", "0.3", "--items", "30")), &r))
	e := evidence.PicksDesign{Options: 6, Shift: 0.3, Tests: 1, Alpha: 1e-3, Power: 0.8}
	n, err = e.Items()
	require.NoError(t, err)
	assert.Equal(t, n, r.Needed)
	p, err = e.PowerOf(30)
	require.NoError(t, err)
	assert.Equal(t, p, *r.Found)
	text := done(t, t.TempDir(), "power", "picks", "--options", "6", "--shift", "0.3", "--items", "5")
	assert.Contains(t, text, "of 5 items   power 1.3 %, least shift found 0.948\n")
}

func TestPowerUsage(t *testing.T) {
	for args, want := range map[string]string{
		"power x":                               "want flags only",
		"power --effect 0":                      "--effect is 0, want more than 0",
		"power --effect -1":                     "--effect is -1",
		"power --tokens 0":                      "--tokens is 0, want 1 to",
		"power --dose 1.2":                      "--dose is 1.2",
		"power --share 0":                       "--share is 0",
		"power --test G9":                       `--test is "G9", which was not measured`,
		"power --alpha 1":                       "alpha is 1,",
		"power --power 1":                       "power is 1,",
		"power --keys 0":                        "--keys is 0",
		"power --keys 100000 --tests 100000":    "at most 1,000,000,000 together",
		"power --scheme none":                   `--scheme is "none"`,
		"power cells --uses 2":                  "uses of a unit are 2, want at least 3",
		"power cells --shift 0.1 --dose 0.5":    "--shift is their product",
		"power cells --adoption 0":              "--adoption is 0",
		"power cells --cells -1":                "--cells is -1",
		"power picks --options 1":               "number of options is 1",
		"power picks --items 2000000 --shift 1": "--items is 2000000, want 1 to 1,000,000",
		"power picks --shift 2":                 "--shift is 2",
		"power cells --polarisation 11":         "polarisation is 11",
	} {
		o := dyetrace(t, t.TempDir(), strings.Fields(args)...)
		assert.Equal(t, 2, o.code, "%s: %s", args, o.out)
		assert.Contains(t, o.err, want, args)
		assert.Empty(t, o.out)
	}
}
