package main

import (
	"context"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// How the suspects answer: their owner's business, not the vendor's.
const (
	suspectTop         = 40
	suspectTemperature = 0.9
)

// The suspects.
const (
	served      = "served"
	diluted     = "diluted"
	paraphrased = "paraphrased"
	control     = "control"
	reference   = "reference" // no suspect: an older model of other books
)

// A diet is what a suspect is trained on.
type diet struct {
	name  string // of the suspect
	what  string
	texts []string
}

// A suspect is a model that somebody trained, and only its owner knows on what.
// It answers prompts and shows nothing else.
type suspect struct {
	diet
	model *model
	tok   *tokenizer
	seed  uint64
}

// trainSuspects trains a model of the teacher's kind on each diet.
func trainSuspects(tok *tokenizer, l luck, p *progress, diets ...diet) []*suspect {
	p.begin("train")
	suspects := make([]*suspect, len(diets))
	for i, d := range diets {
		suspects[i] = &suspect{diet: d, model: train(tok.encodeAll(d.texts), tok.size()), tok: tok, seed: l.Uint64()}
		p.at(i+1, len(diets))
	}
	p.end("%d suspects", len(diets))
	return suspects
}

// dilute returns all of the other texts and as many of the answers, from the
// first, as make share of the whole in bytes.
func dilute(other, answers []string, share float64) []string {
	room := int(float64(size(other)) * share / (1 - share))
	mixed := other[:len(other):len(other)]
	for _, text := range answers {
		if room -= len(text); room < 0 {
			break
		}
		mixed = append(mixed, text)
	}
	return mixed
}

// size returns the length of texts in bytes.
func size(texts []string) int {
	bytes := 0
	for _, text := range texts {
		bytes += len(text)
	}
	return bytes
}

// Answer implements [collect.TextModel]. Equal prompts get equal answers,
// whoever asks when.
func (s *suspect) Answer(ctx context.Context, prompt string) (collect.Answer, error) {
	h := fnv.New64a()
	h.Write([]byte(prompt))
	rng := rand.New(rand.NewPCG(s.seed, h.Sum64()))
	predictor := s.model.newPredictor(suspectTop)
	text := s.tok.encode(prompt)
	begin := len(text)
	for len(text) < begin+answerTokens && ctx.Err() == nil {
		ids, logits := predictor.candidates(text)
		token := draw(ids, logits, rng)
		if token == endOfText {
			break
		}
		text = append(text, token)
	}
	return collect.Answer{Text: s.tok.decode(text[begin:])}, ctx.Err()
}

// draw samples a candidate at the suspects' temperature. Requires descending
// logits.
func draw(ids []int32, logits []float32, rng *rand.Rand) int32 {
	weights := make([]float64, len(ids))
	sum := 0.0
	for i, l := range logits {
		weights[i] = math.Exp(float64(l-logits[0]) / suspectTemperature)
		sum += weights[i]
	}
	u := rng.Float64() * sum
	for i, w := range weights {
		if u -= w; u < 0 {
			return ids[i]
		}
	}
	return ids[0]
}
