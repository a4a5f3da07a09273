package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// patience is how long something runs before its progress is shown.
const patience = 2 * time.Second

// A progress is a bar with rate and time left on a terminal, and nothing
// elsewhere or for what is soon done. It is safe for concurrent use, and adding
// to it costs one atomic addition.
type progress struct {
	what  string
	count func(int64) string
	begun time.Time

	n, before, total atomic.Int64
	end              sync.Once
	stop             chan struct{} // nil: silent
	ended            chan struct{}
}

// progress begins a bar: what is counted ("answers"), and how many there are, 0
// if nobody knows. End it with Done.
func (a *app) progress(what string, total int64) *progress {
	return a.showProgress(&progress{what: what, count: grouped[int64]}, total)
}

// progressBytes begins a bar over bytes of what is read or written.
func (a *app) progressBytes(what string, total int64) *progress {
	return a.showProgress(&progress{what: what, count: byteSize}, total)
}

func (a *app) showProgress(p *progress, total int64) *progress {
	p.begun = time.Now()
	p.total.Store(total)
	if a.errTerminal && !a.quiet {
		p.stop, p.ended = make(chan struct{}), make(chan struct{})
		go p.show(a.errOut)
	}
	return p
}

// Add counts n more.
func (p *progress) Add(n int64) { p.n.Add(n) }

// Set says how many there are now.
func (p *progress) Set(n int64) { p.n.Store(n) }

// SetTotal says how many there are in all, if that is known late.
func (p *progress) SetTotal(n int64) { p.total.Store(n) }

// Resumed says how many were done before the start, which count for no rate.
func (p *progress) Resumed(n int64) { p.before.Store(n) }

// Done ends the bar and wipes it. It may be called more than once.
func (p *progress) Done() {
	p.end.Do(func() {
		if p.stop != nil {
			close(p.stop)
			<-p.ended
		}
	})
}

func (p *progress) show(w io.Writer) {
	defer close(p.ended)
	select {
	case <-p.stop:
		return
	case <-time.After(patience):
	}
	bars := mpb.New(mpb.WithOutput(w), mpb.ForceTTY())
	options := []mpb.BarOption{mpb.BarWidth(24), mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string { return p.line(s.Current) }))}
	var bar *mpb.Bar
	if total := p.total.Load(); total > 0 { // one more, so that it never ends by itself
		bar = bars.AddBar(total+1, append(options, mpb.PrependDecorators(decor.Any(p.percent)))...)
	} else {
		bar = bars.AddSpinner(0, options...)
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		n := p.n.Load()
		if total := p.total.Load(); total > 0 {
			n = min(n, total)
			bar.SetTotal(total+1, false)
		}
		bar.SetCurrent(n)
		select {
		case <-ticker.C:
		case <-p.stop:
			bar.Abort(true)
			bars.Wait()
			return
		}
	}
}

func (p *progress) percent(s decor.Statistics) string {
	return fmt.Sprintf("%s %3d %% ", p.what, 100*s.Current/max(1, p.total.Load()))
}

// line says how much there is, how fast it grows and how long the rest takes.
func (p *progress) line(n int64) string {
	text := "  " + p.count(n)
	total := p.total.Load()
	if total > 0 {
		text += " of " + p.count(total)
	}
	fresh := n - p.before.Load()
	elapsed := time.Since(p.begun).Seconds()
	if fresh <= 0 || elapsed <= 0 {
		return text
	}
	rate := float64(fresh) / elapsed
	if rate >= 10 {
		text += "  " + p.count(int64(rate)) + "/s"
	} else {
		text += fmt.Sprintf("  %.2g/s", rate)
	}
	if total > 0 {
		text += "  " + brief(time.Duration(float64(total-n)/rate*1e9)) + " left"
	}
	return text
}
