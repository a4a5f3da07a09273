package watermark_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// Families of words in dyetrace/1.
const (
	familyGumbel     = 1
	familyGreenList  = 2
	familyTournament = 3
)

// naiveWords are the words dyetrace/1 as their specification reads, one block
// and one big integer at a time: what the package's own are held against.
type naiveWords struct {
	window       naiveHash
	coarse, fine cipher.Block
}

func newNaiveWords(t testing.TB, key keys.Key, family, stream, width byte) naiveWords {
	t.Helper()
	var b [64]byte
	require.NoError(t, key.Expand("dyetrace 2026-11-23 words/1", []byte{family, stream, width}, b[:]))
	coarse, err := aes.NewCipher(b[32:48])
	require.NoError(t, err)
	fine, err := aes.NewCipher(b[48:64])
	require.NoError(t, err)
	return naiveWords{newNaiveHash(t, b[:32]), coarse, fine}
}

// A naiveHash is a keyed hash of tokens, for one goroutine.
type naiveHash struct{ hasher *blake3.Hasher }

func newNaiveHash(t testing.TB, key []byte) naiveHash {
	t.Helper()
	h, err := blake3.NewKeyed(key)
	require.NoError(t, err)
	return naiveHash{h}
}

func (h naiveHash) sum(tokens []watermark.Token) []byte {
	h.hasher.Reset()
	for _, t := range tokens {
		_, _ = h.hasher.Write(binary.LittleEndian.AppendUint32(nil, uint32(t)))
	}
	return h.hasher.Sum(nil)[:32]
}

func (n naiveWords) seed(window []watermark.Token) uint64 {
	return binary.LittleEndian.Uint64(n.window.sum(window))
}

func (n naiveWords) word(window []watermark.Token, t watermark.Token) uint64 {
	p := n.window.sum(window)
	counter := new(big.Int).SetBytes(p[:16])
	counter.Add(counter, big.NewInt(int64(t/16)))
	counter.Mod(counter, new(big.Int).Lsh(big.NewInt(1), 128))
	var in, coarse, fine [16]byte
	counter.FillBytes(in[:])
	n.coarse.Encrypt(coarse[:], in[:])
	copy(in[:], p[16:])
	for i := range 4 {
		in[i] ^= byte(uint32(t) >> (8 * i))
	}
	n.fine.Encrypt(fine[:], in[:])
	return uint64(coarse[t%16])<<56 | binary.LittleEndian.Uint64(fine[:8])>>8
}

// naiveDraw is −ln E(word).
func naiveDraw(word uint64) float64 {
	if word < 1<<63 {
		return -math.Log(64*math.Ln2 - math.Log(float64(word)+0.5))
	}
	return -math.Log(-math.Log1p(-(float64(math.MaxUint64-word) + 0.5) / (1 << 64)))
}

// naiveRace is the rule of the exponential race without any pruning.
func naiveRace(ids []watermark.Token, logits []float32, word func(watermark.Token) uint64) (winner watermark.Token, ok bool) {
	infinite := false
	for _, l := range logits {
		infinite = infinite || math.IsInf(float64(l), 1)
	}
	best := 0.0
	for i, l := range logits {
		x := float64(l)
		if math.IsNaN(x) || math.IsInf(x, -1) || infinite && !math.IsInf(x, 1) {
			continue
		}
		if infinite {
			x = 0
		}
		id := watermark.Token(i)
		if ids != nil {
			id = ids[i]
		}
		v := x + naiveDraw(word(id))
		if !ok || v > best || v == best && id < winner {
			winner, best, ok = id, v, true
		}
	}
	return winner, ok
}

// naiveScore is the score of the race.
func naiveScore(word uint64) float64 {
	if word < 1<<63 {
		return -math.Log1p(-float64(word) / (1 << 64))
	}
	if word == math.MaxUint64 {
		return 64 * math.Ln2
	}
	return 64*math.Ln2 - math.Log(float64(math.MaxUint64-word)+1)
}
