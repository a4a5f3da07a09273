package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark/markllm"
	"github.com/dyetrace/dyetrace/watermark/sglang"
	"github.com/dyetrace/dyetrace/watermark/synthid"
	"github.com/dyetrace/dyetrace/watermark/textseal"
	"github.com/dyetrace/dyetrace/watermark/transformers"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// An engineFormat says how an engine's own configuration file becomes a mark.
type engineFormat struct {
	fields []string // that hold its keys
	parse  func(config []byte, vocab int) (marks.Spec, error)
}

var engineFormats = map[string]engineFormat{
	marks.EngineVLLM: {[]string{"key"}, func(data []byte, _ int) (marks.Spec, error) {
		return specOf(vllm.ParseConfig(data))
	}},
	marks.EngineSGLang: {[]string{"key", "key_b"}, func(data []byte, _ int) (marks.Spec, error) {
		return specOf(sglang.ParseConfig(data))
	}},
	marks.EngineGreenList: {[]string{"hashing_key"}, func(data []byte, vocab int) (marks.Spec, error) {
		c, err := transformers.ParseGreenListConfig(data)
		c.VocabSize = vocab
		return specOf(c, err)
	}},
	marks.EngineHFSynthID: {[]string{"keys"}, func(data []byte, vocab int) (marks.Spec, error) {
		c, err := transformers.ParseSynthIDConfig(data)
		c.VocabSize = vocab
		return specOf(c, err)
	}},
	marks.EngineSynthID: {[]string{"keys"}, func(data []byte, vocab int) (marks.Spec, error) {
		c, err := synthid.ParseConfig(synthid.Table, data)
		c.VocabSize = vocab
		return specOf(c, err)
	}},
	marks.EngineTextSeal: {[]string{"secret_key", "secret_key_b"}, func(data []byte, vocab int) (marks.Spec, error) {
		c, err := textseal.ParseConfig(data)
		c.VocabSize = vocab
		return specOf(c, err)
	}},
	marks.EngineKGW: {[]string{"hash_key"}, func(data []byte, vocab int) (marks.Spec, error) {
		c, err := markllm.ParseKGWConfig(data)
		c.VocabSize = vocab
		return specOf(c, err)
	}},
	marks.EngineUnigram: {[]string{"hash_key"}, func(data []byte, vocab int) (marks.Spec, error) {
		c, err := markllm.ParseUnigramConfig(data)
		c.VocabSize = vocab
		return specOf(c, err)
	}},
	marks.EngineEXP: {[]string{"hash_key"}, func(data []byte, vocab int) (marks.Spec, error) {
		c, err := markllm.ParseEXPConfig(data)
		c.VocabSize = vocab
		return specOf(c, err)
	}},
}

func specOf[C marks.Config](c C, err error) (marks.Spec, error) {
	if err != nil {
		return marks.Spec{}, err
	}
	return marks.Of(c)
}

// engineNames lists what --engine takes, for help and errors.
func engineNames() string {
	return strings.Join([]string{marks.EngineVLLM, marks.EngineSGLang, marks.EngineGreenList, marks.EngineHFSynthID, marks.EngineSynthID,
		marks.EngineTextSeal, marks.EngineKGW, marks.EngineUnigram, marks.EngineEXP}, ", ")
}

// engineMark makes the mark of an engine's own configuration. Where that holds no
// key one is drawn, of 62 bits, which all engines take but MarkLLM's EXP.
func engineMark(name, engine string, config []byte, vocab int) (m *markFile, drawn bool, err error) {
	format, ok := engineFormats[engine]
	if !ok {
		return nil, false, usage(fmt.Errorf("--engine is %q, want %s", engine, engineNames()))
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(config, &fields); err != nil {
		return nil, false, fmt.Errorf("configuration of %s: %w", engine, err)
	}
	if fields == nil {
		return nil, false, fmt.Errorf("configuration of %s is null, want an object", engine)
	}
	if _, there := fields[format.fields[0]]; !there {
		if fields[format.fields[0]], err = drawKey(engine, vocab); err != nil {
			return nil, false, err
		}
		if config, err = json.Marshal(fields); err != nil {
			return nil, false, err
		}
		drawn = true
	}
	spec, err := format.parse(config, vocab)
	if err != nil {
		return nil, false, err
	}
	secret, err := secretIn(engine, format, fields)
	if err != nil {
		return nil, false, err
	}
	m, err = newMarkFile(name, "", spec, secret)
	return m, drawn, err
}

// drawKey returns a new key in the form of an engine's configuration.
func drawKey(engine string, vocab int) (json.RawMessage, error) {
	draw := func() (uint64, error) {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return 0, fmt.Errorf("no random numbers: %w", err)
		}
		n := binary.LittleEndian.Uint64(b[:]) >> 2
		if engine == marks.EngineEXP && vocab > 1 {
			n %= ^uint64(0) / uint64(vocab-1)
		}
		return n, nil
	}
	var value any
	switch engine {
	case marks.EngineHFSynthID, marks.EngineSynthID:
		keys := make([]uint64, 30)
		for i := range keys {
			var err error
			if keys[i], err = draw(); err != nil {
				return nil, err
			}
		}
		value = keys
	default:
		n, err := draw()
		if err != nil {
			return nil, err
		}
		if value = n; engine == marks.EngineSGLang {
			value = fmt.Sprintf("%016x", n)
		}
	}
	return json.Marshal(value)
}

// secretIn takes the keys from a configuration that its engine has accepted. Errors
// quote none.
func secretIn(engine string, format engineFormat, fields map[string]json.RawMessage) (marks.Secret, error) {
	var unsigned []uint64
	var signed []int64
	for _, name := range format.fields {
		raw := string(fields[name])
		if raw == "" || raw == "null" || engine == marks.EngineTextSeal && name == "secret_key_b" && strings.HasPrefix(raw, "-") {
			continue // no second key
		}
		for _, text := range strings.Split(strings.Trim(raw, "[]"), ",") {
			text = strings.TrimSpace(text)
			var n uint64
			var i int64
			var err error
			switch engine {
			case marks.EngineSGLang:
				digits := strings.ToLower(strings.Trim(text, `"`))
				n, err = strconv.ParseUint(strings.TrimPrefix(digits, "0x"), 16, 64)
				unsigned = append(unsigned, n)
			case marks.EngineHFSynthID, marks.EngineSynthID, marks.EngineTextSeal:
				i, err = strconv.ParseInt(text, 10, 64)
				signed = append(signed, i)
			default:
				n, err = strconv.ParseUint(text, 10, 64)
				unsigned = append(unsigned, n)
			}
			if err != nil {
				return marks.Secret{}, fmt.Errorf("configuration of %s: %s is no integer that can be read", engine, name)
			}
		}
	}
	if len(signed) > 0 {
		return marks.IntegerSecret(signed...), nil
	}
	return marks.IntegerSecret(unsigned...), nil
}
