package collect

import "context"

// A Want is what is asked at every position of a passage.
type Want struct {
	Argmax bool `json:"argmax,omitempty"` // the most likely token
	Sample bool `json:"sample,omitempty"` // one token sampled at temperature 1
	Top    int  `json:"top,omitempty"`    // so many of the most likely tokens, with ln p; 0: none
	// Own asks for ln p of the passage's own token. It is for texts that are compared
	// with each other, candidates of which a key planted one, and for nothing else: in
	// a text that was made under a key, the own token is the key's choice, and a test
	// that looks at it convicts the innocent.
	Own bool `json:"own,omitempty"`
	// Vocabulary is how many tokens there are, if it is not 0: an answer that names
	// one beyond them failed.
	Vocabulary int `json:"vocabulary,omitempty"`
}

// nothing reports whether nothing is asked.
func (w Want) nothing() bool { return !w.Argmax && !w.Sample && w.Top == 0 && !w.Own }

// foreign reports whether there is no such token.
func (w Want) foreign(id int32) bool { return w.Vocabulary > 0 && int(id) >= w.Vocabulary }

// logProbs reports whether log-probabilities are wanted.
func (w Want) logProbs() bool { return w.Top > 0 || w.Own }

// A Reading asks for the positions [Begin, End) of a passage: position p is
// predicted from Prompt and Tokens[:p], or from PromptText and Pieces[:p], and
// never with sight of Tokens[p:], not even of how they were cut: a model that
// reads text is given the bytes of Pieces[:p], tokenized without what follows. Only
// Want.Own asks about Tokens[p] itself.
type Reading struct {
	Passage    *Passage // read only
	Begin, End int      // 0 ≤ Begin < End ≤ len(Passage.Tokens)
	Want       Want
}

// A Predictor predicts tokens from what comes before them.
type Predictor interface {
	// Predict returns one Prediction for each position of q, in order, with
	// all that q.Want asks for. It honours ctx, may be called from several
	// goroutines at once, and neither retries nor remembers. Errors are as for
	// [TextModel]: after a [*TransportError] nothing was predicted and q is
	// asked again; any other error is an answer that failed, whose predictions
	// are not kept.
	Predict(ctx context.Context, q Reading) (Predictions, error)
}

// Predictions are the answer to a [Reading].
type Predictions struct {
	// At has one prediction for each position: At[i] is of position Begin + i.
	// [Run] does not change it, and keeps the lists in it: they do not change
	// afterwards.
	At []Prediction
	// Model is what the suspect's interface says answered, as in [Answer].
	Model string
}

// NoToken stands where there is no token.
const NoToken int32 = -1

// A Prediction is what a suspect expects at one position. Ids are of the marked
// model's tokenizer.
type Prediction struct {
	// Argmax is the most likely token and Sample a token sampled at
	// temperature 1: NoToken where what was predicted is not one token of the
	// marked model. Where they were not asked for, [Run] keeps NoToken,
	// whatever is here. A list of IDs that is wanted too must not contradict
	// Argmax.
	Argmax int32 `json:"a"`
	Sample int32 `json:"s"`
	// IDs are the tokens that the suspect finds most likely, [Want.Top] of them, the
	// most likely first, ties by id. A suspect with other tokens lists the most
	// likely among those that are tokens of the marked model, and fewer than Top if
	// it shows no more; where it predicts nothing, as after part of a character that
	// it cannot be sent, none. How many there are depends only on what comes before
	// the position. A service that adds the passage's own token beyond those that
	// were asked for shows which it is: the addition is dropped before it gets here.
	IDs []int32 `json:"i,omitempty"`
	// LogProbs are ln p of IDs: finite, at most 0, Σ exp ≤ 1 + 1e-3, for
	// figures that are rounded. Write −9999 where a model says −Inf.
	LogProbs []float64 `json:"l,omitempty"`
	// Reference is ln p that the reference model gives to the same IDs: finite, at
	// most 0. It is nil without a reference and is left nil by a Predictor: [Run]
	// fills it in from the [Rescorer].
	Reference []float64 `json:"r,omitempty"`
	// Own is ln p of the passage's own token at the position: finite, at most 0,
	// −9999 where a model says −Inf. Nil where it was not asked for, whatever is here,
	// and where the model says nothing of the position, as at the beginning of a text.
	Own *float64 `json:"o,omitempty"`
}

// A Rescorer is a reference model: it says how likely it finds given tokens.
type Rescorer interface {
	// Rescore returns ln p of ids[i], in order, at position q.Begin + i, for
	// each position of q. All are finite and at most 0: a reference that lists
	// only its own m most likely tokens says ln p of the least likely of them for
	// ids beyond it, an upper bound. It honours ctx, may be called from several
	// goroutines at once, and neither keeps nor changes q and ids. After a
	// [*TransportError] it is called again; any other error makes the answer one
	// that failed.
	Rescore(ctx context.Context, q Reading, ids [][]int32) ([][]float64, error)
}
