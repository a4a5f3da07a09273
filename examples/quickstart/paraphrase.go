package main

import "context"

// How a rewriter works.
const (
	rewriteEvery = 4  // the fourth word of four
	rewriteTop   = 40 // from so many candidates
)

// paraphrase rewrites answers word by word, as somebody does who wants to be rid of
// marks: every fourth token becomes another that a model of other books finds likely
// there. No four tokens in a row stay together, and so no window with the token that
// the mark chose after it.
func paraphrase(ctx context.Context, s *shelf, answers []string, p *progress) ([]string, error) {
	p.begin("rewrite")
	m := train(s.tok.encodeAll(s.other), s.tok.size())
	out := make([]string, len(answers))
	err := inParallel(ctx, len(answers), p.at, func() func(int) error {
		predictor := m.newPredictor(rewriteTop)
		return func(i int) error {
			ids := s.tok.encode(answers[i])
			for at := rewriteEvery - 1; at < len(ids); at += rewriteEvery {
				ids[at] = another(predictor, ids[:at], ids[at])
			}
			out[i] = s.tok.decode(ids)
			return nil
		}
	})
	if err != nil {
		return nil, err
	}
	p.end("%s answers, every fourth word of them", grouped(len(out)))
	return out, nil
}

// another returns the likeliest token after text that is not the one there.
func another(predictor *predictor, text []int32, not int32) int32 {
	ids, _ := predictor.candidates(text)
	for _, id := range ids {
		if id != not && id != endOfText {
			return id
		}
	}
	return not
}
