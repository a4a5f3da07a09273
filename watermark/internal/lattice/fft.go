package lattice

import (
	"math"
	"math/bits"
)

// A Transform is the discrete Fourier transform of a fixed length. It is
// immutable and safe for concurrent use.
type Transform struct {
	n     int
	roots []complex128 // e^{−2πij/n} for 0 <= j < n/2
}

// NewTransform returns the transform of length n. Requires n to be a power of two.
func NewTransform(n int) *Transform {
	t := &Transform{n: n, roots: make([]complex128, n/2)}
	for j := range t.roots {
		sin, cos := math.Sincos(-2 * math.Pi * float64(j) / float64(n))
		t.roots[j] = complex(cos, sin)
	}
	return t
}

// Forward replaces a by Σ_j a[j] e^{−2πijk/n}. Requires len(a) == n.
//
// It is the radix-2 algorithm of Cooley and Tukey (1965). With ‖·‖ the Euclidean
// norm, the error of every entry of the result is below 4 log2(n) 2^−53 √n ‖a‖
// (N. J. Higham, Accuracy and stability of numerical algorithms, 2002, theorem
// 24.2).
func (t *Transform) Forward(a []complex128) {
	shift := 64 - bits.Len(uint(t.n-1))
	for i := range a {
		if t.n == 1 {
			break
		}
		if j := int(bits.Reverse64(uint64(i)) >> shift); j > i {
			a[i], a[j] = a[j], a[i]
		}
	}
	for half := 1; half < t.n; half *= 2 {
		stride := t.n / (2 * half)
		for base := 0; base < t.n; base += 2 * half {
			low, high := a[base:base+half], a[base+half:base+2*half]
			for j := range low {
				w := t.roots[j*stride] * high[j]
				low[j], high[j] = low[j]+w, low[j]-w
			}
		}
	}
}

// Correlate returns Σ_s a[s] b[(s+k) mod n] for all k, to the nearest integer.
// Requires len(a) == len(b) == n. The answer is exact if ‖a‖‖b‖ < 2^44.
func (t *Transform) Correlate(a []float64, b Spectrum) []int64 {
	z := make([]complex128, t.n)
	for i, v := range a {
		z[i] = complex(v, 0)
	}
	t.Forward(z)
	for k, v := range b.z {
		// conj(Â)·B̂, and its conjugate once more because Forward is not the
		// inverse: conj(F(conj(x))) = n F^{-1}(x).
		z[k] *= complex(real(v), -imag(v))
	}
	t.Forward(z)
	out := make([]int64, t.n)
	for k := range out {
		out[k] = int64(math.Round(real(z[k]) / float64(t.n)))
	}
	return out
}

// A Spectrum is the transform of a sequence that is used again and again.
type Spectrum struct{ z []complex128 }

// Spectrum returns the transform of b. Requires len(b) == n.
func (t *Transform) Spectrum(b []float64) Spectrum {
	z := make([]complex128, t.n)
	for i, v := range b {
		z[i] = complex(v, 0)
	}
	t.Forward(z)
	return Spectrum{z}
}
