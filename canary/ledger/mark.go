package ledger

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

const markSchema = "dyetrace ledger mark/1"

// A mark says that the first leaves of a ledger, their hashes and their index
// are on the disk. Opening a log begins there. It proves nothing: whoever can
// change the leaves can change it too.
type mark struct {
	leaves int64
	end    int64 // offset behind them in the file of leaves
	root   tlog.Hash
	index  uint32 // CRC-32C of their part of the index
}

func (m mark) encode() []byte {
	b := fmt.Appendf(nil, "%s\n%d %d\n%v\n%08x\n", markSchema, m.leaves, m.end, m.root, m.index)
	return fmt.Appendf(b, "%08x\n", crc32.Checksum(b, castagnoli))
}

// missing is the damage of a file of leaves that ends before the mark does.
func (m mark) missing(offset int64) error {
	return damaged(leavesFile, offset, "its end is missing: %d leaves in %d bytes were on the disk", m.leaves, m.end)
}

// readMark returns dir's mark. Without a mark, or with one that is not what was
// written, it returns false: everything that a mark saves can be made again.
func readMark(dir string) (m mark, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, markFile))
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, false, nil
	}
	if err != nil {
		return mark{}, false, fmt.Errorf("ledger: %w", err)
	}
	var root string
	var sum uint32
	_, err = fmt.Sscanf(string(b), markSchema+"\n%d %d\n%s\n%x\n%x\n", &m.leaves, &m.end, &root, &m.index, &sum)
	if err == nil {
		m.root, err = tlog.ParseHash(root)
	}
	if err != nil || m.leaves < 0 || m.leaves > maxLeaves || string(m.encode()) != string(b) {
		return mark{}, false, nil
	}
	return m, true, nil
}
