// Package ledger is the append-only log of what was planted, when, and under
// which commitment. A leaf is on the disk before the answer that it is of leaves
// the server, and nobody who holds a checkpoint of the log can be shown another
// past.
//
// A [Log] appends and signs; a [Reader] reads and proves; [Checkpoint] checks
// proofs with nothing else at hand; [Verify] hashes a whole ledger again;
// [Pseudonyms] keep names out of it; an [Anchor] makes somebody else remember.
//
// # What comes before what
//
// An epoch's key is bound before it is used: the log refuses a planting
// ([ErrUnbound]) unless leaves before it commit to the key, name the book of
// its units and the policy of planting, all for the same epoch and key
// ID. It refuses a second commitment, book or policy for them that says
// something else ([ErrRebound]): a new book needs a new epoch or key. One leaf
// is one tree's part of one answer; what several trees planted in it goes into
// one batch. An answer whose hash is not known yet when its planting is recorded,
// because it is still being sent, gets a leaf of kind output when it ends. The
// log does not check that the planting which that leaf names exists.
//
// # Durable before use
//
// Append returns after an fsync, which concurrent appends share. A process may
// be killed, or the machine lose power, at any instant: the log opens again with
// every leaf that was acknowledged and cuts off at most what was being written
// and was not. If an fsync fails, nothing more is acknowledged, because a kernel
// may drop the pages and report success the next time; opening the log again
// writes the last frame anew. If a write fails (full disk), its appends fail and
// the log goes on.
//
// # What goes missing is noticed
//
// Before anybody is told that a leaf is on the disk, the log writes into the file
// acknowledged how many leaves are there now and their root, and likewise of how
// many it signed a checkpoint. A process that is killed leaves that exact: from
// then on opening and [Verify] report a *[Damage] if one byte of the last leaf
// that somebody was told of is cut off or changed, or if an older checkpoint or an
// older file of leaves is in its place. The file is synced later, after 50 ms or
// when the log is closed: a power cut may leave an older record, which protects
// what it knows of. No record is ever ahead of the leaves, so that neither a kill
// nor a power cut is reported. Whoever accepts a loss removes acknowledged, which
// is made again.
//
// Not promised: a disk that confirms what it did not do loses leaves, even if that
// is noticed; and whoever can change one file of the folder can change all of
// them, or put an older copy of the folder in its place: only those notice who
// remember a checkpoint. Sign and anchor as often as that matters.
//
// # The tree
//
// The log is a Merkle tree as in RFC 6962 with SHA-256, computed by
// golang.org/x/mod/sumdb/tlog: a leaf's hash is SHA-256(0x00 ‖ encoding), an
// inner node's SHA-256(0x01 ‖ left ‖ right). Proofs are those of that package.
//
// # The encoding of a leaf
//
// Integers are little-endian. A leaf has one encoding and an encoding one leaf;
// [ParseLeaf] refuses everything else.
//
//	u8   version, 1
//	u8   kind: 1 commitment, 2 book, 3 policy, 4 plan, 5 frame, 6 seal, 7 planting, 8 output
//	u32  start of the time bucket in minutes since 1970 UTC, not 0
//	16   nonce, not zero
//
// then, for kinds 1, 2, 3 and 7:
//
//	u8   length of the epoch's name, 1 to 64
//	…    epoch, valid UTF-8 of printable characters
//	16   key ID, not zero
//
// then, for kind 7:
//
//	u8   mode: 1 sampled, 2 tilt
//	16   cohort pseudonym, zero: none
//	16   account pseudonym, zero: none
//	32   keyed hash of the output, zero: not known yet
//	u16  number of units, 1 to 1024
//	12   for each unit, numbers strictly rising: u64 unit (see UnitNumber) ‖ u32 option
//
// and for all other kinds:
//
//	16   only for kind 8: nonce of the planting, not zero
//	32   digest, not zero
//
// The example of [Leaf.MarshalBinary] prints one field by field; testdata/vectors.txt
// has leaves of every kind.
//
// # Checkpoints
//
// A checkpoint is a note of golang.org/x/mod/sumdb/note whose text has the layout
// of C2SP tlog-checkpoint, three lines and nothing else:
//
//	example.com/planted
//	4
//	KIYDp+yUWM/yJGN0KRyZirWYmYWQforxJpe6k4pMvxY=
//
//	— example.com/planted FmfBSRoWYOx0H/mMF/YypoMh54sBCktOmLBN6fLeQMAwGbnstB4CvWR2g5UmYAEdQ+3TkmSIEv5R4lw3/urp84T8OgU=
//
// The package's example makes this one.
//
// # Pseudonyms
//
// All are BLAKE3 in derive-key mode; ‖ joins bytes:
//
//	cohort   derive_key("dyetrace 2026-11-25 ledger cohort/1", key ‖ name)[0:16]
//	account  derive_key("dyetrace 2026-11-25 ledger account/1", key ‖ name)[0:16]
//	output   derive_key("dyetrace 2026-11-25 ledger output/1", key ‖ answer)[0:32]
//
// The key's file holds one line: dyetrace_pseudonyms1_, the key in lower-case
// hexadecimal, and the first 4 bytes of
// derive_key("dyetrace 2026-11-25 ledger pseudonym key text/1", key).
//
// # Files
//
// A ledger is a folder. Only leaves and checkpoint cannot be made again; hashes,
// index and mark are what makes opening and proving fast, and acknowledged tells
// what must be there.
//
//	leaves      four lines and an empty one: "dyetrace ledger/1", origin, key name+hash, salt in
//	            hexadecimal; then frames, each what one fsync made durable:
//	              u16 0 ‖ u16 version, 1 ‖ u32 bytes of the body ‖ u64 number of the first leaf ‖
//	              u32 number of leaves ‖ u32 CRC-32C(body) ‖ u32 CRC-32C(salt ‖ these first 24 bytes)
//	            and the body: for each leaf u16 length ‖ encoding; then, unless the log was
//	            closed, zeros
//	hashes      node hashes, 32 bytes each, in the order of tlog.StoredHashIndex
//	index       16 bytes a leaf: u56 offset of its length in leaves ‖ u8 kind ‖
//	            SHA-256(salt ‖ nonce)[0:8]
//	mark        "dyetrace ledger mark/1", leaves and their end, their root, CRC-32C of their index,
//	            CRC-32C of these lines
//	checkpoint  the last signed checkpoint
//	acknowledged
//	            two records, at 0 and 512; the one of more leaves, or else of the later
//	            checkpoint, counts, and one is whole while the other is written:
//	              "dyetack" ‖ u8 version, 1 ‖ 16 salt ‖ u64 leaves ‖ u64 leaves of the last
//	              checkpoint ‖ 32 root of the leaves ‖ u32 CRC-32C(these first 72 bytes)
//	lock        locked while a log is open
//
// A frame that is torn at the end of the file and was not acknowledged is cut
// off. One that is followed by another was on the disk, and is damage if it is
// not what was written. The zeros are there so that an fsync (fdatasync on Linux)
// need not wait until the file system has noted that the file grew: it grows by
// its own length, 64 KiB to 4 MiB. The log opens from its mark, so that no leaf before it is
// read: what was changed there is found by reading that leaf, by proving it, and
// by Verify.
//
// Files in an old form stay readable: a successor gets a new number.
//
// # Cost
//
// Memory is bounded: the frame that is being written (at most 8 MiB), a queue of
// 1,024 appends, 3 bytes for each of the latest Options.Recall leaves, among which
// a retry is recognised, and some 10 MiB. The disk holds the encodings (about 160 bytes) and
// 80 bytes for each leaf. Writing needs a lock on files, which package syscall has
// on Linux, macOS, the BSDs and illumos; elsewhere [Open] refuses, and a ledger
// can be read and verified.
package ledger
