package engine

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testTypes are F32 and Q4_1, as the library describes them.
var testTypes = blocks{0: {1, 4}, 3: {32, 20}}

// A gguf builds files piece by piece.
type gguf struct{ bytes.Buffer }

func (g *gguf) u32(v uint32) *gguf { g.Write(binary.LittleEndian.AppendUint32(nil, v)); return g }
func (g *gguf) u64(v uint64) *gguf { g.Write(binary.LittleEndian.AppendUint64(nil, v)); return g }
func (g *gguf) text(s string) *gguf {
	g.u64(uint64(len(s)))
	g.WriteString(s)
	return g
}

func begin(tensors, values uint64) *gguf {
	g := &gguf{}
	g.WriteString("GGUF")
	return g.u32(3).u64(tensors).u64(values)
}

func (g *gguf) architecture() *gguf { return g.text("general.architecture").u32(8).text("llama") }

func (g *gguf) tensor(name string, kind uint32, offset uint64, dims ...uint64) *gguf {
	g.text(name).u32(uint32(len(dims)))
	for _, d := range dims {
		g.u64(d)
	}
	return g.u32(kind).u64(offset)
}

// data pads to 32 bytes and adds n.
func (g *gguf) data(n int) *gguf {
	g.Write(make([]byte, (32-g.Len()%32)%32+n))
	return g
}

func read(g *gguf) (header, error) {
	return readHeader(bytes.NewReader(g.Bytes()), int64(g.Len()), testTypes)
}

func small() *gguf {
	g := begin(2, 4).text("list").u32(9).u32(8).u64(2).text("a").text("b")
	g.text("numbers").u32(9).u32(5).u64(3).u32(1).u32(2).u32(3).text("flag").u32(7)
	g.WriteByte(1)
	return g.architecture().tensor("a", 0, 0, 4, 2).tensor("b", 3, 32, 64)
}

func TestHeader(t *testing.T) {
	h, err := read(small().data(72))
	require.NoError(t, err)
	assert.Equal(t, header{Architecture: "llama", Tensors: 2}, h)
	whole := small().data(72).Bytes()
	for n := range whole {
		_, err := readHeader(bytes.NewReader(whole[:n]), int64(n), testTypes)
		assert.ErrorContains(t, err, "truncated or damaged", "%d bytes", n)
	}
}

func TestBadHeaders(t *testing.T) {
	const huge = 1 << 62
	for _, c := range []struct {
		file *gguf
		want string
	}{
		{begin(huge, 0).data(100), "a header of 4611686018427387904 tensors"},
		{begin(0, huge).data(100), "4611686018427387904 values"},
		{begin(1, 0).tensor("a", 0, 0, 8).data(32), "names no general.architecture"},
		{begin(0, 1).architecture().data(64), "has no tensors"},
		{begin(1, 1).text("k").u32(99).data(64), `value of "k": a value has type 99`},
		{begin(1, 1).text("k").u32(9).u32(9).u64(1).data(64), "an array has elements of type 9"},
		{begin(1, 1).text("k").u32(9).u32(13).u64(1).data(64), "an array has elements of type 13"},
		{begin(1, 1).text("k").u32(9).u32(12).u64(huge).data(64), "truncated"},
		{begin(1, 1).text("k").u32(9).u32(8).u64(huge).data(64), "truncated"},
		{begin(1, 1).text("k").u32(8).u64(huge).data(64), "truncated"},
		{begin(1, 1).u64(1 << 20).data(64), "a name has 1048576 bytes"},
		{begin(1, 2).text("general.alignment").u32(4).u32(3).architecture().data(64), "alignment is 3"},
		{begin(1, 1).architecture().tensor("a", 0, 0).data(64), `tensor "a": it has 0 dimensions`},
		{begin(1, 1).architecture().tensor("a", 0, 0, 1, 1, 1, 1, 1).data(64), "it has 5 dimensions"},
		{begin(1, 1).architecture().tensor("a", 0, 0, 0).data(64), "dimension 0 is 0"},
		{begin(1, 1).architecture().tensor("a", 0, 0, huge, huge).data(64), "dimension 1 is"},
		{begin(1, 1).architecture().tensor("a", 7, 0, 4).data(64), "type 7 is none that llama.cpp"},
		{begin(1, 1).architecture().tensor("a", 3, 0, 33).data(64), "rows of 33 weights in blocks of 32"},
		{begin(1, 1).architecture().tensor("a", 0, 8, 4).data(64), "it lies at 8, want a multiple of 32"},
		{begin(1, 1).architecture().tensor("a", 0, 64, 4).data(64), `tensor "a" ends beyond the file's`},
		{begin(1, 1).architecture().tensor("a", 0, 0, 1<<40).data(64), `tensor "a" ends beyond the file's`},
		{begin(1, 1).architecture().tensor("a", 0, 1<<64-32, 1<<40).data(64), "it ends beyond 2^64 bytes"},
	} {
		_, err := read(c.file)
		assert.ErrorContains(t, err, c.want)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(small().data(72).Bytes())
	f.Add(begin(1, 2).text("general.alignment").u32(4).u32(64).architecture().data(64).Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := readHeader(bytes.NewReader(data), int64(len(data)), testTypes)
		if err == nil {
			assert.NotEmpty(t, h.Architecture)
			assert.Positive(t, h.Tensors)
		}
	})
}
