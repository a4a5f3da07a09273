package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	leafVersion = 1
	unitSize    = 12 // bytes
	timeAt      = 2  // where a leaf's time is, in bytes
	nonceAt     = 6  // where its nonce is

	// A leaf has at most so many bytes beside its epoch and units.
	fixedRoom = nonceAt + 16 + 1 + 16 + 1 + 16 + 16 + 32 + 2
)

// MarshalBinary returns the encoding of l, the bytes that the log hashes. It
// refuses a leaf whose time or nonce is zero: [Receipt] has the leaf as it was
// recorded.
func (l Leaf) MarshalBinary() ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("ledger: leaf: %w", err)
	}
	return l.encode(), nil
}

// Hash returns the leaf's hash in the tree, SHA-256(0x00 ‖ encoding).
func (l Leaf) Hash() (tlog.Hash, error) {
	b, err := l.MarshalBinary()
	if err != nil {
		return tlog.Hash{}, err
	}
	return tlog.RecordHash(b), nil
}

// encode returns the encoding of a leaf that passes check.
func (l *Leaf) encode() []byte {
	b := make([]byte, 0, fixedRoom+len(l.Epoch)+unitSize*len(l.Units))
	b = append(b, leafVersion, byte(l.Kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(l.Time))
	b = append(b, l.Nonce[:]...)
	if l.Kind.keyed() {
		b = append(b, byte(len(l.Epoch)))
		b = append(b, l.Epoch...)
		b = append(b, l.KeyID[:]...)
	}
	switch l.Kind {
	case KindPlanting:
		b = append(b, byte(l.Mode))
		b = append(b, l.Cohort[:]...)
		b = append(b, l.Account[:]...)
		b = append(b, l.Output[:]...)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(l.Units)))
		for _, u := range l.Units {
			b = binary.LittleEndian.AppendUint64(b, u.Unit)
			b = binary.LittleEndian.AppendUint32(b, u.Option)
		}
		return b
	case KindOutput:
		b = append(b, l.Of[:]...)
	}
	return append(b, l.Digest[:]...)
}

// ParseLeaf returns the leaf that data encodes, of which it keeps nothing. It
// refuses any bytes but those that [Leaf.MarshalBinary] writes: another
// version, a value out of range, and bytes missing or left over.
func ParseLeaf(data []byte) (Leaf, error) {
	var l Leaf
	if err := l.parse(data); err != nil {
		return Leaf{}, err
	}
	return l, nil
}

// parse sets l to what data encodes, in the memory of its units and with the
// string of its epoch where those suffice.
func (l *Leaf) parse(data []byte) error {
	epoch := l.Epoch
	*l = Leaf{Units: l.Units[:0]}
	d := decoder{data: data}
	if v := d.u8(); v != leafVersion && !d.short {
		return fmt.Errorf("ledger: leaf has version %d, want %d", v, leafVersion)
	}
	l.Kind = Kind(d.u8())
	l.Time = Minutes(d.u32())
	d.bytes(l.Nonce[:])
	if l.Kind.keyed() {
		if name := d.take(int(d.u8())); string(name) == epoch {
			l.Epoch = epoch
		} else {
			l.Epoch = string(name)
		}
		d.bytes(l.KeyID[:])
	}
	if l.Kind == KindPlanting {
		l.parsePlanting(&d)
	} else {
		if l.Kind == KindOutput {
			d.bytes(l.Of[:])
		}
		d.bytes(l.Digest[:])
	}
	if d.short {
		return fmt.Errorf("ledger: leaf is cut off after %d bytes", len(data))
	}
	if len(d.data) > 0 {
		return fmt.Errorf("ledger: leaf has %d bytes, want %d", len(data), len(data)-len(d.data))
	}
	if len(l.Units) == 0 {
		l.Units = nil
	}
	if err := l.check(); err != nil {
		return fmt.Errorf("ledger: leaf: %w", err)
	}
	return nil
}

func (l *Leaf) parsePlanting(d *decoder) {
	l.Mode = Mode(d.u8())
	d.bytes(l.Cohort[:])
	d.bytes(l.Account[:])
	d.bytes(l.Output[:])
	n := int(binary.LittleEndian.Uint16(d.take(2)))
	units := d.take(unitSize * n)
	if d.short {
		return
	}
	for ; len(units) > 0; units = units[unitSize:] {
		l.Units = append(l.Units, Unit{
			Unit:   binary.LittleEndian.Uint64(units),
			Option: binary.LittleEndian.Uint32(units[8:]),
		})
	}
}

// A decoder takes bytes from the front of data. Past the end it gives zeros and
// remembers.
type decoder struct {
	data  []byte
	short bool
	zero  [4]byte
}

func (d *decoder) take(n int) []byte {
	if n > len(d.data) {
		d.short, d.data = true, nil
		return d.zero[:min(n, len(d.zero))]
	}
	out := d.data[:n]
	d.data = d.data[n:]
	return out
}

func (d *decoder) u8() byte         { return d.take(1)[0] }
func (d *decoder) u32() uint32      { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *decoder) bytes(dst []byte) { copy(dst, d.take(len(dst))) }

var errNotSame = errors.New("another leaf")

// sameLeaf compares the encodings of two leaves, but for their times if the
// second one's was the clock's.
func sameLeaf(old, again []byte, stamped bool) error {
	if len(old) != len(again) {
		return errNotSame
	}
	for i := range old {
		if old[i] != again[i] && !(stamped && i >= timeAt && i < nonceAt) {
			return errNotSame
		}
	}
	return nil
}
