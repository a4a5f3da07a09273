//go:build !purego

package prf

import "github.com/dyetrace/dyetrace/watermark/internal/cpu"

// hash8 is [blockKey.hash] of eight messages: word i of message j is
// message[i][j], word i of its hash out[i][j]. Requires AVX2.
//
//go:noescape
func hash8(key *blockKey, message *[16][8]uint32, size uint32, out *[8][8]uint32)

// eight hashes eight messages of equal size at once, or reports that this
// processor is no faster that way.
func (k *blockKey) eight(message *[16][8]uint32, size uint32, out *[8][8]uint32) bool {
	if !cpu.AVX2 {
		return false
	}
	hash8(k, message, size, out)
	return true
}
