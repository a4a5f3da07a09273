//go:build !amd64 || purego

package mt19937

func skip(words, inverse, limit []uint32, rest uint32) int {
	return skipGeneric(words, inverse, limit, rest)
}
