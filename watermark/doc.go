// Package watermark marks the tokens that an inference server samples, and reads
// the mark back from tokens alone with an exact p-value.
//
// A word is 64 secret bits that a key decides for a candidate token at a position,
// where the position is known by its window: the last Width tokens of the answer.
// A [Watermark] is a [Source] of such words, a [Scheme] by which they choose a
// token, and [Rules] for the windows. [New] makes the native mark of a key;
// [Build] makes any other. It is one immutable value that opens writers and
// readers, so that they cannot disagree:
//
//	key, err := keys.ReadFile("vendor.key")
//	w, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{})
//	s, err := w.NewSession(watermark.SessionOptions{Seed: seed}) // one request
//	token, err := s.Sample(nil, logits)                          // instead of the sampler
//	err = s.Accept(token)
//	result, err := w.Detect(watermark.Text{Tokens: tokens})      // ln p
//
// # Writing
//
// A [Session] comes last in the sampling pipeline: it takes final logits, dense
// or of the top candidates, and returns a token. Accept advances by the token
// that is kept; Rewind and CopyFrom take drafts back; Fork makes siblings for
// n > 1. It neither allocates nor locks. Where it must not mark, it draws as an
// ordinary sampler would, from the request's own seed: at the first Width tokens
// of an answer, after a window that occurred before in the conversation, on
// another sibling's windows and where the request has opted out. A draw is a
// function of the key, the window, the request's seed and the position, so that
// a position sampled twice gives the same token.
//
// At temperature 0 the server takes [Argmax] and accepts it. In speculative
// decoding a draft's session and the target's share key and seed, so that the
// target draws what it would have drawn without drafts, and most drafts agree;
// where drafts are rejected by probability instead, [DualGumbel] and
// [Session.SetRole] keep the target's distribution.
//
// With [Gumbel] (the default), [Tournament] and [DualGumbel] the distribution of
// a token over the draw of the key is that of the model; [GreenList] changes it.
// Several marks share an answer on disjoint windows by [Layers].
//
// # Reading
//
// A [Detector] adds up the evidence of a text or a corpus and gives LogP, the
// natural logarithm of the probability that text which is independent of the key
// scores so high. Equal windows have equal words, so repeats are scored once:
// that is no option, since every detector that counts them again convicts
// repetitive text. [Watermark.Localize] says which spans of a text are marked,
// [Search] which of many marks made it, and [Scorer] reads single tokens for
// tests of what a model predicts.
//
// # What a p-value stands on
//
// Exactness is in the random-function model: words of distinct windows and tokens
// are independent and uniform. The native words are BLAKE3 of the window, then
// AES-128 of the token, in two levels: a coarse byte, by which a dense draw is
// pruned to a few candidates, and 56 fine bits. Their distance from random is at
// most 2^-35 for equal counters and 2^-23 for a permutation in place of a
// function, at 2^40 windows and 2^17 tokens: no p-value below that is proven by
// the words, whatever its figure. Sources whose [Kind] is not [Cryptographic]
// prove less, and public keys nothing.
//
// # Not promised
//
// Equal tokens on all processors where two draw values differ by less than 1e-12;
// a mark that survives paraphrase or translation; secrecy of the mark from one who
// sees many answers: a narrow window is learnt from enough text.
package watermark
