package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A server signs checkpoints, as a signer and a verifier of notes do.
type server struct{ key ed25519.PrivateKey }

func (server) Name() string                      { return "example.com/planted" }
func (server) KeyHash() uint32                   { return 0x01020304 }
func (s server) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }
func (s server) Verify(msg, signature []byte) bool {
	return ed25519.Verify(s.key.Public().(ed25519.PublicKey), msg, signature)
}

// A ledgerFile is a checkpoint, and leaves with proofs that they are in it.
type ledgerFile struct {
	Checkpoint string `json:"checkpoint"`
	Leaves     []struct {
		Index int64    `json:"index"`
		Leaf  []byte   `json:"leaf"`
		Proof []string `json:"proof"` // base64
	} `json:"leaves"`
}

// ofKind says as which leaf a claim is logged.
var ofKind = map[string]ledger.Kind{
	verify.ClaimKey: ledger.KindCommitment, verify.ClaimPrompts: ledger.KindFrame, verify.ClaimPlan: ledger.KindPlan, verify.ClaimSeal: ledger.KindSeal,
}

// logged puts claims into a real ledger and returns the proofs.
func logged(t *testing.T, s server, epoch string, key keys.ID, claims ...verify.Claim) []byte {
	log, err := ledger.Open(filepath.Join(t.TempDir(), "ledger"), ledger.Options{Signer: s, Verifier: s,
		Clock:  func() time.Time { return time.Date(2026, 11, 25, 2, 40, 0, 0, time.UTC) },
		Random: rand.NewChaCha8([32]byte{1})})
	require.NoError(t, err)
	defer log.Close()
	var leaves []ledger.Leaf
	for _, c := range claims {
		leaf := ledger.Leaf{Kind: ofKind[c.Kind], Digest: ledger.Digest(c.Digest)}
		if c.Kind == verify.ClaimKey {
			leaf.Epoch, leaf.KeyID = epoch, ledger.KeyID(key)
		}
		leaves = append(leaves, leaf)
	}
	receipts, err := log.AppendBatch(context.Background(), leaves)
	require.NoError(t, err)
	signed, err := log.Checkpoint()
	require.NoError(t, err)
	out := ledgerFile{Checkpoint: string(signed)}
	for _, r := range receipts {
		proof, err := log.Reader().Prove(r.Index, int64(len(leaves)))
		require.NoError(t, err)
		data, err := r.Leaf.MarshalBinary()
		require.NoError(t, err)
		entry := ledgerFile{}.Leaves
		entry = append(entry, struct {
			Index int64    `json:"index"`
			Leaf  []byte   `json:"leaf"`
			Proof []string `json:"proof"`
		}{Index: r.Index, Leaf: data})
		for _, h := range proof {
			entry[0].Proof = append(entry[0].Proof, base64.StdEncoding.EncodeToString(h[:]))
		}
		out.Leaves = append(out.Leaves, entry...)
	}
	data, err := json.Marshal(out)
	require.NoError(t, err)
	return data
}

// readLedger checks such a file with the server's public key.
func readLedger(s server) func(verify.LedgerPart, []verify.Claim) (verify.LedgerProof, error) {
	return func(part verify.LedgerPart, claims []verify.Claim) (proof verify.LedgerProof, err error) {
		var file ledgerFile
		if err := json.Unmarshal(part.Data, &file); err != nil {
			return proof, err
		}
		checkpoint, err := ledger.OpenCheckpoint([]byte(file.Checkpoint), s.Name(), s)
		if err != nil {
			return proof, err
		}
		for _, x := range file.Leaves {
			leaf, err := ledger.ParseLeaf(x.Leaf)
			if err != nil {
				return proof, err
			}
			path := make([][32]byte, len(x.Proof))
			for i, text := range x.Proof {
				if h, err := base64.StdEncoding.DecodeString(text); err == nil {
					copy(path[i][:], h)
				}
			}
			if err := inclusion(checkpoint, x.Index, leaf, path); err != nil {
				return proof, err
			}
			for _, c := range claims {
				if c.Digest == collect.Digest(leaf.Digest) && ofKind[c.Kind] == leaf.Kind {
					proof.Anchors = append(proof.Anchors, verify.Anchor{Digest: c.Digest, Where: fmt.Sprintf("%s leaf %d of %d, %v", s.Name(), x.Index, checkpoint.Size, leaf.Time)})
				}
			}
		}
		proof.Checks = []verify.Check{{Name: "checkpoint", Result: verify.Passed, Detail: fmt.Sprintf("%d leaves, signed by %s", checkpoint.Size, s.Name())}}
		return proof, nil
	}
}

// inclusion checks a proof, whose type has its name in another module.
func inclusion(c ledger.Checkpoint, index int64, leaf ledger.Leaf, path [][32]byte) error {
	hash, err := leaf.Hash()
	if err != nil {
		return err
	}
	return c.CheckInclusion(index, leaf, alike(hash, path))
}

func alike[H ~[32]byte](_ H, path [][32]byte) []H {
	out := make([]H, len(path))
	for i, h := range path {
		out[i] = H(h)
	}
	return out
}

// What a real ledger proves is printed, and believed only if its signature and all
// proofs hold.
func TestBundleWithARealLedger(t *testing.T) {
	t.Parallel()
	s := server{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}
	c := smallCase(t)
	plan, err := c.Plan.Digest()
	require.NoError(t, err)
	key := c.Plan.Keys[0]
	data := logged(t, s, "2026-11", c.Case.Keys[0].Key.ID(),
		verify.Claim{Kind: verify.ClaimKey, Name: key.Name, Digest: collect.Digest(key.Commitment)},
		verify.Claim{Kind: verify.ClaimPrompts, Digest: c.Plan.Frame.Digest},
		verify.Claim{Kind: verify.ClaimPlan, Digest: plan},
		verify.Claim{Kind: verify.ClaimSeal, Digest: c.Seal.Digest},
		verify.Claim{Kind: verify.ClaimSeal, Digest: collect.Digest{5}}) // of another case
	c.Ledger = []verify.LedgerPart{{Name: s.Name(), Data: data}}
	raw := dissect(t, file(t, c.bundle(t)))
	with := recompute
	with.Ledger = readLedger(s)
	v, err := verdict(t, raw.assemble(), with)
	require.NoError(t, err)
	require.True(t, v.OK(), written(t, v))
	anchors := map[string]string{}
	for _, x := range v.Checks {
		anchors[x.Name] = fmt.Sprint(x.Result, " ", x.Detail)
	}
	assert.Equal(t, "ok ledger example.com/planted: example.com/planted leaf 0 of 5, 2026-11-25 02:00", anchors["anchor of key vendor"])
	assert.Equal(t, "ok ledger example.com/planted: example.com/planted leaf 3 of 5, 2026-11-25 02:00", anchors["anchor of seal"])
	assert.Equal(t, "ok 5 leaves, signed by example.com/planted", anchors["ledger example.com/planted: checkpoint"])
	assert.Equal(t, "warning unanchored: nothing here shows when it was committed", anchors["anchor of served answers"])

	rng := rand.New(rand.NewPCG(5, 5))
	refused := 0
	for range 200 {
		at := rng.IntN(len(data))
		v, err := verdict(t, raw.with("ledger", func([]byte) []byte { return flip(data, at, 1<<rng.IntN(7)) }).assemble(), with)
		require.NoError(t, err)
		shows := 0
		for _, x := range v.Checks {
			if x.Result == verify.Passed && bytes.HasPrefix([]byte(x.Name), []byte("anchor")) {
				shows++
			}
		}
		// Nothing shows more than before, and what does not hold shows nothing.
		if assert.LessOrEqual(t, shows, 4); !v.OK() {
			assert.Zero(t, shows, "byte %d", at)
			refused++
		}
	}
	assert.Greater(t, refused, 150) // the others are names in the file and letters that base64 does not look at
	with.Ledger = readLedger(server{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))})
	v, err = verdict(t, raw.assemble(), with)
	require.NoError(t, err)
	assert.Equal(t, []string{"ledger example.com/planted"}, failed(v), "signed by somebody else")
}
