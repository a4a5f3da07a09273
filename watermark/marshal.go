package watermark

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/zeebo/blake3"
)

// The binary form of a detector, integers little endian: the eight bytes of
// detectorMagic; u32 length and bytes of the mark's ID; u64 raw, head, gated,
// repeat; u64 number of pairs, and for each, ascending by (seed, token), u64
// seed, u32 token, u32 occurrences, u64 score·2^32; u64 number of skipped seeds,
// ascending u64 each; 16 bytes of the BLAKE3 hash of all before.
const (
	detectorMagic = "dyedet/1"
	pairBytes     = 24
	digestBytes   = 16
)

var errZeroDetector = errors.New("watermark: the zero Detector reads no mark, want one from NewDetector")

// MarshalBinary returns all that the detector has seen, in a form that is the
// same for the same texts in any order. It holds words of the mark: keep it as
// secret as the key.
func (d *Detector) MarshalBinary() ([]byte, error) {
	if d.mark == nil {
		return nil, errZeroDetector
	}
	id := d.mark.ID()
	b := append([]byte(detectorMagic), binary.LittleEndian.AppendUint32(nil, uint32(len(id)))...)
	b = append(b, id...)
	for _, n := range []int{d.raw, d.dropped.Head, d.dropped.Gated, d.dropped.Repeat} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	pairs := make([]pair, 0, d.pairs.n)
	for p := range d.pairs.all() {
		pairs = append(pairs, *p)
	}
	slices.SortFunc(pairs, comparePairs)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(pairs)))
	for _, p := range pairs {
		b = binary.LittleEndian.AppendUint64(b, p.seed)
		b = binary.LittleEndian.AppendUint32(b, uint32(p.token))
		b = binary.LittleEndian.AppendUint32(b, p.count)
		b = binary.LittleEndian.AppendUint64(b, p.score)
	}
	seeds := slices.Sorted(d.skipped.all())
	b = binary.LittleEndian.AppendUint64(b, uint64(len(seeds)))
	for _, seed := range seeds {
		b = binary.LittleEndian.AppendUint64(b, seed)
	}
	sum := blake3.Sum256(b)
	return append(b, sum[:digestBytes]...), nil
}

func comparePairs(a, b pair) int {
	return cmp.Or(cmp.Compare(a.seed, b.seed), cmp.Compare(a.token, b.token))
}

// UnmarshalBinary replaces what the detector has seen by what another detector
// of an equal mark had seen. On an error the detector is as it was.
func (d *Detector) UnmarshalBinary(data []byte) error {
	if d.mark == nil {
		return errZeroDetector
	}
	n := len(data) - digestBytes
	if n < len(detectorMagic) || !bytes.HasPrefix(data, []byte(detectorMagic)) {
		return fmt.Errorf("watermark: not a detector's binary form, which begins with %q", detectorMagic)
	}
	if sum := blake3.Sum256(data[:n]); !bytes.Equal(sum[:digestBytes], data[n:]) {
		return errors.New("watermark: a detector's binary form is damaged or cut off: its digest differs")
	}
	f := fields{rest: data[len(detectorMagic):n]}
	id := string(f.bytes(uint64(f.u32())))
	if own := d.mark.ID(); !f.short && id != own {
		return fmt.Errorf("watermark: a detector of %q, want one of %q", id, own)
	}
	o := d.mark.NewDetector()
	o.walk = d.walk
	o.raw, o.dropped.Head, o.dropped.Gated, o.dropped.Repeat = f.int(), f.int(), f.int(), f.int()
	last := pair{}
	for i := range f.count(pairBytes) {
		p := pair{seed: f.u64()}
		p.token, p.count, p.score = Token(f.u32()), f.u32(), f.u64()
		if p.token < 0 || p.count == 0 {
			return errors.New("watermark: a detector's binary form holds a token or a count out of range")
		}
		if i > 0 && comparePairs(last, p) >= 0 {
			return errors.New("watermark: a detector's binary form holds pairs that do not ascend")
		}
		last = p
		o.pairs.put(p)
	}
	for range f.count(8) {
		if o.skipped.slots == nil {
			o.skipped = newSeedSet(0)
		}
		o.skipped.add(f.u64())
	}
	if f.short || len(f.rest) != 0 {
		return errors.New("watermark: a detector's binary form has another length than its counts say")
	}
	*d = *o
	return nil
}

// fields reads little-endian fields and remembers whether they ran short.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) bytes(n uint64) []byte {
	if n > uint64(len(f.rest)) {
		f.short, f.rest = true, nil
		return nil
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) u32() uint32 {
	if b := f.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (f *fields) u64() uint64 {
	if b := f.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// int reads a count that fits an int.
func (f *fields) int() int {
	n := f.u64()
	if n > math.MaxInt {
		f.short = true
	}
	return int(n)
}

// count reads how many records of a size follow, as many as there can be.
func (f *fields) count(size int) int {
	n := f.u64()
	if n > uint64(len(f.rest)/size) {
		f.short = true
		return 0
	}
	return int(n)
}
