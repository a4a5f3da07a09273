package keys

import "crypto/subtle"

// An ID is the public name of a key. It reveals nothing else about the key, but
// it links everything done under that key. The zero ID names the zero Key.
//
// An ID does not bind its key: whoever makes keys can make two with one ID in
// 2^64 steps. A [Commitment] binds.
type ID [16]byte

// ID returns the public name of k.
func (k Key) ID() ID {
	var id ID
	if !k.IsZero() {
		k.derive("dyetrace 2026-11-23 key id/1", nil, id[:])
	}
	return id
}

// String returns the text form of id, which starts with "dyetrace_id1_".
func (id ID) String() string { return formID.encode(id[:]) }

// MarshalText returns the text form of id. It never fails.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText accepts what [ID.String] prints and nothing else. On error it
// leaves id as it was.
func (id *ID) UnmarshalText(text []byte) error { return formID.decode(string(text), id[:]) }

// A Commitment binds a key without showing it. Who holds only the commitment
// learns nothing of the key, not even whether another commitment is to the same
// one; who made it cannot open it to a second key or nonce, short of a collision
// of BLAKE3. The zero Commitment is a commitment to no key and never verifies.
type Commitment [32]byte

// Commit commits to k under a nonce of 32 random bytes, fresh for each
// commitment and secret until it is opened. The commitment of a zero Key is
// zero.
func (k Key) Commit(nonce [32]byte) Commitment {
	var c Commitment
	if !k.IsZero() {
		k.derive("dyetrace 2026-11-23 key commitment/1", nonce[:], c[:])
	}
	return c
}

// Verify reports whether c was made from k and nonce.
func (c Commitment) Verify(k Key, nonce [32]byte) bool {
	want := k.Commit(nonce)
	return !k.IsZero() && subtle.ConstantTimeCompare(c[:], want[:]) == 1
}

// String returns the text form of c, which starts with "dyetrace_commitment1_".
func (c Commitment) String() string { return formCommitment.encode(c[:]) }

// MarshalText returns the text form of c. It never fails.
func (c Commitment) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText accepts what [Commitment.String] prints and nothing else. On
// error it leaves c as it was.
func (c *Commitment) UnmarshalText(text []byte) error {
	return formCommitment.decode(string(text), c[:])
}
