// Package synthid reads and writes SynthID-Text, DeepMind's reference
// implementation, bit for bit, and so what Hugging Face transformers makes of it.
//
// Checked against synthid-text 0.2.1 and transformers 5.23.0 for the hash [Table], and
// against the synthid-text repository at commit addb4a1 (13 June 2025) for the hash
// [TableFree], with vectors made by their own code: hashes, tables, 300 detector runs
// over 132 texts, 20 draws, 108 posteriors. The repository kept the number 0.2.1 when
// it changed the hash: a version number does not tell the two apart, and text marked
// with one looks unmarked under the other.
//
// [New] makes the mark, whose sessions write and whose detectors read like those of
// any other mark of this library. [Detect] gives the engine's own figures, and this
// library's p-value beside them. [Bayes] is the engine's trained classifier. A
// configuration of transformers is read by package transformers.
//
// # The mark
//
// A token's g-values, one bit for each of D keys, come from a hash of the NgramLen−1
// tokens before it and itself. The tournament moves probability to tokens with ones,
// layer by layer: p becomes p·(1 + g − Σ g p), in float32. A context that is among the
// last ContextHistorySize ones is left alone. The context begins as zeros and never
// holds a token of the prompt, so that all answers begin with the same few contexts,
// unless SkipFirstNgramCalls is set.
//
// A session wants logits after temperature and top-k, like all sessions here; the
// engine does both inside. The draw from the last layer is the session's own: torch's
// random numbers are not reproduced, only the distribution. A score that has
// underflowed is −Inf here and −1e12 or the lowest float32 there; probabilities below
// e^−14 or so have lost digits in the engine's float32 and differ.
//
// # What its detector leaves out, and gets wrong
//
// It ships means and a classifier, and no p-value. The first NgramLen−1 tokens are
// never scored, marked or not.
//
//   - The obvious p-value, Binomial(n·D, ½), is wrong for a table: all layers of an n-gram
//     are functions of 16 bits and one table, whose default has 25 ones too few. Over
//     500,000 n-grams its z is −2.95 for text that nobody marked. [Null] is the exact law.
//   - Repeats further back than ContextHistorySize count again. LogP counts a context
//     once in a text, and a corpus an n-gram once.
//   - The classifier's posterior is a statement about a prior. Nobody has its error rate.
//
// For the table-free hash LogP is Binomial(n·D, ½), exact in the model of a random
// function. Neither hash is cryptographic (Kind "statistical"), and the demonstration
// keys 654, 400, 836, … are nobody's secret (Kind "public key"). LogP supposes keys
// drawn from all of 64 bits.
//
// # Configuration
//
//	engine (SynthIDLogitsProcessor)  Config               default
//	ngram_len                        NgramLen             5
//	keys                             Keys                 required
//	context_history_size             ContextHistorySize   1024; 0 is [NoHistory]
//	sampling_table_seed              SamplingTableSeed    0
//	sampling_table_size              SamplingTableSize    65536
//	skip_first_ngram_calls           SkipFirstNgramCalls  false
//	num_leaves                       NumLeaves            2
//	device                           SamplingTable        a table drawn elsewhere than on a CPU
//	temperature, top_k, apply_top_k  —                    applied by the caller
//	(the release)                    Hash                 [Table]
package synthid
