package ledger_test

import (
	"fmt"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// openOnce opens the log and closes it.
func openOnce(dir string) error {
	l, err := ledger.Open(dir, options(1))
	if err != nil {
		return err
	}
	return l.Close()
}

func fillDisk(dir string) error { return fmt.Errorf("x") }
