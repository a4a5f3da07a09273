// Package tokenizer turns text into tokens as a model's own tokenizer.json says,
// and says where two models' tokens of one text can be compared. It reaches no key
// and no mark, and needs nothing but the standard library and a hash.
//
// # What is exact
//
// [Tokenizer.Encode] gives the ids that release 0.22 of Hugging Face's tokenizers
// library gives with add_special_tokens set to false, for every text that is valid
// UTF-8, for byte-level byte-pair encoding (model BPE) with
//
//   - the splits of GPT-2 (ByteLevel), of Llama 3 and cl100k, of Qwen 2 and 3, of
//     o200k (GPT-4o, gpt-oss), of Mistral's Tekken and of DeepSeek V3, each known by
//     its regular expressions letter by letter, and Digits before GPT-2's (SmolLM,
//     StarCoder 2);
//   - no normaliser, or NFC, or a Sequence of such;
//   - added tokens, special or not, with lstrip, rstrip, single_word and normalized;
//   - ignore_merges, byte_fallback, unk_token, fuse_unk, merges as pairs or strings;
//   - bytes that have no token, which the library drops.
//
// Letters, numbers and white space are those of Unicode 16.0.0 and normalisation
// is that of Unicode 9.0.0, as in that release, whatever the release of Go.
// (Release 0.23 takes Unicode 17.0.0 in the Digits step and nowhere else: 13 code
// points more are numbers there.)
//
// Text that is not valid UTF-8, which the library does not take, is encoded too: a
// byte that is part of no character counts as a character that is neither a
// letter, a number nor white space, and nothing composes with it. Decode gives
// the same bytes back. A program that wants U+FFFD instead puts it there first.
//
// The library's regular expressions give up after ten million steps, which twelve
// million spaces in a row take; this package does not. Where an added token with
// lstrip is itself of white space that the token before has taken, the library
// panics or gives no token; this package gives none.
//
// # What is refused
//
// Parse returns an error that names it for everything else that might change ids:
// another model, normaliser, pre-tokeniser, post-processor, decoder or regular
// expression, add_prefix_space, a truncation or padding, a dropout, prefixes and
// suffixes of words, fields that it does not know, merges of tokens that are not
// there, two tokens with one id, added tokens whose ids the library would change,
// and files that are cut off or something else. Nothing is approximated.
//
// SentencePiece models (Llama 2, Gemma), Unigram and WordPiece are not byte-level
// and are refused.
//
// # Two vocabularies
//
// A suspect with another vocabulary reads the marked model's text as its own
// tokens. Its prediction can be scored with the marked model's vocabulary where
// [Align] says that both tokenisations have a boundary, and where the predicted
// bytes are one token of that vocabulary ([Tokenizer.Single]). What it is fed before
// that place must not depend on what comes after: [Tokenizer.Stable] says where the
// tokens of the whole text will do. The marked model's own tokens are the logged
// ones ([Tokenizer.Ends]), never text that was encoded again.
//
// # Speed
//
// There is no cache of words: a tokenizer is as fast at first as later, holds the
// same memory whatever it has read, and needs no lock. Nearly every word of prose
// is one look-up in a table of the tokens that a word becomes; what is not found is
// merged, in time n log n of its bytes. BenchmarkEncode has the figures.
//
// # What is not here
//
// No special tokens are added and no chat template is applied. Decode gives the
// bytes of each token; it does not, as the library's does, replace what is not
// UTF-8, and it gives an added token outside the vocabulary as its content even
// where the library would read that as bytes.
package tokenizer
