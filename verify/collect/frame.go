package collect

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

const (
	frameContext  = "dyetrace 2026-11-24 verify frame/1"
	sampleContext = "dyetrace 2026-11-24 verify sample/1"
)

// A Frame is the list of prompts of which a collection asks some. Its digest is
// published before the nonce that picks them is known, so that nobody can pick
// prompts for what he knows about them. A Frame is immutable.
type Frame struct {
	prompts []string
	digest  Digest
}

// NewFrame returns the frame of the prompts, which are copied. It refuses an
// empty list, an empty prompt, one that is not valid UTF-8, and one that occurs
// twice: it would be asked more often than the others.
func NewFrame(prompts []string) (*Frame, error) {
	if len(prompts) == 0 {
		return nil, errors.New("collect: frame has 0 prompts, want at least 1")
	}
	seen := make(map[string]int, len(prompts))
	for i, p := range prompts {
		switch first, twice := seen[p]; {
		case p == "":
			return nil, fmt.Errorf("collect: prompt %d of the frame is empty", i)
		case !utf8.ValidString(p):
			return nil, fmt.Errorf("collect: prompt %d of the frame is not valid UTF-8", i)
		case twice:
			return nil, fmt.Errorf("collect: prompt %d of the frame equals prompt %d", i, first)
		}
		seen[p] = i
	}
	f := &Frame{prompts: append([]string(nil), prompts...)}
	f.digest = sumStrings(frameContext, f.prompts)
	return f, nil
}

// ReadFrame reads a frame as [Frame.WriteTo] writes it.
func ReadFrame(r io.Reader) (*Frame, error) {
	var prompts []string
	err := eachLine(r, func(n int, line []byte) error {
		var p string
		if err := canon.Decode(line, &p); err != nil {
			return fmt.Errorf("collect: line %d of the frame: %w", n, err)
		}
		prompts = append(prompts, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return NewFrame(prompts)
}

// WriteTo writes one prompt a line, each as a JSON string.
func (f *Frame) WriteTo(w io.Writer) (int64, error) {
	var n int64
	b := bufio.NewWriter(w)
	for _, p := range f.prompts {
		line, err := canon.Encode(p)
		if err != nil {
			return n, err
		}
		k, err := b.Write(append(line, '\n'))
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, b.Flush()
}

// Len returns the number of prompts.
func (f *Frame) Len() int { return len(f.prompts) }

// Digest names the frame.
func (f *Frame) Digest() Digest { return f.digest }

// Sample returns the prompts that a nonce picks, in the order in which they are
// asked: the first n entries of a Fisher–Yates shuffle of the frame that swaps
// entry i with entry i + u, u uniform on [0, N−i), for i = 0, 1, …. The numbers
// u are read from BLAKE3's derive-key output for the nonce followed by the
// frame's digest: eight bytes at a time as u64le, values at or above the
// greatest multiple of N−i that fits are skipped, the others are reduced modulo
// N−i. With the zero nonce — no nonce — it returns the first n prompts in the
// frame's own order.
func (f *Frame) Sample(nonce Digest, n int) ([]string, error) {
	if n < 1 || n > len(f.prompts) {
		return nil, fmt.Errorf("collect: %d prompts are to be asked, want 1 to %d, the size of the frame", n, len(f.prompts))
	}
	out := append([]string(nil), f.prompts...)
	if nonce.IsZero() {
		return out[:n:n], nil
	}
	h := blake3.NewDeriveKey(sampleContext)
	h.Write(nonce[:])
	h.Write(f.digest[:])
	stream := h.Digest()
	for i := range n {
		m := uint64(len(out) - i)
		j := i + int(uniform(stream, m))
		out[i], out[j] = out[j], out[i]
	}
	return out[:n:n], nil
}

// uniform returns a number uniform on [0, m) from an endless stream. Requires
// 1 ≤ m.
func uniform(stream io.Reader, m uint64) uint64 {
	bad := -m % m // 2^64 mod m: the last incomplete block of remainders
	var b [8]byte
	for {
		// BLAKE3's output stream has 2^64 bytes and does not fail before.
		_, _ = io.ReadFull(stream, b[:])
		if x := binary.LittleEndian.Uint64(b[:]); x <= ^bad {
			return x % m
		}
	}
}

// eachLine calls f with the number (from 1) and the bytes of every line of r,
// without its newline. It refuses a last line without one.
func eachLine(r io.Reader, f func(n int, line []byte) error) error {
	b := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := b.ReadBytes('\n')
		if err == io.EOF {
			if len(line) > 0 {
				return fmt.Errorf("collect: line %d is cut off after %d bytes", n, len(line))
			}
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(n, line[:len(line)-1]); err != nil {
			return err
		}
	}
}
