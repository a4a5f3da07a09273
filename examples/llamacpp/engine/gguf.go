package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"

	"github.com/hybridgroup/yzma/pkg/llama"
)

// A header is what a GGUF file says of itself, as far as it has to be right for
// llama.cpp not to give up in the middle of it.
type header struct {
	Architecture string
	Tensors      int
}

// blocks are the tensor types of a version: how many weights a block of each
// has and how many bytes it takes. Others were removed or are not for files.
type blocks map[uint32]struct{ weights, bytes uint64 }

// fileTypes are the types that the loaded library reads from files.
func fileTypes() blocks {
	known := blocks{}
	for _, t := range []uint32{0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 34, 35, 39, 40, 41, 42} {
		known[t] = struct{ weights, bytes uint64 }{uint64(llama.GGMLBlockSize(llama.GGMLType(t))), llama.GGMLTypeSize(llama.GGMLType(t))}
	}
	return known
}

// inspect reads a model file's header and compares what it says of its tensors
// with the size of the file. The format is that of ggml's docs/gguf.md.
func inspect(path string, types blocks) (header, error) {
	f, err := os.Open(path)
	if err != nil {
		return header{}, fmt.Errorf("engine: model: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return header{}, fmt.Errorf("engine: model: %w", err)
	}
	if !info.Mode().IsRegular() {
		return header{}, fmt.Errorf("engine: model %s is no file", path)
	}
	h, err := readHeader(f, info.Size(), types)
	if err != nil {
		return header{}, fmt.Errorf("engine: model %s: %w", path, err)
	}
	return h, nil
}

func readHeader(in io.Reader, size int64, types blocks) (header, error) {
	r := &ggufReader{in: bufio.NewReaderSize(in, 1<<16), left: uint64(size), size: uint64(size)}
	var h header
	var magic [4]byte
	if err := r.read(magic[:]); err != nil {
		return h, err
	}
	if string(magic[:]) != "GGUF" {
		return h, fmt.Errorf("it begins with %q, want \"GGUF\": it is no GGUF file", magic)
	}
	version, err := r.u32()
	if err != nil {
		return h, err
	}
	if version != 2 && version != 3 {
		return h, fmt.Errorf("GGUF version is %d, want 2 or 3", version)
	}
	tensors, err := r.u64()
	if err != nil {
		return h, err
	}
	values, err := r.u64()
	if err != nil {
		return h, err
	}
	// The least that one takes in the file bounds how many there can be.
	if tensors > r.left/24 || values > r.left/13 {
		return h, r.truncated(fmt.Sprintf("a header of %d tensors and %d values", tensors, values))
	}
	alignment, err := r.values(values, &h)
	if err != nil {
		return h, err
	}
	if h.Architecture == "" {
		return h, errors.New("it names no general.architecture: it is no language model")
	}
	if tensors == 0 {
		return h, errors.New("it has no tensors: it is a vocabulary or a first part of a split model")
	}
	h.Tensors = int(tensors)
	return h, r.tensors(tensors, alignment, types)
}

// values reads the metadata and returns the alignment of tensors.
func (r *ggufReader) values(n uint64, h *header) (alignment uint64, err error) {
	alignment = 32
	for ; n > 0; n-- {
		key, err := r.name()
		if err != nil {
			return 0, err
		}
		kind, err := r.u32()
		if err != nil {
			return 0, err
		}
		switch {
		case key == "general.architecture" && kind == ggufString:
			h.Architecture, err = r.name()
		case key == "general.alignment" && kind == ggufUint32:
			var a uint32
			if a, err = r.u32(); err == nil && (a == 0 || a&(a-1) != 0 || a > 1<<20) {
				err = fmt.Errorf("alignment is %d, want a power of two up to 2^20", a)
			}
			alignment = uint64(a)
		default:
			err = r.skipValue(kind)
		}
		if err != nil {
			return 0, fmt.Errorf("value of %q: %w", key, err)
		}
	}
	return alignment, nil
}

// tensors reads where the tensors lie and checks that they do so in the file.
func (r *ggufReader) tensors(n, alignment uint64, types blocks) error {
	var last string
	var end uint64 // of the furthest tensor, from the beginning of the data
	for ; n > 0; n-- {
		name, err := r.name()
		if err != nil {
			return err
		}
		stop, err := r.extent(alignment, types)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		if stop >= end {
			last, end = name, stop
		}
	}
	begin := (r.size - r.left + alignment - 1) / alignment * alignment
	if begin > r.size || end > r.size-begin {
		return r.truncated(fmt.Sprintf("tensor %q", last))
	}
	return nil
}

// extent reads a tensor's shape, type and place and returns where it ends.
func (r *ggufReader) extent(alignment uint64, types blocks) (uint64, error) {
	dims, err := r.u32()
	if err != nil {
		return 0, err
	}
	if dims < 1 || dims > 4 {
		return 0, fmt.Errorf("it has %d dimensions, want 1 to 4", dims)
	}
	first, weights := uint64(0), uint64(1)
	for i := range dims {
		d, err := r.u64()
		if err != nil {
			return 0, err
		}
		high, low := bits.Mul64(weights, d)
		if d == 0 || high > 0 || low > math.MaxInt64 {
			return 0, fmt.Errorf("dimension %d is %d: the file is damaged", i, d)
		}
		if weights = low; i == 0 {
			first = d
		}
	}
	kind, err := r.u32()
	if err != nil {
		return 0, err
	}
	offset, err := r.u64()
	if err != nil {
		return 0, err
	}
	block, ok := types[kind]
	if !ok || block.weights == 0 {
		return 0, fmt.Errorf("type %d is none that llama.cpp %s reads", kind, Version)
	}
	if first%block.weights != 0 {
		return 0, fmt.Errorf("rows of %d weights in blocks of %d: the file is damaged", first, block.weights)
	}
	if offset%alignment != 0 {
		return 0, fmt.Errorf("it lies at %d, want a multiple of %d", offset, alignment)
	}
	high, bytes := bits.Mul64(weights/block.weights, block.bytes)
	end, carry := bits.Add64(bytes, offset, 0)
	if high > 0 || carry > 0 {
		return 0, errors.New("it ends beyond 2^64 bytes: the file is damaged")
	}
	return end, nil
}
