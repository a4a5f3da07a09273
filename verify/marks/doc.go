// Package marks writes a mark into a file and makes the mark of the file again, so
// that evidence can be recomputed by somebody who has nothing else: the native mark
// in all its schemes, layers of a layout, and the mark of every engine package.
//
//	spec, err := marks.Of(vllm.Config{Key: key, ContextWidth: 3})
//	line, err := spec.Encode()               // public, for a plan
//	secret := marks.IntegerSecret(integer)   // opened after the seal
//	mark, err := spec.Build(secret)          // as vllm.New makes it
//
// A [Spec] is public: engine, configuration, public name of the key. A [Secret] is
// what is left out: keys or integers. They are two files because they are shown at
// different times: the spec before a suspect is asked, bound by its digest, the
// secret when the answers are sealed. A spec names its key, so that the wrong secret
// is refused and not taken for a text without a mark.
//
// The mark that [Spec.Build] returns equals that of the engine package: the same ID
// and SourceInfo, the same tokens, scores and decoys.
//
// # Layers
//
// A layer is rebuilt without the keys of the other layers: from its own key, the key
// of the layout and its part of the windows, which is in the spec. Its detector
// scores the layer's windows, its decoys too. The layout key shows which windows
// those are and no word of any layer. See [watermark.NewLayer].
//
// # Files
//
// Spec and secret are one line of canonical JSON each, as described in package
// collect; ? marks what is left out when empty, zero or of no meaning there:
//
//	{"schema":"dyetrace/mark/1","engine":ENGINE,"key_id":ID,"layout_id"?:ID,"config":CONFIG}
//	{"schema":"dyetrace/mark-secret/1","key"?:TEXT,"layout"?:TEXT,"integers"?:[TEXT,…]}
//
// A secret has a key, and for a layer that of the layout, in the text form of
// package keys; or integers in decimal, as texts because many readers of JSON round
// numbers above 2^53. The configurations have the engine's names and no defaults:
//
//	dyetrace/1             {"scheme":"gumbel"|"dualgumbel"|"greenlist"|"tournament",
//	                        "alpha"?:NUMBER,"gamma"?:NUMBER,"delta"?:NUMBER,"depth"?:COUNT,
//	                        "width":COUNT,"part"?:{"begin":COUNT,"end":COUNT,"width":COUNT}}
//	vllm                   {"algorithm":TEXT,"alpha":NUMBER,"context_width":COUNT,"deduplicate_contexts":TEXT,
//	                        "deduplicate_contexts_max_history":COUNT|null,"allow_target_only_watermarking":BOOL}
//	sglang                 {"keys":1|2,"context_window":COUNT,"mixing_probability":NUMBER,
//	                        "max_probability":NUMBER,"default_enabled":BOOL,"enforce_all":BOOL}
//	transformers/greenlist {"greenlist_ratio":NUMBER,"bias":NUMBER,"seeding_scheme":TEXT,"context_width":COUNT,
//	                        "vocab_size":COUNT,"cache_bytes"?:COUNT}
//	transformers/synthid   {"layers":COUNT,"ngram_len":COUNT,"context_history_size":COUNT,"sampling_table_seed":INTEGER,
//	                        "sampling_table_size":COUNT,"skip_first_ngram_calls":BOOL,"sampling_table"?:BITS,
//	                        "sampling_table_sha256"?:HEX,"vocab_size"?:COUNT}
//	synthid                {"hash":TEXT,"layers":COUNT,"ngram_len":COUNT,"context_history_size":COUNT,
//	                        "sampling_table_seed"?:INTEGER,"sampling_table_size"?:COUNT,"skip_first_ngram_calls":BOOL,
//	                        "num_leaves":COUNT,"sampling_table"?:BITS,"sampling_table_sha256"?:HEX,"vocab_size"?:COUNT}
//	textseal               {"watermark_type":TEXT,"ngram":COUNT,"gamma"?:NUMBER,"delta"?:NUMBER,"depth"?:COUNT,
//	                        "after_topp"?:BOOL,"scoring_method":TEXT,"mixing_alpha"?:NUMBER,"vocab_size"?:COUNT}
//	markllm/kgw            {"gamma":NUMBER,"delta":NUMBER,"prefix_length":COUNT,"z_threshold":NUMBER,"f_scheme":TEXT,
//	                        "vocab_size":COUNT}
//	markllm/unigram        {"gamma":NUMBER,"delta":NUMBER,"z_threshold":NUMBER,"vocab_size":COUNT}
//	markllm/exp            {"prefix_length":COUNT,"threshold":NUMBER,"vocab_size":COUNT}
//
// without the line breaks shown here. layers is the number of SynthID's keys, keys
// that of SGLang's. A part is a half-open interval of the gate's 2^32 values and the
// tokens that the gate reads. BITS are the entries of a table, entry i at bit i mod 8
// of byte i/8, in standard base64. The digest of a spec is BLAKE3 in derive-key mode
// of the line with its end, context "dyetrace 2026-11-25 verify mark/1".
//
// # Not promised
//
// That a public name hides the key: an integer that was not drawn at random can be
// tried. That a spec binds a key as a commitment does: commit to [Secret.Key].
package marks
