package ledger

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A Receipt says where a leaf is.
type Receipt struct {
	Index int64
	// Leaf is the leaf as it was recorded, with its time and nonce. Its units are
	// the caller's.
	Leaf Leaf
	// Known says that the leaf was there already: this append was a retry.
	Known bool
}

// A request is a batch of leaves that a goroutine waits for.
type request struct {
	ctx   context.Context
	items []item
	waits bool // for the batch that is being written
	err   error
	done  chan struct{}
	one   [1]item
}

// An item is a leaf on its way into the log, and then where it is.
type item struct {
	leaf    Leaf
	stamped bool // the time is the clock's
	bytes   []byte
	hash    tlog.Hash
	print   uint64

	index int64
	known bool
}

// Append appends a leaf and returns when it is on the disk. Appends of several
// goroutines share a write and an fsync.
//
// A leaf with the nonce of an earlier one is not appended again: if it is the
// same leaf, but for a time that the clock said, its receipt says where it is
// and that it was known; if not, the error is [ErrNonce]. So whoever does not
// know what became of an append, after a crash or when ctx ended, does the same
// append with the same nonce again. An append that ended with ctx's error may
// still be carried out.
//
// After any error but those of ctx, [ErrClosed] and [ErrSync] the leaf is not in
// the log unless it was there before, and the log goes on: with a full disk the
// next append may find space. After ErrSync a leaf may or may not be there when
// the log is opened again.
func (l *Log) Append(ctx context.Context, leaf Leaf) (Receipt, error) {
	r := &request{ctx: ctx, done: make(chan struct{})}
	r.items = r.one[:]
	if err := l.prepare(&r.one[0], leaf); err != nil {
		return Receipt{}, err
	}
	if err := l.submit(r); err != nil {
		return Receipt{}, err
	}
	return r.one[0].receipt(), nil
}

// AppendBatch appends up to 16,384 leaves of at most 4 MiB, all or none of them,
// as [Log.Append] does. Leaves of one batch are in the given order, next to each
// other but for those that are known. An error names the first leaf that it is
// about by its place in the batch.
func (l *Log) AppendBatch(ctx context.Context, leaves []Leaf) ([]Receipt, error) {
	if len(leaves) < 1 || len(leaves) > maxBatchLeaves {
		return nil, fmt.Errorf("ledger: batch has %d leaves, want 1 to %d", len(leaves), maxBatchLeaves)
	}
	r := &request{ctx: ctx, done: make(chan struct{}), items: make([]item, len(leaves))}
	size := 0
	for i := range leaves {
		if err := l.prepare(&r.items[i], leaves[i]); err != nil {
			return nil, fmt.Errorf("%w (leaf %d of the batch)", err, i)
		}
		size += len(r.items[i].bytes)
	}
	if size > maxBatchBytes {
		return nil, fmt.Errorf("ledger: batch has %d bytes, want at most %d", size, maxBatchBytes)
	}
	if err := l.submit(r); err != nil {
		return nil, err
	}
	out := make([]Receipt, len(leaves))
	for i := range out {
		out[i] = r.items[i].receipt()
	}
	return out, nil
}

func (it *item) receipt() Receipt { return Receipt{it.index, it.leaf, it.known} }

// prepare does what the writing goroutine need not do.
func (l *Log) prepare(it *item, leaf Leaf) error {
	it.leaf = leaf
	if it.stamped = leaf.Time == 0; it.stamped {
		now := l.options.Clock()
		bucket := int64(l.options.Bucket / time.Minute)
		minutes := now.Unix() / 60 / bucket * bucket
		if minutes < 1 || minutes > 1<<32-1 {
			return fmt.Errorf("ledger: clock says %v, want a time from 1970 to 10136", now)
		}
		it.leaf.Time = Minutes(minutes)
	}
	if leaf.Nonce.IsZero() {
		l.random.Lock()
		_, err := io.ReadFull(l.options.Random, it.leaf.Nonce[:])
		l.random.Unlock()
		if err != nil {
			return fmt.Errorf("ledger: nonce: %w", err)
		}
	}
	var err error
	if it.bytes, err = it.leaf.MarshalBinary(); err != nil {
		return err
	}
	it.leaf.Units = slices.Clone(leaf.Units)
	it.hash = tlog.RecordHash(it.bytes)
	it.print = printOf(l.files.header.salt, it.leaf.Nonce)
	return nil
}

// submit hands r to the writing goroutine and waits for it.
func (l *Log) submit(r *request) error {
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("ledger: append: %w", err)
	}
	if err := l.enqueue(r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-r.ctx.Done():
	}
	select {
	case <-r.done: // both happened
		return r.err
	default:
		return fmt.Errorf("ledger: append: %w: it may still be carried out", r.ctx.Err())
	}
}

func (l *Log) enqueue(r *request) error {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return ErrClosed
	}
	select {
	case l.queue <- r:
		return nil
	case <-r.ctx.Done():
		return fmt.Errorf("ledger: append: %w", r.ctx.Err())
	}
}

// write is the writing goroutine: it gathers what is waiting and writes it as
// one frame, as long as the queue is open.
func (l *Log) write() {
	defer close(l.idle)
	defer close(l.due)
	var batch []*request
	for first := range l.queue {
		batch = l.gather(append(batch[:0], first))
		s := l.writer.commit(batch)
		if s != nil {
			l.promise.leaves(s.leaves, s.root)
			l.state.Store(s)
		}
		for i, r := range batch {
			close(r.done)
			batch[i] = nil
		}
		if s != nil {
			select {
			case l.due <- struct{}{}:
			default: // it is busy, and looks again after
			}
		}
	}
}

// gather adds what is waiting to batch. Those who were just told of the last
// frame get a turn to come back first: with a few appenders that makes frames
// twice as large.
func (l *Log) gather(batch []*request) []*request {
	leaves, bytes := batch[0].size()
	for turn := 0; turn < 2; turn++ {
		for len(l.queue) > 0 && leaves < gatherLeaves && bytes < gatherBytes {
			r := <-l.queue // this goroutine alone receives
			batch = append(batch, r)
			n, b := r.size()
			leaves, bytes = leaves+n, bytes+b
			turn = 0
		}
		runtime.Gosched()
	}
	return batch
}

func (r *request) size() (leaves, bytes int) {
	for i := range r.items {
		bytes += len(r.items[i].bytes)
	}
	return len(r.items), bytes
}
