package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	ackMagic = "dyetack\x01"
	ackSize  = 76 // bytes of a record
	// The file holds two records, in sectors of their own: one is whole while the
	// other is written.
	ackPlace = 512
	ackFile  = ackPlace + ackSize
)

// An acknowledged says what a log promised last: so many leaves of this root are
// on the disk, and so is a signed checkpoint of so many. It is written after them
// and before anybody is told, so it is never ahead of them, and a process that is
// killed leaves it exact. It proves nothing: whoever can change the leaves can
// change it too.
type acknowledged struct {
	salt   [16]byte // of the ledger
	leaves int64
	root   tlog.Hash
	signed int64
}

func (a *acknowledged) put(b []byte) {
	copy(b, ackMagic)
	copy(b[8:], a.salt[:])
	binary.LittleEndian.PutUint64(b[24:], uint64(a.leaves))
	binary.LittleEndian.PutUint64(b[32:], uint64(a.signed))
	copy(b[40:], a.root[:])
	binary.LittleEndian.PutUint32(b[72:], crc32.Checksum(b[:72], castagnoli))
}

func (a *acknowledged) encode() []byte {
	b := make([]byte, ackFile)
	a.put(b)
	a.put(b[ackPlace:])
	return b
}

// parse sets a to what a record says, if it is whole and later.
func (a *acknowledged) parse(b []byte) bool {
	if string(b[:8]) != ackMagic || binary.LittleEndian.Uint32(b[72:]) != crc32.Checksum(b[:72], castagnoli) {
		return false
	}
	n := acknowledged{
		salt:   [16]byte(b[8:]),
		leaves: int64(binary.LittleEndian.Uint64(b[24:])),
		signed: int64(binary.LittleEndian.Uint64(b[32:])),
		root:   tlog.Hash(b[40:72]),
	}
	if n.leaves > a.leaves || n.leaves == a.leaves && n.signed >= a.signed {
		*a = n
	}
	return true
}

// readAcknowledged returns what dir's log promised, or false where there is no
// such file: then nothing is known. A log may write meanwhile.
func readAcknowledged(dir string) (a acknowledged, ok bool, err error) {
	for range 3 {
		b, err := os.ReadFile(filepath.Join(dir, acknowledgedFile))
		if errors.Is(err, fs.ErrNotExist) {
			return a, false, nil
		}
		if err != nil {
			return a, false, fmt.Errorf("ledger: %w", err)
		}
		if len(b) != ackFile {
			return a, false, damaged(acknowledgedFile, -1, "it has %d bytes, want %d%s", len(b), ackFile, acceptHint)
		}
		first, second := a.parse(b[:ackSize]), a.parse(b[ackPlace:])
		if first || second {
			if a.leaves < 0 || a.leaves > maxLeaves || a.signed < 0 || a.signed > a.leaves {
				return a, false, damaged(acknowledgedFile, -1, "it is of %d leaves and %d signed ones%s", a.leaves, a.signed, acceptHint)
			}
			return a, true, nil
		}
	}
	return a, false, damaged(acknowledgedFile, -1, "neither of its records is what was written%s", acceptHint)
}

const acceptHint = "; whoever accepts that removes " + acknowledgedFile

// fits refuses the promise of another ledger.
func (a *acknowledged) fits(h header) error {
	if a.salt != h.salt {
		return damaged(acknowledgedFile, -1, "it is of another ledger%s", acceptHint)
	}
	return nil
}

// holdsSigned reports whether c is the last checkpoint that was signed, or a
// later one.
func (a *acknowledged) holdsSigned(c Checkpoint) error {
	if c.Size < a.signed {
		return damaged(checkpointFile, -1, "it is of %d leaves, and one of %d was signed: an older one is in its place%s", c.Size, a.signed, acceptHint)
	}
	return nil
}

// A promise writes down what is acknowledged. The writing goroutine and those
// that sign share it.
type promise struct {
	file *os.File

	mu    sync.Mutex
	now   acknowledged
	place int64 // of the next record
	dirty bool  // something was written since the last sync
	err   error // the first one
	buf   [ackSize]byte
}

// openPromise opens dir's file for writing, and makes it or brings it up to a.
func openPromise(dir string, a, old acknowledged, found bool) (*promise, error) {
	if !found || a != old {
		if err := replace(dir, acknowledgedFile, a.encode()); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, acknowledgedFile), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return &promise{file: f, now: a}, nil
}

// leaves notes what is on the disk, before anybody is told.
func (p *promise) leaves(n int64, root tlog.Hash) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.leaves, p.now.root = n, root
	p.write()
}

// signed notes of how many leaves the checkpoint is that is on the disk.
func (p *promise) signed(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.signed = n
	p.write()
}

func (p *promise) write() {
	p.now.put(p.buf[:])
	_, err := p.file.WriteAt(p.buf[:], p.place)
	p.note(err)
	p.place = ackPlace - p.place
	p.dirty = true
}

// note keeps the first error for the log's Close: what was to be acknowledged is
// on the disk all the same.
func (p *promise) note(err error) {
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("ledger: %w", err)
	}
}

// settle makes the file durable, if that says anything new: until then a power
// cut may leave an older record, which knows of fewer leaves.
func (p *promise) settle(sync func(*os.File) error) {
	p.mu.Lock()
	dirty := p.dirty
	p.dirty = false
	p.mu.Unlock()
	if !dirty {
		return
	}
	err := sync(p.file)
	p.mu.Lock()
	p.note(err)
	p.mu.Unlock()
}

// close closes the file and returns the first error that it had.
func (p *promise) close() error {
	p.note(p.file.Close())
	return p.err
}
