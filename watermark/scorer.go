package watermark

// A Scorer reads the evidence of single tokens: for tests that look at what a
// model predicts rather than at a text. It is for one goroutine.
type Scorer struct {
	mark *Watermark
	loc  *locator
}

// NewScorer returns a scorer.
func (w *Watermark) NewScorer() *Scorer {
	if w.source == nil {
		return new(Scorer)
	}
	return &Scorer{mark: w, loc: newLocator(w.gate, true, w)}
}

// Scores writes to dst[i] the score of token ids[i] after window, oldest token
// first, and reports whether the window carries the mark: not where it is too
// short, holds a negative token or is another layer's. Only the last tokens of
// window count, as many as the rules say. It returns false, too, for a negative id
// and for dst of another length than ids.
func (s *Scorer) Scores(window, ids []Token, dst []float64) bool {
	y := s.seek(window)
	if y == nil || len(dst) != len(ids) || (Text{Tokens: ids}).check() != nil {
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

// Units is Fixed for many units at once, in a fraction of the time: it writes the
// score of units[i] to dst[i], 0 where its window does not carry the mark, and
// returns how many windows carry it. It scores the first min(len(units), len(dst))
// units.
func (s *Scorer) Units(units []Unit, dst []uint64) (scored int) {
	if s.loc == nil {
		return 0
	}
	units = units[:min(len(units), len(dst))]
	for i, u := range units {
		if i%aheadWindows == 0 {
			s.ahead(units[i:min(i+aheadWindows, len(units))])
		}
		score, ok := s.Fixed(u.Window, u.Token)
		if dst[i] = score; ok {
			scored++
		}
	}
	s.ahead(nil)
	return scored
}

// ahead tells the reader of the windows of units, those that are long enough.
func (s *Scorer) ahead(units []Unit) {
	var windows [aheadWindows][]Token
	lastTokens := func(width int) [][]Token {
		n := 0
		for _, u := range units {
			if w := u.Window; len(w) >= width {
				windows[n] = w[len(w)-width:]
				n++
			}
		}
		return windows[:n]
	}
	s.loc.lanes[0].reader.Ahead(lastTokens(s.mark.rules.Width))
	if g := s.loc.gate; g != nil {
		s.loc.gates.Ahead(lastTokens(g.width))
	}
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
	if s.loc == nil || (Text{Tokens: window}).check() != nil {
		return nil
	}
	y, _ := s.loc.at(window, 0)
	return y
}

// Scores is [Scorer.Scores] with a scorer of its own: for a single call.
func (w *Watermark) Scores(window, ids []Token, dst []float64) bool {
	return w.NewScorer().Scores(window, ids, dst)
}
