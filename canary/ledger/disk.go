package ledger

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// The files of a ledger's folder.
const (
	leavesFile     = "leaves"     // the leaves, the only file that cannot be made again
	hashesFile     = "hashes"     // hashes of the tree, at 32 times tlog.StoredHashIndex
	indexFile      = "index"      // 16 bytes a leaf: where it is, its kind, a hash of its nonce
	markFile       = "mark"       // how much of hashes and index is on the disk
	checkpointFile = "checkpoint" // the last signed checkpoint
	lockFile       = "lock"       // locked while a log is open
	// What was promised last, so that nothing of it goes missing unnoticed.
	acknowledgedFile = "acknowledged"
)

// files are the open files of a ledger.
type files struct {
	leaves, hashes, index *os.File
	header                header
	head                  int64 // length of the header
}

func (f *files) close() error {
	var first error
	for _, file := range []*os.File{f.leaves, f.hashes, f.index} {
		if file == nil {
			continue
		}
		if err := file.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// ReadHashes implements [tlog.HashReader].
func (f *files) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if _, err := f.hashes.ReadAt(out[i][:], x*tlog.HashSize); err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
	}
	return out, nil
}

// replace makes data the durable contents of dir's file name: it holds the old
// contents or the new ones whenever the process or the machine stops.
func replace(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return syncDir(dir)
}
