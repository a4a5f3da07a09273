package tokenizer_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// little is a whole file with three letters, a space and one merge.
const little = `{
  "version": "1.0", "truncation": null, "padding": null,
  "added_tokens": [{"id": 5, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "post_processor": null,
  "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
  "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
    "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
    "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4}, "merges": [["a", "b"]]}
}`

func TestLittle(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tokenizer.json")
	require.NoError(t, os.WriteFile(name, []byte(little), 0o600))
	tok, err := tokenizer.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, 6, tok.Size())
	assert.Equal(t, []int32{4, 2, 3, 4, 5, 1, 0}, tok.Encode("abc ab<s>ba"))
	assert.Equal(t, []int32{4}, tok.Encode("azb"), "z has no token, and its neighbours merge across it")
	assert.False(t, tok.Lossless())
	added, ok := tok.Added(5)
	assert.True(t, ok)
	assert.Equal(t, tokenizer.AddedToken{ID: 5, Content: "<s>", Special: true}, added)
	for _, id := range []int32{-1, 6, 1 << 30} {
		_, ok := tok.Piece(id)
		assert.False(t, ok, id)
		_, ok = tok.Added(id)
		assert.False(t, ok, id)
	}
	_, err = tok.Decode([]int32{0, 6})
	assert.EqualError(t, err, "tokenizer: id 6 at index 1 is no token, want one of 0 to 5")
	_, err = tok.Ends([]int32{-1})
	assert.EqualError(t, err, "tokenizer: id -1 at index 0 is no token, want one of 0 to 5")
	dst, err := tok.AppendDecode([]byte("x"), []int32{4, 9})
	assert.Error(t, err)
	assert.Equal(t, "x", string(dst))

	var want [32]byte
	blake3.DeriveKey("dyetrace 2026-11-25 verify tokenizer/1", []byte(little), want[:])
	assert.Equal(t, want, tok.Digest())

	_, err = tokenizer.ReadFile(name + ".no")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// TestUnreachable has tokens that no merge makes: a model knows them, and text
// never becomes them, unless merges are ignored.
func TestUnreachable(t *testing.T) {
	file := strings.NewReplacer(`"ab": 4}`, `"ab": 4, "ba": 5, "abc": 6}`, `"id": 5`, `"id": 7`).Replace(little)
	tok, err := tokenizer.Parse([]byte(file))
	require.NoError(t, err)
	assert.Equal(t, []int32{1, 0}, tok.Encode("ba"))
	assert.Equal(t, []int32{4, 2}, tok.Encode("abc"))
	_, ok := tok.Single("ba")
	assert.False(t, ok)
	id, ok := tok.ID("ba")
	assert.True(t, ok)
	assert.EqualValues(t, 5, id)
	assert.Equal(t, "baabc", decode(t, tok, []int32{5, 6}))

	tok, err = tokenizer.Parse([]byte(strings.Replace(file, `"ignore_merges": false`, `"ignore_merges": true`, 1)))
	require.NoError(t, err)
	assert.Equal(t, []int32{5}, tok.Encode("ba"))
	assert.Equal(t, []int32{1, 0, 0}, tok.Encode("baa"))
	id, ok = tok.Single("ba")
	assert.True(t, ok)
	assert.EqualValues(t, 5, id)
}

// TestRefuses changes one thing of little at a time.
func TestRefuses(t *testing.T) {
	const (
		pre    = `{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}`
		level  = `{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}`
		number = `{"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}"}, "behavior": "Isolated", "invert": false}`
		flags  = `"single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}`
		qwen   = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
	)
	for _, c := range []struct{ old, new, want string }{
		{`"version": "1.0"`, `"version": "2.0"`, `version is "2.0", want "1.0"`},
		{`"version": "1.0", `, ``, `version is missing, want "1.0"`},
		{`"truncation": null`, `"truncation": {"max_length": 512}`, `truncation is set, which changes ids; want null`},
		{`"padding": null`, `"padding": {}`, `padding is set, which changes ids; want null`},
		{`"padding": null`, `"padding": null, "surprise": 1`, `this is no tokenizer.json: json: unknown field "surprise"`},
		{`"normalizer": null`, `"normalizer": {"type": "NFKC"}`, `normalizer is "NFKC", want NFC or none`},
		{`"normalizer": null`, `"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}`, `normalizer is "Lowercase", want NFC or none`},
		{`"normalizer": null`, `"normalizer": {"type": "NFC", "form": 2}`, `normalizer: json: unknown field "form"`},
		{`"normalizer": null`, `"normalizer": {}`, `normalizer: there is no type`},
		{`"normalizer": null`, `"normalizer": 7`, `normalizer: json: cannot unmarshal number`},
		{pre, `null`, `pre_tokenizer has 0 steps, want ByteLevel alone, or Digits, Split or DeepSeek's three of Split and then ByteLevel`},
		{pre, `{"type": "Metaspace"}`, `pre_tokenizer: it ends with "Metaspace", want ByteLevel: this package knows byte-level tokenizers only`},
		{pre, level, `pre_tokenizer is ByteLevel with use_regex false and nothing before it, which splits nowhere; want a Split before it`},
		{pre, strings.Replace(pre, "false", "true", 1), `pre_tokenizer: add_prefix_space is not false: the library would encode a space that is not in the text`},
		{pre, strings.Replace(pre, `"add_prefix_space": false, `, "", 1), `pre_tokenizer: add_prefix_space is not false: the library would encode a space that is not in the text`},
		{pre, `{"type": "Sequence", "pretokenizers": [{"type": "Punctuation"}, ` + pre + `]}`, `pre_tokenizer begins with "Punctuation", want Split, Digits or ByteLevel`},
		{pre, `{"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, ` + level + `]}`, `pre_tokenizer is Digits and then ByteLevel with use_regex false, want true`},
		{pre, `{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "x"}, "behavior": "Isolated", "invert": false}, ` + pre + `]}`, `pre_tokenizer is Split and then ByteLevel with use_regex true, want false`},
		{pre, `{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\s+"}, "behavior": "Isolated", "invert": false}, ` + level + `]}`,
			`pre_tokenizer: pattern is "\\s+", want one that this package knows: of Llama 3, Qwen 2, o200k, Tekken, or all three of DeepSeek's`},
		{pre, `{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"String": " "}, "behavior": "Isolated", "invert": false}, ` + level + `]}`, `pre_tokenizer: pattern is no regular expression`},
		{pre, `{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "` + qwen + `"}, "behavior": "Isolated", "invert": true}, ` + level + `]}`,
			`pre_tokenizer: behavior is "Isolated" with invert true, want Isolated with false or Removed with true`},
		{pre, `{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "` + qwen + `"}, "behavior": "Removed", "invert": false}, ` + level + `]}`,
			`pre_tokenizer: behavior is "Removed" with invert false, want Isolated with false or Removed with true`},
		{pre, `{"type": "Sequence", "pretokenizers": [` + pre + `, ` + pre + `, ` + pre + `]}`, `pre_tokenizer has 3 steps, want ByteLevel alone, or Digits, Split or DeepSeek's three of Split and then ByteLevel`},
		{pre, `{"type": "Sequence", "pretokenizers": [` + number + `, ` + number + `, ` + number + `, ` + level + `]}`, `pre_tokenizer: pattern is "\\p{N}{1,3}", want "[一-龥\u3040-ゟ゠-ヿ]+", as DeepSeek's files have it`},
		{pre, `{"type": "Sequence", "pretokenizers": [` + number + `, ` + pre + `, ` + number + `, ` + level + `]}`, `pre_tokenizer: of three steps before ByteLevel one is "ByteLevel", want Split`},
		{pre, `{"type": "Sequence", "pretokenizers": [` + number + `, ` + number + `, ` + number + `, ` + pre + `]}`, `pre_tokenizer: ByteLevel with use_regex true comes last, want false`},
		{pre, `{"type": "Sequence", "pretokenizers": [` + strings.Replace(strings.Replace(number, "Isolated", "Removed", 1), "false", "true", 1) + `, ` + number + `, ` + number + `, ` + level + `]}`,
			`pre_tokenizer: behavior is Removed with invert true, want Isolated with false`},
		{`"post_processor": null`, `"post_processor": {"type": "BertProcessing"}`, `post_processor is "BertProcessing", want ByteLevel, TemplateProcessing or a Sequence of them`},
		{`"post_processor": null`, `"post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}, {"Sequence": {"id": "A"}}]}`, `post_processor has a template with the text 2 times, want once`},
		{`"post_processor": null`, `"post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "B"}}]}`, `post_processor has a template with a piece that is neither sequence A nor a special token`},
		{`"post_processor": null`, `"post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "RobertaProcessing"}]}`, `post_processor is "RobertaProcessing", want ByteLevel, TemplateProcessing or a Sequence of them`},
		{`"decoder": {"type": "ByteLevel"`, `"decoder": {"type": "Metaspace"`, `decoder: it is "Metaspace", want ByteLevel`},
		{`"type": "BPE"`, `"type": "Unigram"`, `model is "Unigram", want BPE`},
		{`"dropout": null`, `"dropout": 0.1`, `model has a dropout of 0.1, which makes ids random; want none`},
		{`"continuing_subword_prefix": null`, `"continuing_subword_prefix": "##"`, `model has the continuing_subword_prefix "##", want none`},
		{`"end_of_word_suffix": null`, `"end_of_word_suffix": "</w>"`, `model has the end_of_word_suffix "</w>", want none`},
		{`"fuse_unk": false`, `"fuse_unk": false, "cache": 1`, `model: json: unknown field "cache"`},
		{`"ab": 4}`, `"ab": 3}`, `tokens "ab" and "Ġ" of the vocab both have id 3`},
		{`"ab": 4}`, `"ab": -4}`, `token "ab" of the vocab has id -4, want 0 to 4194303`},
		{`"ab": 4}`, `"ab": 4194304}`, `token "ab" of the vocab has id 4194304, want 0 to 4194303`},
		{`"ab": 4}`, `"ab": 4.5}`, `model: json: cannot unmarshal number 4.5`},
		{`[["a", "b"]]`, `[["a", "d"]]`, `merge 0: "d" is not in the vocab`},
		{`[["a", "b"]]`, `[["d", "a"]]`, `merge 0: "d" is not in the vocab`},
		{`[["a", "b"]]`, `["a b", "b c"]`, `merge 1: "bc" is not in the vocab`},
		{`[["a", "b"]]`, `["ab"]`, `model: merge 0 is "ab", want two parts with a space between`},
		{`[["a", "b"]]`, `["a b c"]`, `model: merge 0 is "a b c", want two parts with a space between`},
		{`[["a", "b"]]`, `[["a", "b", "c"]]`, `model: merge 0 has 3 parts, want 2`},
		{`[["a", "b"]]`, `[["a"]]`, `model: merge 0 has 1 parts, want 2`},
		{`[["a", "b"]]`, `[["a", "b"], "b c"]`, `model: merges are neither all pairs nor all strings`},
		{`[["a", "b"]]`, `["a "]`, `merge 0 has an empty part`},
		{`, "merges": [["a", "b"]]`, ``, `model has no merges`},
		{`"vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4}, `, ``, `model has no vocab`},
		{`"unk_token": null`, `"unk_token": "<unk>"`, `the unk_token "<unk>" is not in the vocab, and byte 0x00 has no token`},
		{`"id": 5`, `"id": 6`, `added token 0, "<s>", has id 6, want 5, the id that the library gives it`},
		{`"content": "<s>"`, `"content": ""`, `added token 0 is empty`},
		{`"lstrip": false, `, ``, `added token 0 has no field lstrip`},
		{`"special": true}]`, `"special": true}, {"id": 5, "content": "<s>", ` + flags + `]`, `added token 1, "<s>", occurs twice`},
		{`"ab": 4}`, `"ab": 5}`, `added token "<s>" has id 5, which is that of "ab" of the vocab`},
		{`"special": true}],`, `"special": true}, {"id": 4, "content": "ab", ` + flags + `, {"id": 4, "content": "<t>", ` + flags + `],`, `added token 2, "<t>", has id 4, want 6, the id that the library gives it`},
		{`"special": true}]`, `"special": true, "speical": true}]`, `this is no tokenizer.json: json: unknown field "speical"`},
		{`"Ġ": 3`, `"\ud83d": 3`, `half a surrogate pair, \ud83d`},
		{`"Ġ": 3`, `"\ude00\ud83d": 3`, `half a surrogate pair, \ude00`},
		{`"Ġ": 3`, "\"\xff\": 3", `the file is not valid UTF-8`},
	} {
		changed := strings.Replace(little, c.old, c.new, 1)
		require.NotEqual(t, little, changed, c.old)
		_, err := tokenizer.Parse([]byte(changed))
		if assert.ErrorContains(t, err, c.want) {
			assert.True(t, strings.HasPrefix(err.Error(), "tokenizer: "), err)
		}
	}
}

// TestSharedIDs has ids with a gap, which the library fills with added tokens until
// it meets a token of the vocabulary.
func TestSharedIDs(t *testing.T) {
	const flags = `"single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}`
	file := strings.NewReplacer(`"ab": 4}`, `"ab": 6}`, `"special": true}],`, `"special": true}, {"id": 6, "content": "<t>", `+flags+`, {"id": 6, "content": "ab", `+flags+`],`).Replace(little)
	_, err := tokenizer.Parse([]byte(file))
	assert.EqualError(t, err, `tokenizer: added token 2, "ab", has the id 6 of another`)
}

func TestForeignFiles(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "tokenizer: this is no tokenizer.json: cut off after 0 bytes",
		"{":                 "tokenizer: this is no tokenizer.json: cut off after 1 bytes",
		"null":              `tokenizer: version is missing, want "1.0"`,
		"[]":                "tokenizer: this is no tokenizer.json: json: cannot unmarshal array into Go value of type tokenizer.file",
		"GGUF\x03":          "tokenizer: this is no tokenizer.json: invalid character 'G' looking for beginning of value",
		little + "{}":       "tokenizer: this is no tokenizer.json: something follows after byte",
		`{"hello": 1}`:      `tokenizer: this is no tokenizer.json: json: unknown field "hello"`,
		`{"version":"1.0"}`: "tokenizer: there is no model",
	} {
		_, err := tokenizer.Parse([]byte(in))
		assert.ErrorContains(t, err, want, in)
	}
	for n := range len(little) {
		_, err := tokenizer.Parse([]byte(little[:n]))
		assert.Error(t, err, "%d bytes", n)
	}
}

// TestAccepts changes what does not change ids.
func TestAccepts(t *testing.T) {
	for old, new := range map[string]string{
		`"normalizer": null`:     `"normalizer": {"type": "Sequence", "normalizers": []}`,
		`"type": "BPE", `:        ``,
		`[["a", "b"]]`:           `["#version: 0.2", "a b"]`,
		`"dropout": null`:        `"dropout": 0.0`,
		`"post_processor": null`: `"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {}}`,
		`"Ġ": 3`:                 `"\u0120": 3`,
		`"unk_token": null`:      `"unk_token": "\ud83d\ude00", "byte_fallback": true`,
	} {
		changed := strings.Replace(little, old, new, 1)
		if strings.Contains(new, "ude00") {
			changed = strings.Replace(changed, `"Ġ": 3`, `"\ud83d\ude00": 5, "Ġ": 3`, 1)
			changed = strings.Replace(changed, `"id": 5`, `"id": 6`, 1)
			changed = strings.Replace(changed, `"fuse_unk": false, "byte_fallback": false, `, `"fuse_unk": false, `, 1)
		}
		tok, err := tokenizer.Parse([]byte(changed))
		if assert.NoError(t, err, new) {
			assert.Equal(t, []int32{4, 2}, tok.Encode("abc"), new)
		}
	}
}

// TestCutOff cuts a real file.
func TestCutOff(t *testing.T) {
	data := read(t, "testdata/gpt2/tokenizer.json")
	for n := 0; n < len(data); n += 1 + len(data)/40 {
		_, err := tokenizer.Parse(data[:n])
		assert.ErrorContains(t, err, "cut off after", "%d bytes", n)
	}
	var v map[string]any
	require.NoError(t, json.Unmarshal(data, &v))
	_, err := tokenizer.Parse(bytes.TrimSpace(data))
	assert.NoError(t, err)
}
