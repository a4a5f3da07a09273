//go:build !purego

#include "textflag.h"

DATA constants<>+0(SB)/4, $0x80000000
DATA constants<>+4(SB)/4, $0x9908B0DF
DATA constants<>+8(SB)/4, $0x9D2C5680
DATA constants<>+12(SB)/4, $0xEFC60000
GLOBL constants<>(SB), RODATA|NOPTR, $16

// func blockAVX2(x *[1248]uint32, out *[624]uint32)
TEXT ·blockAVX2(SB), NOSPLIT, $0-16
	MOVQ         x+0(FP), SI
	MOVQ         out+8(FP), DI
	MOVQ         $78, CX
	VPBROADCASTD constants<>+0(SB), Y12
	VPBROADCASTD constants<>+4(SB), Y13
	VPBROADCASTD constants<>+8(SB), Y14
	VPBROADCASTD constants<>+12(SB), Y15

loop:
	// Eight words at once: the nearest word that one needs lies 227 before it.
	VMOVDQU (SI), Y0
	VMOVDQU 4(SI), Y1
	VPAND   Y12, Y0, Y0
	VPANDN  Y1, Y12, Y2
	VPOR    Y0, Y2, Y0
	VPSRLD  $1, Y0, Y0
	VPSLLD  $31, Y1, Y1
	VPSRAD  $31, Y1, Y1
	VPAND   Y13, Y1, Y1
	VPXOR   1588(SI), Y0, Y0
	VPXOR   Y1, Y0, Y0
	VMOVDQU Y0, 2496(SI)
	VPSRLD  $11, Y0, Y1
	VPXOR   Y1, Y0, Y0
	VPSLLD  $7, Y0, Y1
	VPAND   Y14, Y1, Y1
	VPXOR   Y1, Y0, Y0
	VPSLLD  $15, Y0, Y1
	VPAND   Y15, Y1, Y1
	VPXOR   Y1, Y0, Y0
	VPSRLD  $18, Y0, Y1
	VPXOR   Y1, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	DECQ    CX
	JNZ     loop

	VZEROUPPER
	RET
