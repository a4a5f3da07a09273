package prf

// Ahead is how many windows a reader hashes at once.
const Ahead = 8

// lookahead holds the positions of windows that will be sought next.
type lookahead struct {
	message   [16][Ahead]uint32
	positions [8][Ahead]uint32
	windows   [Ahead][]int32
	n, next   int
}

// Ahead says that windows, at most 8, will be sought next in this order, so that
// they can be hashed at once, and forgets what it said before. It changes nothing
// but the time: a window that is sought otherwise is hashed on its own. The windows
// must stay as they are until they are sought or forgotten.
func (r *Reader) Ahead(windows [][]int32) {
	if r.ahead != nil {
		r.ahead.n = 0
	}
	if len(windows) < 3 || len(windows) > Ahead { // two are faster on their own
		return
	}
	width := len(windows[0])
	for _, w := range windows {
		if len(w) != width || width < 1 || width > MaxWidth {
			return
		}
	}
	if r.ahead == nil {
		r.ahead = new(lookahead)
	}
	a := r.ahead
	for j, w := range windows {
		for i, t := range w {
			a.message[i][j] = uint32(t)
		}
		a.windows[j] = w
	}
	clear(a.message[width:])
	a.n, a.next = 0, 0
	if r.f.window.eight(&a.message, uint32(4*width), &a.positions) {
		a.n = len(windows)
	}
}

// take returns the position of a window if it is the next one ahead.
func (a *lookahead) take(window []int32) (p [8]uint32, ok bool) {
	if a == nil || a.next >= a.n {
		return p, false
	}
	next := a.windows[a.next]
	if len(next) != len(window) || &next[0] != &window[0] {
		return p, false
	}
	for i := range p {
		p[i] = a.positions[i][a.next]
	}
	a.next++
	return p, true
}
