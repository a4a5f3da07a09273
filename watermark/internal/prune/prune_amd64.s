//go:build !purego

#include "textflag.h"

// func skip32(row *float32, coarse *byte, groups int, threshold float32) int
TEXT ·skip32(SB), NOSPLIT, $0-40
	MOVQ         row+0(FP), SI
	MOVQ         coarse+8(FP), DI
	MOVQ         groups+16(FP), CX
	VBROADCASTSS threshold+24(FP), Y0
	VPCMPEQB     Y1, Y1, Y1 // every byte 255
	XORQ         AX, AX

loop:
	// Predicate 5: not less than, true for NaN.
	VMOVUPS   (SI), Y2
	VCMPPS    $5, Y0, Y2, Y2
	VMOVUPS   32(SI), Y3
	VCMPPS    $5, Y0, Y3, Y3
	VMOVUPS   64(SI), Y4
	VCMPPS    $5, Y0, Y4, Y4
	VMOVUPS   96(SI), Y5
	VCMPPS    $5, Y0, Y5, Y5
	VPCMPEQB  (DI), Y1, Y6
	VORPS     Y2, Y3, Y2
	VORPS     Y4, Y5, Y4
	VORPS     Y2, Y4, Y2
	VORPS     Y2, Y6, Y2
	VPTEST    Y2, Y2
	JNZ       done
	ADDQ      $128, SI
	ADDQ      $32, DI
	INCQ      AX
	DECQ      CX
	JNZ       loop

done:
	VZEROUPPER
	MOVQ AX, ret+32(FP)
	RET
