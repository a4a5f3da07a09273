package ledger_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// naiveRoot is the definition in RFC 6962, section 2.1.
func naiveRoot(leaves [][]byte) tlog.Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	left, right := naiveRoot(leaves[:k]), naiveRoot(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// rootOf returns the root of the first n leaves of r, by the definition.
func rootOf(r *ledger.Reader, n int64) (tlog.Hash, error) {
	var leaves [][]byte
	for e, err := range r.Scan(ledger.Filter{}) {
		if err != nil {
			return tlog.Hash{}, err
		}
		if e.Index == n {
			break
		}
		b, err := e.Leaf.MarshalBinary()
		if err != nil {
			return tlog.Hash{}, err
		}
		leaves = append(leaves, b)
	}
	return naiveRoot(leaves), nil
}

// Every root, inclusion proof and consistency proof of all sizes up to 40.
func TestProofsOfSmallTrees(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir, options(1), 37)
	r, err := ledger.OpenReader(dir, public)
	require.NoError(t, err)
	defer r.Close()
	require.Equal(t, int64(40), r.Size())
	var leaves []ledger.Leaf
	var checkpoints []ledger.Checkpoint
	for n := range r.Size() + 1 {
		root, err := rootOf(r, n)
		require.NoError(t, err)
		checkpoints = append(checkpoints, ledger.Checkpoint{Origin: r.Origin(), Size: n, Root: root})
		if n < r.Size() {
			l, err := r.Leaf(n)
			require.NoError(t, err)
			leaves = append(leaves, l)
		}
	}
	assert.Equal(t, checkpoints[40], r.Checkpoint())
	c, err := ledger.OpenCheckpoint(r.Signed(), r.Origin(), public)
	require.NoError(t, err)
	assert.Equal(t, checkpoints[40], c)
	for size := range r.Size() + 1 {
		for i := range size {
			p, err := r.Prove(i, size)
			require.NoError(t, err)
			require.NoError(t, checkpoints[size].CheckInclusion(i, leaves[i], p), "%d of %d", i, size)
			if size > 1 {
				require.Error(t, checkpoints[size].CheckInclusion((i+1)%size, leaves[i], p))
			}
			require.Error(t, checkpoints[size].CheckInclusion(i, planting(99), p))
		}
		for older := range size + 1 {
			p, err := r.ProveTree(size, older)
			require.NoError(t, err)
			require.NoError(t, checkpoints[size].CheckConsistency(checkpoints[older], p), "%d of %d", older, size)
			bad := checkpoints[older]
			bad.Root[0]++
			require.Error(t, checkpoints[size].CheckConsistency(bad, p))
		}
	}
	for _, c := range [][2]int64{{-1, 4}, {4, 4}, {0, 0}, {0, 41}, {0, -1}} {
		_, err := r.Prove(c[0], c[1])
		assert.ErrorContains(t, err, "ledger: ", "%v", c)
	}
	for _, c := range [][2]int64{{4, 5}, {4, -1}, {41, 1}, {-1, -1}} {
		_, err := r.ProveTree(c[0], c[1])
		assert.ErrorContains(t, err, "ledger: ", "%v", c)
	}
	_, err = r.Leaf(40)
	assert.EqualError(t, err, "ledger: leaf is number 40, want 0 to 39")
	_, err = r.Leaf(-1)
	assert.EqualError(t, err, "ledger: leaf is number -1, want 0 to 39")
}

// Scan finds what a loop over all leaves finds.
func TestScan(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir, options(1), 300)
	r, err := ledger.OpenReader(dir, public)
	require.NoError(t, err)
	defer r.Close()
	var all []ledger.Leaf
	for i := range r.Size() {
		l, err := r.Leaf(i)
		require.NoError(t, err)
		all = append(all, l)
	}
	some := planting(17)
	unit := some.Units[0].Unit
	for name, c := range map[string]struct {
		filter ledger.Filter
		fits   func(int, ledger.Leaf) bool
	}{
		"all":     {ledger.Filter{}, func(int, ledger.Leaf) bool { return true }},
		"kind":    {ledger.Filter{Kind: ledger.KindBook}, func(_ int, l ledger.Leaf) bool { return l.Kind == ledger.KindBook }},
		"epoch":   {ledger.Filter{Epoch: epoch}, func(int, ledger.Leaf) bool { return true }},
		"other":   {ledger.Filter{Epoch: "2026-12"}, func(int, ledger.Leaf) bool { return false }},
		"key":     {ledger.Filter{KeyID: ledger.KeyID{9}}, func(int, ledger.Leaf) bool { return false }},
		"cohort":  {ledger.Filter{Cohort: some.Cohort}, func(_ int, l ledger.Leaf) bool { return l.Cohort == some.Cohort }},
		"account": {ledger.Filter{Account: some.Account}, func(_ int, l ledger.Leaf) bool { return l.Account == some.Account }},
		"cell": {ledger.Filter{Units: []uint64{unit, 1 << 60}}, func(_ int, l ledger.Leaf) bool {
			for _, u := range l.Units {
				if u.Unit == unit {
					return true
				}
			}
			return false
		}},
		"range": {ledger.Filter{Begin: 7, End: 90}, func(i int, _ ledger.Leaf) bool { return i >= 7 && i < 90 }},
		"from":  {ledger.Filter{Begin: 301}, func(i int, _ ledger.Leaf) bool { return i >= 301 }},
		"past":  {ledger.Filter{Begin: 303, End: 1000}, func(int, ledger.Leaf) bool { return false }},
		"early": {ledger.Filter{Until: hour}, func(int, ledger.Leaf) bool { return false }},
		"time":  {ledger.Filter{From: hour, Until: hour + 1}, func(int, ledger.Leaf) bool { return true }},
		"late":  {ledger.Filter{From: hour + 1}, func(int, ledger.Leaf) bool { return false }},
	} {
		var want, got []ledger.Entry
		for i, l := range all {
			if c.fits(i, l) {
				want = append(want, ledger.Entry{Index: int64(i), Leaf: l})
			}
		}
		for e, err := range r.Scan(c.filter) {
			require.NoError(t, err)
			got = append(got, e)
		}
		assert.Equal(t, want, got, name)
	}
	for e, err := range r.Scan(ledger.Filter{}) { // a loop may end early
		require.NoError(t, err)
		if e.Index == 5 {
			break
		}
	}
	for _, err := range r.Scan(ledger.Filter{Begin: -1}) {
		assert.EqualError(t, err, "ledger: leaves are [-1, 0), want numbers from 0 on")
	}
}

// A reader keeps what it saw while the log grows, and a reader of another opener
// needs no lock.
func TestReadersKeepTheirTree(t *testing.T) {
	dir := t.TempDir()
	l := started(t, dir, options(1))
	before := l.Reader()
	_, err := l.Checkpoint()
	require.NoError(t, err)
	for n := range uint64(50) {
		_, err := l.Append(bg, planting(n))
		require.NoError(t, err)
	}
	other, err := ledger.OpenReader(dir, public)
	require.NoError(t, err)
	defer other.Close()
	for _, r := range []*ledger.Reader{before, other} {
		assert.Equal(t, int64(3), r.Size())
		assert.Equal(t, before.Root(), r.Root())
		n := 0
		for _, err := range r.Scan(ledger.Filter{}) {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, 3, n)
	}
	assert.Nil(t, before.Signed())
	assert.NotNil(t, other.Signed())
	require.NoError(t, before.Close())
	_, err = l.Append(bg, planting(60))
	require.NoError(t, err)
	report, err := ledger.Verify(dir, public) // while it is open
	require.NoError(t, err)
	assert.Equal(t, int64(54), report.Leaves)
	assert.Equal(t, int64(3), report.Signed.Size)
}

// Reading notices what Verify notices, leaf by leaf.
func TestReadingChecksLeaves(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir, options(1), 20)
	path := filepath.Join(dir, "leaves")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[len(data)-1] ^= 1 // the last leaf's last option
	require.NoError(t, os.WriteFile(path, data, 0o600))
	r, err := ledger.OpenReader(dir, public)
	require.NoError(t, err)
	defer r.Close()
	var damage *ledger.Damage
	_, err = r.Leaf(22)
	assert.ErrorAs(t, err, &damage)
	_, err = r.Prove(22, 23)
	assert.ErrorAs(t, err, &damage)
	_, err = r.Leaf(21)
	assert.NoError(t, err)
	n, errs := 0, 0
	for _, err := range r.Scan(ledger.Filter{}) {
		if err != nil {
			assert.ErrorAs(t, err, &damage)
			errs++
			continue
		}
		n++
	}
	assert.Equal(t, 22, n)
	assert.Equal(t, 1, errs)
}
