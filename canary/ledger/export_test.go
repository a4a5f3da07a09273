package ledger

import (
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
