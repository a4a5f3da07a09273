package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	frameHeader  = 28
	frameVersion = 1

	// An appended batch has at most so many leaves and bytes of encodings.
	maxBatchLeaves = 1 << 14
	maxBatchBytes  = 4 << 20
	// A frame gathers batches until it has so many.
	gatherLeaves = 1 << 12
	gatherBytes  = 1 << 20
	// So no frame has more than these, which recovery counts on.
	maxFrameLeaves = gatherLeaves + maxBatchLeaves
	maxFrameBody   = gatherBytes + maxBatchBytes + 2*maxFrameLeaves
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A frame is what one write and one fsync made durable: the records of leaves
// [first, first+count), each two bytes of length and the leaf's encoding.
type frame struct {
	at    int64 // offset in the file
	first int64
	count int
	body  []byte // valid until the next frame is read
}

func (f *frame) end() int64 { return f.at + frameHeader + int64(len(f.body)) }

// putFrameHeader fills the first bytes of b, a header and the body behind it.
func putFrameHeader(b []byte, salt [16]byte, first int64, count int) {
	h, body := b[:frameHeader], b[frameHeader:]
	binary.LittleEndian.PutUint16(h, 0) // no record has this length
	binary.LittleEndian.PutUint16(h[2:], frameVersion)
	binary.LittleEndian.PutUint32(h[4:], uint32(len(body)))
	binary.LittleEndian.PutUint64(h[8:], uint64(first))
	binary.LittleEndian.PutUint32(h[16:], uint32(count))
	binary.LittleEndian.PutUint32(h[20:], crc32.Checksum(body, castagnoli))
	binary.LittleEndian.PutUint32(h[24:], headerSum(h, salt))
}

// headerSum depends on the salt so that nobody who does not see the file can
// put into a leaf what reads as a header.
func headerSum(h []byte, salt [16]byte) uint32 {
	return crc32.Update(crc32.Checksum(salt[:], castagnoli), castagnoli, h[:24])
}

// isFrameHeader reports whether h begins with the header of a frame.
func isFrameHeader(h []byte, salt [16]byte) bool {
	return len(h) >= frameHeader && h[0] == 0 && h[1] == 0 &&
		binary.LittleEndian.Uint32(h[24:]) == headerSum(h, salt)
}

// errTorn says that a file ends in a frame that was never acknowledged.
var errTorn = errors.New("torn frame")

// A frameReader reads the frames in bytes [at, end) of a file.
type frameReader struct {
	file    io.ReaderAt
	salt    [16]byte
	at, end int64
	next    int64 // number of the first leaf of the frame at at
	buf     []byte
	torn    int64 // behind the last frame, once read said that it was the last
}

// read returns the next frame, io.EOF behind the last one, where only zeros are
// left, errTorn if what is left is the work of a process that was killed while it
// wrote, and a *Damage if it cannot be that: a frame is written only after the one
// before it is on the disk, so only the last one can be torn.
func (r *frameReader) read() (frame, error) {
	f, err := r.try()
	var bad *Damage
	if errors.As(err, &bad) {
		// A log that appends meanwhile may have finished the frame, and begun the
		// next one, which made this one look damaged.
		f, err = r.try()
	}
	return f, err
}

func (r *frameReader) try() (frame, error) {
	rest := r.end - r.at
	if rest == 0 {
		return frame{}, io.EOF
	}
	var h [frameHeader]byte
	if rest >= frameHeader {
		if _, err := r.file.ReadAt(h[:], r.at); err != nil {
			return frame{}, fmt.Errorf("ledger: %w", err)
		}
	}
	if rest < frameHeader || !isFrameHeader(h[:], r.salt) {
		return frame{}, r.tornOr("a header is not what was written")
	}
	if v := binary.LittleEndian.Uint16(h[2:]); v != frameVersion {
		return frame{}, fmt.Errorf("ledger: frame at byte %d has version %d, want %d", r.at, v, frameVersion)
	}
	size := int64(binary.LittleEndian.Uint32(h[4:]))
	first := binary.LittleEndian.Uint64(h[8:])
	count := binary.LittleEndian.Uint32(h[16:])
	switch {
	case first != uint64(r.next):
		return frame{}, damaged(leavesFile, r.at, "a frame begins with leaf %d, want %d", first, r.next)
	case count < 1 || count > maxFrameLeaves || size > maxFrameBody:
		return frame{}, damaged(leavesFile, r.at, "a frame has %d leaves in %d bytes, want 1 to %d in at most %d", count, size, maxFrameLeaves, maxFrameBody)
	case frameHeader+size > rest:
		return frame{}, r.tear()
	}
	body := grow(&r.buf, int(size))
	if _, err := r.file.ReadAt(body, r.at+frameHeader); err != nil {
		return frame{}, fmt.Errorf("ledger: %w", err)
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(h[20:]) {
		behind, err := r.used(r.at + frameHeader + size)
		if err != nil {
			return frame{}, err
		}
		if behind > 0 {
			return frame{}, damaged(leavesFile, r.at, "leaves %d to %d are not what was written", first, r.next+int64(count)-1)
		}
		return frame{}, r.tear()
	}
	f := frame{r.at, r.next, int(count), body}
	r.at, r.next = f.end(), r.next+int64(count)
	return f, nil
}

// used returns how many bytes from an offset on are more than zeros, and stops
// counting where they are more than a frame.
func (r *frameReader) used(from int64) (int64, error) {
	n := int64(0)
	var buf [1 << 12]byte
	for at := from; at < r.end && n <= frameHeader+maxFrameBody; at += int64(len(buf)) {
		b := buf[:min(r.end-at, int64(len(buf)))]
		if _, err := r.file.ReadAt(b, at); err != nil {
			return 0, fmt.Errorf("ledger: %w", err)
		}
		if b = bytes.TrimRight(b, "\x00"); len(b) > 0 {
			n = at - from + int64(len(b))
		}
	}
	return n, nil
}

// tear notes how much is left of a torn frame.
func (r *frameReader) tear() (err error) {
	if r.torn, err = r.used(r.at); err != nil {
		return err
	}
	return errTorn
}

// tornOr tells an end, and a torn last frame, from damage that reads like one.
func (r *frameReader) tornOr(problem string) error {
	n, err := r.used(r.at)
	if err != nil {
		return err
	}
	if r.torn = n; n == 0 {
		return io.EOF
	}
	if n > frameHeader+maxFrameBody {
		return damaged(leavesFile, r.at, "%s, and %d bytes follow, more than a frame has", problem, r.end-r.at)
	}
	tail := grow(&r.buf, int(n))
	if _, err := r.file.ReadAt(tail, r.at); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	for i := 1; i+frameHeader <= len(tail); i++ {
		if isFrameHeader(tail[i:], r.salt) {
			return damaged(leavesFile, r.at, "%s, and a frame follows at byte %d", problem, r.at+int64(i))
		}
	}
	return errTorn
}

// eachRecord calls visit with the encoding of every leaf of the frame and its
// offset in the file.
func (f *frame) eachRecord(visit func(i, at int64, leaf []byte) error) error {
	body := f.body
	for k := range int64(f.count) {
		at := f.end() - int64(len(body))
		if len(body) < 2 || int(binary.LittleEndian.Uint16(body)) > len(body)-2 {
			return damaged(leavesFile, at, "leaf %d is longer than its frame", f.first+k)
		}
		n := int(binary.LittleEndian.Uint16(body))
		if err := visit(f.first+k, at, body[2:2+n]); err != nil {
			return err
		}
		body = body[2+n:]
	}
	if len(body) > 0 {
		return damaged(leavesFile, f.end()-int64(len(body)), "a frame has %d bytes behind its last leaf", len(body))
	}
	return nil
}

// grow returns n bytes in the memory of *b, which it enlarges.
func grow(b *[]byte, n int) []byte {
	if cap(*b) < n {
		*b = make([]byte, n)
	}
	*b = (*b)[:n]
	return *b
}
