// Package vllm writes and reads the text mark of vLLM, bit for bit: the algorithms
// gumbel and dual_key_gumbel over Philox.
//
// It was checked against vLLM 0.33.0, with the results of its own code (CPU
// reference path) that lie in testdata/vectors: sub-keys, words, float32 variates,
// draws, which positions are skipped, scores, p-values and verdicts. A version
// string alone does not identify a mark. The engine's GPU kernels were read, not
// run.
//
//	c, err := vllm.ParseConfig([]byte(`{"key": 8135903519184209431}`)) // of --watermark-config
//	w, err := vllm.New(c)
//	s, err := w.NewSession(watermark.SessionOptions{Seed: seed}) // draws as the server does
//	r, err := w.Detect(watermark.Text{Tokens: ids})              // exact ln p
//	d, err := vllm.Detect(c, vllm.DetectorOptions{}, ids)        // the engine's own figures
//
// # Configuration
//
//	--watermark-config                  Config                          default
//	key                                 Key                             required, 0 to 2^64−1
//	algorithm                           Algorithm                       "gumbel"
//	alpha                               Alpha                           0.1, in [0, 1]
//	context_width                       ContextWidth                    4, from 1
//	deduplicate_contexts                DeduplicateContexts             "single_turn"
//	deduplicate_contexts_max_history    DeduplicateContextsMaxHistory   8192; null is Unlimited
//	prf                                 (none)                          "philox", the only one
//	allow_target_only_watermarking      AllowTargetOnlyWatermarking     false
//	request: watermarking               watermark.SessionOptions.Off    on
//
//	detector                            DetectorOptions                 default
//	threshold                           Threshold                       0.01, compared with <=
//	deduplicate_contexts                CountRepeats (its opposite)     true
//	(the model's vocab_size)            VocabSize                       0: ids are not checked
//
// Contexts wider than 64 are refused here; the engine takes them and warns above
// 16.
//
// # Writing
//
// A session draws argmax of float32 logit + float32 −ln(−ln u), the lowest id among
// equals. Give it the logits after bias, penalties, temperature and truncation. At
// temperature 0 the engine takes watermark.Argmax, unmarked. Contexts are of the
// completion alone, −1 before its start; with scope All its first ContextWidth
// tokens are plain. The engine knows one completion at a time: leave
// SessionOptions.Turns empty to skip exactly what it skips, and give Prompt, which
// scope All searches.
//
// With two keys the engine draws key B with probability alpha, by the request's own
// randomness: sessions take the same decision at the same rate from their seed, not
// at the same positions, since the engine's sampler is not part of the mark. In
// speculative decoding (SessionOptions.Role) drafts take key A, recovery and bonus
// tokens key B; algorithm Gumbel leaves drafts plain, and marks recovery and bonus
// tokens with AllowTargetOnlyWatermarking. Plain positions draw from the session's
// seed.
//
// Two things differ where logits are not finite: NaN is no candidate, as on the
// engine's GPU path; and among several logits +Inf the lowest id is taken, as in
// the engine, where other marks of this module draw one.
//
// Logarithms of float32 may differ by a unit in the last place between libraries:
// where two sums are as near as that, another token may win. None of the recorded
// draws is.
//
// # Reading
//
// Detections score each context once, the head of a completion too, padded. LogP is
// the tail of Gamma(n, 1) for one key, and of Σ (1−alpha)A + alpha·B for two, exact
// for continuous variates. The engine's have 24 bits: a score is less than 2^-23
// nats above an exponential variate that it is coupled with, so that the true ln p
// is at most 2^-22 a scored token above LogP.
//
// What the engine's detector does otherwise:
//
//   - With two keys its p (EngineP) is that of a Gamma law of the same mean and
//     variance. Far out that is too small: at alpha 0.1 and 200 tokens by a factor
//     of 2 where the mean score is 1.6, of 11 where it is 2. LogP is exact.
//   - Its p is 0 below 5e-324. LogP has no floor.
//   - With CountRepeats it counts a context again each time: of unmarked texts that
//     repeat a template, 19 % had a p below 0.01 (200 texts, 10 keys).
//   - It does not check ids. −1 in a text is padding to it, and ids count modulo
//     2^32. Here they are refused.
//   - Its p of one text is right for a random key; under one key, texts of one
//     template share contexts, and their p-values are not independent. In a corpus
//     watermark.Detector scores each (context, token) once.
//
// No p-value is better than its key. Philox is no cryptographic function and keys
// have 64 bits: watermark.SourceInfo.Kind is Statistical, and PublicKey for keys
// that everybody tries first, such as 42.
package vllm
