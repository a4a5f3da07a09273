package ledger

import (
	"errors"
	"os"
	"syscall"
)

// syncData makes the contents of f durable, and its length if that changed. It
// leaves times out: where a file did not grow, no journal is written, which other
// writers of the disk may be filling.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}
