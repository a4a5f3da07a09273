package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

func TestAppendStamps(t *testing.T) {
	o := options(1)
	o.Bucket = 7 * time.Minute
	l := started(t, t.TempDir(), o)
	leaf := planting(1)
	leaf.Nonce = ledger.Nonce{}
	got, err := l.Append(bg, leaf)
	require.NoError(t, err)
	assert.Equal(t, int64(3), got.Index)
	assert.False(t, got.Known)
	assert.False(t, got.Leaf.Nonce.IsZero())
	assert.Zero(t, got.Leaf.Time%7)
	assert.LessOrEqual(t, got.Leaf.Time, hour+40)
	assert.Greater(t, got.Leaf.Time, hour+40-7)
	read, err := l.Reader().Leaf(3)
	require.NoError(t, err)
	assert.Equal(t, got.Leaf, read)

	again, err := l.Append(bg, leaf) // without a nonce there is no retry
	require.NoError(t, err)
	assert.Equal(t, int64(4), again.Index)
	assert.NotEqual(t, got.Leaf.Nonce, again.Leaf.Nonce)
}

// A retry is the same leaf at the same place, at once, after other leaves, after
// the clock went on, after the log was opened again, and in runs long finished.
func TestRetryIsOneLeaf(t *testing.T) {
	dir := t.TempDir()
	o := ledger.Small(options(1), 8, 20)
	now := time.Date(2026, 11, 25, 2, 59, 0, 0, time.UTC)
	o.Clock = func() time.Time { return now }
	l := started(t, dir, o)
	places := map[uint64]int64{}
	retry := func(n uint64) {
		t.Helper()
		got, err := l.Append(bg, planting(n))
		require.NoError(t, err)
		require.True(t, got.Known)
		require.Equal(t, places[n], got.Index)
		require.Equal(t, hour, got.Leaf.Time)
	}
	for n := range uint64(100) {
		got, err := l.Append(bg, planting(n))
		require.NoError(t, err)
		require.False(t, got.Known)
		require.Equal(t, hour, got.Leaf.Time)
		places[n] = got.Index
		retry(n)
	}
	now = now.Add(time.Hour)
	for round := range 2 {
		for n := range uint64(100) {
			retry(n)
		}
		require.Equal(t, int64(103), l.Reader().Size(), "round %d", round)
		require.NoError(t, l.Close())
		l = open(t, dir, o)
	}
	r, err := l.AppendBatch(bg, []ledger.Leaf{planting(5), planting(200), planting(200), planting(6)})
	require.NoError(t, err)
	assert.Equal(t, []int64{8, 103, 103, 9}, []int64{r[0].Index, r[1].Index, r[2].Index, r[3].Index})
	assert.Equal(t, []bool{true, false, true, true}, []bool{r[0].Known, r[1].Known, r[2].Known, r[3].Known})
}

func TestRecallIsBounded(t *testing.T) {
	dir := t.TempDir()
	o := ledger.Small(options(1), 8, 1000)
	o.Recall = 16
	l := started(t, dir, o)
	for n := range uint64(61) { // 64 leaves: whole runs
		_, err := l.Append(bg, planting(n))
		require.NoError(t, err)
	}
	for n := uint64(60); n > 44; n-- {
		got, err := l.Append(bg, planting(n))
		require.NoError(t, err)
		require.True(t, got.Known)
	}
	got, err := l.Append(bg, planting(0))
	require.NoError(t, err)
	assert.False(t, got.Known)
	require.NoError(t, l.Close())
	report, err := ledger.Verify(dir, public)
	require.NoError(t, err)
	assert.Equal(t, int64(1), report.Repeated)
}

func TestNonceOfAnotherLeaf(t *testing.T) {
	l := started(t, t.TempDir(), options(1))
	_, err := l.Append(bg, planting(1))
	require.NoError(t, err)
	other := planting(1)
	other.Units[0].Option++
	_, err = l.Append(bg, other)
	require.ErrorIs(t, err, ledger.ErrNonce)
	assert.ErrorContains(t, err, "leaf 3 has nonce 00000000000000000000000000000002")

	late := planting(1)
	late.Time = hour + 60 // said by the caller, not by the clock
	_, err = l.Append(bg, late)
	require.ErrorIs(t, err, ledger.ErrNonce)

	_, err = l.AppendBatch(bg, []ledger.Leaf{planting(7), planting(8), other})
	require.ErrorIs(t, err, ledger.ErrNonce)
	assert.ErrorContains(t, err, "(leaf 2 of the batch)")
	a, b := planting(9), planting(9)
	b.Account[0]++
	_, err = l.AppendBatch(bg, []ledger.Leaf{a, b})
	require.ErrorIs(t, err, ledger.ErrNonce)
	assert.Equal(t, int64(4), l.Reader().Size())
	got, err := l.Append(bg, planting(7)) // not there yet
	require.NoError(t, err)
	assert.False(t, got.Known)
}

// Nothing is planted under a key before commitment, book and policy are there,
// and none of these is replaced.
func TestBoundBeforeUse(t *testing.T) {
	dir := t.TempDir()
	o := ledger.Small(options(1), 8, 2)
	l := open(t, dir, o)
	for i, b := range bindings() {
		_, err := l.Append(bg, planting(1))
		require.ErrorIs(t, err, ledger.ErrUnbound, "after %d", i)
		assert.ErrorContains(t, err, fmt.Sprintf("no %v before a planting", b.Kind))
		_, err = l.Append(bg, b)
		require.NoError(t, err)
	}
	for round := range 2 {
		_, err := l.Append(bg, planting(uint64(round)))
		require.NoError(t, err)
		for _, b := range bindings() {
			b.Nonce = ledger.Nonce{}
			b.Digest[0]++
			_, err := l.Append(bg, b)
			require.ErrorIs(t, err, ledger.ErrRebound)
		}
		same := bindings()[1]
		same.Nonce = ledger.Nonce{}
		_, err = l.Append(bg, same) // says nothing else
		require.NoError(t, err)
		foreign := planting(50)
		foreign.Epoch = "2026-12"
		_, err = l.Append(bg, foreign)
		require.ErrorIs(t, err, ledger.ErrUnbound)
		foreign = planting(50)
		foreign.KeyID[3]++
		_, err = l.Append(bg, foreign)
		require.ErrorIs(t, err, ledger.ErrUnbound)
		require.NoError(t, l.Close())
		l = open(t, dir, o)
	}

	// In one batch the order counts too, and a refused batch binds nothing.
	next := bindings()
	for i := range next {
		next[i].Epoch, next[i].Nonce = "2026-12", ledger.Nonce{}
	}
	late := planting(60)
	late.Epoch = "2026-12"
	_, err := l.AppendBatch(bg, []ledger.Leaf{next[0], next[1], late, next[2]})
	require.ErrorIs(t, err, ledger.ErrUnbound)
	_, err = l.Append(bg, late)
	require.ErrorContains(t, err, "no commitment before a planting")
	_, err = l.AppendBatch(bg, []ledger.Leaf{next[0], next[1], next[2], late})
	require.NoError(t, err)
}

func TestBatchLimits(t *testing.T) {
	l := started(t, t.TempDir(), options(1))
	_, err := l.AppendBatch(bg, nil)
	assert.EqualError(t, err, "ledger: batch has 0 leaves, want 1 to 16384")
	_, err = l.AppendBatch(bg, make([]ledger.Leaf, 1<<14+1))
	assert.EqualError(t, err, "ledger: batch has 16385 leaves, want 1 to 16384")
	_, err = l.AppendBatch(bg, []ledger.Leaf{planting(1), {}})
	assert.EqualError(t, err, "ledger: leaf: kind is 0, want 1 to 8 (leaf 1 of the batch)")

	large := planting(1)
	large.Units = make([]ledger.Unit, ledger.MaxUnits)
	for i := range large.Units {
		large.Units[i].Unit = uint64(i)
	}
	many := make([]ledger.Leaf, 600)
	for i := range many {
		many[i] = large
		many[i].Nonce = nonce(uint64(i))
	}
	_, err = l.AppendBatch(bg, many)
	assert.ErrorContains(t, err, "bytes, want at most 4194304")
	_, err = l.AppendBatch(bg, many[:320])
	require.NoError(t, err)
	full := make([]ledger.Leaf, 1<<14)
	for i := range full {
		full[i] = planting(uint64(1000 + i))
	}
	_, err = l.AppendBatch(bg, full)
	require.NoError(t, err)
	assert.Equal(t, int64(3+320+1<<14), l.Reader().Size())
}

// What cannot be read because its file was closed is not damaged.
func TestClosedIsNotDamaged(t *testing.T) {
	dir := t.TempDir()
	l := started(t, dir, options(1))
	for n := range uint64(3) {
		_, err := l.Append(bg, planting(n))
		require.NoError(t, err)
	}
	r := l.Reader()
	require.NoError(t, l.Close())
	var damage *ledger.Damage
	_, err := r.Leaf(1)
	require.ErrorIs(t, err, os.ErrClosed)
	assert.False(t, errors.As(err, &damage))
	_, err = r.Prove(1, r.Size())
	require.ErrorIs(t, err, os.ErrClosed)
	assert.False(t, errors.As(err, &damage))
}

// Appenders, readers, checkpoints and a close that comes while all of them are
// busy: everything that was acknowledged is there once.
func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	o := ledger.Small(options(1), 64, 100)
	l := started(t, dir, o)
	var mu sync.Mutex
	acknowledged := map[uint64]int64{}
	var wg sync.WaitGroup
	for a := range uint64(16) {
		wg.Go(func() {
			for j := uint64(0); ; j++ {
				n := a<<32 | j
				got, err := l.Append(bg, planting(n))
				if errors.Is(err, ledger.ErrClosed) {
					return
				}
				if !assert.NoError(t, err) {
					return
				}
				mu.Lock()
				acknowledged[n] = got.Index
				mu.Unlock()
				r := l.Reader()
				_, err = r.Prove(got.Index, r.Size())
				if err != nil && !errors.Is(err, os.ErrClosed) {
					assert.NoError(t, err)
				}
			}
		})
	}
	var signed [][]byte
	for range 20 {
		c, err := l.Checkpoint()
		require.NoError(t, err)
		signed = append(signed, c)
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, l.Close())
	wg.Wait()
	assert.ErrorIs(t, l.Close(), ledger.ErrClosed)
	_, err := l.Checkpoint()
	assert.ErrorIs(t, err, ledger.ErrClosed)

	report, err := ledger.Verify(dir, public, signed...)
	require.NoError(t, err)
	assert.Equal(t, int64(len(acknowledged)+3), report.Leaves)
	assert.Equal(t, report.Leaves, report.Signed.Size)
	r, err := ledger.OpenReader(dir, public)
	require.NoError(t, err)
	defer r.Close()
	for n, i := range acknowledged {
		got, err := r.Leaf(i)
		require.NoError(t, err)
		require.Equal(t, nonce(n), got.Nonce)
	}
}

// While the disk is busy an append leaves when its context ends, and what is
// closed then is still finished.
func TestContext(t *testing.T) {
	dir := t.TempDir()
	entered, release := make(chan struct{}, 100), make(chan struct{})
	o := ledger.WithSync(options(1), func(f *os.File) error {
		if filepath.Base(f.Name()) == "leaves" {
			entered <- struct{}{}
			<-release
		}
		return f.Sync()
	})
	l := open(t, dir, o)
	ended, cancel := context.WithCancel(bg)
	cancel()
	_, err := l.Append(ended, bindings()[0])
	require.ErrorIs(t, err, context.Canceled)

	first := make(chan error)
	go func() { _, err := l.AppendBatch(bg, bindings()); first <- err }()
	<-entered // the first batch is at its fsync
	ctx, cancel := context.WithCancel(bg)
	second, third := make(chan error), make(chan error)
	go func() { _, err := l.Append(ctx, planting(1)); second <- err }()
	time.Sleep(time.Millisecond) // either way the result is the same
	cancel()
	err = <-second
	require.ErrorIs(t, err, context.Canceled)
	go func() { _, err := l.Append(bg, planting(2)); third <- err }()
	close(release)
	require.NoError(t, <-first)
	require.NoError(t, <-third)
	assert.Equal(t, int64(4), l.Reader().Size(), "an append that nobody waits for is not carried out")
	require.NoError(t, l.Close())
	_, err = l.Append(bg, planting(3))
	assert.ErrorIs(t, err, ledger.ErrClosed)
}

func TestClockOutOfRange(t *testing.T) {
	o := options(1)
	now := time.Unix(-1, 0)
	o.Clock = func() time.Time { return now }
	l := open(t, t.TempDir(), o)
	for _, now = range []time.Time{time.Unix(-1, 0), {}, time.Unix(59, 0), time.Unix(60<<32+3600, 0)} {
		_, err := l.Append(bg, bindings()[0])
		assert.ErrorContains(t, err, "ledger: clock says ")
	}
	o.Random = nil
	assert.NotContains(t, fmt.Sprintf("%+v %#v", o, o), logSecret[len(logSecret)-44:])
}

// A batch that is refused binds nothing, also if the frame that it would have
// been in is written for others.
func TestRefusedBatchAmongOthers(t *testing.T) {
	entered, release := make(chan struct{}, 100), make(chan struct{})
	o := ledger.WithSync(options(1), func(f *os.File) error {
		if filepath.Base(f.Name()) == "leaves" {
			entered <- struct{}{}
			<-release
		}
		return f.Sync()
	})
	l := open(t, t.TempDir(), o)
	results := make(chan error, 3)
	late := planting(60)
	late.Epoch = "2026-12"
	next := bindings()
	for i := range next {
		next[i].Epoch, next[i].Nonce = "2026-12", ledger.Nonce{}
	}
	go func() { _, err := l.AppendBatch(bg, bindings()); results <- err }()
	<-entered // from here on all that comes is one frame
	go func() {
		_, err := l.AppendBatch(bg, []ledger.Leaf{next[0], next[1], late, next[2]})
		assert.ErrorIs(t, err, ledger.ErrUnbound)
		results <- nil
	}()
	go func() { _, err := l.Append(bg, planting(1)); results <- err }()
	time.Sleep(20 * time.Millisecond)
	close(release)
	for range 3 {
		require.NoError(t, <-results)
	}
	_, err := l.Append(bg, late)
	assert.ErrorContains(t, err, "no commitment before a planting")
	assert.Equal(t, int64(4), l.Reader().Size())
}
