package main

import (
	"context"
	"runtime"
	"sync"
)

// inParallel calls work(i) for each i in [0, n) on every core, each core with a
// work of its own, and says after each call how many are done. It stops at the
// first error, which it returns, and when ctx ends.
func inParallel(ctx context.Context, n int, at func(done, total int), worker func() (work func(i int) error)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group sync.WaitGroup
	var mu sync.Mutex
	next, done := 0, 0
	take := func() (i int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		i = next
		next++
		return i, i < n && ctx.Err() == nil
	}
	finish := func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		at(done, n)
	}
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			work := worker()
			for i, ok := take(); ok; i, ok = take() {
				if err := work(i); err != nil {
					stop(err)
					return
				}
				finish()
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
