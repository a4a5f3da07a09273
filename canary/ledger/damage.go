package ledger

import (
	"errors"
	"fmt"
	"io/fs"
)

// Errors that callers branch on.
var (
	// ErrClosed says that the log was closed.
	ErrClosed = errors.New("ledger: log is closed")
	// ErrLocked says that another log, here or in another process, has the
	// folder open.
	ErrLocked = errors.New("ledger: another log has this folder open")
	// ErrNonce says that the nonce of a leaf already names another leaf.
	ErrNonce = errors.New("ledger: nonce is that of another leaf")
	// ErrUnbound says that a planting came before the commitment to its key, its
	// book or its policy. Nothing may be planted under them.
	ErrUnbound = errors.New("ledger: epoch and key are not bound yet")
	// ErrRebound says that an epoch and a key are bound to another digest.
	ErrRebound = errors.New("ledger: epoch and key are bound to another digest")
	// ErrSync says that the disk did not confirm a write. Nothing is
	// acknowledged any more: close the log and open it again.
	ErrSync = errors.New("ledger: the disk did not confirm a write")
)

// Damage says that a ledger is not what was written: a leaf was changed, an end
// is missing, or a signed checkpoint is of something else. The work of a killed
// process is no damage.
type Damage struct {
	File    string // name in the ledger's folder
	Offset  int64  // in the file, in bytes; -1 where that says nothing
	Problem string
}

// Error implements error.
func (d *Damage) Error() string {
	if d.Offset < 0 {
		return fmt.Sprintf("ledger: %s is damaged: %s", d.File, d.Problem)
	}
	return fmt.Sprintf("ledger: %s is damaged at byte %d: %s", d.File, d.Offset, d.Problem)
}

func damaged(file string, offset int64, format string, args ...any) error {
	return &Damage{file, offset, fmt.Sprintf(format, args...)}
}

// unread is what a failure to read says: damage where the file ends too early or holds
// something else, but not where it was closed or the disk cannot read it, which is err.
func unread(err error, file string, offset int64, format string, args ...any) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return fmt.Errorf("ledger: %w", failed)
	}
	return damaged(file, offset, format+": %v", append(args, err)...)
}
