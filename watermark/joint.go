package watermark

// A Scored is a pair that a detector scored: the seed that it is counted by and
// the token.
type Scored struct {
	Seed  uint64 // [Reader.Seed] of the token
	Token Token
}

// A Joint is the null law of a sum of scores whose words depend on each other
// across seeds: it returns ln P(S >= score) given what was scored, exact or a
// proven upper bound, whatever the order of scored. It must be safe for concurrent
// use.
type Joint func(scored []Scored, score float64) float64

// WithJoint returns the same mark with a joint law in place of the sum of
// independent scores, for sources such as a table that all seeds share. Detectors
// take LogP from it. The mark's Law goes on to describe one score, and bounds
// whatever is computed from it, such as spans.
func (w *Watermark) WithJoint(j Joint) *Watermark {
	c := *w
	c.joint = j
	return c.named()
}

// Entangled reports whether the mark has a joint law: words of different seeds
// depend on each other, so that [Watermark.LogTail] knows more than
// [Watermark.Law].
func (w *Watermark) Entangled() bool { return w.joint != nil }

// LogTail returns ln P(S >= score) for the sum of the scores of distinct pairs:
// what [Detector.Result] gives.
func (w *Watermark) LogTail(scored []Scored, score float64) float64 {
	if w.joint != nil {
		return w.joint(scored, score)
	}
	return w.law.LogTail(score, int64(len(scored)))
}
