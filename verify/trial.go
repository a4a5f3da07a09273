package verify

import (
	"fmt"
	"math"

	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark"
)

// A trial is a test of one key with its numbers.
type trial struct {
	mark    *watermark.Watermark
	reading *reading
	of      *selection
	level   float64 // ln
	null    null
}

// stop takes out of the selection of a test that stops what comes after its end.
func (t *trial) stop(f *Finding, scores []uint64) {
	s := t.of
	f.Void = append(f.Void, s.void...)
	if !s.test.Stop {
		return
	}
	n, found, err := t.until(t.reading.terms(s, scores))
	if err != nil {
		f.Void = append(f.Void, err.Error())
		return
	}
	f.Stopped = found
	s.dropped.Beyond += s.scored() - n
	s.cut(n)
}

// until returns how many terms a test that stops counts, and whether it found
// something.
func (t *trial) until(terms []float64) (n int, found bool, err error) {
	law := t.reading.law
	if !t.of.test.weighted() {
		p, err := evidence.NewProcess(law)
		if err != nil {
			return 0, false, err
		}
		for n < len(terms) && !found {
			if err := p.Add(terms[n]); err != nil {
				return 0, false, err
			}
			n++
			found = p.LogE() >= -t.level
		}
		return n, found, nil
	}
	bets, err := evidence.NewBets(law)
	if err != nil {
		return 0, false, err
	}
	coefs, begin := t.of.floats(), int32(0)
	for n < len(terms) && !found {
		end := t.of.ends[n]
		if err := bets.Add(terms[n], coefs[begin:end]); err != nil {
			return 0, false, err
		}
		begin = end
		n++
		found = bets.LogE() >= -t.level
	}
	return n, found, nil
}

// fill writes statistic, p-value, e-value, effect and power into f.
func (t *trial) fill(f *Finding, got *total, scores []uint64) error {
	s := t.of
	f.Raw, f.Scored, f.Dropped = s.raw, s.scored(), s.dropped
	if n := s.dropped.NoWord; n > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("%s positions have no prediction: the p-value holds if that did not depend on what the passages say there, as a filter of contents does", grouped(n)))
	}
	if got.n == 0 {
		f.tooLittle("no token could be scored")
		return nil
	}
	f.Law = t.reading.law.String()
	var err error
	if t.null, err = t.reading.nullOf(t.mark, s); err != nil { // no law is known of the sum
		f.Void = append(f.Void, err.Error())
		return nil
	}
	f.Statistic = t.null.value(got)
	switch {
	case s.test.Sparse:
		t.fillSparse(f)
	case s.test.weighted():
		err = t.fillWeighted(f, got, t.reading.terms(s, scores))
	default:
		err = t.fillSum(f, got)
	}
	if err == nil && (math.IsInf(f.LogP, 0) || math.IsInf(f.LogE, 0)) {
		err = fmt.Errorf("verify: %s under key %s has statistic %v of %d scores, which %s cannot have", f.Test, f.Key, f.Statistic, f.Scored, f.Law)
	}
	return err
}

// fillSum fills in a sum of scores.
func (t *trial) fillSum(f *Finding, got *total) error {
	law, n := t.reading.law, got.n
	f.Sum = got.sum.String()
	f.LogTail = t.null.tail(f.Statistic)
	f.LogE = law.LogE(f.Statistic, n)
	f.Effect = evidence.EffectOf(law, f.Statistic, n)
	f.Power = &PowerFinding{Level: t.level, Power: power}
	l, ok := t.null.(sumNull)
	if !ok { // words depend on each other: the joint law has no e-process
		l = sumOf(law, n, t.of.test)
		if l.kind == Exact {
			l.counted = jointLaw{law, t.null}
		}
	}
	f.LogP, f.Tail = l.counted.LogTail(f.Statistic, l.among), l.kind
	if !ok {
		f.LogE = logEOfP(f.LogP)
	}
	c, ok := evidence.Critical(l.counted, l.among, t.level)
	if !ok {
		f.tooLittle(fmt.Sprintf("%d scored tokens cannot reach the level 10^%.2f", n, t.level/math.Ln10))
		return nil
	}
	f.Power.Attainable = true
	var err error
	f.Power.Detectable, err = evidence.DetectableAbove(law, c, n, power)
	return err
}

// fillWeighted fills in a weighted sum.
func (t *trial) fillWeighted(f *Finding, got *total, terms []float64) error {
	w := t.null.(weightedNull).w
	f.Sum = got.weighted.String()
	f.LogTail = min(0, t.null.tail(f.Statistic))
	f.LogE = w.LogE(terms)
	f.LogP, f.Tail = evidence.LogPOfE(f.LogE), Bound
	f.Effect = w.EffectOf(f.Statistic)
	f.Power = &PowerFinding{Level: t.level, Power: power}
	c, _, ok := w.Critical(t.level)
	if !ok {
		f.Void = append(f.Void, fmt.Sprintf("%d positions cannot reach the level 10^%.2f", len(terms), t.level/math.Ln10))
		return nil
	}
	f.Power.Attainable = true
	var err error
	f.Power.Detectable, err = w.DetectableAbove(c, power)
	return err
}

// logEOfP makes an e-value of a p-value: ½ p^(−½) (Vovk and Wang 2021, equation 1 with
// κ = ½).
func logEOfP(logP float64) float64 { return math.Log(0.5) - 0.5*logP }

// fillSparse fills in higher criticism, whose e-value is made of its p-value.
func (t *trial) fillSparse(f *Finding) {
	f.LogTail, f.Tail = t.null.tail(f.Statistic), Exact
	f.LogP = f.LogTail
	if t.of.test.First > f.Scored { // those that are missing have p = 1
		f.Tail = Bound
	}
	f.LogE = logEOfP(f.LogP)
}

// calibrate writes the decoys into f.
func (t *trial) calibrate(f *Finding, totals []total) {
	if t.null == nil {
		return
	}
	d, err := t.null.decoys(totals)
	if err != nil { // a keyed gate that leaves a decoy no token
		f.tooLittle(err.Error())
		return
	}
	values := make([]float64, len(totals))
	for j := range totals {
		values[j] = t.null.value(&totals[j])
	}
	f.calibrated(d, values, f.Statistic, t.of.test.reads() || t.of.test.served(), func(c evidence.Calibration) float64 {
		return t.null.stretched(f.Statistic, max(1, c.DispersionLimit))
	})
}

// calibrated writes what decoys say into f, and voids it where they do not follow the
// null law. The sensitivity is of the finding if the law were as much wider as they
// allow; diagnostic says that the rank is no p-value.
func (f *Finding) calibrated(d evidence.Decoys, values []float64, value float64, diagnostic bool, sensitivity func(evidence.Calibration) float64) {
	c, err := d.Calibrate()
	if err != nil { // one flip of a fair coin has no spread to compare
		f.tooLittle("decoy keys cannot be compared with the null law: " + err.Error())
		return
	}
	f.tooLittle(c.Reasons()...)
	f.Decoys = &DecoyFinding{
		Keys: c.J, Spread: c.Spread, LogPSpread: c.LogPSpread, Mean: c.Mean, LogPMean: c.LogPMean,
		Small: c.Small, LogPSmall: c.LogPSmall, Dispersion: c.Dispersion, DispersionLimit: c.DispersionLimit,
		Sensitivity: sensitivity(c), Rank: evidence.Rank(value, values), Diagnostic: diagnostic,
	}
	if f.LogP < math.Log(FarLevel) && c.J < FarDecoys {
		f.Notes = append(f.Notes, fmt.Sprintf("claims below 1e-9 need at least %d decoy keys, this one has %d", FarDecoys, c.J))
	}
}
