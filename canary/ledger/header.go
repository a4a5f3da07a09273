package ledger

import (
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

const (
	fileSchema = "dyetrace ledger/1"
	maxOrigin  = 255  // bytes
	maxHeader  = 1024 // bytes
)

// A header is the beginning of the file of leaves: what the ledger is.
type header struct {
	origin  string
	keyName string
	keyHash uint32
	salt    [16]byte // random; see headerSum
}

func (h header) encode() []byte {
	return fmt.Appendf(nil, "%s\n%s\n%s+%08x\n%x\n\n", fileSchema, h.origin, h.keyName, h.keyHash, h.salt)
}

// readHeader reads a header and returns its length in bytes.
func readHeader(r io.ReaderAt) (header, int64, error) {
	b := make([]byte, maxHeader)
	n, err := r.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return header{}, 0, fmt.Errorf("ledger: %w", err)
	}
	text, _, found := strings.Cut(string(b[:n]), "\n\n")
	lines := strings.Split(text, "\n")
	if lines[0] != fileSchema {
		if strings.HasPrefix(lines[0], "dyetrace ledger/") && len(lines) > 1 {
			return header{}, 0, fmt.Errorf("ledger: folder holds version %q, want %q", cut(lines[0]), fileSchema)
		}
		return header{}, 0, damaged(leavesFile, 0, "it begins with %q, want %q", cut(lines[0]), fileSchema)
	}
	if !found || len(lines) != 4 {
		return header{}, 0, damaged(leavesFile, 0, "its header has %d lines, want 4 and an empty one", len(lines))
	}
	h := header{origin: lines[1]}
	name, hash, _ := strings.Cut(lines[2], "+")
	k, err := strconv.ParseUint(hash, 16, 32)
	h.keyName, h.keyHash = name, uint32(k)
	salt, err2 := hex.DecodeString(lines[3])
	copy(h.salt[:], salt)
	size := int64(len(text) + 2)
	if err != nil || err2 != nil || string(h.encode()) != text+"\n\n" || checkOrigin(h.origin) != nil {
		return header{}, 0, damaged(leavesFile, 0, "its header is not what was written")
	}
	return h, size, nil
}

// fits refuses a ledger of another origin or key.
func (h header) fits(origin string, v note.Verifier) error {
	if h.origin != origin {
		return fmt.Errorf("ledger: folder holds the ledger of %q, want %q", h.origin, origin)
	}
	return h.fitsKey(v)
}

func (h header) fitsKey(v note.Verifier) error {
	if h.keyName != v.Name() || h.keyHash != v.KeyHash() {
		return fmt.Errorf("ledger: folder holds a ledger of key %s+%08x, want %s+%08x", h.keyName, h.keyHash, v.Name(), v.KeyHash())
	}
	return nil
}

// checkOrigin refuses what cannot be the first line of a checkpoint, or should
// not (C2SP tlog-checkpoint: no spaces, no plus).
func checkOrigin(s string) error {
	if len(s) < 1 || len(s) > maxOrigin {
		return fmt.Errorf("ledger: origin has %d bytes, want 1 to %d", len(s), maxOrigin)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("ledger: origin %q is not valid UTF-8", s)
	}
	for _, r := range s {
		if r == '+' || !unicode.IsPrint(r) || unicode.IsSpace(r) {
			return fmt.Errorf("ledger: origin %q holds %q, want printable characters without spaces and plus", s, r)
		}
	}
	return nil
}

// cut shortens text that a foreign file may have made long.
func cut(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
