package verify

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/dyetrace/dyetrace/watermark"
)

// A decoyPool scores decoy keys, once for all keys whose readings and whose
// decoys are the same: native marks of one scheme and width under different
// keys, on the same windows.
type decoyPool struct {
	seed     [32]byte // the digest of the seal: another one takes another transcript
	count    int
	workers  int
	progress func(done, total int)
	total    int

	shared *decoyWork
}

// decoyWork is what pools of one judgement share.
type decoyWork struct {
	mu     sync.Mutex
	done   int
	groups []decoyGroup
}

type decoyGroup struct {
	id      string // of the first decoy: it names the seed
	reading *reading
	totals  [][]total // [decoy][test]
}

// with returns a pool of other decoys.
func (p *decoyPool) with(seed [32]byte) *decoyPool {
	out := *p
	out.seed = seed
	return &out
}

// of returns the totals of the decoys of a mark for each test of its reading.
func (p *decoyPool) of(ctx context.Context, mark *watermark.Watermark, r *reading) ([][]total, error) {
	if p.count == 0 {
		return nil, nil
	}
	if p.shared == nil {
		p.shared = new(decoyWork)
	}
	id := mark.Decoy(p.seed, 0).ID()
	for _, g := range p.shared.groups {
		if g.id == id && g.reading.same(r) {
			p.advance(p.count)
			return g.totals, nil
		}
	}
	totals, err := p.score(ctx, mark, r)
	if err != nil {
		return nil, err
	}
	p.shared.groups = append(p.shared.groups, decoyGroup{id, r, totals})
	return totals, nil
}

func (p *decoyPool) score(ctx context.Context, mark *watermark.Watermark, r *reading) ([][]total, error) {
	totals := make([][]total, p.count)
	workers := p.workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, p.count) {
		wg.Go(func() {
			var scratch []uint64
			for ctx.Err() == nil {
				j := int(next.Add(1)) - 1
				if j >= p.count {
					return
				}
				totals[j] = r.score(mark.Decoy(p.seed, j), &scratch)
				p.advance(1)
			}
		})
	}
	wg.Wait()
	return totals, context.Cause(ctx)
}

func (p *decoyPool) advance(n int) {
	w := p.shared
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done += n
	if p.progress != nil {
		p.progress(w.done, p.total)
	}
}
