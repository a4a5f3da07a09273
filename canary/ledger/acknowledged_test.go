package ledger_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// A file of leaves that was cut at any byte before the end of what was
// acknowledged is damage, in ledgers that signed it and in those whose process
// died, marked or not, and opening takes nothing more away.
func TestCutAnywhere(t *testing.T) {
	for _, plantings := range []int{0, 1, 7} {
		for _, mark := range []int64{1000, 2} {
			cutEverywhere(t, unsigned(t, mark, plantings).dir, fmt.Sprintf("%d plantings, marks of %d", plantings, mark))
		}
	}
	dir := filepath.Join(t.TempDir(), "closed")
	grown(t, dir, options(1), 6)
	cutEverywhere(t, dir, "closed")
	require.NoError(t, os.Remove(filepath.Join(dir, "mark")))
	cutEverywhere(t, dir, "closed, no mark")
}

func cutEverywhere(t *testing.T, dir, name string) {
	path := filepath.Join(dir, "leaves")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	ends, _ := framesOf(t, data)
	end := ends[len(ends)-1]
	for n := end - 1; n >= 0; n-- {
		require.NoError(t, os.Truncate(path, n))
		var damage *ledger.Damage
		_, err := ledger.Verify(dir, public)
		require.ErrorAs(t, err, &damage, "%s: cut after %d of %d bytes", name, n, end)
		require.ErrorAs(t, openOnce(dir), &damage, "%s: cut after %d of %d bytes", name, n, end)
	}
	for _, n := range []int64{end, end + 1, int64(len(data))} {
		require.NoError(t, os.WriteFile(path, data[:min(n, int64(len(data)))], 0o600))
		_, err := ledger.Verify(dir, public)
		require.NoError(t, err, "%s: %d bytes of %d", name, n, end)
	}
	work := copied(t, dir)
	require.NoError(t, openOnce(work), name)
	report, err := ledger.Verify(work, public)
	require.NoError(t, err)
	require.Zero(t, report.Torn)

	// Zeros in the place of what was cut off are no less damage. The log does not
	// read what is before its mark, but for the last leaf.
	for n := ends[0]; n < end; n++ {
		if len(bytes.TrimRight(data[n:end], "\x00")) == 0 {
			break // they are what was there
		}
		require.NoError(t, os.WriteFile(path, append(slices.Clone(data[:n]), make([]byte, end-n)...), 0o600))
		var damage *ledger.Damage
		_, err := ledger.Verify(dir, public)
		require.ErrorAs(t, err, &damage, "%s: zeros from %d of %d bytes", name, n, end)
		require.ErrorAs(t, openOnce(dir), &damage, "%s: zeros from %d of %d bytes", name, n, end)
	}
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

// Older copies of single files, of each instant at which leaves were
// acknowledged and a checkpoint signed: an older file of leaves and an older
// checkpoint are damage. Of the others an older one says less, and no leaf is
// lost by it.
func TestOlderCopies(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "running")
	l := open(t, dir, ledger.Small(options(1), 16, 4))
	var olds []string
	for n := range uint64(9) {
		batch := bindings()
		if n > 0 {
			batch = []ledger.Leaf{planting(2 * n), planting(2*n + 1)}
		}
		_, err := l.AppendBatch(bg, batch)
		require.NoError(t, err)
		_, err = l.Checkpoint()
		require.NoError(t, err)
		olds = append(olds, copied(t, dir))
	}
	_, err := l.Append(bg, planting(100)) // unsigned
	require.NoError(t, err)
	dead := copied(t, dir)
	want := l.Reader().Root()
	require.NoError(t, l.Close())
	for k, old := range olds {
		for _, name := range []string{"leaves", "checkpoint", "acknowledged", "mark", "hashes", "index"} {
			data, err := os.ReadFile(filepath.Join(old, name))
			if os.IsNotExist(err) {
				continue // no mark yet
			}
			require.NoError(t, err)
			work := copied(t, dead)
			require.NoError(t, os.WriteFile(filepath.Join(work, name), data, 0o600))
			lost := name == "leaves" || name == "checkpoint" && k < len(olds)-1
			_, err = ledger.Verify(work, public)
			_, err2 := ledger.OpenReader(work, public)
			err3 := openOnce(work)
			if lost {
				var damage *ledger.Damage
				require.ErrorAs(t, err, &damage, "%s of %d", name, k)
				require.ErrorAs(t, err3, &damage, "%s of %d", name, k)
				assert.Equal(t, name, damage.File)
				if name == "checkpoint" {
					require.ErrorAs(t, err2, &damage, "%s of %d", name, k)
					require.ErrorContains(t, err, "an older one is in its place")
				}
				continue
			}
			require.NoError(t, err3, "%s of %d", name, k)
			report, err := ledger.Verify(work, public)
			require.NoError(t, err, "%s of %d", name, k)
			require.Equal(t, want, report.Root)
			file, err := os.ReadFile(filepath.Join(work, "acknowledged"))
			require.NoError(t, err)
			assert.Equal(t, uint64(20), binary.LittleEndian.Uint64(file[24:]), "it is brought up to what is there")
		}
	}
}

// A copy of a folder that was made while the log grew may have a mark of leaves
// that are zeros in its file of leaves. That is damage too, whoever knows of it.
func TestMarkOfZeros(t *testing.T) {
	dir := t.TempDir()
	grown(t, dir, options(1), 20)
	path := filepath.Join(dir, "leaves")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	ends, _ := framesOf(t, data)
	clear(data[ends[2]:])
	require.NoError(t, os.WriteFile(path, data, 0o600))
	require.NoError(t, os.Remove(filepath.Join(dir, "acknowledged")))
	first := filepath.Join(t.TempDir(), "first")
	require.NoError(t, openOnce(first))
	empty, err := os.ReadFile(filepath.Join(first, "checkpoint"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "checkpoint"), empty, 0o600))
	require.ErrorContains(t, openOnce(dir), "its end is missing: 23 leaves in ")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data, after))
	require.NoError(t, os.Remove(filepath.Join(dir, "mark")))
	require.NoError(t, openOnce(dir))
}

// A leaf that nobody signed yet, changed with all sums made to fit, is not what
// was acknowledged.
func TestForgedUnsignedLeaf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "running")
	l := started(t, dir, options(1))
	_, err := l.Append(bg, planting(77))
	require.NoError(t, err)
	dir = copied(t, dir)
	require.NoError(t, os.Truncate(filepath.Join(dir, "leaves"), lastEnd(t, dir)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mark"), nil, 0o600))
	forge(t, dir)
	_, err = ledger.Verify(dir, public)
	require.ErrorContains(t, err, "ledger: leaves is damaged: its first 4 leaves have root ")
	require.ErrorContains(t, err, ", acknowledged says ")
	require.ErrorContains(t, openOnce(dir), "and 4 were acknowledged with ")
	require.NoError(t, os.Remove(filepath.Join(dir, "acknowledged")))
	require.NoError(t, openOnce(dir), "nobody's word is left")
}

// lastEnd returns the offset behind the last frame.
func lastEnd(t *testing.T, dir string) int64 {
	data, err := os.ReadFile(filepath.Join(dir, "leaves"))
	require.NoError(t, err)
	ends, _ := framesOf(t, data)
	return ends[len(ends)-1]
}

// What was acknowledged is one of two records. Where one is torn the other
// counts; where neither is what was written, or the file is of another ledger,
// that is damage; where there is none, it is made.
func TestAcknowledgedFile(t *testing.T) {
	s := unsigned(t, 1000, 12)
	data := s.acks[len(s.acks)-1]
	require.Len(t, data, 588)
	n := len(s.ends)
	try := func(ack []byte, frames int) (err, err2 error) {
		t.Helper()
		work := s.with(t, "leaves", s.data[:s.ends[frames]])
		require.NoError(t, os.WriteFile(filepath.Join(work, "acknowledged"), ack, 0o600))
		_, err = ledger.Verify(work, public)
		return err, openOnce(work)
	}
	for at := range data {
		bad := slices.Clone(data)
		bad[at] ^= 1 << (at % 8)
		if at >= 76 && at < 512 && at%50 != 0 {
			continue // between the records
		}
		for _, frames := range []int{n - 1, n - 3} {
			if frames == n-1 && at%5 != 0 {
				continue // it takes longer
			}
			err, err2 := try(bad, frames)
			if frames == n-1 {
				require.NoError(t, err, "byte %d", at)
				require.NoError(t, err2, "byte %d", at)
				continue
			}
			require.ErrorContains(t, err, "its end is missing", "byte %d", at)
			require.ErrorContains(t, err2, "its end is missing", "byte %d", at)
		}
	}
	for at := 0; at < len(data); at += 7 {
		err, err2 := try(data[:at], n-1)
		want := fmt.Sprintf("ledger: acknowledged is damaged: it has %d bytes, want 588; whoever accepts that removes acknowledged", at)
		require.EqualError(t, err, want)
		require.EqualError(t, err2, want)
	}
	both := slices.Clone(data)
	both[30]++
	both[512+30]++
	err, err2 := try(both, n-1)
	require.EqualError(t, err, "ledger: acknowledged is damaged: neither of its records is what was written; whoever accepts that removes acknowledged")
	require.EqualError(t, err2, err.Error())

	// Records that are whole and say what cannot be.
	for at, want := range map[int]string{8: "it is of another ledger", 31: "leaves and 0 signed ones", 32: "signed ones"} {
		odd := slices.Clone(data)
		for _, r := range [][]byte{odd[:76], odd[512:]} {
			copy(r[24:], data[24:40])
			binary.LittleEndian.PutUint64(r[24:], uint64(s.leaves[n-1]))
			r[at] ^= 0x7f
			binary.LittleEndian.PutUint32(r[72:], crc32.Checksum(r[:72], crc32.MakeTable(crc32.Castagnoli)))
		}
		err, err2 := try(odd, n-1)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err2, want)
	}

	// The leaves are gone, and what was acknowledged is not.
	work := copied(t, s.dir)
	require.NoError(t, os.Remove(filepath.Join(work, "leaves")))
	require.EqualError(t, openOnce(work), "ledger: leaves is damaged: it is missing, and 15 leaves were acknowledged; whoever accepts that removes acknowledged")

	// Whoever accepts the loss of what was cut off says so by removing it.
	work = s.with(t, "leaves", s.data[:s.ends[1]])
	require.Error(t, openOnce(work))
	require.NoError(t, os.Remove(filepath.Join(work, "acknowledged")))
	require.NoError(t, openOnce(work))
	require.NoError(t, os.Truncate(filepath.Join(work, "leaves"), s.ends[0]))
	require.Error(t, openOnce(work))
}

// Verify and OpenReader find nothing wrong with a ledger that grows while they
// read it.
func TestVerifyWhileAppending(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	l := started(t, dir, ledger.Small(options(1), 64, 50))
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := uint64(0); ; n += 40 {
			select {
			case <-stop:
				return
			default:
			}
			batch := make([]ledger.Leaf, 40)
			for i := range batch {
				batch[i] = planting(n + uint64(i))
			}
			_, err := l.AppendBatch(bg, batch)
			if !assert.NoError(t, err) {
				return
			}
			_, err = l.Checkpoint()
			assert.NoError(t, err)
		}
	}()
	for range 60 {
		_, err := ledger.Verify(dir, public)
		require.NoError(t, err)
		r, err := ledger.OpenReader(dir, public)
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
	close(stop)
	<-ended
	require.NoError(t, l.Close())
}

// lateFrame is a file of leaves that a log writes while it is read: at first a
// part of a frame is still zeros, at the next look all that follows is there.
type lateFrame struct {
	data     []byte
	from, to int64
	seen     bool
}

func (f *lateFrame) ReadAt(b []byte, at int64) (int, error) {
	n, err := bytes.NewReader(f.data).ReadAt(b, at)
	if !f.seen && at+int64(n) > f.from && at < f.to && at > 0 {
		f.seen = true
		clear(b[max(0, f.from-at):min(int64(n), f.to-at)])
	}
	return n, err
}

// A frame that was half there when it was read, and followed by another when that
// was looked at, is read again: it is whole then.
func TestFrameThatWasBeingWritten(t *testing.T) {
	s := unsigned(t, 1000, 24)
	for _, part := range [][2]int64{{0, 28}, {20, 28}, {28, 60}, {40, 41}} {
		f := &lateFrame{data: s.data, from: s.ends[2] + part[0], to: s.ends[2] + part[1]}
		n, err := ledger.CountLeaves(f, int64(len(s.data)))
		require.ErrorIs(t, err, io.EOF, "%v", part)
		assert.True(t, f.seen)
		assert.Equal(t, s.leaves[len(s.leaves)-1], n)
	}
}
