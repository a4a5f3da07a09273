package collect

import (
	"context"
	"time"
)

// A Clock is the time as [Run] sees it. It may be used from several goroutines
// at once.
type Clock interface {
	Now() time.Time
	// Sleep waits for d and returns nil, or returns ctx's error when ctx ends.
	Sleep(ctx context.Context, d time.Duration) error
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
