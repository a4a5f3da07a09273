package watermark

// A Token is the id of a token in a vocabulary, 0 <= t < 2^31.
type Token = int32

// A Source is where the secret words of a mark come from: a keyed function from
// a window of tokens and a candidate token to 64 bits. It is immutable and safe
// for concurrent use.
type Source interface {
	// Info describes the source without secrets.
	Info() SourceInfo
	// Open returns a reader at no position.
	Open() Reader
	// Decoy returns a source of the same kind under a key made of seed alone:
	// what a test compares the true key with.
	Decoy(seed [32]byte) Source
}

// SourceInfo describes a [Source] without secrets.
type SourceInfo struct {
	Name  string // of the words, with every public parameter: "dyetrace/1 width=3"
	KeyID string // public name of the key
	Kind  Kind
	// Windows, where it is not empty, names a way of telling seeds apart that does
	// not depend on the key: sources of equal Windows under equal rules score the
	// same tokens of any text, so that a search over keys finds them once.
	Windows string
}

// A Kind says how far the words of a source can be told from random ones: no
// p-value means more than that.
type Kind string

const (
	// Cryptographic words come from BLAKE3 and AES under a secret of 256 bits.
	Cryptographic Kind = "cryptographic"
	// Statistical words come from a hash that passes statistical tests only.
	Statistical Kind = "statistical"
	// PublicKey words come from a key that everybody knows: never evidence.
	PublicKey Kind = "public key"
)

// A Reader reads words at one position after another. It is for one goroutine.
type Reader interface {
	// Seek moves to the position after window, oldest token first, and reports
	// whether the window carries a mark at all.
	Seek(window []Token) (Place, bool)
	// Ahead says that windows, at most 8, will be sought next in this order, and
	// takes back what it said before: a source that is faster so may work ahead,
	// any other does nothing. The windows stay as they are until they are sought
	// or taken back.
	Ahead(windows [][]Token)
	// Seed returns what the source really hashes for token t at this position,
	// by which detectors count repeats. Most sources return the place's Seed.
	Seed(t Token) uint64
	// Word returns the word of token t in a stream: 0, 1 where the source has two
	// keys, or as many as it says.
	Word(stream int, t Token) uint64
	// Coarse writes the high byte of the word of token ids[i], or where ids is
	// nil of token first+i, to dst[i]. It returns false, and writes nothing,
	// where high bytes are not cheaper than words. Requires first to be a
	// multiple of 16.
	Coarse(stream int, ids []Token, first Token, dst []byte) bool
}

// A Place is what a [Reader] says of a position.
type Place struct {
	// Seed is what the source hashed, by which sessions count repeats: equal
	// seeds have equal words.
	Seed uint64
	// Stream is the stream to which the key itself routes the position, for
	// sources that do so, else 0.
	Stream int
}
