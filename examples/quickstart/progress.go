package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

// A progress says what the program is doing: on a terminal in a line that
// moves, elsewhere in one line for each finished step. It is safe for
// concurrent use within a step.
type progress struct {
	w    io.Writer
	live bool // w is a terminal

	mu    sync.Mutex
	step  string
	begun time.Time
	shown time.Time
}

// newProgress writes to f.
func newProgress(f *os.File) *progress {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return &progress{w: f, live: terminal}
}

// begin starts a step.
func (p *progress) begin(step string) {
	p.mu.Lock()
	p.step, p.begun, p.shown = step, time.Now(), time.Time{}
	p.mu.Unlock()
	p.at(0, 1)
}

// at says how far the step is.
func (p *progress) at(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live && time.Since(p.shown) > 100*time.Millisecond {
		p.shown = time.Now()
		fmt.Fprintf(p.w, "\r\x1b[K%-8s %5.1fs  %3d %%", p.step, time.Since(p.begun).Seconds(), 100*done/total)
	}
}

// end finishes the step and says what came of it.
func (p *progress) end(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.w, "%-8s %5.1fs  %s\n", p.step, time.Since(p.begun).Seconds(), fmt.Sprintf(format, args...))
}

// clear wipes the moving line.
func (p *progress) clear() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// grouped writes n with commas: 1,234,567. Requires n >= 0.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
