package engine

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// A ggufReader reads little-endian values and never past the file's size.
type ggufReader struct {
	in   *bufio.Reader
	left uint64
	size uint64
}

func (r *ggufReader) read(p []byte) error {
	if uint64(len(p)) > r.left {
		return r.truncated("the header")
	}
	r.left -= uint64(len(p))
	_, err := io.ReadFull(r.in, p)
	return err
}

func (r *ggufReader) skip(n uint64) error {
	if n > r.left {
		return r.truncated("the header")
	}
	r.left -= n
	for n > 0 {
		k, err := r.in.Discard(int(min(n, 1<<20)))
		if err != nil {
			return err
		}
		n -= uint64(k)
	}
	return nil
}

func (r *ggufReader) truncated(what string) error {
	return fmt.Errorf("%s ends beyond the file's %d bytes: it is truncated or damaged", what, r.size)
}

func (r *ggufReader) u32() (uint32, error) {
	var b [4]byte
	err := r.read(b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (r *ggufReader) u64() (uint64, error) {
	var b [8]byte
	err := r.read(b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// name reads a string that is a key or a tensor's name.
func (r *ggufReader) name() (string, error) {
	const longest = 65535
	n, err := r.u64()
	if err != nil {
		return "", err
	}
	if n > longest {
		return "", fmt.Errorf("a name has %d bytes, want at most %d: the file is damaged", n, longest)
	}
	b := make([]byte, min(n, r.left))
	if n > r.left {
		return "", r.truncated("the header")
	}
	err = r.read(b)
	return string(b), err
}

// Types of metadata values.
const (
	ggufUint32 = 4
	ggufString = 8
	ggufArray  = 9
)

// widths are the bytes of a scalar by its type.
var widths = [...]uint64{0: 1, 1: 1, 2: 2, 3: 2, ggufUint32: 4, 5: 4, 6: 4, 7: 1, ggufString: 0, ggufArray: 0, 10: 8, 11: 8, 12: 8}

// skipValue passes a value of a type.
func (r *ggufReader) skipValue(kind uint32) error {
	if kind >= uint32(len(widths)) {
		return fmt.Errorf("a value has type %d, want 0 to %d: the file is damaged", kind, len(widths)-1)
	}
	switch kind {
	case ggufString:
		n, err := r.u64()
		if err != nil {
			return err
		}
		return r.skip(n)
	case ggufArray:
		element, err := r.u32()
		if err != nil {
			return err
		}
		n, err := r.u64()
		if err != nil {
			return err
		}
		if element == ggufArray || element >= uint32(len(widths)) {
			return fmt.Errorf("an array has elements of type %d: the file is damaged", element)
		}
		if w := widths[element]; w > 0 {
			high, bytes := bits.Mul64(n, w)
			if high > 0 {
				return r.truncated("an array")
			}
			return r.skip(bytes)
		}
		for ; n > 0; n-- {
			if err := r.skipValue(element); err != nil {
				return err
			}
		}
		return nil
	}
	return r.skip(widths[kind])
}
