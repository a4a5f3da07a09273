package ledger

import (
	"io"
	"os"
	"time"
)

// SyncData is the log's fsync.
var SyncData = syncData

// Small returns o with runs and marks after so few leaves that tests meet them, and soon.
func Small(o Options, run, mark int64) Options {
	o.tune.run, o.tune.mark, o.tune.settle = run, mark, time.Millisecond
	return o
}

// WithSync returns o with another fsync.
func WithSync(o Options, sync func(*os.File) error) Options {
	o.tune.sync = sync
	return o
}

// CountLeaves reads the frames of a file of leaves of so many bytes, as Verify
// does.
func CountLeaves(file io.ReaderAt, size int64) (int64, error) {
	h, at, err := readHeader(file)
	if err != nil {
		return 0, err
	}
	frames := &frameReader{file: file, salt: h.salt, at: at, end: size}
	for {
		if _, err := frames.read(); err != nil {
			return frames.next, err
		}
	}
}
