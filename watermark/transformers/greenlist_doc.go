// Package transformers writes and reads the text marks of Hugging Face transformers
// 5.23.0, bit for bit.
//
// # Green lists
//
// [NewGreenList] is the mark of WatermarkingConfig (Kirchenbauer et al. 2023) with the
// lists of torch's CPU generator, checked against vectors made with torch 2.15.0. (A
// generator of another device gives other lists: texts marked on a GPU are not read.)
//
// A list holds the first int(vocab_size·greenlist_ratio) tokens of a random
// permutation of the vocabulary, and raises the logits of these by the bias. With
// lefthash the last token seeds the generator: seed = hashing_key·id mod (2^64−1), of
// which the generator uses the low 32 bits. With selfhash each candidate c has a list of
// its own, with the least hashing_key·table[id]·table[c] over the last context_width−1
// ids and c itself, and only the 40 most likely candidates are tested. Prompts are
// context like any other, repeats are marked, and so is greedy decoding.
//
//	engine                        here                                        default
//	greenlist_ratio               GreenListConfig.GreenlistRatio              0.25
//	bias                          GreenListConfig.Bias                        2.0
//	hashing_key                   GreenListConfig.HashingKey                  15485863, public: no evidence
//	seeding_scheme                GreenListConfig.SeedingScheme               lefthash
//	context_width                 GreenListConfig.ContextWidth                1
//	model's vocab_size            GreenListConfig.VocabSize                   required
//	model's bos_token_id          GreenListDetectorOptions.BOSTokenID         none
//	ignore_repeated_ngrams        GreenListDetectorOptions.IgnoreRepeatedNgrams  false
//	z_threshold                   GreenListDetectorOptions.ZThreshold         3.0
//	max_cache_size, device        not needed; the device is the CPU
//
// [watermark.Session.Sample] is to be given the scores that the engine's processor
// sees, which is the last one: after temperature and truncation. For greedy decoding
// take the largest sum of [watermark.Session.Perturb] and the scores.
//
// # Reading green lists
//
// [GreenListDetector] is the engine's WatermarkDetector, to the last bit of z. What is
// wrong with it: each repeat of an n-gram is counted as further evidence, and with
// ignore_repeated_ngrams, other n-grams with the same seed still are: of unmarked
// templates, 10 to 28 in 100 have a p below 0.01. The p-value is a normal law's, which
// in the tail is too small by orders of magnitude for short texts and greenlist_ratio
// below ½. And int(vocab_size·greenlist_ratio)/vocab_size, not greenlist_ratio, is the
// share of a list.
//
// LogP, here and from the Detector of the mark, scores each seed of the generator once.
// Then a token that has nothing to do with the key is in the list with probability
// size/vocab_size exactly, the lists of different seeds are independent, and the count
// of n is binomial: its tail is exact, and ln p is set to 0 below a count of one more
// than the mean ([tail.FixedLists]). Scoring several tokens of one seed would not be
// exact, as they are drawn without replacement; that law would still bound it. After token 0
// lefthash has the seed 0 under every key. It counts as a miss.
//
// "Exact" is for a random generator in the place of the Mersenne Twister and a key drawn
// at random. Seeds have 32 bits: a list can be searched for its seed, and the seed and
// an id give the low half of a key of lefthash. The mark does not hide.
package transformers
