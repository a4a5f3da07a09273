package ledger

import "os"

// Small returns o with runs and marks after so few leaves that tests meet them.
func Small(o Options, run, mark int64) Options {
	o.tune.run, o.tune.mark = run, mark
	return o
}

// WithSync returns o with another fsync.
func WithSync(o Options, sync func(*os.File) error) Options {
	o.tune.sync = sync
	return o
}
