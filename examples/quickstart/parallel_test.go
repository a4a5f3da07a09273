package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInParallelDoesEachOnce(t *testing.T) {
	const n = 1000
	var count [n]atomic.Int32
	last := 0
	err := inParallel(t.Context(), n, func(done, total int) {
		assert.Equal(t, last+1, done)
		assert.Equal(t, n, total)
		last = done
	}, func() func(int) error {
		return func(i int) error { count[i].Add(1); return nil }
	})
	require.NoError(t, err)
	assert.Equal(t, n, last)
	for i := range count {
		assert.EqualValues(t, 1, count[i].Load(), i)
	}
}

func TestInParallelStopsAtAnError(t *testing.T) {
	broken := errors.New("broken")
	var calls atomic.Int32
	fail := func() func(int) error {
		return func(i int) error {
			calls.Add(1)
			if i == 3 {
				return broken
			}
			return nil
		}
	}
	assert.ErrorIs(t, inParallel(t.Context(), 1_000_000, func(int, int) {}, fail), broken)
	assert.Less(t, calls.Load(), int32(1_000_000))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls.Store(0)
	assert.ErrorIs(t, inParallel(ctx, 10, func(int, int) {}, fail), context.Canceled)
	assert.Zero(t, calls.Load())
}
