// Package cpu says which vector instructions the processor has that the hot paths
// use. With the build tag purego it has none.
package cpu

// AES says that there are the instructions AES and SSE4.1.
var AES = hasAES()

// AVX2 says that there are AVX2 instructions and that the system saves their
// registers.
var AVX2 = hasAVX2()
