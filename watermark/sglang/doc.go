// Package sglang writes and reads the text mark of SGLang, bit for bit: a keyed
// Gumbel draw over MurmurHash3, with one key or two.
//
// It was checked against SGLang 0.5.23, with the results of its own code (CPU
// reference path) that lie in testdata/vectors: keys, hashes, coins, float32
// logarithms, draws, which positions are marked and with which key, all five
// statistics and counters of its detector. A version string alone does not identify a
// mark. The engine's GPU kernels were read, not run.
//
//	c, err := sglang.ParseConfig([]byte(`{"key": "70e9b0d1c25f1a43"}`)) // the server's JSON
//	w, err := sglang.New(c)
//	s, err := w.NewSession(watermark.SessionOptions{Seed: seed, Prompt: prompt})
//	r, err := w.Detect(watermark.Text{Prompt: prompt, PromptKnown: true, Tokens: ids})
//	d, err := sglang.Detect(c, sglang.DetectorOptions{}, text) // the engine's own figures
//
// # Configuration
//
//	server's JSON             Config                         default
//	key                       Key                            required here: 1 to 16 hex digits, 0x before them or not
//	key_b                     KeyB                           none: one key
//	context_window            ContextWindow                  4, 1 to 64
//	mixing_probability        MixingProbability              0.5, the share of key A
//	max_probability           MaxProbability                 1
//	default_enabled           DefaultEnabled (kept only)     false
//	enforce_all               EnforceAll (kept only)         false
//
//	request's "watermark"     Request                        default
//	enabled                   Enabled (kept only)            the server's to say: watermark.SessionOptions.Off
//	key                       Key, by Config.With            the server's key
//	context_window            ContextWindow, by Config.With  the server's, may only shrink
//
//	detector                  DetectorOptions                default
//	max_contexts              MaxContexts                    4096, the most
//	(the model's vocab_size)  VocabSize                      0: ids are not checked
//
// # Writing
//
// A session draws the largest ln u / p in float32, p the softmax of the candidates,
// the lowest id among equals. Give it the logits of the tokens that top-k, top-p and
// min-p keep, after penalties and temperature; at temperature 0 and at top-k 1 the
// engine takes watermark.Argmax, unmarked. Contexts are the last tokens of prompt and
// completion, chat template included, so give the session its Prompt; the first are
// short where there are few. Leave SessionOptions.Turns empty: the engine knows one
// request at a time.
//
// A position is marked if the hash of its context was not marked before in the
// request, fewer than 4096 were, and no candidate is likelier than MaxProbability. Only
// a context that was drawn with the mark is remembered: a token that is accepted
// without Sample leaves it to be marked later. A server whose pool for a request is
// smaller than 4096 marks fewer.
//
// The reference path sums a softmax in another order, so that its p may differ by a
// few units in the last place, and with it a choice between ratios that are as near.
// None of the recorded draws does. Session.Perturb adds −ln(−ln u) to logits, which
// orders candidates alike but for rounding; it fails for a MaxProbability below 1.
//
// # Reading
//
// Each context is scored once, with the key that its coin chose. Where the prompt is
// known, its last tokens begin the first contexts; unknown, the first tokens of the
// completion are left out. LogP is the tail of Gamma(n, 1). The engine's variates lie in
// the middle of 2^32 steps, so that a score is at most the mean of an exponential
// variate over its step: their sum is below a Gamma variate in the increasing convex
// order, and no exponential bound that holds for Gamma fails for it.
//
// What the engine's detector does otherwise:
//
//   - It tells contexts apart by their tokens, although words depend on a 32-bit hash
//     of them. [Detect] does too; watermark.Detector counts by the hash, so that
//     equal words are scored once in corpora of any size. In one text of n tokens
//     the two differ with probability n²/2^33.
//   - It stops after 4096 contexts. watermark.Detector does not.
//   - An empty prompt is an unknown one to it. With watermark.Text.PromptKnown the
//     shared detector scores the short contexts that the engine marked.
//   - Its ln p near 0 is a difference with a noise of 1e-12. LogPValue is exact.
//   - It has no threshold. Its example service asks for p < 0.01 of whichever
//     statistic: five are reported, of which Combined is the one to look at.
//   - With the right key B and a wrong key A, positions that both coins give to key B
//     still score: a test of decoys changes both keys, as Watermark.Decoy does.
//   - Its p of one text is right for a random key; under one key, texts of one
//     template share contexts, and their p-values are not independent. In a corpus
//     watermark.Detector scores each (context, token) once.
//
// The engine's ids go up to 2^32−1, those of this module to 2^31−1.
//
// No p-value is better than its key. Murmur is no cryptographic function and keys have
// 64 bits: watermark.SourceInfo.Kind is Statistical, and PublicKey for keys that
// everybody tries first, such as 0123456789abcdef.
package sglang
