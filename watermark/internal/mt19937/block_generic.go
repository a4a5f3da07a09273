//go:build !amd64 || purego

package mt19937

func block(x *[2 * size]uint32, out *[size]uint32) { blockGeneric(x, out) }
