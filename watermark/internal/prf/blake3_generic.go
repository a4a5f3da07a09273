//go:build !amd64 || purego

package prf

// eight reports that this processor does not hash eight messages at once.
func (k *blockKey) eight(*[16][8]uint32, uint32, *[8][8]uint32) bool { return false }
