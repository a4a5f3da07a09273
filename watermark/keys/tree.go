package keys

// The kinds of steps in the tree. The numbers are part of the derivation.
const (
	stepEpoch byte = iota + 1
	stepVendor
	stepCohort
	stepAccount
	stepPurpose
)

// Epoch derives the key of a span of time, such as "2026-11". Names here and
// below are any strings, used byte for byte: "a" and "A" differ, and so do two
// Unicode spellings of one letter.
func (k Key) Epoch(name string) Key { return k.child(stepEpoch, name) }

// Vendor derives the key that marks the answers to everybody.
func (k Key) Vendor() Key { return k.child(stepVendor, "") }

// Cohort derives the key of a group of accounts.
func (k Key) Cohort(name string) Key { return k.child(stepCohort, name) }

// Account derives the key of one account.
func (k Key) Account(name string) Key { return k.child(stepAccount, name) }

// Purpose derives a leaf: the key of one use, such as "watermark", "layout" or
// "canary option". Two uses never share a leaf.
func (k Key) Purpose(name string) Key { return k.child(stepPurpose, name) }

// child is one step. The name runs to the end of what is hashed and each step
// hashes anew, so kinds, names and depths cannot be taken for one another.
func (k Key) child(step byte, name string) Key {
	if k.IsZero() {
		return Key{}
	}
	var secret [Size]byte
	k.derive("dyetrace 2026-11-23 key tree/1", append([]byte{step}, name...), secret[:])
	return hold(secret)
}
