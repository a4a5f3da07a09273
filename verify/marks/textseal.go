package marks

import (
	"github.com/dyetrace/dyetrace/watermark/textseal"
)

var textsealKind = kind[textseal.Config, textsealBody]{EngineTextSeal, textseal.New, describeTextSeal}

// textsealBody has the fields that belong to its type of mark.
type textsealBody struct {
	Type    string   `json:"watermark_type"`
	Ngram   int      `json:"ngram"`
	Gamma   *float64 `json:"gamma,omitempty"`
	Delta   *float64 `json:"delta,omitempty"`
	Depth   *int     `json:"depth,omitempty"`
	After   *bool    `json:"after_topp,omitempty"`
	Scoring string   `json:"scoring_method"`
	Mixing  *float64 `json:"mixing_alpha,omitempty"`
	Vocab   int      `json:"vocab_size,omitempty"`
}

func describeTextSeal(c textseal.Config) (b textsealBody, err error) {
	b.Vocab = c.VocabSize
	return b, spelledOut(c, &b)
}

func (b textsealBody) limit() error { return nil }

func (b textsealBody) standIn() material { return ones(1) }

func (b textsealBody) config(m material) (textseal.Config, error) {
	c := textseal.Config{
		WatermarkType: b.Type, Ngram: b.Ngram, Gamma: or0(b.Gamma), Delta: or0(b.Delta), Depth: or0(b.Depth),
		BeforeTopP: b.After != nil && !*b.After, ScoringMethod: b.Scoring, MixingAlpha: or0(b.Mixing), VocabSize: b.Vocab,
	}
	most := 1
	if b.Type == textseal.TextSeal {
		most = 2 // without key B it follows from key A
	}
	key, err := m.signed(1, most)
	if err != nil {
		return c, err
	}
	c.SecretKey = textseal.NewKey(key[0])
	if len(key) == 2 {
		c.SecretKeyB = textseal.NewKey(key[1])
	}
	return c, nil
}
