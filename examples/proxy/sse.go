package main

import "bytes"

// Events reads server-sent events (WHATWG HTML, section 9.2) out of bytes that
// come in any pieces. What it returns, put together, is what it was given.
type events struct {
	buf   []byte
	next  int  // where the line begins whose end is looked for
	seen  int  // no line ends before this
	began bool // fields of an event stand before it
}

// add takes the next bytes.
func (e *events) add(b []byte) { e.buf = append(e.buf, b...) }

// held is the number of bytes that belong to an event whose end is not there.
func (e *events) held() int { return len(e.buf) }

// take returns the next event with the empty line that ends it, or a comment
// that stands before one and need not wait for it. At the end of the stream
// what is left is an event too. The bytes are valid until the next call of add.
func (e *events) take(eof bool) (block []byte, ok bool) {
	for {
		end, line := lineEnd(e.buf, max(e.next, e.seen), eof)
		if end < 0 {
			e.seen = max(0, len(e.buf)-1) // a CR there may be half an end
			break
		}
		empty, comment := line == e.next, e.buf[e.next] == ':'
		e.next = end
		if empty || comment && !e.began {
			e.began = false
			return e.cut(end), true
		}
		e.began = e.began || !comment
	}
	if eof && len(e.buf) > 0 {
		return e.cut(len(e.buf)), true
	}
	return nil, false
}

func (e *events) cut(n int) []byte {
	block := e.buf[:n:n]
	e.buf, e.next, e.seen = e.buf[n:], 0, 0
	return block
}

// lineEnd returns where the line that begins at from ends, without and with its
// end of line: LF, CR LF or CR. It returns −1 if that is not known yet.
func lineEnd(b []byte, from int, eof bool) (next, end int) {
	i := bytes.IndexAny(b[from:], "\r\n")
	if i < 0 {
		return -1, -1
	}
	i += from
	switch {
	case b[i] == '\n':
		return i + 1, i
	case i+1 < len(b) && b[i+1] == '\n':
		return i + 2, i
	case i+1 == len(b) && !eof:
		return -1, -1
	}
	return i + 1, i
}

// eachLine calls f for every line of an event: all of it, and its length
// without the end of line.
func eachLine(block []byte, f func(line []byte, n int)) {
	for from := 0; from < len(block); {
		next, end := lineEnd(block, from, true)
		if next < 0 {
			next, end = len(block), len(block)
		}
		f(block[from:next], end-from)
		from = next
	}
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// dataOf returns where the data of a line begins, −1 if it has none.
func dataOf(line []byte, n int) int {
	rest, ok := bytes.CutPrefix(bytes.TrimPrefix(line[:n], byteOrderMark), []byte("data:"))
	switch {
	case !ok:
		return -1
	case len(rest) > 0 && rest[0] == ' ':
		rest = rest[1:]
	}
	return n - len(rest)
}

// payload returns the data of an event. Several lines of data are joined as the
// standard has it.
func payload(block []byte) (data []byte, ok bool) {
	eachLine(block, func(line []byte, n int) {
		at := dataOf(line, n)
		switch {
		case at < 0:
		case !ok:
			data, ok = line[at:n:n], true
		default:
			data = append(append(data, '\n'), line[at:n]...)
		}
	})
	return data, ok
}

// reframe appends an event to dst with other data, on one line. Its other
// fields, its comments and its ends of line stay.
func reframe(dst, block, data []byte) []byte {
	done := false
	eachLine(block, func(line []byte, n int) {
		at := dataOf(line, n)
		if at < 0 {
			dst = append(dst, line...)
			return
		}
		if done {
			return
		}
		done = true
		dst = append(dst, line[:at]...)
		for _, c := range data {
			if c == '\n' || c == '\r' { // white space between values: strings have none
				c = ' '
			}
			dst = append(dst, c)
		}
		dst = append(dst, line[n:]...)
	})
	return dst
}
