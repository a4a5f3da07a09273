package ledger

import (
	"fmt"
	"os"
	"time"
)

// A keeper does what no append waits for: marks, from which the log opens. One
// goroutine uses it at a time.
type keeper struct {
	dir    string
	files  *files
	tune   tuning
	marked int64 // leaves that the mark on the disk knows of
	noMark bool  // an fsync of hashes or index failed: what they hold is uncertain
}

// tend is the goroutine that follows the writing one, at most every
// tuning.settle and for as long as there is something to do.
func (l *Log) tend() {
	defer close(l.tended)
	for range l.due {
		select {
		case <-time.After(l.options.tune.settle):
		case <-l.idle: // the log is being closed
		}
		l.promise.settle(l.options.tune.sync)
		l.keeper.markIfDue(l.state.Load())
	}
}

// markIfDue makes a mark after some leaves. One that fails costs time when the
// log is opened, nothing else.
func (k *keeper) markIfDue(s *state) {
	if s.leaves-k.marked >= k.tune.mark {
		_ = k.mark(s)
	}
}

// mark makes hashes and index durable and says so in the mark. They hold what
// they have of the leaves of s, whatever is written behind it meanwhile.
func (k *keeper) mark(s *state) error {
	if k.noMark || k.marked == s.leaves {
		return nil
	}
	for _, f := range []*os.File{k.files.hashes, k.files.index} {
		if err := k.tune.sync(f); err != nil {
			k.noMark = true
			return fmt.Errorf("ledger: %w", err)
		}
	}
	m := mark{s.leaves, s.end, s.root, s.sum}
	if err := replace(k.dir, markFile, m.encode()); err != nil {
		return err
	}
	k.marked = s.leaves
	return nil
}
