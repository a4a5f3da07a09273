package collect

import (
	"context"
	"errors"
	"fmt"
)

// A ReadingExchange is one question about a passage and what came of it.
type ReadingExchange struct {
	N          int    // number of the question, from 0
	Passage    int    // number of the passage in the task, from 0
	Begin, End int    // the positions [Begin, End) of it
	Question   Digest // of the passage: [Passage.Digest]
	Status     Status // Complete, Failed or Missing
	// Predictions are the answer if Status is Complete: End − Begin of them.
	// Of a failed answer there are none.
	Predictions []Prediction
	Model       string // what said it answered: [Predictions.Model]
	Error       string // of a failed answer
	// Asked, Unreached, First and Last are as in Exchange.
	Asked       int
	Unreached   []string
	First, Last int64
}

// check reports what is wrong with the exchange, of a task that wants w.
func (e *ReadingExchange) check(w Want, reference bool) error {
	switch e.Status {
	case Complete:
		if err := checkPredictions(e.Predictions, Reading{nil, e.Begin, e.End, w}, reference); err != nil {
			return err
		}
		if e.Error != "" {
			return errors.New("status is complete, but there is an error")
		}
	case Failed:
		if len(e.Predictions) != 0 {
			return fmt.Errorf("status is failed, but there are %d predictions", len(e.Predictions))
		}
	case Missing:
		if len(e.Predictions) != 0 || e.Model != "" || e.Error != "" {
			return errors.New("status is missing, but there is an answer")
		}
	default:
		return fmt.Errorf("status is %q, want complete, failed or missing", e.Status)
	}
	return checkAsked(e.Status, e.Asked, len(e.Unreached))
}

// read asks for one span of a passage. What the suspect predicts is on the disk
// before the reference is asked, so that a reference that fails for now costs no
// second question to the suspect.
func (c *collector) read(ctx context.Context, p place, x *item) error {
	if !x.held {
		model := c.suspect.Prefix
		if x.reading.Want.logProbs() {
			model = c.suspect.TopLogProbs
		}
		err := c.send(ctx, p, func() (event, error) {
			got, err := model.Predict(ctx, x.reading)
			ev := x.event(answered)
			ev.Model = valid(got.Model)
			if err != nil {
				return ev, err
			}
			ev.Predictions = x.reading.Want.only(got.At)
			switch err := checkPredictions(ev.Predictions, x.reading, false); {
			case err != nil:
				ev.Status, ev.Error, ev.Predictions = Failed, "collect: "+err.Error(), nil
			case c.state.task.Reference:
				ev.Kind = predicted
			default:
				ev.Status = Complete
			}
			return ev, nil
		})
		if err != nil || !x.held {
			return err
		}
	}
	return c.rescore(ctx, p, x)
}

// event returns an event about the positions of the item.
func (x *item) event(kind string) event {
	return event{Kind: kind, Passage: &x.passage, Begin: &x.reading.Begin, End: &x.reading.End}
}

// only returns the predictions without what was not asked for.
func (w Want) only(at []Prediction) []Prediction {
	out := make([]Prediction, len(at))
	for i, p := range at {
		if !w.Argmax {
			p.Argmax = NoToken
		}
		if !w.Sample {
			p.Sample = NoToken
		}
		if !w.Own {
			p.Own = nil
		}
		if len(p.IDs)+len(p.LogProbs)+len(p.Reference) == 0 {
			p.IDs, p.LogProbs, p.Reference = nil, nil, nil // as they are read back
		}
		out[i] = p
	}
	return out
}

// rescore asks the reference about the tokens that the suspect listed. It is
// asked again only after a [*TransportError], like the suspect, at its own pace.
func (c *collector) rescore(ctx context.Context, p place, x *item) error {
	ids := make([][]int32, len(x.predictions))
	for i := range ids {
		ids[i] = x.predictions[i].IDs
	}
	pause := c.opt.Backoff
	for retry := 0; ; retry++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		scores, err := c.suspect.Reference.Rescore(ctx, x.reading, ids)
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var te *TransportError
		if !errors.As(err, &te) {
			why := ""
			if err != nil {
				why = "reference: " + err.Error()
			} else if err := checkScores(scores, x.reading, ids); err != nil {
				why = "collect: reference: " + err.Error()
			}
			ev := x.event(answered)
			if ev.Status, ev.Reference = Complete, scores; why != "" {
				ev.Status, ev.Reference, ev.Error = Failed, nil, valid(why)
			}
			return c.record(p, ev)
		}
		if retry >= c.opt.Retries {
			return c.giveUp(fmt.Errorf("reference: %w", err))
		}
		if err := c.opt.Clock.Sleep(ctx, max(pause, te.RetryAfter)); err != nil {
			return context.Cause(ctx)
		}
		pause = c.longer(pause)
	}
}

// checkScores reports what is wrong with what the reference says of ids.
func checkScores(scores [][]float64, q Reading, ids [][]int32) error {
	if len(scores) != len(ids) {
		return fmt.Errorf("answer has %d positions, want %d", len(scores), len(ids))
	}
	for i, r := range scores {
		if err := checkReference(r, ids[i]); err != nil {
			return fmt.Errorf("position %d: %w", q.Begin+i, err)
		}
		if r == nil {
			scores[i] = []float64{} // a list in the journal too
		}
	}
	return nil
}
