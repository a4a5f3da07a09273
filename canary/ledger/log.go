package ledger

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Options say whose log is opened.
type Options struct {
	// Origin names the log in its checkpoints, best a URL without scheme like
	// "example.com/planted". Defaults to the signer's name, as C2SP recommends.
	Origin string
	// Signer signs checkpoints. Required. Verifier is its public half. Required.
	Signer   note.Signer
	Verifier note.Verifier
	// Bucket is the width of the time buckets that leaves are put in: whole
	// minutes, 1 minute to 31 days. Defaults to an hour.
	Bucket time.Duration
	// Clock says what time it is, from any goroutine. Defaults to time.Now.
	Clock func() time.Time
	// Random makes nonces, for leaves that come without one, and the salt of a
	// new log. It is read from one goroutine at a time. Defaults to
	// crypto/rand.Reader.
	Random io.Reader
	// Recall is the number of latest leaves among which a retry is recognised, at
	// 3 bytes of memory each. Defaults to 2^26, at most 192 MiB.
	Recall int64

	tune tuning
}

// tuning is what tests make small, or make fail.
type tuning struct {
	run, mark int64
	settle    time.Duration
	sync      func(*os.File) error
}

const (
	defaultMark = 1 << 16 // leaves
	// What was acknowledged is known after a power cut too, but for so much time.
	defaultSettle = 50 * time.Millisecond
)

func (o *Options) check() error {
	if o.Signer == nil || o.Verifier == nil {
		return errors.New("ledger: a signer and a verifier are required")
	}
	if o.Origin == "" {
		o.Origin = o.Signer.Name()
	}
	if err := checkOrigin(o.Origin); err != nil {
		return err
	}
	if o.Signer.Name() != o.Verifier.Name() || o.Signer.KeyHash() != o.Verifier.KeyHash() {
		return fmt.Errorf("ledger: signer is %s+%08x, verifier %s+%08x, want one key", o.Signer.Name(), o.Signer.KeyHash(), o.Verifier.Name(), o.Verifier.KeyHash())
	}
	if o.Bucket == 0 {
		o.Bucket = time.Hour
	}
	if o.Bucket < time.Minute || o.Bucket > 31*24*time.Hour || o.Bucket%time.Minute != 0 {
		return fmt.Errorf("ledger: bucket is %v, want whole minutes, 1 minute to 744 hours", o.Bucket)
	}
	if o.Recall < 0 {
		return fmt.Errorf("ledger: recall is %d leaves, want 1 or more", o.Recall)
	}
	o.setDefaults()
	return nil
}

func (o *Options) setDefaults() {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.tune.run == 0 {
		o.tune.run = runLeaves
	}
	if o.tune.mark == 0 {
		o.tune.mark = defaultMark
	}
	if o.tune.settle == 0 {
		o.tune.settle = defaultSettle
	}
	if o.tune.sync == nil {
		o.tune.sync = syncData
	}
	if o.Recall == 0 {
		o.Recall = defaultRuns * runLeaves
	}
}

// runs returns how many finished runs hold Recall leaves.
func (o *Options) runs() int {
	return int(min((o.Recall-1)/o.tune.run+1, 1<<30))
}

// A Log appends leaves to a ledger. All methods may be called from several
// goroutines at once.
type Log struct {
	dir     string
	options Options
	files   *files
	locked  *os.File
	state   atomic.Pointer[state] // what was acknowledged

	random sync.Mutex // guards options.Random

	gate   sync.RWMutex // held for writing to set closed
	closed bool
	queue  chan *request
	idle   chan struct{} // closed when the writer has ended
	writer *writer       // of the writing goroutine, and of Close after idle

	due     chan struct{} // to the goroutine that tends
	tended  chan struct{} // closed when it has ended
	keeper  *keeper       // of that goroutine, and of Close after tended
	promise *promise

	signing sync.Mutex // guards what follows
	last    Checkpoint
	signed  []byte
}

// A state is what is on the disk.
type state struct {
	leaves int64
	end    int64 // offset behind them in the file of leaves
	root   tlog.Hash
	sum    uint32 // CRC-32C of their index
}

// Open opens the ledger in the folder dir for appending, or begins one there; it
// creates the folder if only that is missing. One log at a time has a folder
// open: a second one gets [ErrLocked]. A ledger of another version, origin or
// key is refused, and so is one that is not what was written, with a [*Damage].
// Its leaves are left as they are then. What a killed process left unfinished is
// cut off.
func Open(dir string, o Options) (*Log, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	locked, err := lock(dir)
	if err != nil {
		return nil, err
	}
	l := &Log{dir: dir, options: o, locked: locked}
	if err := l.open(); err != nil {
		if l.files != nil {
			err = errors.Join(err, l.files.close())
		}
		if l.promise != nil {
			err = errors.Join(err, l.promise.close())
		}
		return nil, errors.Join(err, locked.Close())
	}
	l.queue = make(chan *request, 1024)
	l.idle = make(chan struct{})
	l.due = make(chan struct{}, 1)
	l.tended = make(chan struct{})
	go l.write()
	go l.tend()
	return l, nil
}

// makeDir makes dir durably, if it is not there.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		return syncDir(filepath.Dir(dir))
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

func (l *Log) open() error {
	_, err := os.Stat(filepath.Join(l.dir, leavesFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = l.create()
	}
	if err != nil {
		return err
	}
	if l.files, err = openFiles(l.dir, os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	if err := l.files.header.fits(l.options.Origin, l.options.Verifier); err != nil {
		return err
	}
	return l.recover()
}

// create begins a ledger: its file of leaves appears last, in one step.
func (l *Log) create() error {
	h := header{origin: l.options.Origin, keyName: l.options.Verifier.Name(), keyHash: l.options.Verifier.KeyHash()}
	if _, err := os.Stat(filepath.Join(l.dir, checkpointFile)); err == nil {
		c, _, err := storedCheckpoint(l.dir, h, l.options.Verifier)
		if err != nil {
			return err
		}
		if c.Size > 0 {
			return damaged(leavesFile, -1, "it is missing, and a checkpoint of %d leaves was signed", c.Size)
		}
	}
	if a, ok, err := readAcknowledged(l.dir); err != nil {
		return err
	} else if ok && a.leaves > 0 {
		return damaged(leavesFile, -1, "it is missing, and %d leaves were acknowledged%s", a.leaves, acceptHint)
	}
	if _, err := io.ReadFull(l.options.Random, h.salt[:]); err != nil {
		return fmt.Errorf("ledger: salt: %w", err)
	}
	var empty frontier
	signed, err := Checkpoint{Origin: h.origin, Root: empty.root()}.sign(l.options.Signer, l.options.Verifier)
	if err != nil {
		return err
	}
	if err := replace(l.dir, checkpointFile, signed); err != nil {
		return err
	}
	a := acknowledged{salt: h.salt, root: empty.root()}
	if err := replace(l.dir, acknowledgedFile, a.encode()); err != nil {
		return err
	}
	return replace(l.dir, leavesFile, h.encode())
}

// Reader returns a reader of what was acknowledged so far.
func (l *Log) Reader() *Reader {
	s := l.state.Load()
	return &Reader{files: l.files, size: s.leaves, root: s.root}
}

// Checkpoint signs what was acknowledged so far and returns the signed note,
// which is on the disk then: the log never forgets a checkpoint that it gave
// away, and does not open again without its leaves. Without new leaves it
// returns the same note again.
func (l *Log) Checkpoint() ([]byte, error) {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return nil, ErrClosed
	}
	return l.checkpoint()
}

func (l *Log) checkpoint() ([]byte, error) {
	l.signing.Lock()
	defer l.signing.Unlock()
	s := l.state.Load()
	if s.leaves != l.last.Size {
		c := Checkpoint{l.options.Origin, s.leaves, s.root}
		signed, err := c.sign(l.options.Signer, l.options.Verifier)
		if err != nil {
			return nil, err
		}
		if err := replace(l.dir, checkpointFile, signed); err != nil {
			return nil, err
		}
		l.promise.signed(c.Size)
		l.last, l.signed = c, signed
	}
	return append([]byte(nil), l.signed...), nil
}

// Close finishes what was accepted, signs a last checkpoint and closes the
// files. Further calls return ErrClosed.
func (l *Log) Close() error {
	l.gate.Lock()
	if l.closed {
		l.gate.Unlock()
		return ErrClosed
	}
	l.closed = true
	l.gate.Unlock()
	close(l.queue)
	<-l.idle
	<-l.tended
	err := l.writer.broken
	if err == nil {
		err = l.keeper.mark(l.state.Load())
	}
	if _, e := l.checkpoint(); err == nil {
		err = e
	}
	if e := l.writer.trim(); err == nil {
		err = e
	}
	l.promise.settle(l.options.tune.sync)
	if e := l.promise.close(); err == nil {
		err = e
	}
	if e := l.files.close(); err == nil && e != nil {
		err = fmt.Errorf("ledger: %w", e)
	}
	if e := l.locked.Close(); err == nil && e != nil {
		err = fmt.Errorf("ledger: %w", e)
	}
	return err
}
