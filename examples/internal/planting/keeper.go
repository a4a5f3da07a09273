package planting

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

var (
	errRemoved = errors.New("planting: the ledger's folder was removed or replaced while it was open")
	errSlow    = errors.New("planting: the ledger took too long")
)

// A Keeper keeps a ledger open as long as it can. Whatever goes wrong with it is
// an error of Append, and never one of an answer: it is served plain.
type Keeper struct {
	dir      string
	options  ledger.Options
	patience time.Duration // how long an answer waits for its leaf
	log      *log.Logger

	mu    sync.Mutex
	open  *Opened
	why   error // why it is not open, or what the last append said
	began bool  // it was open once: from then on a missing ledger is not begun anew
	stop  chan struct{}
	ended chan struct{}
	once  sync.Once // stop is closed
}

// An Opened ledger is one between two errors.
type Opened struct {
	*ledger.Log
	leaves os.FileInfo
	bound  sync.Map // of *Plot: what was bound in it
}

// NewKeeper opens the ledger, or tries again every so often until it can.
func NewKeeper(dir string, o ledger.Options, patience, again time.Duration, l *log.Logger) *Keeper {
	k := &Keeper{dir: dir, options: o, patience: patience, log: l, stop: make(chan struct{}), ended: make(chan struct{})}
	k.Tend()
	go func() {
		defer close(k.ended)
		for {
			select {
			case <-k.stop:
				return
			case <-time.After(again):
				k.Tend()
			}
		}
	}()
	return k
}

// Tend opens the ledger if it is closed, and otherwise signs what was appended.
func (k *Keeper) Tend() {
	if o, _ := k.Current(); o != nil {
		switch {
		case !o.inPlace(k.dir):
			k.fail(o, errRemoved)
		default:
			if _, err := o.Checkpoint(); err != nil {
				k.fail(o, err)
			}
		}
		return
	}
	o, err := k.reopen()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		if k.why == nil || k.why.Error() != err.Error() {
			k.log.Printf("ledger unusable, serving plain text: %v", err)
		}
		k.why = err
		return
	}
	k.open, k.why, k.began = o, nil, true
	k.log.Printf("ledger %s open with %d leaves", k.dir, o.Reader().Size())
}

func (k *Keeper) reopen() (*Opened, error) {
	if k.began {
		if _, err := os.Stat(filepath.Join(k.dir, "leaves")); err != nil {
			return nil, fmt.Errorf("planting: the ledger was open and is gone, want it put back: %w", err)
		}
	}
	l, err := ledger.Open(k.dir, k.options)
	if err != nil {
		return nil, err
	}
	leaves, err := os.Stat(filepath.Join(k.dir, "leaves"))
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Opened{Log: l, leaves: leaves}, nil
}

// inPlace reports whether what is appended still goes to a file in the folder.
func (o *Opened) inPlace(dir string) bool {
	leaves, err := os.Stat(filepath.Join(dir, "leaves"))
	return err == nil && os.SameFile(leaves, o.leaves)
}

// Current returns the open ledger, or why there is none.
func (k *Keeper) Current() (*Opened, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open == nil {
		return nil, k.why
	}
	return k.open, nil
}

// fail gives an opened ledger up. It is opened again later.
func (k *Keeper) fail(o *Opened, err error) {
	k.mu.Lock()
	if k.open != o {
		k.mu.Unlock()
		return
	}
	k.open, k.why = nil, err
	k.mu.Unlock()
	k.log.Printf("ledger unusable, serving plain text: %v", err)
	if err := o.Close(); err != nil {
		k.log.Printf("closing the ledger: %v", err)
	}
}

// Append appends leaves and returns when they are on the disk.
func (k *Keeper) Append(o *Opened, leaves []ledger.Leaf) ([]ledger.Receipt, error) {
	if !o.inPlace(k.dir) {
		go k.fail(o, errRemoved)
		return nil, errRemoved
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), k.patience, errSlow)
	defer cancel()
	receipts, err := o.AppendBatch(ctx, leaves)
	if err == nil && !o.inPlace(k.dir) {
		err = errRemoved
	}
	var damage *ledger.Damage
	switch {
	case err == nil:
		k.note(nil)
		return receipts, nil
	case errors.Is(err, context.DeadlineExceeded):
		err = errSlow
		fallthrough
	case errors.Is(err, errRemoved), errors.Is(err, ledger.ErrSync), errors.Is(err, ledger.ErrClosed), errors.As(err, &damage):
		go k.fail(o, err)
	default: // a full disk, for one: the next append may find space
		k.note(err)
	}
	return nil, err
}

// note remembers what the last append said, and logs it when that changes.
func (k *Keeper) note(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.open == nil:
	case err == nil && k.why != nil:
		k.log.Printf("ledger usable again")
		k.why = nil
	case err != nil && k.why == nil:
		k.log.Printf("ledger refuses leaves, serving plain text: %v", err)
		k.why = err
	}
}

// State returns why the ledger is unusable, nil if it is not.
func (k *Keeper) State() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.why
}

// Close signs a last checkpoint and closes the ledger. It may be called twice.
func (k *Keeper) Close() error {
	k.once.Do(func() { close(k.stop) })
	<-k.ended
	k.mu.Lock()
	o := k.open
	k.open, k.why = nil, ledger.ErrClosed
	k.mu.Unlock()
	if o == nil {
		return nil
	}
	return o.Close()
}
