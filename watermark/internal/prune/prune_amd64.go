//go:build !purego

package prune

// fast says that the processor and the operating system have AVX2.
var fast = hasAVX2()

func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)

func xgetbv() (eax uint32)

func hasAVX2() bool {
	const osxsave, avx, avx2, ymm = 1 << 27, 1 << 28, 1 << 5, 6
	if most, _, _, _ := cpuid(0, 0); most < 7 {
		return false
	}
	if _, _, c, _ := cpuid(1, 0); c&osxsave == 0 || c&avx == 0 || xgetbv()&ymm != ymm {
		return false
	}
	_, b, _, _ := cpuid(7, 0)
	return b&avx2 != 0
}

// skip32 returns how many groups of 32 candidates from the pointers on hold none
// that can win, at most groups. Requires AVX2 and groups >= 1.
//
//go:noescape
func skip32(row *float32, coarse *byte, groups int, threshold float32) int

// skip returns an index in [from, len(row)] before which no candidate can win.
func skip(row []float32, coarse []byte, from int, threshold float32) int {
	groups := (len(row) - from) / 32
	if !fast || groups == 0 {
		return from
	}
	return from + 32*skip32(&row[from], &coarse[from], groups, threshold)
}
