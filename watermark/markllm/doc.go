// Package markllm writes and reads three text marks of MarkLLM 0.1.5, bit for bit: KGW,
// Unigram and EXP, with torch's CPU generator (checked against vectors made with torch
// 2.15.0) and numpy's default generator.
//
//	engine              here                                    default
//	KGW
//	gamma               KGWConfig.Gamma                         0.5
//	delta               KGWConfig.Delta                         2.0
//	hash_key            KGWConfig.HashKey                       15485863, public: no evidence
//	prefix_length       KGWConfig.PrefixLength                  1
//	z_threshold         KGWConfig.ZThreshold                    4.0
//	f_scheme            KGWConfig.FScheme                       time
//	window_scheme       left only                               left
//	Unigram
//	gamma, delta, hash_key, z_threshold   UnigramConfig         0.5, 2.0, 15485863, 4.0
//	EXP
//	prefix_length       EXPConfig.PrefixLength                  4
//	hash_key            EXPConfig.HashKey                       15485863, public
//	threshold           EXPConfig.Threshold                     1e-4
//	top_k               0 only: the engine fails for others     0
//	sequence_length     read and checked; no mark depends on it 200
//	TransformersConfig.vocab_size         VocabSize             required
//
// A mark with window_scheme self would cost the engine one permutation for each token
// of the vocabulary at each position. No text was made so, and it is refused.
//
// # Writing
//
// KGW and Unigram add delta to the raw scores, before temperature and truncation. So
// give [watermark.Session.Perturb] the whole vocabulary, add what it writes to the
// scores, and go on from there as with any; [watermark.Session.Sample], which draws
// itself, is the same mark where temperature is 1 and nothing is cut off. EXP has no
// temperature: give Sample the raw scores. Windows reach into the prompt. Repeats are
// marked.
//
// # Reading, and what the engine's detectors get wrong
//
// KGWDetector, UnigramDetector and EXPDetector give the engine's figures. They
// count each repeat of a window or token as further evidence, so that unmarked templates
// are taken for marked ones, and Unigram does so for any text with a favourite word.
// gamma is taken for the share of a list, which is int(vocab_size·gamma)/vocab_size. EXP's
// context is a product modulo the vocabulary: the order of its ids is nothing, and an id 0, or
// the right powers of two, make it 0, whose seed is 0 under every key.
//
// LogP, here and from the Detector of a mark, is free of that:
//
//   - KGW scores each seed once, and the count is binomial: exact for seeds of random
//     lists ([tail.FixedLists]). Only vocab_size lists exist, the same for every key, which
//     permutes them.
//   - Unigram scores each token of the vocabulary once: the count is
//     hypergeometric ([tail.FixedList]), exact.
//   - EXP scores each (seed, token) once. A score −ln(1−u) of u in steps of 2^-24 is
//     stochastically below an exponential variate, so that the gamma tail is an upper bound,
//     by less than 10^-7 a token. Seed 0 scores 0.
//
// "Exact" is for random generators in the place of the Mersenne Twister and PCG, and a
// key drawn at random. Unigram has 2^32 masks and KGW vocab_size seeds: both can be
// searched. None of these marks hides.
package markllm
