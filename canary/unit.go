package canary

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/zeebo/blake3"
)

// A Unit is one key decision: which option stands at the uses of one carrier in
// one class and bucket. Thousands of answers may share a unit; it is one draw in
// a test all the same.
//
// Beside carriers a book has three more kinds of decisions, which have neither
// class nor bucket: picks, twins and orders of tools. Their names begin with
// "pick:", "twins:" and "tools:".
type Unit struct {
	Tree    string // which key decides: a tree of the book
	Carrier string
	Class   string // "" for picks, twins and orders of tools
	Bucket  int    // [0, number of buckets)
	Reserve bool   // of the half that only a confirmatory test may touch
}

// String returns the unit as one word without spaces, such as
// "vendor|eg|code/en|2" or, in the reserve, "vendor|eg|code/en|2|reserve".
// Book.ParseUnit reads it back.
func (u Unit) String() string {
	s := u.Tree + "|" + u.Carrier + "|" + u.Class + "|" + strconv.Itoa(u.Bucket)
	if u.Reserve {
		s += "|reserve"
	}
	return s
}

// key is what a PRF hashes of a unit: unlike String it says nothing of the half,
// which is a function of the rest.
func (u Unit) key(dst []byte) []byte {
	for _, s := range [...]string{u.Tree, u.Carrier, u.Class} {
		dst = append(dst, s...)
		dst = append(dst, 0)
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(u.Bucket))
}

// contextPartition is the BLAKE3 context under which units fall to trees and
// halves. It is public: everybody computes the same partition.
const contextPartition = "dyetrace 2026-11-25 canary partition/1"

// place fills in tree and half of a unit, functions of the name of the book and
// of carrier, class and bucket: other carriers may come and go without moving it.
//
//	w = BLAKE3 derive_key(contextPartition, name ‖ 0 ‖ carrier ‖ 0 ‖ class ‖ 0 ‖ u32 bucket)
//	tree: the one whose range of shares holds ⌊u32(w[0:4])·total / 2³²⌋
//	reserve: u32(w[4:8]) < reserve, a share of 2³²
func (b *Book) place(u *Unit) {
	h := blake3.NewDeriveKey(contextPartition)
	_, _ = h.Write(Unit{b.name, u.Carrier, u.Class, u.Bucket, false}.key(nil))
	w := h.Sum(nil)
	at := uint64(binary.LittleEndian.Uint32(w)) * b.shares >> 32
	for _, t := range b.trees {
		if at < t.Share {
			u.Tree = t.Name
			break
		}
		at -= t.Share
	}
	u.Reserve = uint64(binary.LittleEndian.Uint32(w[4:])) < b.reserve
}

// ParseUnit reads what Unit.String wrote, and refuses a unit that is not of
// this book.
func (b *Book) ParseUnit(s string) (Unit, error) {
	part := strings.Split(s, "|")
	reserve := len(part) == 5 && part[4] == "reserve"
	if len(part) != 4 && !reserve {
		return Unit{}, fmt.Errorf("canary: unit is %q, want tree|carrier|class|bucket", s)
	}
	bucket, err := strconv.Atoi(part[3])
	if err != nil {
		return Unit{}, fmt.Errorf("canary: bucket of unit %q is %q, want a number", s, part[3])
	}
	u := Unit{Tree: part[0], Carrier: part[1], Class: part[2], Bucket: bucket, Reserve: reserve}
	if _, ok := b.index(u); !ok || u.String() != s {
		return Unit{}, fmt.Errorf("canary: unit %q is not of book %s", s, b.name)
	}
	return u, nil
}
