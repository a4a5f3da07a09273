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

// func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	MOVL DX, edx+20(FP)
	RET

// func xgetbv() (eax uint32)
TEXT ·xgetbv(SB), NOSPLIT, $0-4
	XORL CX, CX
	XGETBV
	MOVL AX, eax+0(FP)
	RET
