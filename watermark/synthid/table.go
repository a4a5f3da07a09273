package synthid

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"

	"github.com/dyetrace/dyetrace/watermark/internal/mt19937"
)

// Limits of a sampling table: transformers refuses more than 2^24 entries.
const maxTable = 1 << 24

// SamplingTable returns the table that torch's CPU generator draws from a seed: size
// entries 0 or 1, one a byte. size is 1 to 2^24.
func SamplingTable(seed int64, size int) ([]byte, error) {
	if size < 1 || size > maxTable {
		return nil, fmt.Errorf("synthid: sampling_table_size is %d, want 1 to %d", size, maxTable)
	}
	var g mt19937.Generator
	g.Seed(uint64(seed))
	table := make([]byte, size)
	var words [624]uint32
	for rest := table; len(rest) > 0; {
		n := min(len(rest), len(words))
		g.Fill(words[:n])
		for i, w := range words[:n] {
			rest[i] = byte(w & 1)
		}
		rest = rest[n:]
	}
	return table, nil
}

// checkTable returns what is wrong with a table of a configuration.
func (c *Config) checkTable(table []byte) error {
	for i, b := range table {
		if b > 1 {
			return fmt.Errorf("synthid: entry %d of the sampling table is %d, want 0 or 1", i, b)
		}
	}
	if c.SamplingTableSHA256 == "" {
		return nil
	}
	sum := sha256.Sum256(table)
	if got := hex.EncodeToString(sum[:]); got != c.SamplingTableSHA256 {
		return fmt.Errorf("synthid: SHA-256 of the sampling table is %s, want %s: it was drawn by another generator, from another seed or in another size",
			got, c.SamplingTableSHA256)
	}
	return nil
}

// A lookup is a sampling table ready for use. It is immutable.
type lookup struct {
	table []byte
	ones  int
	// shifted has bit y of the table turned so that the g-value of state x and key k
	// is shifted[(x+k) mod size]: the last step of the hash is a bijection where size
	// is a power of two. nil elsewhere.
	shifted []uint64
	mask    uint64 // size − 1
}

func newLookup(table []byte) *lookup {
	l := &lookup{table: table, mask: uint64(len(table) - 1)}
	for _, b := range table {
		l.ones += int(b)
	}
	if bits.OnesCount(uint(len(table))) == 1 {
		l.shifted = make([]uint64, (len(table)+63)/64)
		for y := range uint64(len(table)) {
			l.shifted[y/64] |= uint64(table[accumulate(y, 0)&l.mask]) << (y % 64)
		}
	}
	return l
}

// largestLaw is the largest table whose null law is worked out: with a transform of
// 16 MB.
const largestLaw = 1 << 20

// lawful reports whether the law of [Null] is known for the table.
func (l *lookup) lawful() bool { return l.shifted != nil && len(l.table) <= largestLaw }

// at returns the g-value of state x under a layer's key.
func (l *lookup) at(x, key uint64) uint64 {
	if l.shifted != nil {
		y := (x + key) & l.mask
		return l.shifted[y/64] >> (y % 64) & 1
	}
	size := int64(len(l.table))
	i := int64(accumulate(x, key)) % size
	if i < 0 { // the engine's remainder is never negative
		i += size
	}
	return uint64(l.table[i])
}
