package verify

import (
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

const (
	planSchema  = "dyetrace/plan/1"
	planContext = "dyetrace 2026-11-24 verify plan/1"
)

type planFile struct {
	Schema string `json:"schema"`
	Plan
}

// Encode returns the file of the plan: one line of canonical JSON. It fails for
// a plan that [Plan.Check] refuses.
func (p *Plan) Encode() ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	data, err := canon.Encode(planFile{planSchema, *p})
	if err != nil {
		return nil, fmt.Errorf("verify: plan: %w", err)
	}
	return append(data, '\n'), nil
}

// Digest names the plan: the digest of the bytes that Encode returns.
func (p *Plan) Digest() (collect.Digest, error) {
	data, err := p.Encode()
	if err != nil {
		return collect.Digest{}, err
	}
	return canon.Sum(planContext, data), nil
}

// ParsePlan reads what [Plan.Encode] returns and refuses everything else: an
// unknown field, another schema, another form of the same contents, a plan that
// Check refuses.
func ParsePlan(data []byte) (*Plan, error) {
	if len(data) == 0 || data[len(data)-1] != '\n' {
		return nil, errors.New("verify: plan does not end with a newline: cut off")
	}
	var f planFile
	if err := canon.Decode(data[:len(data)-1], &f); err != nil {
		return nil, fmt.Errorf("verify: plan: %w", err)
	}
	if f.Schema != planSchema {
		return nil, fmt.Errorf("verify: plan has schema %q, want %q", f.Schema, planSchema)
	}
	if err := f.Plan.Check(); err != nil {
		return nil, err
	}
	return &f.Plan, nil
}
