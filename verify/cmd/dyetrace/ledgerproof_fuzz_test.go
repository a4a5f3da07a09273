package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

// proofSigner signs with a fixed key.
type proofSigner struct{ key ed25519.PrivateKey }

func (proofSigner) Name() string                      { return "example.com/planted" }
func (proofSigner) KeyHash() uint32                   { return 0x01020304 }
func (s proofSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }
func (s proofSigner) Verify(msg, signature []byte) bool {
	return ed25519.Verify(s.key.Public().(ed25519.PublicKey), msg, signature)
}

// FuzzProof: whatever is read is a proof in its one form, and one that holds is of
// leaves that the ledger has.
func FuzzProof(f *testing.F) {
	s := proofSigner{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}
	dir := filepath.Join(f.TempDir(), "ledger")
	log, err := ledger.Open(dir, ledger.Options{Signer: s, Verifier: s, Random: rand.NewChaCha8([32]byte{1}), Clock: func() time.Time { return time.Date(2026, 11, 25, 2, 40, 0, 0, time.UTC) }})
	if err != nil {
		f.Fatal(err)
	}
	var leaves []ledger.Leaf
	for i := range 9 {
		leaves = append(leaves, ledger.Leaf{Kind: ledger.KindPlan, Digest: ledger.Digest{byte(i + 1)}})
	}
	receipts, err := log.AppendBatch(context.Background(), leaves[:5])
	if err != nil {
		f.Fatal(err)
	}
	older, err := log.Checkpoint()
	if err != nil {
		f.Fatal(err)
	}
	more, err := log.AppendBatch(context.Background(), leaves[5:])
	if err != nil {
		f.Fatal(err)
	}
	if err := log.Close(); err != nil {
		f.Fatal(err)
	}
	recorded := map[int64]ledger.Leaf{}
	for _, r := range append(receipts, more...) {
		recorded[r.Index] = r.Leaf
	}
	r, err := ledger.OpenReader(dir, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { r.Close() })
	p := proofFile{Schema: proofSchema, Checkpoint: string(r.Signed()), Leaves: []provenLeaf{}}
	for _, n := range []int64{0, 4, 8} {
		leaf, err := proveLeaf(r, n)
		if err != nil {
			f.Fatal(err)
		}
		p.Leaves = append(p.Leaves, leaf)
	}
	proof, err := r.ProveTree(9, 5)
	if err != nil {
		f.Fatal(err)
	}
	p.Older = []olderProof{{string(older), pathOf(proof)}}
	seed, err := canon.Encode(p)
	if err != nil {
		f.Fatal(err)
	}
	seed = append(seed, '\n')
	f.Add(seed)
	f.Add(seed[:len(seed)-1])
	f.Add(bytes.Replace(seed, []byte(`{"schema"`), []byte(`{ "schema"`), 1))
	f.Add(bytes.Replace(seed, []byte(`"index":4`), []byte(`"index":5`), 1))
	f.Add([]byte("{\"schema\":\"dyetrace/ledger-proof/1\",\"checkpoint\":\"\",\"leaves\":[]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parseProof(data)
		if err != nil {
			return
		}
		again, err := canon.Encode(p)
		if err != nil || !bytes.Equal(append(again, '\n'), data) {
			t.Fatalf("%q is read as %q, %v", data, again, err)
		}
		found, err := p.check(note.Verifier(s))
		if err != nil {
			return
		}
		for _, e := range found.leaves {
			want := recorded[e.Index]
			a, errA := want.MarshalBinary()
			b, errB := e.Leaf.MarshalBinary()
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Fatalf("leaf %d is proven to be %+v, and is %+v", e.Index, e.Leaf, want)
			}
		}
	})
}
