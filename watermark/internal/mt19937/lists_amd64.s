//go:build !purego

#include "textflag.h"

DATA lanes<>+0(SB)/4, $0
DATA lanes<>+4(SB)/4, $1
DATA lanes<>+8(SB)/4, $2
DATA lanes<>+12(SB)/4, $3
DATA lanes<>+16(SB)/4, $4
DATA lanes<>+20(SB)/4, $5
DATA lanes<>+24(SB)/4, $6
DATA lanes<>+28(SB)/4, $7
GLOBL lanes<>(SB), RODATA|NOPTR, $32

DATA eight<>+0(SB)/4, $8
GLOBL eight<>(SB), RODATA|NOPTR, $4

// func skip8(words, inverse, limit *uint32, groups int, rest uint32) int
TEXT ·skip8(SB), NOSPLIT, $0-48
	MOVQ         words+0(FP), SI
	MOVQ         inverse+8(FP), DI
	MOVQ         limit+16(FP), DX
	MOVQ         groups+24(FP), CX
	MOVL         rest+32(FP), AX
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0
	VPSUBD       lanes<>(SB), Y0, Y0
	VPBROADCASTD eight<>(SB), Y1
	XORQ         AX, AX

loop:
	// (word − rest)·inverse <= limit, unsigned: the smaller of both is the first.
	VMOVDQU (SI), Y2
	VPSUBD  Y0, Y2, Y2
	VPMULLD (DI), Y2, Y2
	VPMINUD (DX), Y2, Y3
	VPCMPEQD Y2, Y3, Y3
	VPSUBD  Y1, Y0, Y0
	VPTEST  Y3, Y3
	JNZ     done
	ADDQ    $32, SI
	ADDQ    $32, DI
	ADDQ    $32, DX
	INCQ    AX
	DECQ    CX
	JNZ     loop

done:
	VZEROUPPER
	MOVQ AX, ret+40(FP)
	RET
