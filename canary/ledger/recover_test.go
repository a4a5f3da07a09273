package ledger_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// A stopped ledger is the folder of one whose process died: what was in it at
// each instant at which leaves were acknowledged, and nothing signed but the
// first checkpoint, of 0 leaves.
type stopped struct {
	dir    string
	data   []byte   // the file of leaves up to the end of the last frame
	ends   []int64  // offsets behind the file's header and behind each frame
	leaves []int64  // numbers of leaves up to there
	acks   [][]byte // the file of what was acknowledged then
}

// unsigned makes a stopped ledger of n plantings, with marks after so many
// leaves.
func unsigned(t testing.TB, mark int64, n int) (s stopped) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "running")
	l := open(t, dir, ledger.Small(options(1), 16, mark))
	note := func(batch []ledger.Leaf) {
		if len(batch) > 0 {
			_, err := l.AppendBatch(bg, batch)
			require.NoError(t, err)
		}
		ack, err := os.ReadFile(filepath.Join(dir, "acknowledged"))
		require.NoError(t, err)
		s.acks = append(s.acks, ack)
	}
	note(nil)
	note(bindings())
	rng := rand.New(rand.NewPCG(uint64(n), 5))
	for i := 0; i < n; {
		var batch []ledger.Leaf
		for range min(n-i, 1+rng.IntN(5)) {
			batch = append(batch, planting(uint64(i)))
			i++
		}
		note(batch)
	}
	s.dir = copied(t, dir)
	var err error
	s.data, err = os.ReadFile(filepath.Join(s.dir, "leaves"))
	require.NoError(t, err)
	s.ends, s.leaves = framesOf(t, s.data)
	require.Len(t, s.ends, len(s.acks))
	s.data = s.data[:s.ends[len(s.ends)-1]]
	return s
}

// framesOf returns the offsets behind the header of a file of leaves and behind
// each of its frames, and the numbers of leaves up to there. What follows is
// torn or zeros.
func framesOf(t testing.TB, data []byte) (ends, leaves []int64) {
	t.Helper()
	at, n := int64(bytes.Index(data, []byte("\n\n"))+2), int64(0)
	for {
		ends, leaves = append(ends, at), append(leaves, n)
		h := data[at:]
		if len(h) < 28 || binary.LittleEndian.Uint16(h[2:]) == 0 {
			return ends, leaves
		}
		at += 28 + int64(binary.LittleEndian.Uint32(h[4:]))
		if at > int64(len(data)) {
			return ends, leaves
		}
		n += int64(binary.LittleEndian.Uint32(h[16:]))
	}
}

// frame returns the number of whole frames in the first n bytes.
func (s *stopped) frame(n int64) int {
	k, found := slices.BinarySearch(s.ends, n)
	if !found {
		k--
	}
	return k
}

// with returns a new folder with the ledger, but for one file.
func (s *stopped) with(t testing.TB, name string, data []byte) string {
	t.Helper()
	work := filepath.Join(t.TempDir(), "work")
	require.NoError(t, os.CopyFS(work, os.DirFS(s.dir)))
	require.NoError(t, os.WriteFile(filepath.Join(work, name), data, 0o600))
	return work
}

// A file of leaves that ends at any byte behind what was acknowledged, as a kill
// or a power cut may leave it, opens with every leaf whose frame is whole, and
// grows from there to the same tree.
func TestTornAnywhere(t *testing.T) {
	s := unsigned(t, 1000, 8)
	whole := open(t, copied(t, s.dir), options(1)).Reader()
	for n := s.ends[0]; n <= int64(len(s.data)); n++ {
		k := s.frame(n)
		if in := n - s.ends[k]; in > 30 && in%61 != 0 {
			continue // within a body all bytes are alike
		}
		for _, zeros := range []int{0, 5000} {
			data := append(slices.Clone(s.data[:n]), make([]byte, zeros)...)
			work := s.with(t, "leaves", data)
			require.NoError(t, os.WriteFile(filepath.Join(work, "acknowledged"), s.acks[k], 0o600))
			// What was cut off may have been zeros.
			for k+1 < len(s.ends) && s.ends[k+1] <= int64(len(data)) && bytes.Equal(data[:s.ends[k+1]], s.data[:s.ends[k+1]]) {
				k++
			}
			report, err := ledger.Verify(work, public)
			require.NoError(t, err, "cut after %d bytes", n)
			require.Equal(t, s.leaves[k], report.Leaves)
			require.Len(t, bytes.TrimRight(data[s.ends[k]:], "\x00"), int(report.Torn))
			l, err := ledger.Open(work, ledger.Small(options(1), 16, 1000))
			require.NoError(t, err, "cut after %d bytes", n)
			require.Equal(t, s.leaves[k], l.Reader().Size())
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
}

// Garbage behind the last frame, as a power cut may leave it, is cut off: noise,
// and the beginning of the frame before. Zeros are room for more.
func TestGarbageTail(t *testing.T) {
	s := unsigned(t, 1000, 24)
	noise := make([]byte, 3000)
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range noise {
		noise[i] = byte(rng.Uint32()) | 1
	}
	n := len(s.ends)
	for name, tail := range map[string][]byte{
		"noise":            noise,
		"leaves":           s.data[s.ends[n-3]+28 : s.ends[n-2]], // a body without its header
		"zeros":            make([]byte, 6<<20),
		"zeros then noise": append(make([]byte, 4096), noise...),
	} {
		want := len(bytes.TrimRight(tail, "\x00"))
		for _, room := range []int{0, 7, 1 << 16} {
			work := s.with(t, "leaves", slices.Concat(s.data, tail, make([]byte, room)))
			report, err := ledger.Verify(work, public)
			require.NoError(t, err, name)
			assert.Equal(t, int64(want), report.Torn, name)
			l := open(t, work, options(1))
			assert.Equal(t, s.leaves[n-1], l.Reader().Size(), name)
			info, err := os.Stat(filepath.Join(work, "leaves"))
			require.NoError(t, err)
			if want > 0 {
				assert.Equal(t, int64(len(s.data)), info.Size(), name)
			}
			require.NoError(t, l.Close())
			file, err := os.ReadFile(filepath.Join(work, "leaves"))
			require.NoError(t, err)
			assert.True(t, bytes.Equal(s.data, file), "%s: a ledger that was closed ends behind its last leaf", name)
		}
	}
}

// A changed bit in any frame that was acknowledged is damage. In one that was
// not it is a torn frame, and nothing else is lost.
func TestFlippedBits(t *testing.T) {
	s := unsigned(t, 1000, 8)
	n := len(s.ends)
	for at := s.ends[0]; at < int64(len(s.data)); at++ {
		if in := at - s.ends[s.frame(at)]; in > 30 && in%61 != 0 {
			continue // within a body all bytes are alike
		}
		bad := slices.Clone(s.data)
		bad[at] ^= 1 << (at % 8)
		work := s.with(t, "leaves", bad)
		var damage *ledger.Damage
		_, err := ledger.Verify(work, public)
		require.ErrorAs(t, err, &damage, "byte %d", at)
		require.ErrorAs(t, openOnce(work), &damage, "byte %d", at)
		file, err := os.ReadFile(filepath.Join(work, "leaves"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(bad, file), "refusing changes nothing")

		require.NoError(t, os.WriteFile(filepath.Join(work, "acknowledged"), s.acks[n-2], 0o600))
		report, err := ledger.Verify(work, public)
		l, err2 := ledger.Open(work, options(1))
		if at < s.ends[n-2] {
			require.ErrorAs(t, err, &damage, "byte %d", at)
			require.ErrorAs(t, err2, &damage, "byte %d", at)
			continue
		}
		require.NoError(t, err, "byte %d", at)
		require.NoError(t, err2, "byte %d", at)
		require.Equal(t, s.leaves[n-2], report.Leaves, "byte %d", at)
		require.Equal(t, s.leaves[n-2], l.Reader().Size(), "byte %d", at)
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
	s := unsigned(f, 8, 40)
	dir, data, ends, leaves := s.dir, s.data, s.ends, s.leaves
	whole := open(f, copied(f, dir), options(1)).Reader()
	var roots []ledger.Checkpoint
	for n := range whole.Size() + 1 {
		root, err := rootOf(whole, n)
		require.NoError(f, err)
		roots = append(roots, ledger.Checkpoint{Size: n, Root: root})
	}
	f.Add(uint32(len(data)), uint32(0), byte(0), []byte(nil), byte(9))
	f.Add(uint32(len(data)-3), uint32(200), byte(4), []byte("tail"), byte(1))
	f.Add(uint32(ends[2]), uint32(ends[1]+2), byte(1), data[ends[1]:ends[2]], byte(2))
	f.Fuzz(func(t *testing.T, size, at uint32, flip byte, tail []byte, known byte) {
		work := filepath.Join(t.TempDir(), "w")
		require.NoError(t, os.CopyFS(work, os.DirFS(dir)))
		bad := slices.Clone(data[:min(int(size), len(data))])
		if len(bad) > 0 {
			bad[int(at)%len(bad)] ^= flip
		}
		bad = append(bad, tail...)
		require.NoError(t, os.WriteFile(filepath.Join(work, "leaves"), bad, 0o600))
		k := int(known) % len(s.acks)
		require.NoError(t, os.WriteFile(filepath.Join(work, "acknowledged"), s.acks[k], 0o600))
		_, verr := ledger.Verify(work, public)
		l, err := ledger.Open(work, ledger.Small(options(2), 16, 8))
		if err != nil {
			return
		}
		defer l.Close()
		n := l.Reader().Size()
		require.LessOrEqual(t, n, leaves[len(leaves)-1])
		require.GreaterOrEqual(t, n, leaves[k], "what was acknowledged is there")
		if verr == nil {
			require.Equal(t, roots[n].Root, l.Reader().Root())
		}
		_, err = l.AppendBatch(bg, append(bindings(), planting(1000)))
		require.NoError(t, err)
	})
}

// A header that is whole but says something that cannot be is damage.
func TestFrameThatCannotBe(t *testing.T) {
	s := unsigned(t, 1000, 24)
	dir, data, ends := s.dir, s.data, s.ends
	path := filepath.Join(dir, "leaves")
	// The last frame once more: whole, but not the next one.
	twice := append(slices.Clone(data), data[ends[len(ends)-2]:]...)
	require.NoError(t, os.WriteFile(path, twice, 0o600))
	_, err := ledger.Open(dir, options(1))
	assert.ErrorContains(t, err, "a frame begins with leaf ")
	// A frame is missing in the middle.
	gone := append(slices.Clone(data[:ends[1]]), data[ends[2]:]...)
	require.NoError(t, os.WriteFile(path, gone, 0o600))
	_, err = ledger.Open(dir, options(1))
	assert.ErrorContains(t, err, "a frame begins with leaf ")
	// More bytes than a frame has cannot be torn.
	require.NoError(t, os.WriteFile(path, append(slices.Clone(data), bytes.Repeat([]byte{1}, 6<<20)...), 0o600))
	_, err = ledger.Open(dir, options(1))
	assert.ErrorContains(t, err, "more than a frame has")
	var one [2]byte
	binary.LittleEndian.PutUint16(one[:], 9)
	require.NoError(t, os.WriteFile(path, append(slices.Clone(data), one[:]...), 0o600))
	require.NoError(t, openOnce(dir))
}
