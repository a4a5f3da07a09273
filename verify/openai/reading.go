package openai

import (
	"context"
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// A reader is a [collect.Predictor] and a [collect.Rescorer].
type reader struct{ c *Client }

// Reference returns the model as the one that others are compared with, or nil
// if the Config has no Reading with log-probabilities. Of a token beyond the Top
// most likely it says ln p of the last of those; at a position without a list, 0.
func (c *Client) Reference() collect.Rescorer {
	if c.cfg.Reading == nil || c.cfg.Reading.Top == 0 {
		return nil
	}
	return reader{c}
}

// Predict implements [collect.Predictor].
func (r reader) Predict(ctx context.Context, q collect.Reading) (collect.Predictions, error) {
	s, err := r.c.session(ctx, q)
	if err != nil {
		return collect.Predictions{}, err
	}
	most := r.c.cfg.Reading.Top
	switch w := q.Want; {
	case !w.Argmax && !w.Sample && w.Top == 0 && !w.Own:
		return collect.Predictions{}, errors.New("openai: nothing is asked of the positions, want argmax, sample, top or own")
	case w.Own && r.c.cfg.Reading.Whole == Separate:
		return collect.Predictions{}, fmt.Errorf("openai: ln p of the passage's own tokens is asked for, and only a passage that is read whole shows it: want %q or %q as Whole", Echo, PromptLogProbs)
	case w.Top < 0 || w.Top > most:
		return collect.Predictions{}, fmt.Errorf("openai: %d log-probabilities a position are asked for, want 0 to %d", w.Top, most)
	}
	at := make([]collect.Prediction, q.End-q.Begin)
	for i := range at {
		at[i].Argmax, at[i].Sample = collect.NoToken, collect.NoToken
	}
	switch {
	case q.Want.Top > 0 || q.Want.Own || q.Want.Argmax && r.c.cfg.Reading.Whole != Separate:
		m := max(q.Want.Top, 1)
		if q.Want.Top > 0 && !r.c.cfg.Reading.SameTokenizer {
			m = most // some will be no tokens of the marked model
		}
		lists, err := s.lists(m)
		if err != nil {
			return collect.Predictions{}, err
		}
		for i, l := range lists {
			if q.Want.Argmax {
				at[i].Argmax = l.argmax
			}
			at[i].IDs, at[i].LogProbs = l.list.cut(q.Want.Top)
			if q.Want.Own {
				at[i].Own = l.own
			}
		}
	case q.Want.Argmax:
		tokens, err := s.generate(0)
		if err != nil {
			return collect.Predictions{}, err
		}
		for i := range at {
			at[i].Argmax = tokens[i]
		}
	}
	if q.Want.Sample {
		tokens, err := s.generate(1)
		if err != nil {
			return collect.Predictions{}, err
		}
		for i := range at {
			at[i].Sample = tokens[i]
		}
	}
	return collect.Predictions{At: at, Model: s.model()}, nil
}

// Rescore implements [collect.Rescorer].
func (r reader) Rescore(ctx context.Context, q collect.Reading, ids [][]int32) ([][]float64, error) {
	s, err := r.c.session(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(ids) != q.End-q.Begin {
		return nil, fmt.Errorf("openai: ids of %d positions are to be scored, want %d", len(ids), q.End-q.Begin)
	}
	lists, err := s.lists(r.c.cfg.Reading.Top)
	if err != nil {
		return nil, err
	}
	out := make([][]float64, len(ids))
	for i := range lists {
		l := lists[i].list
		var beyond float64
		if len(l) > 0 {
			beyond = l[len(l)-1].logProb
		}
		scores := l.scores()
		out[i] = make([]float64, len(ids[i]))
		for j, id := range ids[i] {
			var ok bool
			if out[i][j], ok = scores[id]; !ok {
				out[i][j] = beyond
			}
		}
	}
	return out, nil
}
