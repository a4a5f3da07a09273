package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

const proofSchema = "dyetrace/ledger-proof/1"

// A proofFile shows without the ledger that leaves are in it: one line of canonical
// JSON,
//
//	{"schema":"dyetrace/ledger-proof/1","checkpoint":TEXT,
//	 "leaves":[{"index":COUNT,"leaf":BASE64,"path":[BASE64,…]},…],
//	 "older"?:[{"checkpoint":TEXT,"path":[BASE64,…]},…]}
//
// with checkpoints as they were signed, leaves as package ledger encodes them,
// audit paths of RFC 6962 and, for older checkpoints with which the ledger begins,
// proofs of consistency.
type proofFile struct {
	Schema     string       `json:"schema"`
	Checkpoint string       `json:"checkpoint"`
	Leaves     []provenLeaf `json:"leaves"`
	Older      []olderProof `json:"older,omitempty"`
}

type provenLeaf struct {
	Index int64    `json:"index"`
	Leaf  []byte   `json:"leaf"`
	Path  [][]byte `json:"path"`
}

type olderProof struct {
	Checkpoint string   `json:"checkpoint"`
	Path       [][]byte `json:"path"`
}

func pathOf(hashes []tlog.Hash) [][]byte {
	path := make([][]byte, len(hashes))
	for i := range hashes {
		path[i] = bytes.Clone(hashes[i][:])
	}
	return path
}

func hashesOf(path [][]byte) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(path))
	for i, h := range path {
		if len(h) != tlog.HashSize {
			return nil, fmt.Errorf("hash %d of a path has %d bytes, want %d", i, len(h), tlog.HashSize)
		}
		hashes[i] = tlog.Hash(h)
	}
	return hashes, nil
}

// A proven ledger is what a proof shows, checked.
type proven struct {
	checkpoint ledger.Checkpoint
	leaves     []ledger.Entry
	older      []ledger.Checkpoint
}

// parseProof reads a proof and refuses everything else.
func parseProof(data []byte) (*proofFile, error) {
	if !bytes.HasSuffix(data, []byte("\n")) {
		return nil, fmt.Errorf("proof does not end with a newline after %d bytes: it is cut off", len(data))
	}
	line := data[:len(data)-1]
	var form struct{ Schema string }
	if err := json.Unmarshal(line, &form); err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	if form.Schema != proofSchema {
		return nil, fmt.Errorf("proof has schema %q, want %q", shortened(form.Schema, 40), proofSchema)
	}
	p := new(proofFile)
	if err := canon.Decode(line, p); err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	if len(p.Leaves) == 0 && len(p.Older) == 0 {
		return nil, errors.New("proof is of nothing, want leaves or older checkpoints")
	}
	return p, nil
}

// check verifies a proof without the ledger. The origin is what the checkpoint says:
// it is signed.
func (p *proofFile) check(v note.Verifier) (*proven, error) {
	c, err := openCheckpoint(p.Checkpoint, v)
	if err != nil {
		return nil, err
	}
	out := &proven{checkpoint: c}
	for i, l := range p.Leaves {
		leaf, err := ledger.ParseLeaf(l.Leaf)
		if err != nil {
			return nil, fmt.Errorf("leaf %d of the proof: %w", i, err)
		}
		path, err := hashesOf(l.Path)
		if err == nil {
			err = c.CheckInclusion(l.Index, leaf, path)
		}
		if err != nil {
			return nil, fmt.Errorf("leaf %d of the proof: %w", i, err)
		}
		out.leaves = append(out.leaves, ledger.Entry{Index: l.Index, Leaf: leaf})
	}
	for i, o := range p.Older {
		older, err := openCheckpoint(o.Checkpoint, v)
		if err != nil {
			return nil, fmt.Errorf("older checkpoint %d: %w", i, err)
		}
		path, err := hashesOf(o.Path)
		if err == nil {
			err = c.CheckConsistency(older, path)
		}
		if err != nil {
			return nil, fmt.Errorf("older checkpoint %d: %w", i, err)
		}
		out.older = append(out.older, older)
	}
	return out, nil
}

// openCheckpoint is ledger.OpenCheckpoint for whatever origin the signer wrote.
func openCheckpoint(signed string, v note.Verifier) (ledger.Checkpoint, error) {
	origin, _, _ := bytes.Cut([]byte(signed), []byte("\n"))
	return ledger.OpenCheckpoint([]byte(signed), string(origin), v)
}

// leafKinds are the kinds of leaves that claims of a bundle are in a ledger as.
var leafKinds = map[string]ledger.Kind{
	verify.ClaimKey:      ledger.KindCommitment,
	verify.ClaimBook:     ledger.KindBook,
	verify.ClaimPrompts:  ledger.KindFrame,
	verify.ClaimPassages: ledger.KindFrame,
	verify.ClaimTwins:    ledger.KindFrame,
	verify.ClaimPlan:     ledger.KindPlan,
	verify.ClaimSeal:     ledger.KindSeal,
}

// ledgerParts reads proofs for a bundle.
func ledgerParts(files []string) (parts []verify.LedgerPart, err error) {
	for _, path := range files {
		data, err := readFile("proof", path)
		if err != nil {
			return nil, err
		}
		if _, err := parseProof(data); err != nil {
			return nil, invalid(fmt.Errorf("%s: %w", path, err))
		}
		parts = append(parts, verify.LedgerPart{Name: baseName(path), Data: data})
	}
	return parts, nil
}

// openLedgerChecker is ledgerChecker for the keys that flags say, and nil without any.
func openLedgerChecker(keys []string) (func(verify.LedgerPart, []verify.Claim) (verify.LedgerProof, error), error) {
	var all []note.Verifier
	for _, key := range keys {
		v, err := (&verifierFlag{key}).open()
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if all == nil {
		return nil, nil
	}
	return ledgerChecker(all...), nil
}

// ledgerChecker returns the function with which a bundle's proofs are checked: a
// part of a ledger is the file of a proof under one of the keys.
func ledgerChecker(verifiers ...note.Verifier) func(verify.LedgerPart, []verify.Claim) (verify.LedgerProof, error) {
	return func(part verify.LedgerPart, claims []verify.Claim) (out verify.LedgerProof, err error) {
		p, err := parseProof(part.Data)
		if err != nil {
			return out, err
		}
		var found *proven
		var why error
		for _, v := range verifiers {
			if found, err = p.check(v); err == nil {
				break
			}
			why = errors.Join(why, err)
		}
		if found == nil {
			return out, errors.Join(errors.New("under none of the ledgers' keys"), why)
		}
		c := found.checkpoint
		for _, e := range found.leaves {
			for _, claim := range claims {
				if leafKinds[claim.Kind] == e.Leaf.Kind && claim.Digest == collect.Digest(e.Leaf.Digest) {
					out.Anchors = append(out.Anchors, verify.Anchor{Digest: claim.Digest, Where: fmt.Sprintf("%s leaf %d of %d, %v", c.Origin, e.Index, c.Size, e.Leaf.Time)})
				}
			}
		}
		out.Checks = append(out.Checks, verify.Check{Name: "checkpoint", Result: verify.Passed, Detail: fmt.Sprintf("%s, signed by %s", leaves(c.Size), c.Origin)})
		for _, o := range found.older {
			out.Checks = append(out.Checks, verify.Check{Name: "older checkpoint", Result: verify.Passed, Detail: fmt.Sprintf("the ledger begins with the %s of it", leaves(o.Size))})
		}
		return out, nil
	}
}
