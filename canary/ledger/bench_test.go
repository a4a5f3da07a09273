package ledger_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

func reportRate(b *testing.B, leaves int64) {
	b.ReportMetric(float64(leaves)/b.Elapsed().Seconds(), "leaves/s")
}

// BenchmarkAppend is acknowledged leaves with so many goroutines that append at
// once, each leaf durable before its append returns, beside what the disk does
// alone: see rawSync.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("goroutines=%d", n), func(b *testing.B) {
			l := started(b, filepath.Join(b.TempDir(), "ledger"), options(1))
			var next atomic.Int64
			leaf := planting(1)
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					mine := leaf
					for k := next.Add(1); k <= int64(b.N); k = next.Add(1) {
						mine.Nonce = nonce(uint64(k))
						if _, err := l.Append(bg, mine); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			reportRate(b, int64(b.N))
			require.NoError(b, l.Close())
		})
	}
	b.Run("batch=1000", func(b *testing.B) {
		l := started(b, filepath.Join(b.TempDir(), "ledger"), options(1))
		batch := make([]ledger.Leaf, 1000)
		for i := range batch {
			batch[i] = planting(uint64(i))
		}
		next := uint64(0)
		b.ResetTimer()
		for range b.N {
			for i := range batch {
				batch[i].Nonce = nonce(next)
				next++
			}
			if _, err := l.AppendBatch(bg, batch); err != nil {
				b.Fatal(err)
			}
		}
		reportRate(b, int64(next))
	})
	b.Run("fsync growing", func(b *testing.B) { rawSync(b, false) })
	b.Run("fsync within zeros", func(b *testing.B) { rawSync(b, true) })
}

// rawSync is what the disk does: a leaf's bytes and a sync, one after the other,
// in a file that grows by them, as logs commonly do, or that has its bytes before,
// as a ledger's file of leaves does.
func rawSync(b *testing.B, before bool) {
	f, err := os.Create(filepath.Join(b.TempDir(), "f"))
	require.NoError(b, err)
	defer f.Close()
	const size = 150
	if before {
		_, err := f.Write(make([]byte, size*b.N))
		require.NoError(b, err)
		require.NoError(b, f.Sync())
	}
	leaf := bytes.Repeat([]byte{1}, size)
	b.ResetTimer()
	for i := range b.N {
		_, err := f.WriteAt(leaf, int64(size*i))
		require.NoError(b, err)
		if before {
			require.NoError(b, ledger.SyncData(f))
		} else {
			require.NoError(b, f.Sync())
		}
	}
	reportRate(b, int64(b.N))
}

// large returns the folder of a ledger of n leaves.
func large(b *testing.B, n int) string {
	dir := filepath.Join(b.TempDir(), "ledger")
	l := started(b, dir, options(1))
	batch := make([]ledger.Leaf, 0, 1<<14)
	for i := 3; i < n; {
		batch = batch[:0]
		for ; i < n && len(batch) < cap(batch); i++ {
			batch = append(batch, planting(uint64(i)))
		}
		_, err := l.AppendBatch(bg, batch)
		require.NoError(b, err)
	}
	require.NoError(b, l.Close())
	return dir
}

// BenchmarkMillion is what can be done with a ledger of a million leaves: open
// it, open it without hashes, index and mark, read and prove single leaves, scan
// it for a cohort, and verify it whole.
func BenchmarkMillion(b *testing.B) {
	const n = 1 << 20
	dir := large(b, n)
	b.Run("open", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			l, err := ledger.Open(dir, options(1))
			require.NoError(b, err)
			require.NoError(b, l.Close())
			b.StartTimer()
			l, err = ledger.Open(dir, options(1))
			b.StopTimer()
			require.NoError(b, err)
			require.NoError(b, l.Close())
			b.StartTimer()
		}
	})
	b.Run("rebuild", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			for _, name := range []string{"mark", "hashes", "index"} {
				require.NoError(b, os.Remove(filepath.Join(dir, name)))
			}
			b.StartTimer()
			l, err := ledger.Open(dir, options(1))
			b.StopTimer()
			require.NoError(b, err)
			require.NoError(b, l.Close())
			b.StartTimer()
		}
	})
	r, err := ledger.OpenReader(dir, public)
	require.NoError(b, err)
	defer r.Close()
	b.Run("read", func(b *testing.B) {
		for i := range b.N {
			if _, err := r.Leaf(int64(i) * 7919 % n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("prove", func(b *testing.B) {
		for i := range b.N {
			if _, err := r.Prove(int64(i)*7919%n, n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		for range b.N {
			for _, err := range r.Scan(ledger.Filter{Cohort: planting(2).Cohort}) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		reportRate(b, n*int64(b.N))
	})
	b.Run("verify", func(b *testing.B) {
		for range b.N {
			if _, err := ledger.Verify(dir, public); err != nil {
				b.Fatal(err)
			}
		}
		reportRate(b, n*int64(b.N))
	})
}

func BenchmarkPseudonym(b *testing.B) {
	p := pseudonyms(b)
	text := make([]byte, 2000)
	b.Run("account", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := p.Account("account-12345678"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("output", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for range b.N {
			if _, err := p.Output(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLeaf(b *testing.B) {
	l := planting(4)
	l.Time = hour
	data, err := l.MarshalBinary()
	require.NoError(b, err)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := l.MarshalBinary(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := ledger.ParseLeaf(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
