// Package keys holds the secrets that decide marks: it makes them, derives
// one from another, names them in public, commits to them, stores them, and
// never prints them.
//
// A [Key] is 32 secret bytes. [New] makes one, [Key.Reveal] turns it into one
// line of text, and [Parse] reads that line back; [WriteFile] and [ReadFile] do
// the same with a file that only its owner may read.
//
// # The tree
//
// One root key is enough for a vendor. All others are derived from it, by
// convention in this order:
//
//	root ── epoch ──┬── vendor ──────── purpose
//	                ├── cohort name ─── purpose
//	                └── account name ── purpose
//
//	root.Epoch("2026-11").Cohort("trial").Purpose("watermark")
//
// A derived key reveals neither its parent nor its siblings nor any other key
// outside its own subtree, so it can be handed to a server or to a judge. The
// reverse holds too: a key gives away all keys below it. Hand out leaves.
//
// The order of steps is not enforced. Every path is a key of its own: two paths
// that differ in a kind, in a name or in their order never share one, short of a
// collision of BLAKE3.
//
// # What others may know
//
// [Key.ID] is a public name of a key for logs and reports. [Key.Commit] binds a
// key before its marks are looked for: publish the [Commitment], keep the nonce,
// open both later. An ID is not a commitment: it is shorter, and it links all
// uses of a key.
//
// # Printing
//
// A Key shows itself as "redacted:" and its public ID: under every verb of fmt,
// in errors, in encoding/json, encoding/xml, log/slog and test failures, and
// inside structs, maps and pointers. Where a Key lies in an unexported field,
// printers that use reflection find the address of a function and no more.
// encoding/gob refuses it. The only ways out are Reveal, WriteFile and the
// operations below. Errors of this package never quote text that could hold key
// material.
//
// Not promised: memory is not wiped, and a debugger, a core dump or package
// unsafe can read a key.
//
// # Operations
//
// Packages that need secret bytes of their own take them with [Key.Expand] under
// a context that is theirs alone; engines whose keys are integers take them with
// [Key.Uint64].
//
// # Derivations
//
// All are BLAKE3 in its derive_key mode; ‖ joins bytes, integers are
// little-endian:
//
//	child key    derive_key("dyetrace 2026-11-23 key tree/1", secret ‖ u8 kind ‖ name)[0:32]
//	             kind 1 epoch, 2 vendor (no name), 3 cohort, 4 account, 5 purpose
//	public ID    derive_key("dyetrace 2026-11-23 key id/1", secret)[0:16]
//	commitment   derive_key("dyetrace 2026-11-23 key commitment/1", secret ‖ nonce)[0:32]
//	integer      derive_key("dyetrace 2026-11-23 key integer/1", secret ‖ domain)[0:8] as u64
//	expansion    derive_key(context, secret ‖ info)
//	checksum     derive_key("dyetrace 2026-11-23 key text/1", prefix ‖ bytes)
//
// A text form is its prefix followed by base32 (a to z, 2 to 7) of the bytes and
// of the head of their checksum:
//
//	secret key   dyetrace_secret1_       32 bytes, 8 of checksum, 64 characters
//	public ID    dyetrace_id1_           16 bytes, 4 of checksum, 32 characters
//	commitment   dyetrace_commitment1_   32 bytes, 8 of checksum, 64 characters
//
// # Old forms
//
// Neither a derivation nor a text form is ever edited: testdata/vectors.txt
// freezes them. A successor gets a new context or a new digit in its prefix, and
// keys and files in the old forms stay readable.
//
// All types are immutable values, safe for use by several goroutines at once.
package keys
