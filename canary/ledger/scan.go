package ledger

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// A Filter says which leaves are wanted: those that fit every field that is not
// zero. The zero Filter wants all.
type Filter struct {
	Kind    Kind
	Epoch   string
	KeyID   KeyID
	Cohort  Pseudonym
	Account Pseudonym
	// Units wants plantings of any of these units: one unit is a cell of the
	// test.
	Units []uint64
	// Begin and End want the leaves [Begin, End) of the log, and From and Until
	// the time buckets [From, Until). An End or Until of zero has no bound.
	Begin, End  int64
	From, Until Minutes
}

func (f *Filter) fits(l *Leaf) bool {
	switch {
	case f.Kind != 0 && f.Kind != l.Kind,
		f.Epoch != "" && f.Epoch != l.Epoch,
		!f.KeyID.IsZero() && f.KeyID != l.KeyID,
		!f.Cohort.IsZero() && f.Cohort != l.Cohort,
		!f.Account.IsZero() && f.Account != l.Account,
		l.Time < f.From, f.Until != 0 && l.Time >= f.Until:
		return false
	}
	return len(f.Units) == 0 || slices.ContainsFunc(f.Units, l.plants)
}

func (l *Leaf) plants(unit uint64) bool {
	_, ok := slices.BinarySearchFunc(l.Units, unit, func(u Unit, x uint64) int { return cmp.Compare(u.Unit, x) })
	return ok
}

// An Entry is a leaf and its number in the log.
type Entry struct {
	Index int64
	Leaf  Leaf
}

// Scan returns the leaves that a filter wants, in the order of the log. It reads
// through [Begin, End) and holds one leaf at a time; a leaf whose bytes do not
// have the hash that the tree has for them ends it with a [*Damage]. An error is
// the last thing that it yields. The leaves are the caller's.
func (r *Reader) Scan(want Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		end := r.size
		if want.End != 0 {
			end = min(end, want.End)
		}
		if want.Begin < 0 || want.End < 0 {
			yield(Entry{}, fmt.Errorf("ledger: leaves are [%d, %d), want numbers from 0 on", want.Begin, want.End))
			return
		}
		if want.Begin >= end {
			return
		}
		s, err := r.files.newStream(want.Begin)
		var l Leaf
		for err == nil && s.next < end {
			var b []byte
			if b, err = s.read(); err != nil {
				break
			}
			if err = l.parse(b); err != nil {
				break
			}
			if want.fits(&l) {
				out := l
				out.Units = slices.Clone(l.Units)
				if !yield(Entry{s.next - 1, out}, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(Entry{}, err)
		}
	}
}

// A stream reads leaves one after the other and checks each one's hash.
type stream struct {
	leaves, hashes *bufio.Reader
	next           int64 // number of the next leaf
	at             int64 // offset in the file of leaves
	buf            []byte
}

func (f *files) newStream(first int64) (*stream, error) {
	var e [entrySize]byte
	if _, err := f.index.ReadAt(e[:], first*entrySize); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	const all = 1 << 62
	at, hash := entryOf(e[:]).at, tlog.StoredHashIndex(0, first)*tlog.HashSize
	return &stream{
		leaves: bufio.NewReaderSize(io.NewSectionReader(f.leaves, at, all-at), 1<<16),
		hashes: bufio.NewReaderSize(io.NewSectionReader(f.hashes, hash, all-hash), 1<<16),
		next:   first, at: at,
	}, nil
}

// read returns the encoding of the next leaf, which is valid until the next
// call.
func (s *stream) read() ([]byte, error) {
	var length [2]byte
	if err := s.fill(length[:]); err != nil {
		return nil, err
	}
	if length == [2]byte{} { // the header of a frame
		var rest [frameHeader - 2]byte
		if err := s.fill(rest[:]); err != nil {
			return nil, err
		}
		if err := s.fill(length[:]); err != nil {
			return nil, err
		}
	}
	b := grow(&s.buf, int(binary.LittleEndian.Uint16(length[:])))
	if err := s.fill(b); err != nil {
		return nil, err
	}
	var want tlog.Hash
	if _, err := io.ReadFull(s.hashes, want[:]); err != nil {
		return nil, unread(err, hashesFile, -1, "the hash of leaf %d is missing", s.next)
	}
	if tlog.RecordHash(b) != want {
		return nil, damaged(leavesFile, s.at-int64(len(b)), "leaf %d is not what was written", s.next)
	}
	// The hashes of the subtrees that this leaf completes come before the next
	// leaf's.
	inner := bits.TrailingZeros64(uint64(s.next) + 1)
	if _, err := s.hashes.Discard(inner * tlog.HashSize); err != nil {
		return nil, unread(err, hashesFile, -1, "hashes behind leaf %d are missing", s.next)
	}
	s.next++
	return b, nil
}

func (s *stream) fill(b []byte) error {
	n, err := io.ReadFull(s.leaves, b)
	if err != nil {
		return unread(err, leavesFile, s.at, "leaf %d is cut off", s.next)
	}
	s.at += int64(n)
	return nil
}
