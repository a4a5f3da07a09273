package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// A vocabulary is what a GGUF file says of its tokenizer.
type vocabulary struct {
	kind   string   // tokenizer.ggml.model
	pre    string   // tokenizer.ggml.pre: how text is split
	tokens []string // tokenizer.ggml.tokens
	types  []int    // tokenizer.ggml.token_type
	merges []string // tokenizer.ggml.merges
}

// How text is split before merges, by the names that llama.cpp gives it.
var (
	byteLevel = map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	noSplit   = map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}
	digits    = sequence(map[string]any{"type": "Digits", "individual_digits": true}, byteLevel)

	llama3 = sequence(split(`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`), noSplit)
	qwen2  = sequence(split(`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`), noSplit)

	splits = map[string]any{"": byteLevel, "default": byteLevel, "gpt-2": byteLevel, "smollm": digits, "starcoder": digits, "refact": digits, "llama-bpe": llama3, "llama3": llama3, "qwen2": qwen2}
)

func sequence(steps ...any) any {
	return map[string]any{"type": "Sequence", "pretokenizers": steps}
}

func split(regex string) any {
	return map[string]any{"type": "Split", "pattern": map[string]any{"Regex": regex}, "behavior": "Isolated", "invert": false}
}

// tokenizerJSON makes the tokenizer.json of a GGUF file's tokenizer, with which text
// becomes the ids that the model sampled.
func tokenizerJSON(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	v, err := readVocabulary(bufio.NewReaderSize(f, 1<<16), info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	data, err := v.json()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := tokenizer.Parse(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// Types of tokens in GGUF.
const (
	typeControl = 3
	typeUser    = 4
)

func (v *vocabulary) json() ([]byte, error) {
	if v.kind != "gpt2" {
		return nil, fmt.Errorf("tokenizer is %q, want gpt2: byte-level pairs", v.kind)
	}
	pre, ok := splits[v.pre]
	if !ok {
		return nil, fmt.Errorf("text is split as %q, which is none of those known", v.pre)
	}
	ids := make(map[string]int, len(v.tokens))
	added := []any{}
	for id, t := range v.tokens {
		ids[t] = id
		if id < len(v.types) && (v.types[id] == typeControl || v.types[id] == typeUser) {
			added = append(added, map[string]any{"id": id, "content": t, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": v.types[id] == typeControl})
		}
	}
	merges := make([][2]string, len(v.merges))
	for i, m := range v.merges {
		left, right, ok := strings.Cut(m, " ")
		if !ok {
			return nil, fmt.Errorf("merge %d is %q, want two tokens", i, brief(m))
		}
		merges[i] = [2]string{left, right}
	}
	var normalizer any
	if v.pre == "qwen2" {
		normalizer = map[string]any{"type": "NFC"}
	}
	return json.Marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "normalizer": normalizer, "pre_tokenizer": pre,
		"post_processor": nil, "decoder": map[string]any{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model": map[string]any{"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": "", "end_of_word_suffix": "",
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": v.pre == "llama-bpe" || v.pre == "llama3", "vocab": ids, "merges": merges},
	})
}

// A metadata reads the values before a GGUF file's tensors (ggml's docs/gguf.md).
type metadata struct {
	in   io.Reader
	left int64
	err  error
}

func (m *metadata) bytes(n uint64) []byte {
	if m.err != nil {
		return nil
	}
	if n > uint64(m.left) {
		m.err = errors.New("file ends in its header: it is truncated or damaged")
		return nil
	}
	b := make([]byte, n)
	_, m.err = io.ReadFull(m.in, b)
	m.left -= int64(n)
	return b
}

// number reads an integer of n bytes.
func (m *metadata) number(n uint64) uint64 {
	var b [8]byte
	copy(b[:], m.bytes(n))
	return binary.LittleEndian.Uint64(b[:])
}

func (m *metadata) text() string { return string(m.bytes(m.number(8))) }

// Sizes of scalars by their type; strings are 8, arrays 9.
var scalars = map[uint64]uint64{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

const (
	ggufString = 8
	ggufArray  = 9
)

// value reads a value of a type: a string, numbers, or strings.
func (m *metadata) value(kind uint64) (text string, numbers []uint64, texts []string) {
	if size, ok := scalars[kind]; ok {
		return "", []uint64{m.number(size)}, nil
	}
	switch kind {
	case ggufString:
		return m.text(), nil, nil
	case ggufArray:
		element, n := m.number(4), m.number(8)
		if element == ggufArray || n > uint64(m.left) {
			m.err = errors.Join(m.err, errors.New("header has an array that cannot be: it is damaged"))
		}
		for ; n > 0 && m.err == nil; n-- {
			t, v, _ := m.value(element)
			if element == ggufString {
				texts = append(texts, t)
			} else {
				numbers = append(numbers, v...)
			}
		}
		return "", numbers, texts
	}
	m.err = errors.Join(m.err, fmt.Errorf("header has a value of type %d, want 0 to 12: it is damaged", kind))
	return "", nil, nil
}

func readVocabulary(in io.Reader, size int64) (*vocabulary, error) {
	m := &metadata{in: in, left: size}
	if magic := m.bytes(4); m.err == nil && string(magic) != "GGUF" {
		return nil, fmt.Errorf("it begins with %q, want GGUF", magic)
	}
	m.number(4) // version
	m.number(8) // tensors
	v := &vocabulary{}
	for n := m.number(8); n > 0 && m.err == nil; n-- {
		key := m.text()
		text, numbers, texts := m.value(m.number(4))
		switch key {
		case "tokenizer.ggml.model":
			v.kind = text
		case "tokenizer.ggml.pre":
			v.pre = text
		case "tokenizer.ggml.tokens":
			v.tokens = texts
		case "tokenizer.ggml.merges":
			v.merges = texts
		case "tokenizer.ggml.token_type":
			for _, x := range numbers {
				v.types = append(v.types, int(int32(x)))
			}
		}
	}
	if m.err == nil && len(v.tokens) == 0 {
		m.err = errors.New("it has no vocabulary")
	}
	return v, m.err
}
