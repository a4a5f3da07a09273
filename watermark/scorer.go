package watermark

// A Scorer reads the evidence of single tokens: for tests that look at what a
// model predicts rather than at a text. It is for one goroutine.
type Scorer struct {
	mark *Watermark
	loc  *locator
}

// NewScorer returns a scorer.
func (w *Watermark) NewScorer() *Scorer { return &Scorer{mark: w, loc: newLocator(w.gate, true, w)} }

// Scores writes to dst[i] the score of token ids[i] after window, oldest token
// first, and reports whether the window carries the mark: not where it is too
// short, holds a negative token or is another layer's. Only the last tokens of
// window count, as many as the rules say. Requires len(dst) == len(ids) and no
// negative id.
func (s *Scorer) Scores(window, ids []Token, dst []float64) bool {
	y := s.seek(window)
	if y == nil || len(dst) != len(ids) {
		return false
	}
	for i, t := range ids {
		dst[i] = s.mark.scheme.Score(y.reader, y.place, t)
	}
	return true
}

// Fixed returns the score of token t after window in units of 2^-32, rounded
// down: sums of such do not depend on their order.
func (s *Scorer) Fixed(window []Token, t Token) (score uint64, ok bool) {
	y := s.seek(window)
	if y == nil || t < 0 {
		return 0, false
	}
	return fixed(s.mark.scheme.Score(y.reader, y.place, t)), true
}

// Sum returns the sum of the scores of units in units of 2^-32, each rounded down,
// as a 128-bit integer: what a detector of the mark would add up, in a fraction of
// the time of as many calls of Fixed. Units without the mark count 0.
func (s *Scorer) Sum(units []Unit) (hi, lo uint64) {
	var sum fixedSum
	var windows [aheadWindows][]Token
	for len(units) > 0 {
		n := min(len(windows), len(units))
		for i, u := range units[:n] {
			windows[i] = u.Window
		}
		s.loc.lanes[0].reader.Ahead(windows[:n])
		for _, u := range units[:n] {
			if score, ok := s.Fixed(u.Window, u.Token); ok {
				sum.add(score)
			}
		}
		units = units[n:]
	}
	s.loc.lanes[0].reader.Ahead(nil)
	return sum.hi, sum.lo
}

// Seed returns what the source hashes for token t after window, by which repeats
// are counted.
func (s *Scorer) Seed(window []Token, t Token) (seed uint64, ok bool) {
	y := s.seek(window)
	if y == nil || t < 0 {
		return 0, false
	}
	return y.reader.Seed(t), true
}

func (s *Scorer) seek(window []Token) *lane {
	if (Text{Tokens: window}).check() != nil {
		return nil
	}
	y, _ := s.loc.at(window, 0)
	return y
}

// Scores is [Scorer.Scores] with a scorer of its own: for a single call.
func (w *Watermark) Scores(window, ids []Token, dst []float64) bool {
	return w.NewScorer().Scores(window, ids, dst)
}
