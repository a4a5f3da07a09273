package marks

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/transformers"
)

var greenListKind = kind[transformers.GreenListConfig, greenListBody]{EngineGreenList, transformers.NewGreenList, describeGreenList}

type greenListBody struct {
	Ratio  float64                    `json:"greenlist_ratio"`
	Bias   float64                    `json:"bias"`
	Scheme transformers.SeedingScheme `json:"seeding_scheme"`
	Width  int                        `json:"context_width"`
	Vocab  int                        `json:"vocab_size"`
	Cache  int                        `json:"cache_bytes,omitempty"`
}

func describeGreenList(c transformers.GreenListConfig) (b greenListBody, err error) {
	b.Vocab, b.Cache = c.VocabSize, c.CacheBytes
	return b, spelledOut(c, &b)
}

func (b greenListBody) limit() error {
	if b.Cache > maxCache {
		return fmt.Errorf("cache_bytes is %d, want at most %d", b.Cache, maxCache)
	}
	return limitVocab(b.Vocab)
}

func (b greenListBody) standIn() material { return ones(1) }

func (b greenListBody) config(m material) (transformers.GreenListConfig, error) {
	c := transformers.GreenListConfig{
		GreenlistRatio: b.Ratio, Bias: b.Bias, SeedingScheme: b.Scheme, ContextWidth: b.Width, VocabSize: b.Vocab, CacheBytes: b.Cache,
	}
	key, err := m.unsigned(1, 1)
	if err != nil {
		return c, err
	}
	c.HashingKey = transformers.NewHashingKey(key[0])
	return c, nil
}
