//go:build !purego

#include "textflag.h"

// Eight hashes side by side, one in each 32-bit lane: rows a, b and d of the state
// in Y0-Y3, Y4-Y7 and Y12-Y15, row c on the stack, so that Y8-Y11 serve the
// rotations. The four mixes of a half round run abreast to hide their latency.

DATA rotate16<>+0(SB)/8, $0x0504070601000302
DATA rotate16<>+8(SB)/8, $0x0d0c0f0e09080b0a
DATA rotate16<>+16(SB)/8, $0x0504070601000302
DATA rotate16<>+24(SB)/8, $0x0d0c0f0e09080b0a
GLOBL rotate16<>(SB), RODATA|NOPTR, $32

DATA rotate8<>+0(SB)/8, $0x0407060500030201
DATA rotate8<>+8(SB)/8, $0x0c0f0e0d080b0a09
DATA rotate8<>+16(SB)/8, $0x0407060500030201
DATA rotate8<>+24(SB)/8, $0x0c0f0e0d080b0a09
GLOBL rotate8<>(SB), RODATA|NOPTR, $32

// Half of four mixes: a += m + b; d = (d ^ a) >>> 16 or 8; c += d; b = (b ^ c) >>>
// 12 or 7.
#define HALF(m0, m1, m2, m3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, rotation, right, left) \
	VPADDD  (32*m0)(SI), Y0, Y0     \
	VPADDD  (32*m1)(SI), Y1, Y1     \
	VPADDD  (32*m2)(SI), Y2, Y2     \
	VPADDD  (32*m3)(SI), Y3, Y3     \
	VPADDD  b0, Y0, Y0              \
	VPADDD  b1, Y1, Y1              \
	VPADDD  b2, Y2, Y2              \
	VPADDD  b3, Y3, Y3              \
	VPXOR   Y0, d0, d0              \
	VPXOR   Y1, d1, d1              \
	VPXOR   Y2, d2, d2              \
	VPXOR   Y3, d3, d3              \
	VPSHUFB rotation<>(SB), d0, d0  \
	VPSHUFB rotation<>(SB), d1, d1  \
	VPSHUFB rotation<>(SB), d2, d2  \
	VPSHUFB rotation<>(SB), d3, d3  \
	VPADDD  (32*c0)(SP), d0, Y8     \
	VPADDD  (32*c1)(SP), d1, Y9     \
	VPADDD  (32*c2)(SP), d2, Y10    \
	VPADDD  (32*c3)(SP), d3, Y11    \
	VPXOR   Y8, b0, b0              \
	VPXOR   Y9, b1, b1              \
	VPXOR   Y10, b2, b2             \
	VPXOR   Y11, b3, b3             \
	VMOVDQU Y8, (32*c0)(SP)         \
	VMOVDQU Y9, (32*c1)(SP)         \
	VMOVDQU Y10, (32*c2)(SP)        \
	VMOVDQU Y11, (32*c3)(SP)        \
	VPSRLD  $right, b0, Y8          \
	VPSRLD  $right, b1, Y9          \
	VPSRLD  $right, b2, Y10         \
	VPSRLD  $right, b3, Y11         \
	VPSLLD  $left, b0, b0           \
	VPSLLD  $left, b1, b1           \
	VPSLLD  $left, b2, b2           \
	VPSLLD  $left, b3, b3           \
	VPOR    Y8, b0, b0              \
	VPOR    Y9, b1, b1              \
	VPOR    Y10, b2, b2             \
	VPOR    Y11, b3, b3

// A round mixes columns, then diagonals, with its sixteen message words.
#define ROUND(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, ma, mb, mc, md, me, mf) \
	HALF(m0, m2, m4, m6, Y4, Y5, Y6, Y7, 0, 1, 2, 3, Y12, Y13, Y14, Y15, rotate16, 12, 20) \
	HALF(m1, m3, m5, m7, Y4, Y5, Y6, Y7, 0, 1, 2, 3, Y12, Y13, Y14, Y15, rotate8, 7, 25)   \
	HALF(m8, ma, mc, me, Y5, Y6, Y7, Y4, 2, 3, 0, 1, Y15, Y12, Y13, Y14, rotate16, 12, 20) \
	HALF(m9, mb, md, mf, Y5, Y6, Y7, Y4, 2, 3, 0, 1, Y15, Y12, Y13, Y14, rotate8, 7, 25)

#define SPREAD(offset, y) VPBROADCASTD offset(AX), y

#define LANES(value, y) \
	MOVL         value, BX \
	VMOVD        BX, X8    \
	VPBROADCASTD X8, y

// func hash8(key *blockKey, message *[16][8]uint32, size uint32, out *[8][8]uint32)
TEXT ·hash8(SB), NOSPLIT, $128-32
	MOVQ key+0(FP), AX
	MOVQ message+8(FP), SI
	MOVQ out+24(FP), DI
	LANES($0x6A09E667, Y9)
	VMOVDQU Y9, 0(SP)
	LANES($0xBB67AE85, Y9)
	VMOVDQU Y9, 32(SP)
	LANES($0x3C6EF372, Y9)
	VMOVDQU Y9, 64(SP)
	LANES($0xA54FF53A, Y9)
	VMOVDQU Y9, 96(SP)
	SPREAD(0, Y0)
	SPREAD(4, Y1)
	SPREAD(8, Y2)
	SPREAD(12, Y3)
	SPREAD(16, Y4)
	SPREAD(20, Y5)
	SPREAD(24, Y6)
	SPREAD(28, Y7)
	VPXOR Y12, Y12, Y12
	VPXOR Y13, Y13, Y13
	LANES(size+16(FP), Y14)
	LANES($0x1B, Y15) // chunk start and end, root, keyed hash
	ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
	ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
	ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1)
	ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6)
	ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4)
	ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7)
	ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13)
	VPXOR   0(SP), Y0, Y0
	VPXOR   32(SP), Y1, Y1
	VPXOR   64(SP), Y2, Y2
	VPXOR   96(SP), Y3, Y3
	VPXOR   Y12, Y4, Y4
	VPXOR   Y13, Y5, Y5
	VPXOR   Y14, Y6, Y6
	VPXOR   Y15, Y7, Y7
	VMOVDQU Y0, 0(DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, 64(DI)
	VMOVDQU Y3, 96(DI)
	VMOVDQU Y4, 128(DI)
	VMOVDQU Y5, 160(DI)
	VMOVDQU Y6, 192(DI)
	VMOVDQU Y7, 224(DI)
	VZEROUPPER
	RET
