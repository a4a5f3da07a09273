package collect

import (
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

const (
	sealSchema  = "dyetrace/seal/1"
	sealContext = "dyetrace 2026-11-24 verify seal/1"
)

// A Seal fixes a transcript before any key is read: publish it, then open the
// keys. Decoy keys are derived from its digest, so that nobody can choose
// them without redoing the transcript.
type Seal struct {
	Plan       Digest // of the plan
	Transcript Digest // of the transcript
	Digest     Digest // of both
}

// Seal returns the seal of the transcript.
func (t *Transcript) Seal() (Seal, error) {
	d, err := t.Digest()
	if err != nil {
		return Seal{}, err
	}
	return newSeal(t.Plan, d), nil
}

func newSeal(plan, transcript Digest) Seal {
	return Seal{plan, transcript, sum(sealContext, plan[:], transcript[:])}
}

// Check reports why s is not the seal of t, or nil if it is.
func (s Seal) Check(t *Transcript) error {
	want, err := t.Seal()
	switch {
	case err != nil:
		return err
	case s.Plan != want.Plan:
		return fmt.Errorf("collect: seal is of plan %v, the transcript is of plan %v", s.Plan, want.Plan)
	case s.Transcript != want.Transcript:
		return fmt.Errorf("collect: seal is of transcript %v, this one is %v", s.Transcript, want.Transcript)
	case s.Digest != want.Digest:
		return fmt.Errorf("collect: seal has digest %v, want %v", s.Digest, want.Digest)
	}
	return nil
}

type sealFile struct {
	Schema     string `json:"schema"`
	Plan       Digest `json:"plan"`
	Transcript Digest `json:"transcript"`
	Digest     Digest `json:"digest"`
}

// Encode returns the file of the seal: one line of canonical JSON.
func (s Seal) Encode() ([]byte, error) {
	data, err := canon.Encode(sealFile{sealSchema, s.Plan, s.Transcript, s.Digest})
	return append(data, '\n'), err
}

// ParseSeal reads what [Seal.Encode] returns and refuses a seal whose digest is
// not that of its parts.
func ParseSeal(data []byte) (Seal, error) {
	if len(data) == 0 || data[len(data)-1] != '\n' {
		return Seal{}, errors.New("collect: seal does not end with a newline: cut off")
	}
	var f sealFile
	if err := canon.Decode(data[:len(data)-1], &f); err != nil {
		return Seal{}, fmt.Errorf("collect: seal: %w", err)
	}
	if f.Schema != sealSchema {
		return Seal{}, fmt.Errorf("collect: seal has schema %q, want %q", f.Schema, sealSchema)
	}
	s := newSeal(f.Plan, f.Transcript)
	if s.Digest != f.Digest {
		return Seal{}, fmt.Errorf("collect: seal has digest %v, want %v", f.Digest, s.Digest)
	}
	return s, nil
}
