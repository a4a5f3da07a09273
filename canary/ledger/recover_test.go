package ledger_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// unsigned returns the folder of a ledger whose process died: n plantings, the
// mark after some of them, and no checkpoint but the first, of 0 leaves. The ends
// are the offsets behind the file's header and behind each frame, leaves the
// numbers of leaves up to there.
func unsigned(t testing.TB, mark int64, n int) (dir string, ends, leaves []int64) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "running")
	l := open(t, dir, ledger.Small(options(1), 16, mark))
	path := filepath.Join(dir, "leaves")
	note := func() {
		info, err := os.Stat(path)
		require.NoError(t, err)
		ends, leaves = append(ends, info.Size()), append(leaves, l.Reader().Size())
	}
	note()
	_, err := l.AppendBatch(bg, bindings())
	require.NoError(t, err)
	note()
	rng := rand.New(rand.NewPCG(uint64(n), 5))
	for i := 0; i < n; {
		var batch []ledger.Leaf
		for range min(n-i, 1+rng.IntN(5)) {
			batch = append(batch, planting(uint64(i)))
			i++
		}
		_, err := l.AppendBatch(bg, batch)
		require.NoError(t, err)
		note()
	}
	return copied(t, dir), ends, leaves
}

// A file of leaves that ends at any byte, as a kill or a power cut may leave it,
// opens with every leaf whose frame is whole, and grows from there to the same
// tree.
func TestTornAnywhere(t *testing.T) {
	dir, ends, leaves := unsigned(t, 1000, 8)
	data, err := os.ReadFile(filepath.Join(dir, "leaves"))
	require.NoError(t, err)
	whole := open(t, copied(t, dir), options(1)).Reader()
	for n := ends[0]; n <= int64(len(data)); n++ {
		k, found := slices.BinarySearch(ends, n)
		if !found {
			k--
		}
		if in := n - ends[k]; in > 30 && in%61 != 0 {
			continue // within a body all bytes are alike
		}
		work := filepath.Join(t.TempDir(), "work")
		require.NoError(t, os.CopyFS(work, os.DirFS(dir)))
		require.NoError(t, os.WriteFile(filepath.Join(work, "leaves"), data[:n], 0o600))
		report, err := ledger.Verify(work, public)
		require.NoError(t, err, "cut after %d bytes", n)
		require.Equal(t, leaves[k], report.Leaves)
		require.Equal(t, n-ends[k], report.Torn)
		l, err := ledger.Open(work, ledger.Small(options(1), 16, 1000))
		require.NoError(t, err, "cut after %d bytes", n)
		require.Equal(t, leaves[k], l.Reader().Size())
		if n%64 == 0 { // the rest again: the same tree, whatever was known
			_, err = l.AppendBatch(bg, bindings())
			require.NoError(t, err)
			for i := range uint64(8) {
				_, err := l.Append(bg, planting(i))
				require.NoError(t, err)
			}
			require.Equal(t, whole.Root(), l.Reader().Root(), "cut after %d bytes", n)
		}
		require.NoError(t, l.Close())
	}
}

// Garbage behind the last frame, as a power cut may leave it, is cut off: zeros,
// noise, and the beginning of the frame before.
func TestGarbageTail(t *testing.T) {
	dir, ends, leaves := unsigned(t, 1000, 24)
	data, err := os.ReadFile(filepath.Join(dir, "leaves"))
	require.NoError(t, err)
	noise := make([]byte, 3000)
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	n := len(ends)
	for name, tail := range map[string][]byte{
		"zeros":  make([]byte, 4096),
		"noise":  noise,
		"leaves": data[ends[n-3]+28 : ends[n-2]], // a body without its header
	} {
		work := copied(t, dir)
		require.NoError(t, os.WriteFile(filepath.Join(work, "leaves"), append(slices.Clone(data), tail...), 0o600))
		report, err := ledger.Verify(work, public)
		require.NoError(t, err, name)
		assert.Equal(t, int64(len(tail)), report.Torn, name)
		l := open(t, work, options(1))
		assert.Equal(t, leaves[n-1], l.Reader().Size(), name)
		info, err := os.Stat(filepath.Join(work, "leaves"))
		require.NoError(t, err)
		assert.Equal(t, int64(len(data)), info.Size(), name)
	}
}

// A changed bit in any frame but the last is damage, and so it is in the last
// once that is signed or marked. In the last frame of a process that died it is a
// torn frame, and nothing else is lost.
func TestFlippedBits(t *testing.T) {
	dir, ends, leaves := unsigned(t, 1000, 8)
	data, err := os.ReadFile(filepath.Join(dir, "leaves"))
	require.NoError(t, err)
	n := len(ends)
	last := ends[n-2]
	for at := ends[0]; at < int64(len(data)); at++ {
		k, found := slices.BinarySearch(ends, at)
		if !found {
			k--
		}
		if in := at - ends[k]; in > 30 && in%61 != 0 {
			continue // within a body all bytes are alike
		}
		work := filepath.Join(t.TempDir(), "w")
		require.NoError(t, os.CopyFS(work, os.DirFS(dir)))
		bad := slices.Clone(data)
		bad[at] ^= 1 << (at % 8)
		require.NoError(t, os.WriteFile(filepath.Join(work, "leaves"), bad, 0o600))
		report, err := ledger.Verify(work, public)
		l, err2 := ledger.Open(work, options(1))
		if at < last {
			var damage *ledger.Damage
			require.ErrorAs(t, err, &damage, "byte %d", at)
			require.ErrorAs(t, err2, &damage, "byte %d", at)
			continue
		}
		require.NoError(t, err, "byte %d", at)
		require.NoError(t, err2, "byte %d", at)
		require.Equal(t, leaves[n-2], report.Leaves, "byte %d", at)
		require.Equal(t, leaves[n-2], l.Reader().Size(), "byte %d", at)
		require.NoError(t, l.Close())
	}
}

// What a log acknowledged and signed cannot be cut off behind its back.
func TestSignedEndMissing(t *testing.T) {
	for _, marked := range []bool{true, false} {
		dir := t.TempDir()
		grown(t, dir, options(1), 24)
		if !marked {
			require.NoError(t, os.Remove(filepath.Join(dir, "mark")))
		}
		data, err := os.ReadFile(filepath.Join(dir, "leaves"))
		require.NoError(t, err)
		for _, cut := range []int{1, 29, 700} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "leaves"), data[:len(data)-cut], 0o600))
			_, err = ledger.Open(dir, options(1))
			assert.ErrorContains(t, err, "its end is missing", "marked %v, cut %d", marked, cut)
			_, err = ledger.Verify(dir, public)
			assert.ErrorContains(t, err, "its end is missing", "marked %v, cut %d", marked, cut)
			var damage *ledger.Damage
			assert.ErrorAs(t, err, &damage)
		}
	}
}

// Hashes and index may be ahead of the leaves by the largest frame. By more, the
// leaves lost their end, signed or not; that one of them alone is longer is no
// loss.
func TestUnsignedEndMissing(t *testing.T) {
	const frame = 4096 + 16384
	dir := filepath.Join(t.TempDir(), "running")
	l := started(t, dir, options(1))
	info, err := os.Stat(filepath.Join(dir, "leaves"))
	require.NoError(t, err)
	for b := range uint64(2) {
		batch := make([]ledger.Leaf, 16384)
		for i := range batch {
			batch[i] = planting(b<<14 + uint64(i))
		}
		_, err := l.AppendBatch(bg, batch)
		require.NoError(t, err)
	}
	dir = copied(t, dir)
	for name, c := range map[string]struct {
		cut                 int64 // leaves end so far behind the three bindings
		hashes, index, want int64 // leaves; want of the index, 0: it opens
	}{
		"two frames missing":             {0, 3 + 32768, 3 + 32768, 3 + 32768},
		"and a piece of the first":       {100, 3 + 32768, 3 + 32768, 3 + 32768},
		"one frame of the largest size":  {0, 3 + frame, 3 + frame, 0},
		"and a leaf":                     {0, 3 + frame + 1, 3 + frame + 1, 3 + frame + 1},
		"only the index is longer":       {0, 3, 3 + 32768, 0},
		"only hashes are longer":         {0, 3 + 32768, 3, 0},
		"the index is longer by a frame": {0, 3 + 32768, 3 + frame, 0},
	} {
		work := copied(t, dir)
		require.NoError(t, os.Truncate(filepath.Join(work, "leaves"), info.Size()+c.cut))
		require.NoError(t, os.Truncate(filepath.Join(work, "hashes"), tlog.StoredHashCount(c.hashes)*32))
		require.NoError(t, os.Truncate(filepath.Join(work, "index"), c.index*16))
		err := openOnce(work)
		if c.want == 0 {
			require.NoError(t, err, name)
			continue
		}
		var damage *ledger.Damage
		require.ErrorAs(t, err, &damage, name)
		assert.Equal(t, "leaves", damage.File)
		assert.Equal(t, info.Size(), damage.Offset)
		assert.Contains(t, err.Error(), fmt.Sprintf("it has 3 whole leaves, and hashes and index hold %d,", c.want), name)
		require.Equal(t, err, openOnce(work), "refusing changes nothing")
		require.NoError(t, os.Remove(filepath.Join(work, "index")))
		require.NoError(t, openOnce(work), "the loss is accepted")
	}
}

// hashes, index and mark are made again, whatever became of them.
func TestDerivedFilesAreMadeAgain(t *testing.T) {
	dir := t.TempDir()
	o := ledger.Small(options(1), 16, 10)
	grown(t, dir, o, 100)
	want, err := ledger.Verify(dir, public)
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, name := range []string{"hashes", "index", "mark"} {
		files[name], err = os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
	}
	changes := map[string]func([]byte) []byte{
		"removed": nil,
		"empty":   func([]byte) []byte { return nil },
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"longer":  func(b []byte) []byte { return append(b, b...) },
		"changed": func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"zeros":   func(b []byte) []byte { clear(b); return b },
	}
	for name := range files {
		for how, change := range changes {
			path := filepath.Join(dir, name)
			if change == nil {
				require.NoError(t, os.Remove(path))
			} else {
				require.NoError(t, os.WriteFile(path, change(slices.Clone(files[name])), 0o600))
			}
			l, err := ledger.Open(dir, o)
			require.NoError(t, err, "%s %s", name, how)
			assert.Equal(t, want.Root, l.Reader().Root())
			got, err := l.Append(bg, planting(3))
			require.NoError(t, err)
			assert.True(t, got.Known)
			require.NoError(t, l.Close())
			if name == "hashes" && how == "changed" {
				// Opening looks at hashes only where it needs them; Verify at all.
				_, err := ledger.Verify(dir, public)
				require.ErrorContains(t, err, "hashes is damaged at byte ")
				require.ErrorContains(t, err, "it is not made from the leaves: remove it")
				require.NoError(t, os.Remove(path))
				require.NoError(t, openOnce(dir))
			}
			got2, err := ledger.Verify(dir, public)
			require.NoError(t, err, "%s %s", name, how)
			assert.Equal(t, want, got2)
			for name, data := range files {
				now, err := os.ReadFile(filepath.Join(dir, name))
				require.NoError(t, err)
				assert.True(t, bytes.Equal(data, now), "%s after %s %s", name, name, how)
			}
		}
	}
}

// FuzzRecovery cuts the file of leaves, flips bits in it and puts bytes behind
// it: opening refuses, or has a log that is a beginning of the one that was, and
// that goes on.
func FuzzRecovery(f *testing.F) {
	dir, ends, leaves := unsigned(f, 8, 40)
	data, err := os.ReadFile(filepath.Join(dir, "leaves"))
	require.NoError(f, err)
	whole := open(f, copied(f, dir), options(1)).Reader()
	var roots []ledger.Checkpoint
	for n := range whole.Size() + 1 {
		root, err := rootOf(whole, n)
		require.NoError(f, err)
		roots = append(roots, ledger.Checkpoint{Size: n, Root: root})
	}
	f.Add(uint32(len(data)), uint32(0), byte(0), []byte(nil))
	f.Add(uint32(len(data)-3), uint32(200), byte(4), []byte("tail"))
	f.Add(uint32(ends[2]), uint32(ends[1]+2), byte(1), data[ends[1]:ends[2]])
	f.Fuzz(func(t *testing.T, size, at uint32, flip byte, tail []byte) {
		work := filepath.Join(t.TempDir(), "w")
		require.NoError(t, os.CopyFS(work, os.DirFS(dir)))
		bad := slices.Clone(data[:min(int(size), len(data))])
		if len(bad) > 0 {
			bad[int(at)%len(bad)] ^= flip
		}
		bad = append(bad, tail...)
		require.NoError(t, os.WriteFile(filepath.Join(work, "leaves"), bad, 0o600))
		_, verr := ledger.Verify(work, public)
		l, err := ledger.Open(work, ledger.Small(options(2), 16, 8))
		if err != nil {
			return
		}
		defer l.Close()
		n := l.Reader().Size()
		require.LessOrEqual(t, n, leaves[len(leaves)-1])
		if verr == nil {
			require.Equal(t, roots[n].Root, l.Reader().Root())
		}
		_, err = l.AppendBatch(bg, append(bindings(), planting(1000)))
		require.NoError(t, err)
	})
}

// A header that is whole but says something that cannot be is damage.
func TestFrameThatCannotBe(t *testing.T) {
	dir, ends, _ := unsigned(t, 1000, 24)
	data, err := os.ReadFile(filepath.Join(dir, "leaves"))
	require.NoError(t, err)
	path := filepath.Join(dir, "leaves")
	// The last frame once more: whole, but not the next one.
	twice := append(slices.Clone(data), data[ends[len(ends)-2]:]...)
	require.NoError(t, os.WriteFile(path, twice, 0o600))
	_, err = ledger.Open(dir, options(1))
	assert.ErrorContains(t, err, "a frame begins with leaf ")
	// A frame is missing in the middle.
	gone := append(slices.Clone(data[:ends[1]]), data[ends[2]:]...)
	require.NoError(t, os.WriteFile(path, gone, 0o600))
	_, err = ledger.Open(dir, options(1))
	assert.ErrorContains(t, err, "a frame begins with leaf ")
	// More bytes than a frame has cannot be torn.
	require.NoError(t, os.WriteFile(path, append(slices.Clone(data), make([]byte, 6<<20)...), 0o600))
	_, err = ledger.Open(dir, options(1))
	assert.ErrorContains(t, err, "more than a frame has")
	var one [2]byte
	binary.LittleEndian.PutUint16(one[:], 9)
	require.NoError(t, os.WriteFile(path, append(slices.Clone(data), one[:]...), 0o600))
	require.NoError(t, openOnce(dir))
}
