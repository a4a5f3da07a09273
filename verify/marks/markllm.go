package marks

import (
	"github.com/dyetrace/dyetrace/watermark/markllm"
)

var (
	kgwKind     = kind[markllm.KGWConfig, kgwBody]{EngineKGW, markllm.NewKGW, describeKGW}
	unigramKind = kind[markllm.UnigramConfig, unigramBody]{EngineUnigram, markllm.NewUnigram, describeUnigram}
	expKind     = kind[markllm.EXPConfig, expBody]{EngineEXP, markllm.NewEXP, describeEXP}
)

type kgwBody struct {
	Gamma     float64         `json:"gamma"`
	Delta     float64         `json:"delta"`
	Prefix    int             `json:"prefix_length"`
	Threshold float64         `json:"z_threshold"`
	Scheme    markllm.FScheme `json:"f_scheme"`
	Vocab     int             `json:"vocab_size"`
}

func describeKGW(c markllm.KGWConfig) (b kgwBody, err error) {
	b.Vocab = c.VocabSize
	return b, spelledOut(c, &b)
}

func (b kgwBody) limit() error { return limitVocab(b.Vocab) }

func (b kgwBody) standIn() material { return ones(1) }

func (b kgwBody) config(m material) (markllm.KGWConfig, error) {
	key, err := m.hashKey()
	return markllm.KGWConfig{
		Gamma: b.Gamma, Delta: b.Delta, HashKey: key, PrefixLength: b.Prefix, ZThreshold: b.Threshold, FScheme: b.Scheme, VocabSize: b.Vocab,
	}, err
}

type unigramBody struct {
	Gamma     float64 `json:"gamma"`
	Delta     float64 `json:"delta"`
	Threshold float64 `json:"z_threshold"`
	Vocab     int     `json:"vocab_size"`
}

func describeUnigram(c markllm.UnigramConfig) (b unigramBody, err error) {
	b.Vocab = c.VocabSize
	return b, spelledOut(c, &b)
}

func (b unigramBody) limit() error { return limitVocab(b.Vocab) }

func (b unigramBody) standIn() material { return ones(1) }

func (b unigramBody) config(m material) (markllm.UnigramConfig, error) {
	key, err := m.hashKey()
	return markllm.UnigramConfig{Gamma: b.Gamma, Delta: b.Delta, HashKey: key, ZThreshold: b.Threshold, VocabSize: b.Vocab}, err
}

type expBody struct {
	Prefix    int     `json:"prefix_length"`
	Threshold float64 `json:"threshold"`
	Vocab     int     `json:"vocab_size"`
}

func describeEXP(c markllm.EXPConfig) (b expBody, err error) {
	b.Vocab = c.VocabSize
	return b, spelledOut(c, &b)
}

func (b expBody) limit() error { return limitVocab(b.Vocab) }

func (b expBody) standIn() material { return ones(1) }

func (b expBody) config(m material) (markllm.EXPConfig, error) {
	key, err := m.hashKey()
	return markllm.EXPConfig{PrefixLength: b.Prefix, HashKey: key, Threshold: b.Threshold, VocabSize: b.Vocab}, err
}

// hashKey returns the one integer of MarkLLM's marks.
func (m material) hashKey() (markllm.HashKey, error) {
	key, err := m.unsigned(1, 1)
	if err != nil {
		return markllm.HashKey{}, err
	}
	return markllm.NewHashKey(key[0]), nil
}
