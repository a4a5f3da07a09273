package verify

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

const (
	mostCells    = 12
	canaryDraws  = 100_000
	canaryDecoys = "dyetrace 2026-11-25 verify canary decoys/1"
	canarySeed   = "dyetrace 2026-11-25 verify canary draws/1"
)

// A treeTest is a test of a tree with everything but the key.
type treeTest struct {
	book  *canary.Book
	units []canary.Unit
	cells []evidence.Cell
	law   *evidence.Cells
	votes []evidence.Pick // of Picks
	picks *evidence.Picks // of Picks, else nil
	uses  []int           // of each unit
	base  [][]float64
	share [][]float64
}

// tree makes every test under the key of a tree.
func (j *judgement) tree(ctx context.Context, k KeyPlan, key keys.Key) error {
	for _, test := range k.takes(j.c.Plan.Tests) {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if test.Name == Rank {
			f, err := j.rank(k, key, test)
			if err != nil {
				return err
			}
			j.report.Findings = append(j.report.Findings, f)
			continue
		}
		t, answers, err := j.c.treeTest(j.c.Transcript, k.Tree, test)
		if err != nil {
			return err
		}
		f := k.finding(test)
		f.Raw = answers
		if n := garbled(j.c.Transcript); n > 0 {
			f.Notes = append(f.Notes, fmt.Sprintf("%d answers are not UTF-8: bytes that are no text were read as U+FFFD", n))
		}
		if err := j.fillTree(&f, t, key); err != nil {
			return err
		}
		for _, name := range j.c.Plan.Controls {
			control, _, err := j.c.treeTest(j.c.Controls[j.c.control(name)].Transcript, k.Tree, test)
			if err != nil {
				return fmt.Errorf("control %q: %w", name, err)
			}
			c := ControlFinding{Name: name, Test: f.Test, Scored: len(control.units)}
			if sum, err := control.sum(key); err != nil {
				return err
			} else if len(control.units) > 0 {
				c.LogP = control.law.LogTail(sum)
			}
			f.convict(c, j.levels)
		}
		j.report.Findings = append(j.report.Findings, f)
	}
	return nil
}

// convict notes what a test says of a control, and voids the finding where it says
// the same.
func (f *Finding) convict(c ControlFinding, of *levels) {
	f.Controls = append(f.Controls, c)
	if c.Scored == 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("nothing of %s could be scored: it controls nothing", printable(c.Name)))
	}
	if of.finds(c.LogP, f, f) {
		f.Void = append(f.Void, fmt.Sprintf("%s, which never saw marked answers, shows the same: log10 p of %s is %.2f",
			printable(c.Name), c.Test, log10(c.LogP)))
	}
}

// fillTree writes everything that a test of a tree says under a key into f.
func (j *judgement) fillTree(f *Finding, t *treeTest, key keys.Key) error {
	f.Scored = len(t.units)
	if f.Scored == 0 {
		f.Void = append(f.Void, "the suspect used no unit often enough")
		return nil
	}
	sum, err := t.sum(key)
	if err != nil {
		return err
	}
	level := j.levels.of(f)
	f.Statistic, f.LogE = sum, t.law.LogE(sum)
	if err := t.tail(f, sum, key); err != nil {
		return err
	}
	root := math.Sqrt(float64(f.Scored))
	f.Effect = evidence.StandardEffect(t.law.Standard(sum), f.Scored)
	f.Canaries = t.finding(f.Raw, sum, key)
	d := Detail{Key: f.Key, Test: f.Test, Cells: slices.Clone(f.Canaries.Cells)}
	f.Canaries.Cells = f.Canaries.Cells[:min(len(f.Canaries.Cells), mostCells)]
	seed := canon.Sum(canarySeed, j.c.Seal.Digest[:], []byte(f.Key), []byte(f.Test))
	if f.Canaries.LogDrawn, err = t.law.MonteCarlo(sum, seed, canaryDraws); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	f.Power = &PowerFinding{Level: level, Power: power}
	if c, _, ok := t.law.Critical(level); !ok || t.law.LogLeast() > level {
		f.Void = append(f.Void, fmt.Sprintf("%d cells cannot reach the level 10^%.2f", f.Scored, log10(level)))
	} else {
		f.Power.Attainable = true
		f.Power.Detectable = max(0, (t.law.Standard(c)-evidence.NormalQuantile(math.Log(power)))/root)
	}
	if err := j.decoyTrees(f, &d, t, sum); err != nil {
		return err
	}
	j.tell(&d)
	return nil
}

// tail writes the p-value: exact where it can be had.
func (t *treeTest) tail(f *Finding, sum float64, key keys.Key) error {
	if t.picks != nil { // matches are Poisson-binomial
		options, err := t.options(key)
		if err != nil {
			return err
		}
		matches, err := t.picks.Matches(options)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		f.LogP, f.Tail = t.picks.LogTail(matches), Exact
		f.LogTail = f.LogP
		return nil
	}
	f.LogP = t.law.LogTail(sum)
	f.LogTail = f.LogP
	if _, exact := t.law.Exact(sum); exact && sum > 0 {
		f.Tail = Exact
	} else {
		f.LogTail = min(0, t.law.Tails(sum).Approx)
	}
	return nil
}

// decoyTrees writes what decoy keys of the tree say into f: each draws every unit's
// option anew, from its law.
func (j *judgement) decoyTrees(f *Finding, told *Detail, t *treeTest, sum float64) error {
	n := j.c.Plan.Decoys
	if n == 0 {
		f.Void = append(f.Void, uncalibrated)
		return nil
	}
	h := blake3.NewDeriveKey(canaryDecoys)
	h.Write(j.c.Seal.Digest[:])
	words := bufio.NewReader(h.Digest())
	sums, options := make([]float64, n), make([]int, len(t.cells))
	for i := range sums {
		for u, cell := range t.cells {
			var b [4]byte
			_, _ = io.ReadFull(words, b[:]) // the stream does not end
			options[u] = optionOf(cell.Law, binary.LittleEndian.Uint32(b[:]))
		}
		var err error
		if sums[i], err = t.law.Sum(options); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
	}
	d, err := t.law.Decoys(sums)
	if err != nil {
		f.Void = append(f.Void, "decoy keys cannot be compared with the null law: "+err.Error())
		return nil
	}
	told.Z, told.Decoys = t.law.Standard(sum), slices.Clone(d.Z)
	f.calibrated(d, sums, sum, false, func(c evidence.Calibration) float64 { return t.law.Sensitivity(c, sum).Bound })
	return nil
}

// optionOf returns the option at a 32-bit word of the inverse distribution function of
// a law.
func optionOf(law []uint32, word uint32) int {
	sum := uint64(0)
	for o, p := range law {
		if sum += uint64(p); uint64(word) < sum {
			return o
		}
	}
	return len(law) - 1
}

// options returns what a key decides for the units.
func (t *treeTest) options(key keys.Key) ([]int, error) {
	out := make([]int, len(t.units))
	for i, u := range t.units {
		var err error
		if out[i], err = t.book.Option(key, u); err != nil {
			return nil, fmt.Errorf("verify: unit %s: %w", u, err)
		}
	}
	return out, nil
}

// sum returns the statistic under a key.
func (t *treeTest) sum(key keys.Key) (float64, error) {
	options, err := t.options(key)
	if err != nil {
		return 0, err
	}
	sum, err := t.law.Sum(options)
	if err != nil {
		return 0, fmt.Errorf("verify: %w", err)
	}
	return sum, nil
}
