package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
)

// An Examination is a look at a record under one key, outside of any protocol: for
// experiments, and for what others recorded. Its findings say what [Judge] would of
// the same record; but nobody is bound by a plan, so that they are evidence against
// no third party.
type Examination struct {
	Name string               // of the key. Required
	Mark *watermark.Watermark // Required
	// Tests that are made, each corrected for all of them. Required.
	Tests []Test
	// Alpha is the error rate of all tests together. Required, in (0, 1).
	Alpha float64
	// Decoys is the number of decoy keys, and Seed what they are derived from. With
	// 0 nothing is calibrated.
	Decoys int
	Seed   [32]byte
	// Workers is how many goroutines score decoy keys. Defaults to the number of
	// processors. Findings do not depend on it.
	Workers int
	// Progress is told how many of the decoys are scored, by one goroutine at a
	// time. Defaults to nothing.
	Progress func(done, total int)
}

// Run makes the tests. It returns one finding for each, in their order. A test that
// went wrong is no error but a void finding.
func (e Examination) Run(ctx context.Context, rec *Record) ([]Finding, error) {
	switch {
	case e.Mark == nil:
		return nil, errors.New("verify: examination has no mark")
	case rec == nil:
		return nil, errors.New("verify: examination has no record")
	case len(e.Tests) == 0:
		return nil, errors.New("verify: examination has 0 tests, want at least 1")
	case e.Decoys < 0 || e.Decoys > maxDecoys:
		return nil, fmt.Errorf("verify: examination has %d decoy keys, want 0 to %d", e.Decoys, maxDecoys)
	case e.Workers < 0:
		return nil, fmt.Errorf("verify: number of workers is %d, want at least 1, or 0 for the number of processors", e.Workers)
	case !(e.Alpha > 0 && e.Alpha < 1):
		return nil, fmt.Errorf("verify: error rate is %v, want more than 0 and less than 1", e.Alpha)
	}
	for _, t := range e.Tests {
		if t.canary() {
			return nil, fmt.Errorf("verify: examination has test %s of canaries, want tests of a mark", t)
		}
	}
	plan := Plan{Alpha: e.Alpha, Tests: e.Tests, Keys: []KeyPlan{{Name: e.Name, Mark: e.Mark.ID(), Kind: e.Mark.Info().Kind}}}
	pool := &decoyPool{seed: e.Seed, count: e.Decoys, workers: e.Workers, progress: e.Progress, total: e.Decoys}
	at, err := plan.levels()
	if err != nil {
		return nil, err
	}
	found, _, err := examine(ctx, plan.Keys[0], e.Mark, rec, e.Tests, at, pool, nil)
	if err != nil {
		return nil, err
	}
	r := Report{Findings: found}
	if err := r.decide(&plan); err != nil {
		return nil, err
	}
	r.round()
	return r.Findings, nil
}

// examine makes the tests under one key, and returns the totals of the decoys too. Where
// look is not nil, it is shown every trial at its end.
func examine(ctx context.Context, k KeyPlan, mark *watermark.Watermark, rec *Record, tests []Test, at *levels, pool *decoyPool,
	look func(*Finding, *trial, *total, []total)) ([]Finding, []keyTotals, error) {
	r, err := read(mark, rec, tests)
	if err != nil {
		return nil, nil, fmt.Errorf("key %q: %w", k.Name, err)
	}
	found := make([]Finding, len(tests))
	trials := make([]trial, len(tests))
	var scratch []uint64
	scores, _ := r.scores(mark, &scratch)
	for i, test := range tests {
		found[i] = k.finding(test)
		if mark.Entangled() && (test.reads() || test.served()) {
			found[i].Notes = append(found[i].Notes, entangledNote)
		}
		trials[i] = trial{mark: mark, reading: r, of: &r.tests[i], level: at.of(&found[i])}
		trials[i].stop(&found[i], scores)
	}
	own := r.score(mark, &scratch)
	for i := range trials {
		if err := trials[i].fill(&found[i], &own[i], scratch); err != nil {
			return nil, nil, err
		}
	}
	r.compact()
	decoys, err := pool.of(ctx, mark, r)
	if err != nil {
		return nil, nil, err
	}
	totals := make([]keyTotals, len(tests))
	for i := range tests {
		column := make([]total, len(decoys))
		for j := range decoys {
			column[j] = decoys[j][i]
		}
		totals[i] = keyTotals{r.law, own[i], column, mark.Entangled()}
		if look != nil {
			look(&found[i], &trials[i], &own[i], column)
		}
		if len(decoys) == 0 {
			found[i].tooLittle(uncalibrated)
			continue
		}
		trials[i].calibrate(&found[i], column)
	}
	return found, totals, nil
}

// entangledNote is on findings of marks whose windows share a table, where marked texts
// decide what is scored.
const entangledNote = "words of different windows depend on each other under this mark: the p-value holds for a suspect that does not work the key out of the marked texts that it reads"

// uncalibrated voids findings without decoys.
const uncalibrated = "no decoy keys were planned: nothing shows that the null law holds"
