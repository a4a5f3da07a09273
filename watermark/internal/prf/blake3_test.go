package prf

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zeebo/blake3"
)

// Every size of a block, with random bytes, against the general hasher.
func TestBlockHashIsBLAKE3(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for size := range 65 {
		var key [32]byte
		var msg [64]byte
		for i := range key {
			key[i] = byte(r.Uint32())
		}
		for i := range size {
			msg[i] = byte(r.Uint32())
		}
		h, err := blake3.NewKeyed(key[:])
		require.NoError(t, err)
		_, err = h.Write(msg[:size])
		require.NoError(t, err)
		want := h.Sum(nil)

		k := newBlockKey(key[:])
		var m [16]uint32
		for i := range m {
			m[i] = binary.LittleEndian.Uint32(msg[4*i:])
		}
		got := k.hash(&m, uint32(size))
		for i, w := range got {
			require.Equal(t, binary.LittleEndian.Uint32(want[4*i:]), w, "size %d word %d", size, i)
		}
	}
}

func BenchmarkBlockHash(b *testing.B) {
	k := newBlockKey(make([]byte, 32))
	var m [16]uint32
	for b.Loop() {
		m[0]++
		k.hash(&m, 12)
	}
}

func TestEightBlocksAreEachOne(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		var key blockKey
		for i := range key {
			key[i] = r.Uint32()
		}
		var m [16][8]uint32
		size := 4 * uint32(r.IntN(17))
		for i := range size / 4 {
			for j := range m[i] {
				m[i][j] = r.Uint32()
			}
		}
		var out [8][8]uint32
		if !key.eight(&m, size, &out) {
			t.Skip("no AVX2")
		}
		for j := range 8 {
			var one [16]uint32
			for i := range one {
				one[i] = m[i][j]
			}
			for i, w := range key.hash(&one, size) {
				require.Equal(t, w, out[i][j], "message %d word %d", j, i)
			}
		}
	}
}

func BenchmarkEightBlocks(b *testing.B) {
	var k blockKey
	var m [16][8]uint32
	var out [8][8]uint32
	for b.Loop() {
		m[0][0]++
		if !k.eight(&m, 12, &out) {
			b.Skip("no AVX2")
		}
	}
}
