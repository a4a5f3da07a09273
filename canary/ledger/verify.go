package ledger

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Report says what [Verify] found.
type Report struct {
	Origin string
	Leaves int64
	Root   tlog.Hash      // of all leaves
	Kinds  map[Kind]int64 // leaves of each kind
	// Signed is the last checkpoint in the folder; leaves behind it stand on
	// nobody's word yet.
	Signed Checkpoint
	// Torn is the number of bytes behind the last leaf up to the last that is not
	// zero: what a killed process left of a frame that it never acknowledged.
	Torn int64
	// Repeated is the number of leaves whose nonce an earlier leaf has: retries
	// after more than Options.Recall other leaves.
	Repeated int64
}

// Verify reads the whole ledger in dir and hashes every leaf again. It holds it
// to the last checkpoint in the folder, to what was acknowledged, and to any
// known checkpoints, which must be signed under v: those that came from a
// witness, an anchor or an earlier visit are what shows that somebody put an older
// state of the whole folder in its place.
// The first thing that is not what was written is returned as a [*Damage].
//
// It writes nothing and needs no lock. Its memory is about a fiftieth of the
// ledger, at most 256 MiB.
func Verify(dir string, v note.Verifier, known ...[]byte) (Report, error) {
	return VerifyProgress(dir, v, func(int64, int64) error { return nil }, known...)
}

// VerifyProgress is [Verify] that tells, from the caller's goroutine and after every
// frame, how many bytes were read and how many the file of leaves has, room at its
// end included. An error of progress ends it and is returned.
func VerifyProgress(dir string, v note.Verifier, progress func(done, total int64) error, known ...[]byte) (Report, error) {
	f, err := os.Open(filepath.Join(dir, leavesFile))
	if err != nil {
		return Report{}, fmt.Errorf("ledger: %w", err)
	}
	defer f.Close()
	a := &auditor{dir: dir, leaves: f, progress: progress, kinds: map[Kind]int64{}, wanted: map[int64][]wantedRoot{}, bindings: newBindings()}
	if a.header, a.at, err = readHeader(f); err != nil {
		return Report{}, err
	}
	if err := a.want(v, known); err != nil {
		return Report{}, err
	}
	defer a.closeDerived()
	if err := a.read(); err != nil {
		return Report{}, err
	}
	return a.report()
}

// An auditor reads a ledger once, from the first leaf to the last.
type auditor struct {
	dir      string
	leaves   *os.File
	header   header
	at       int64 // offset of the first frame
	size     int64 // of the file of leaves
	signed   Checkpoint
	wanted   map[int64][]wantedRoot // by number of leaves
	derived  []derived
	tree     frontier
	bindings *bindings
	kinds    map[Kind]int64
	seen     filter              // prints of nonces
	suspects map[uint64]struct{} // prints that may have come twice
	end      int64               // offset behind the last frame
	torn     int64
	leaf     Leaf // scratch
	progress func(done, total int64) error
}

// A wantedRoot is what somebody said of the first leaves.
type wantedRoot struct {
	file string
	root tlog.Hash
}

// derived is a file that is made from the leaves, up to what the mark says of
// it.
type derived struct {
	name  string
	file  *os.File
	end   int64
	at    int64
	bytes []byte
	have  []byte // scratch
}

// want notes which roots the ledger must have had. What was acknowledged is read
// first, and the checkpoint and the mark before the size of the leaves: a log may
// be appending.
func (a *auditor) want(v note.Verifier, known [][]byte) error {
	promised, found, err := readAcknowledged(a.dir)
	if err != nil {
		return err
	}
	if a.signed, _, err = storedCheckpoint(a.dir, a.header, v); err != nil {
		return err
	}
	a.expect(a.signed.Size, checkpointFile, a.signed.Root)
	if found {
		if err := errors.Join(promised.fits(a.header), promised.holdsSigned(a.signed)); err != nil {
			return err
		}
		a.expect(promised.leaves, acknowledgedFile, promised.root)
	}
	for i, signed := range known {
		c, err := OpenCheckpoint(signed, a.header.origin, v)
		if err != nil {
			return fmt.Errorf("%w (known checkpoint %d)", err, i)
		}
		a.expect(c.Size, fmt.Sprintf("known checkpoint %d", i), c.Root)
	}
	m, ok, err := readMark(a.dir)
	if err != nil {
		return err
	}
	if ok {
		a.expect(m.leaves, markFile, m.root)
		if err := a.openDerived(m.leaves); err != nil {
			return err
		}
	}
	a.size, err = sizeOf(a.leaves)
	return err
}

func (a *auditor) expect(leaves int64, file string, root tlog.Hash) {
	a.wanted[leaves] = append(a.wanted[leaves], wantedRoot{file, root})
}

func (a *auditor) openDerived(leaves int64) error {
	for name, end := range map[string]int64{hashesFile: tlog.StoredHashCount(leaves) * tlog.HashSize, indexFile: leaves * entrySize} {
		f, err := os.Open(filepath.Join(a.dir, name))
		if err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		a.derived = append(a.derived, derived{name: name, file: f, end: end})
	}
	return nil
}

func (a *auditor) closeDerived() {
	for _, d := range a.derived {
		_ = d.file.Close() // only read
	}
}

func (a *auditor) read() error {
	const typical, most = 150, 1 << 28 // bytes of a leaf, bytes of the filter
	a.seen = newFilter(min(a.size/typical, most/3))
	a.suspects = map[uint64]struct{}{}
	if err := a.checkRoot(); err != nil {
		return err
	}
	frames := a.frames()
	for {
		f, err := frames.read()
		if err == io.EOF || err == errTorn {
			a.end, a.torn = frames.at, frames.torn
			return a.checkEnd()
		}
		if err == nil {
			err = f.eachRecord(a.take)
		}
		if err == nil {
			err = a.checkDerived()
		}
		if err != nil {
			return err
		}
		a.bindings.settle()
		if err := a.progress(frames.at, a.size); err != nil {
			return err
		}
	}
}

func (a *auditor) frames() *frameReader {
	return &frameReader{file: a.leaves, salt: a.header.salt, at: a.at, end: a.size}
}

// take checks one leaf.
func (a *auditor) take(i, at int64, b []byte) error {
	l := &a.leaf
	err := l.parse(b)
	if err == nil {
		err = a.bindings.admit(l)
	}
	if err != nil {
		return damaged(leavesFile, at, "leaf %d: %v", i, err)
	}
	a.kinds[l.Kind]++
	e := entry{at, l.Kind, printOf(a.header.salt, l.Nonce)}
	if a.seen.has(e.print) {
		a.suspects[e.print] = struct{}{}
	}
	a.seen.add(e.print)
	var hashes [64 * tlog.HashSize]byte
	stored := a.tree.add(tlog.RecordHash(b), hashes[:0])
	for k := range a.derived {
		if d := &a.derived[k]; d.name == hashesFile {
			d.bytes = append(d.bytes, stored...)
		} else {
			d.bytes = e.appendTo(d.bytes)
		}
	}
	return a.checkRoot()
}

// checkRoot holds the leaves so far to what was said of so many.
func (a *auditor) checkRoot() error {
	for _, w := range a.wanted[a.tree.n] {
		if root := a.tree.root(); root != w.root {
			return damaged(leavesFile, -1, "its first %d leaves have root %v, %s says %v", a.tree.n, root, w.file, w.root)
		}
	}
	delete(a.wanted, a.tree.n)
	return nil
}

// checkEnd reports that leaves are missing of which somebody spoke.
func (a *auditor) checkEnd() error {
	if len(a.wanted) == 0 {
		return nil
	}
	most := slices.Max(slices.Collect(maps.Keys(a.wanted)))
	return damaged(leavesFile, a.end, "it has %d whole leaves, %s speaks of %d: its end is missing or was changed", a.tree.n, a.wanted[most][0].file, most)
}

// checkDerived compares what was made of the last frame with the files.
func (a *auditor) checkDerived() error {
	for k := range a.derived {
		d := &a.derived[k]
		want := d.bytes[:min(int64(len(d.bytes)), max(0, d.end-d.at))]
		have := grow(&d.have, len(want))
		if _, err := d.file.ReadAt(have, d.at); err != nil && len(want) > 0 {
			return damaged(d.name, d.at, "%v", err)
		}
		for i := range want {
			if want[i] != have[i] {
				return damaged(d.name, d.at+int64(i), "it is not made from the leaves: remove it, and opening the log makes it again")
			}
		}
		d.at += int64(len(d.bytes))
		d.bytes = d.bytes[:0]
	}
	return nil
}

func (a *auditor) report() (Report, error) {
	repeated, err := a.repeated()
	if err != nil {
		return Report{}, err
	}
	return Report{
		Origin: a.header.origin, Leaves: a.tree.n, Root: a.tree.root(), Kinds: a.kinds,
		Signed: a.signed, Torn: a.torn, Repeated: repeated,
	}, nil
}

// repeated counts the leaves whose nonce came before. The filter has let through
// those that did and a few that did not: the latter are sorted out here.
func (a *auditor) repeated() (int64, error) {
	if len(a.suspects) == 0 {
		return 0, nil
	}
	var count int64
	seen := map[Nonce]struct{}{}
	look := func(i, at int64, b []byte) error {
		if len(b) < nonceAt+len(Nonce{}) {
			return damaged(leavesFile, at, "leaf %d changed while it was read", i)
		}
		n := Nonce(b[nonceAt:])
		if _, ok := a.suspects[printOf(a.header.salt, n)]; !ok {
			return nil
		}
		if _, twice := seen[n]; twice {
			count++
		}
		seen[n] = struct{}{}
		return nil
	}
	for frames := a.frames(); ; {
		f, err := frames.read()
		if err == io.EOF || err == errTorn {
			return count, nil
		}
		if err == nil {
			err = f.eachRecord(look)
		}
		if err != nil {
			return 0, err
		}
	}
}
