package ledger_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// exampleLog opens a log in a new folder. Real signers come from
// note.GenerateKey, and real options need no clock and no source of randomness.
func exampleLog() (l *ledger.Log, dir string) {
	parent, err := os.MkdirTemp("", "ledger")
	check(err)
	dir = filepath.Join(parent, "ledger")
	l, err = ledger.Open(dir, options(1))
	check(err)
	return l, dir
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// The encoding of a planting, field by field.
func ExampleLeaf_MarshalBinary() {
	leaf := ledger.Leaf{
		Kind:    ledger.KindPlanting,
		Time:    29926200,
		Nonce:   ledger.Nonce([]byte("sixteen bytes, n")),
		Epoch:   "2026-11",
		KeyID:   ledger.KeyID([]byte("sixteen bytes, k")),
		Mode:    ledger.ModeTilt,
		Account: ledger.Pseudonym([]byte("sixteen bytes, a")),
		Output:  ledger.Digest([]byte("thirty-two bytes, a keyed hash, o")),
		Units:   []ledger.Unit{{Unit: 5, Option: 1}, {Unit: 258, Option: 0}},
	}
	b, err := leaf.MarshalBinary()
	check(err)
	for _, field := range []struct {
		size int
		name string
	}{
		{1, "version"}, {1, "kind"}, {4, "time"}, {16, "nonce"}, {1, "bytes of the epoch"}, {7, "epoch"}, {16, "key ID"},
		{1, "mode"}, {16, "cohort"}, {16, "account"}, {32, "output"}, {2, "units"}, {12, "unit, option"}, {12, "unit, option"},
	} {
		fmt.Printf("%x %s\n", b[:field.size], field.name)
		b = b[field.size:]
	}
	// Output:
	// 01 version
	// 07 kind
	// 38a3c801 time
	// 7369787465656e2062797465732c206e nonce
	// 07 bytes of the epoch
	// 323032362d3131 epoch
	// 7369787465656e2062797465732c206b key ID
	// 02 mode
	// 00000000000000000000000000000000 cohort
	// 7369787465656e2062797465732c2061 account
	// 7468697274792d74776f2062797465732c2061206b6579656420686173682c20 output
	// 0200 units
	// 050000000000000001000000 unit, option
	// 020100000000000000000000 unit, option
}

// An epoch's key is bound, then plantings are recorded, and a checkpoint and a
// proof show one of them to somebody who has nothing else.
func Example() {
	l, dir := exampleLog()
	defer os.RemoveAll(filepath.Dir(dir))
	ctx := context.Background()
	key := ledger.KeyID{1} // of a keys.ID

	bind := func(k ledger.Kind, d ledger.Digest) ledger.Leaf {
		return ledger.Leaf{Kind: k, Epoch: "2026-11", KeyID: key, Digest: d}
	}
	_, err := l.AppendBatch(ctx, []ledger.Leaf{
		bind(ledger.KindCommitment, ledger.Digest{11}),
		bind(ledger.KindBook, ledger.Digest{12}),
		bind(ledger.KindPolicy, ledger.Digest{13}),
	})
	check(err)
	receipt, err := l.Append(ctx, ledger.Leaf{
		Kind: ledger.KindPlanting, Epoch: "2026-11", KeyID: key, Mode: ledger.ModeSampled,
		Units: []ledger.Unit{{Unit: ledger.UnitNumber("vendor|eg|code/en|2"), Option: 1}},
	})
	check(err)
	signed, err := l.Checkpoint()
	check(err)
	proof, err := l.Reader().Prove(receipt.Index, 4)
	check(err)
	check(l.Close())

	c, err := ledger.OpenCheckpoint(signed, "example.com/planted", public)
	check(err)
	fmt.Println(string(signed))
	fmt.Println(c.Size, receipt.Index, receipt.Leaf.Time)
	fmt.Println(c.CheckInclusion(receipt.Index, receipt.Leaf, proof))
	receipt.Leaf.Units[0].Option = 0
	fmt.Println(c.CheckInclusion(receipt.Index, receipt.Leaf, proof))
	// Output:
	// example.com/planted
	// 4
	// KIYDp+yUWM/yJGN0KRyZirWYmYWQforxJpe6k4pMvxY=
	//
	// — example.com/planted FmfBSRoWYOx0H/mMF/YypoMh54sBCktOmLBN6fLeQMAwGbnstB4CvWR2g5UmYAEdQ+3TkmSIEv5R4lw3/urp84T8OgU=
	//
	// 4 3 2026-11-25 02:00
	// <nil>
	// ledger: leaf 3 is not in the checkpoint: invalid transparency proof
}

// A retry has the nonce of the append that it repeats.
func ExampleLog_Append() {
	l, dir := exampleLog()
	defer os.RemoveAll(filepath.Dir(dir))
	defer l.Close()
	plan := ledger.Leaf{Kind: ledger.KindPlan, Nonce: ledger.Nonce([]byte("sixteen bytes, n")), Digest: ledger.Digest{1}}

	for range 2 {
		r, err := l.Append(context.Background(), plan)
		fmt.Println(r.Index, r.Known, err)
	}
	plan.Digest[0]++
	_, err := l.Append(context.Background(), plan)
	fmt.Println(err)
	_, err = l.Append(context.Background(), ledger.Leaf{
		Kind: ledger.KindPlanting, Epoch: "2026-11", KeyID: ledger.KeyID{1}, Mode: ledger.ModeSampled, Units: []ledger.Unit{{Unit: 42}},
	})
	fmt.Println(err)
	// Output:
	// 0 false <nil>
	// 0 true <nil>
	// ledger: nonce is that of another leaf: leaf 0 has nonce 7369787465656e2062797465732c206e
	// ledger: epoch and key are not bound yet: epoch "2026-11", key 01000000000000000000000000000000: no commitment before a planting
}

// exampleLedger makes a closed ledger of the bindings and 100 plantings.
func exampleLedger() (dir string) {
	l, dir := exampleLog()
	leaves := bindings()
	for n := range uint64(100) {
		leaves = append(leaves, planting(n))
	}
	_, err := l.AppendBatch(context.Background(), leaves)
	check(err)
	check(l.Close())
	return dir
}

// Which answers of a cohort carry a unit?
func ExampleReader_Scan() {
	dir := exampleLedger()
	defer os.RemoveAll(filepath.Dir(dir))
	r, err := ledger.OpenReader(dir, public)
	check(err)
	defer r.Close()

	want := ledger.Filter{Epoch: "2026-11", Cohort: ledger.Pseudonym{1, 3}, Units: []uint64{40}}
	for e, err := range r.Scan(want) {
		check(err)
		fmt.Println(e.Index, e.Leaf.Units)
	}
	// Output:
	// 91 [{40 1} {79 1} {94 3} {139 2} {144 0}]
}

// A whole ledger is held to its checkpoint and to one that somebody kept.
func ExampleVerify() {
	dir := exampleLedger()
	defer os.RemoveAll(filepath.Dir(dir))
	kept, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	check(err)

	report, err := ledger.Verify(dir, public, kept)
	fmt.Println(report.Leaves, report.Kinds[ledger.KindPlanting], report.Signed.Size, report.Torn, err)

	leaves, err := os.ReadFile(filepath.Join(dir, "leaves"))
	check(err)
	leaves[len(leaves)-1] ^= 1
	check(os.WriteFile(filepath.Join(dir, "leaves"), leaves, 0o600))
	_, err = ledger.Verify(dir, public)
	fmt.Println(err)
	// Output:
	// 103 100 103 0 <nil>
	// ledger: leaves is damaged at byte 101: it has 0 whole leaves, checkpoint speaks of 103: its end is missing or was changed
}

// Two checkpoints of one log, the older one with fewer leaves.
func ExampleCheckpoint_CheckConsistency() {
	l, dir := exampleLog()
	defer os.RemoveAll(filepath.Dir(dir))
	defer l.Close()
	var seen []ledger.Checkpoint
	for n := range 2 {
		_, err := l.Append(context.Background(), ledger.Leaf{Kind: ledger.KindPlan, Digest: ledger.Digest{byte(n + 1)}})
		check(err)
		signed, err := l.Checkpoint()
		check(err)
		c, err := ledger.OpenCheckpoint(signed, "example.com/planted", public)
		check(err)
		seen = append(seen, c)
	}
	proof, err := l.Reader().ProveTree(2, 1)
	check(err)
	fmt.Println(seen[1].CheckConsistency(seen[0], proof))
	seen[0].Root[0]++
	fmt.Println(seen[1].CheckConsistency(seen[0], proof))
	// Output:
	// <nil>
	// ledger: checkpoint of 2 leaves does not begin with that of 1: invalid transparency proof
}

// A file keeps checkpoints, though it is nobody's word but the owner's.
func ExampleFileAnchor() {
	l, dir := exampleLog()
	defer os.RemoveAll(filepath.Dir(dir))
	defer l.Close()
	anchor := &ledger.FileAnchor{Path: filepath.Join(filepath.Dir(dir), "anchor"), Origin: "example.com/planted", Verifier: public}

	said, err := l.Anchor(context.Background(), anchor)
	check(err)
	kept, err := anchor.Checkpoints()
	check(err)
	fmt.Println(said.Kind, len(kept), bytes.Equal(kept[0], said.Checkpoint))
	// Output:
	// unanchored 1 true
}

// Names become keyed hashes, until the key is erased.
func ExamplePseudonyms() {
	dir, err := os.MkdirTemp("", "ledger")
	check(err)
	defer os.RemoveAll(dir)
	// Real keys come from crypto/rand.Reader.
	p, err := ledger.CreatePseudonyms(filepath.Join(dir, "2026-11.key"), bytes.NewReader(secret))
	check(err)

	fmt.Println(p.Account("somebody"))
	fmt.Println(p)
	check(p.Erase())
	fmt.Println(p.Account("somebody"))
	// Output:
	// be97cbadbc702b3126e3fef38c1b14a3 <nil>
	// redacted:ledger pseudonyms
	// 00000000000000000000000000000000 ledger: key of the pseudonyms was erased
}

// Keys for logs are those of package note.
func ExampleOptions() {
	secret, public, err := note.GenerateKey(rand.Reader, "example.com/planted")
	check(err)
	s, err := note.NewSigner(secret)
	check(err)
	v, err := note.NewVerifier(public)
	check(err)
	dir, err := os.MkdirTemp("", "ledger")
	check(err)
	defer os.RemoveAll(dir)

	l, err := ledger.Open(dir, ledger.Options{Signer: s, Verifier: v})
	check(err)
	fmt.Println(l.Reader().Origin(), l.Reader().Size())
	check(l.Close())
	// Output:
	// example.com/planted 0
}

// Damage says where a ledger is not what was written.
func ExampleDamage() {
	dir := exampleLedger()
	defer os.RemoveAll(filepath.Dir(dir))
	check(os.Truncate(filepath.Join(dir, "leaves"), 1000))

	_, err := ledger.Open(dir, options(1))
	var damage *ledger.Damage
	if errors.As(err, &damage) {
		fmt.Println(damage.File, damage.Offset)
		fmt.Println(damage.Problem)
	}
	// Output:
	// leaves 1000
	// its end is missing: 103 leaves in 17137 bytes were on the disk
}

// Times are the starts of buckets, in minutes.
func ExampleMinutes() {
	m := ledger.Minutes(29926200)
	fmt.Println(m, m.Time())
	// Output:
	// 2026-11-25 02:00 2026-11-25 02:00:00 +0000 UTC
}

// Nonces, key IDs, pseudonyms and digests are text in lower-case hexadecimal.
func ExampleNonce() {
	var n ledger.Nonce
	fmt.Println(n.UnmarshalText([]byte("7369787465656e2062797465732c206e")), n)
	fmt.Println(n.UnmarshalText([]byte("7369787465656E2062797465732C206E")))
	// Output:
	// <nil> 7369787465656e2062797465732c206e
	// ledger: nonce holds 'E', want lower-case hexadecimal digits
}
