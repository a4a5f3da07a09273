package marks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/markllm"
	"github.com/dyetrace/dyetrace/watermark/sglang"
	"github.com/dyetrace/dyetrace/watermark/synthid"
	"github.com/dyetrace/dyetrace/watermark/textseal"
	"github.com/dyetrace/dyetrace/watermark/transformers"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// The engines, as [Spec.Engine] names them.
const (
	EngineNative    = "dyetrace/1" // the words of package watermark
	EngineVLLM      = "vllm"
	EngineSGLang    = "sglang"
	EngineGreenList = "transformers/greenlist"
	EngineHFSynthID = "transformers/synthid"
	EngineSynthID   = "synthid"
	EngineTextSeal  = "textseal"
	EngineKGW       = "markllm/kgw"
	EngineUnigram   = "markllm/unigram"
	EngineEXP       = "markllm/exp"
)

// A Config is what an engine's mark is made of, key included.
type Config interface {
	Native | vllm.Config | sglang.Config | transformers.GreenListConfig | transformers.SynthIDConfig |
		synthid.Config | textseal.Config | markllm.KGWConfig | markllm.UnigramConfig | markllm.EXPConfig
}

// Of returns the spec of the mark of a configuration, with every default spelled
// out, and leaves out the key, of which it takes the public name. It refuses what
// the engine refuses, with the engine's error, what JSON has no number for, and
// vocabularies of more than 2^22 tokens and caches of more than 64 MiB: a file that
// somebody else wrote must not decide how much memory is taken. Fields that do not
// belong to the mark are left out as the engine's own JSON leaves them out: gamma
// of a mark without green lists.
func Of[C Config](config C) (Spec, error) {
	switch c := any(config).(type) {
	case Native:
		s, err := nativeKind.of(c)
		if err == nil && !c.Layout.IsZero() {
			s.layout = c.Layout.ID().String()
		}
		return s, err
	case vllm.Config:
		return vllmKind.of(c)
	case sglang.Config:
		return sglangKind.of(c)
	case transformers.GreenListConfig:
		return greenListKind.of(c)
	case transformers.SynthIDConfig:
		return hfSynthIDKind.of(c)
	case synthid.Config:
		return synthidKind.of(c)
	case textseal.Config:
		return textsealKind.of(c)
	case markllm.KGWConfig:
		return kgwKind.of(c)
	case markllm.UnigramConfig:
		return unigramKind.of(c)
	case markllm.EXPConfig:
		return expKind.of(c)
	}
	return Spec{}, fmt.Errorf("marks: configuration is a %T, want that of an engine", config)
}

// An engine reads its part of a spec.
type engine interface {
	// check returns the mark of a configuration under a secret of no meaning.
	check(config []byte) (*watermark.Watermark, error)
	build(config []byte, m material) (*watermark.Watermark, error)
}

func engineOf(name string) (engine, error) {
	switch name {
	case EngineNative:
		return nativeKind, nil
	case EngineVLLM:
		return vllmKind, nil
	case EngineSGLang:
		return sglangKind, nil
	case EngineGreenList:
		return greenListKind, nil
	case EngineHFSynthID:
		return hfSynthIDKind, nil
	case EngineSynthID:
		return synthidKind, nil
	case EngineTextSeal:
		return textsealKind, nil
	case EngineKGW:
		return kgwKind, nil
	case EngineUnigram:
		return unigramKind, nil
	case EngineEXP:
		return expKind, nil
	}
	return nil, fmt.Errorf("marks: engine is %.40q, want %s, %s, %s, %s, %s, %s, %s, %s, %s or %s", name,
		EngineNative, EngineVLLM, EngineSGLang, EngineGreenList, EngineHFSynthID, EngineSynthID, EngineTextSeal,
		EngineKGW, EngineUnigram, EngineEXP)
}

// A body is the configuration of a spec, under the engine's own names for its fields.
type body[C any] interface {
	// limit refuses what would take too much memory before the engine looks at it.
	limit() error
	// standIn returns a secret of the form that the mark has.
	standIn() material
	// config returns the engine's configuration under a secret, or what is wrong
	// with the secret's form.
	config(m material) (C, error)
}

// A kind of mark: configurations C of the engine, described by B.
type kind[C any, B body[C]] struct {
	name     string
	open     func(C) (*watermark.Watermark, error)
	describe func(C) (B, error)
}

// of opens the mark before it describes the configuration, so that the error for a
// wrong value is the engine's.
func (k kind[C, B]) of(c C) (Spec, error) {
	w, err := k.open(c)
	if err != nil {
		return Spec{}, fmt.Errorf("marks: %w", err)
	}
	config, err := k.encode(c)
	if err != nil {
		return Spec{}, err
	}
	if _, err := k.decode(config); err != nil {
		return Spec{}, err
	}
	return Spec{engine: k.name, keyID: w.Info().KeyID, config: string(config)}, nil
}

func (k kind[C, B]) encode(c C) ([]byte, error) {
	b, err := k.describe(c)
	if err != nil {
		return nil, fmt.Errorf("marks: %s: %w", k.name, err)
	}
	config, err := canon.Encode(b)
	if err != nil {
		return nil, fmt.Errorf("marks: %s: %w", k.name, err)
	}
	return config, nil
}

func (k kind[C, B]) decode(config []byte) (b B, err error) {
	if err := canon.Decode(config, &b); err != nil && !errors.Is(err, canon.ErrForm) {
		return b, fmt.Errorf("marks: config of %s: %w", k.name, err)
	}
	if err := b.limit(); err != nil {
		return b, fmt.Errorf("marks: %s: %w", k.name, err)
	}
	return b, nil
}

// check also refuses a configuration that is not written as [Of] writes it.
func (k kind[C, B]) check(config []byte) (*watermark.Watermark, error) {
	b, err := k.decode(config)
	if err != nil {
		return nil, err
	}
	c, err := b.config(b.standIn())
	if err != nil {
		return nil, fmt.Errorf("marks: %s: %w", k.name, err)
	}
	w, err := k.open(c)
	if err != nil {
		return nil, fmt.Errorf("marks: %w", err)
	}
	again, err := k.encode(c)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, config) {
		return nil, fmt.Errorf("marks: config of %s is not in canonical form, want %s", k.name, short(string(again)))
	}
	return w, nil
}

func (k kind[C, B]) build(config []byte, m material) (*watermark.Watermark, error) {
	b, err := k.decode(config)
	if err != nil {
		return nil, err
	}
	c, err := b.config(m)
	if err != nil {
		return nil, fmt.Errorf("marks: %s: %w", k.name, err)
	}
	w, err := k.open(c)
	if err != nil {
		return nil, fmt.Errorf("marks: %w", err)
	}
	return w, nil
}

// spelledOut sets b to what an engine's configuration says of itself, which has
// every default in it and the key redacted.
func spelledOut(c json.Marshaler, b any) error {
	data, err := c.MarshalJSON()
	if err != nil {
		return err
	}
	return json.Unmarshal(data, b)
}

const (
	maxVocab = 1 << 22  // four times the largest in use; its green lists take 80 MB
	maxCache = 64 << 20 // bytes
)

func limitVocab(size int) error {
	if size > maxVocab {
		return fmt.Errorf("vocab_size is %d, want at most %d", size, maxVocab)
	}
	return nil
}
