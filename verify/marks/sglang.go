package marks

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark/sglang"
)

var sglangKind = kind[sglang.Config, sglangBody]{EngineSGLang, sglang.New, describeSGLang}

type sglangBody struct {
	Keys           int     `json:"keys"` // 1, or 2 with key_b
	Window         int     `json:"context_window"`
	Mixing         float64 `json:"mixing_probability"`
	Max            float64 `json:"max_probability"`
	DefaultEnabled bool    `json:"default_enabled"`
	EnforceAll     bool    `json:"enforce_all"`
}

func describeSGLang(c sglang.Config) (b sglangBody, err error) {
	err = spelledOut(c, &b)
	b.Keys = 1
	if !c.KeyB.IsZero() {
		b.Keys = 2
	}
	return b, err
}

func (b sglangBody) limit() error {
	if b.Keys != 1 && b.Keys != 2 {
		return fmt.Errorf("keys are %d, want 1 or 2", b.Keys)
	}
	return nil
}

func (b sglangBody) standIn() material { return ones(b.Keys) }

func (b sglangBody) config(m material) (sglang.Config, error) {
	c := sglang.Config{
		ContextWindow: b.Window, MixingProbability: b.Mixing, MaxProbability: b.Max,
		DefaultEnabled: b.DefaultEnabled, EnforceAll: b.EnforceAll,
	}
	key, err := m.unsigned(b.Keys, b.Keys)
	if err != nil {
		return c, err
	}
	c.Key = sglang.NewKey(key[0])
	if b.Keys == 2 {
		c.KeyB = sglang.NewKey(key[1])
	}
	return c, nil
}
