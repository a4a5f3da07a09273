// Package textseal reads and writes the marks of Meta's textseal, bit for bit.
//
// Checked against textseal 0.0.5 (PyPI), with vectors made by its own code: every
// hash, all 8,191 scores, 504 detector runs over 112 texts and 19 draws. The mark
// of two keys, TextSeal, and its entropy weights follow the source tree after that
// release; they were read, not run, and no vectors exist for them. That tree also
// spaces the layers of its tournament 659,101 ids apart instead of one; this
// package does not.
//
// [New] makes the mark, whose sessions write and whose detectors read like those
// of any other mark of this library. [Detect] gives what the engine's own
// evaluator says of a text, and this library's p-value beside it.
//
// # The mark
//
// A hash of 13 bits of the last Ngram tokens, prompt included, of the token and of
// the key gives r = k/8191. Everything is marked, also the same window again, except
// at temperature 0.
//
//	gumbelmax         the largest r^(1/p), in float32
//	greenlist         p·e^delta where r < gamma, then an ordinary draw
//	synthid           a tournament of two leaves and Depth layers; layer d of token t
//	                  is green where token t+d is
//	synthid-weighted  written as synthid, scored with weights from 10 to 1
//	textseal          gumbelmax with key A or B (unreleased): at random with
//	                  probability mixing_alpha of A; in speculative decoding drafts
//	                  and bonus tokens take A, what replaces a rejected draft takes B
//
// A session wants logits after temperature and top-p, like all sessions here. The
// engine divides by the temperature (0.8 by default in its functions, 0.9 in its
// pipeline) and then drops tokens at whose front more than 0.95 has been summed.
// Draws other than gumbelmax's are the session's own: torch's random numbers are
// not reproduced, only the distribution.
//
// # What its detector gets wrong
//
//   - "none", and any method without a set of what was scored, count repeats as
//     fresh evidence: on text that repeats itself their p-values mean nothing.
//   - "v2" scores (window, token) pairs once. Layers d+1 of token t and d of token t+1
//     are one bit, which a tournament counts twice after equal windows.
//   - p-values of green lists and tournaments are mid-p: P(p <= x) > x is possible. They
//     rest on gamma where the share of green values is 4096/8191 for gamma 0.5.
//   - The p-value of synthid-weighted is a normal tail, computed as 1 − Φ: it is wrong
//     far out and ends at 1e-16. All others end at 1e-200.
//   - The p-value of two keys fits a Gamma law to two moments: it is too small far out.
//     With entropies the lesser of two p-values is reported as if it were one.
//   - With nothing scored gumbelmax gives NaN.
//   - One more token at the front is left out than has to be.
//
// This library scores each word once: distinct inputs of the hash, which different
// windows may share, for gumbelmax, green lists and two keys, and distinct windows
// for tournaments. Its p-values are exact in the model of a random function, or for
// gumbelmax bounded by a Gamma tail; they have no floor.
//
// What no p-value can mend: the hash has 13 bits and passes for random at best
// (Kind "statistical"), and the engine's default key, 42, is nobody's secret
// (Kind "public key"). With ngram 1 a text has few distinct windows.
//
// # Configuration
//
//	engine (WatermarkConfig)  Config          default
//	watermark_type            WatermarkType   gumbelmax
//	secret_key                SecretKey       required (engine: 42)
//	ngram                     Ngram           1
//	gamma                     Gamma           0.5
//	delta                     Delta           2.0
//	depth                     Depth           30
//	after_topp                BeforeTopP      true, which is BeforeTopP false
//	scoring_method            ScoringMethod   v2
//	secret_key_b              SecretKeyB      −1, which is secret_key + 12345 (unreleased)
//	mixing_alpha              MixingAlpha     0.5 (unreleased)
//	method                    —               follows from watermark_type, as in the engine
//	key_routing               —               only false is read (unreleased)
//	seen_windows              [Detector.DetectSeen]
//	entropy_threshold         —               not offered
//
// The fields alpha, k_morphmark, p_0, chunk_size, num_drafts, base_watermark and those
// of training do not touch these marks; [ParseConfig] accepts them. It refuses
// dipmark, morphmark, watermax and names that it does not know.
package textseal
