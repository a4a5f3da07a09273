package marks

import (
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

var vllmKind = kind[vllm.Config, vllmBody]{EngineVLLM, vllm.New, describeVLLM}

type vllmBody struct {
	Algorithm  vllm.Algorithm `json:"algorithm"`
	Alpha      float64        `json:"alpha"`
	Width      int            `json:"context_width"`
	Scope      vllm.Scope     `json:"deduplicate_contexts"`
	History    *int           `json:"deduplicate_contexts_max_history"` // null: Unlimited
	TargetOnly bool           `json:"allow_target_only_watermarking"`
}

func describeVLLM(c vllm.Config) (b vllmBody, err error) { return b, spelledOut(c, &b) }

func (b vllmBody) limit() error { return nil }

func (b vllmBody) standIn() material { return ones(1) }

func (b vllmBody) config(m material) (vllm.Config, error) {
	c := vllm.Config{
		Algorithm: b.Algorithm, Alpha: &b.Alpha, ContextWidth: b.Width, DeduplicateContexts: b.Scope,
		DeduplicateContextsMaxHistory: vllm.Unlimited, AllowTargetOnlyWatermarking: b.TargetOnly,
	}
	if b.History != nil {
		c.DeduplicateContextsMaxHistory = *b.History
	}
	key, err := m.unsigned(1, 1)
	if err != nil {
		return c, err
	}
	c.Key = vllm.NewKey(key[0])
	return c, nil
}
