//go:build !purego

#include "textflag.h"

// Eight counter blocks at a time keep the AES units of a core busy: one block
// alone waits for each of its ten rounds.

#define COUNTER(x) \
	MOVQ   CX, DX    \
	BSWAPQ DX        \
	MOVQ   BX, x     \
	PINSRQ $1, DX, x \
	INCQ   CX

#define ALL(op, offset) \
	MOVUPS offset(AX), X8 \
	op     X8, X0         \
	op     X8, X1         \
	op     X8, X2         \
	op     X8, X3         \
	op     X8, X4         \
	op     X8, X5         \
	op     X8, X6         \
	op     X8, X7

// func keystream8(keys *[11][16]byte, hi, lo uint64, dst *byte, groups int)
TEXT ·keystream8(SB), NOSPLIT, $0-40
	MOVQ   keys+0(FP), AX
	MOVQ   hi+8(FP), BX
	MOVQ   lo+16(FP), CX
	MOVQ   dst+24(FP), DI
	MOVQ   groups+32(FP), SI
	BSWAPQ BX

loop:
	COUNTER(X0)
	COUNTER(X1)
	COUNTER(X2)
	COUNTER(X3)
	COUNTER(X4)
	COUNTER(X5)
	COUNTER(X6)
	COUNTER(X7)
	ALL(PXOR, 0)
	ALL(AESENC, 16)
	ALL(AESENC, 32)
	ALL(AESENC, 48)
	ALL(AESENC, 64)
	ALL(AESENC, 80)
	ALL(AESENC, 96)
	ALL(AESENC, 112)
	ALL(AESENC, 128)
	ALL(AESENC, 144)
	ALL(AESENCLAST, 160)
	MOVUPS X0, 0(DI)
	MOVUPS X1, 16(DI)
	MOVUPS X2, 32(DI)
	MOVUPS X3, 48(DI)
	MOVUPS X4, 64(DI)
	MOVUPS X5, 80(DI)
	MOVUPS X6, 96(DI)
	MOVUPS X7, 112(DI)
	ADDQ   $128, DI
	DECQ   SI
	JNZ    loop
	RET

// func blocks8(keys *[11][16]byte, blocks *[128]byte)
TEXT ·blocks8(SB), NOSPLIT, $0-16
	MOVQ   keys+0(FP), AX
	MOVQ   blocks+8(FP), DI
	MOVUPS 0(DI), X0
	MOVUPS 16(DI), X1
	MOVUPS 32(DI), X2
	MOVUPS 48(DI), X3
	MOVUPS 64(DI), X4
	MOVUPS 80(DI), X5
	MOVUPS 96(DI), X6
	MOVUPS 112(DI), X7
	ALL(PXOR, 0)
	ALL(AESENC, 16)
	ALL(AESENC, 32)
	ALL(AESENC, 48)
	ALL(AESENC, 64)
	ALL(AESENC, 80)
	ALL(AESENC, 96)
	ALL(AESENC, 112)
	ALL(AESENC, 128)
	ALL(AESENC, 144)
	ALL(AESENCLAST, 160)
	MOVUPS X0, 0(DI)
	MOVUPS X1, 16(DI)
	MOVUPS X2, 32(DI)
	MOVUPS X3, 48(DI)
	MOVUPS X4, 64(DI)
	MOVUPS X5, 80(DI)
	MOVUPS X6, 96(DI)
	MOVUPS X7, 112(DI)
	RET

#define BOTH(op, offset) \
	MOVUPS offset(AX), X2 \
	MOVUPS offset(BX), X3 \
	op     X2, X0         \
	op     X3, X1

// func twoBlocks(one, two *[11][16]byte, blocks *[128]byte)
TEXT ·twoBlocks(SB), NOSPLIT, $0-24
	MOVQ   one+0(FP), AX
	MOVQ   two+8(FP), BX
	MOVQ   blocks+16(FP), DI
	MOVUPS 0(DI), X0
	MOVUPS 16(DI), X1
	BOTH(PXOR, 0)
	BOTH(AESENC, 16)
	BOTH(AESENC, 32)
	BOTH(AESENC, 48)
	BOTH(AESENC, 64)
	BOTH(AESENC, 80)
	BOTH(AESENC, 96)
	BOTH(AESENC, 112)
	BOTH(AESENC, 128)
	BOTH(AESENC, 144)
	BOTH(AESENCLAST, 160)
	MOVUPS X0, 0(DI)
	MOVUPS X1, 16(DI)
	RET

#define EXPAND(rcon, offset) \
	AESKEYGENASSIST $rcon, X0, X1 \
	PSHUFD          $0xFF, X1, X1 \
	MOVO            X0, X2        \
	PSLLO           $4, X2        \
	PXOR            X2, X0        \
	PSLLO           $4, X2        \
	PXOR            X2, X0        \
	PSLLO           $4, X2        \
	PXOR            X2, X0        \
	PXOR            X1, X0        \
	MOVUPS          X0, offset(DI)

// func expandKey(key *[16]byte, keys *[11][16]byte)
TEXT ·expandKey(SB), NOSPLIT, $0-16
	MOVQ   key+0(FP), AX
	MOVQ   keys+8(FP), DI
	MOVUPS (AX), X0
	MOVUPS X0, 0(DI)
	EXPAND(0x01, 16)
	EXPAND(0x02, 32)
	EXPAND(0x04, 48)
	EXPAND(0x08, 64)
	EXPAND(0x10, 80)
	EXPAND(0x20, 96)
	EXPAND(0x40, 112)
	EXPAND(0x80, 128)
	EXPAND(0x1B, 144)
	EXPAND(0x36, 160)
	RET
