package conformance

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"testing"
)

// Uint64 reads a decimal number.
func Uint64(t testing.TB, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Float64 returns the number of a field …_f64: its bits, as hex.
func Float64(t testing.TB, bits string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(bits, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return math.Float64frombits(n)
}

// BothFloat64 returns the number of a field …_f64, and checks that the field beside it,
// which people can read, says the same.
func BothFloat64(t testing.TB, bits string, readable float64) float64 {
	t.Helper()
	x := Float64(t, bits)
	if readable != x {
		t.Errorf("%s is %v, want %v as beside it", bits, x, readable)
	}
	return x
}

// Float32 returns the number of a field …_f32: its bits, as hex.
func Float32(t testing.TB, bits string) float32 {
	t.Helper()
	n, err := strconv.ParseUint(bits, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return math.Float32frombits(uint32(n))
}

// Float32s is Float32 of each.
func Float32s(t testing.TB, bits []string) []float32 {
	t.Helper()
	out := make([]float32, len(bits))
	for i, s := range bits {
		out[i] = Float32(t, s)
	}
	return out
}

// Near fails unless got is want to a relative tolerance. NaN is near nothing.
func Near(t testing.TB, want, got, relative float64, what string) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Abs(want)+math.SmallestNonzeroFloat64) {
		t.Errorf("%s: %v, want %v to a relative %v", what, got, want, relative)
	}
}

// SetSHA256 returns how many ids a bit set holds, id 64i+b as bit b of word i, and the
// SHA-256 of the ids in ascending order, four bytes each, low byte first, as hex.
func SetSHA256(set []uint64) (size int, sum string) {
	var sorted []byte
	for i, word := range set {
		for b := range 64 {
			if word>>b&1 == 1 {
				sorted = binary.LittleEndian.AppendUint32(sorted, uint32(64*i+b))
			}
		}
	}
	digest := sha256.Sum256(sorted)
	return len(sorted) / 4, hex.EncodeToString(digest[:])
}
