package textseal

import (
	"math"
	"sync"

	"github.com/dyetrace/dyetrace/watermark"
)

// modulus is the number of values that the hash takes: 2^13 − 1.
const modulus = 8191

// primes weigh the tokens of a window, the oldest by the first.
var primes = [maxNgram]uint64{
	10000019, 10000247, 10000439, 10000643, 10000747, 10000867, 10000993, 10001213, 10001357, 10001501,
}

const (
	tokenPrime = 100000007
	keyPrime   = 500001713
	spread     = 15485863 * 40499
)

// windowSum returns Σ w_i·prime_i, all of a window that the hash sees.
func windowSum(window []watermark.Token) uint64 {
	sum := uint64(0)
	for i, t := range window {
		sum += uint64(t) * primes[i]
	}
	return sum
}

// hash returns k in [0, 8190] for x = windowSum + tokenPrime·token + keyPrime·key.
// The engine's integers are signed, and so is its shift: what it is XORed with has the
// same sign, so that the remainder is that of a number that is not negative.
func hash(x uint64) int {
	h := int64(x * spread)
	return int(uint64(h^h>>13) % modulus)
}

// less returns 1 if a < b, else 0. It does not branch: what it compares is random.
func less(a, b int) uint64 { return uint64(int64(a-b)) >> 63 }

// uniform returns r, which the engine compares with gamma and draws with.
func uniform(k int) float32 { return float32(k) / modulus }

// greens returns how many k are green: those with r < gamma in float32, which are
// the first ones.
func greens(gamma float64) int {
	g := float32(gamma)
	n := min(modulus, max(0, int(gamma*modulus)-2))
	for n < modulus && uniform(n) < g {
		n++
	}
	return n
}

// scores are −ln(1−r) for all k.
type scores struct {
	engine [modulus]float64 // in float32, as the engine's detector has them
	fixed  [modulus]uint64  // −ln(1 − k/8191) in units of 2^-32, rounded down
	exact  [modulus]float64
}

var scoreTable = sync.OnceValue(func() *scores {
	s := new(scores)
	for k := range modulus {
		f := float32(-math.Log(float64(1 - uniform(k))))
		s.engine[k] = float64(f)
		s.exact[k] = -math.Log1p(-float64(k) / modulus)
		s.fixed[k] = uint64(s.exact[k] * 0x1p32)
	}
	// torch's float32 logarithm is one unit in the last place off at six of them.
	for _, k := range [...]int{145, 157, 382, 1214, 4398} {
		s.engine[k] = float64(math.Nextafter32(float32(s.engine[k]), 0))
	}
	s.engine[78] = float64(math.Nextafter32(float32(s.engine[78]), 1))
	return s
})

// mix is a bijection of 64 bits whose every output bit depends on every input bit
// (MurmurHash3's finaliser): what is hashed is a small sum, and tables want seeds
// that are spread.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xFF51AFD7ED558CCD
	x ^= x >> 33
	x *= 0xC4CEB9FE1A85EC53
	return x ^ x>>33
}
