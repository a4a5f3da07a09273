// # SynthID-Text
//
// [NewSynthID] is the mark of SynthIDTextWatermarkingConfig, whose hash, table and
// tournament are those of DeepMind's released synthid-text 0.2.1, bit for bit: it is
// package [synthid] with transformers' configuration, and that package's manual is
// this mark's. The sampling table is torch's CPU one; a table drawn on a GPU differs
// and goes into SamplingTable.
//
//	engine                   here                                  default
//	ngram_len                SynthIDConfig.NgramLen                required
//	keys                     SynthIDConfig.Keys                    required
//	context_history_size     SynthIDConfig.ContextHistorySize      1024; 0 is [synthid.NoHistory]
//	sampling_table_seed      SynthIDConfig.SamplingTableSeed       0
//	sampling_table_size      SynthIDConfig.SamplingTableSize       65536
//	skip_first_ngram_calls   SynthIDConfig.SkipFirstNgramCalls     false
//	debug_mode               only false: it makes all tokens equally likely
//
// The engine's processor is the last one and sees the whole vocabulary, of which top-k
// and top-p have left most at −Inf; a session may be given what is left. The prompt is
// not context: an answer's context begins as zeros.
//
// [DetectSynthID] gives the counts and means of an answer, end-of-sequence ids from
// the first on left out, and [SynthIDBayesian] the posterior of the engine's
// SynthIDTextWatermarkDetector, from its model.safetensors. The engine ships no
// p-value; LogP of the result and of the mark's Detector is exact.
package transformers
