package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/zeebo/blake3"
)

const (
	keyPrefix  = "dyetrace_pseudonyms1_"
	keyContext = "dyetrace 2026-11-25 ledger pseudonym key text/1"
	keyDigits  = 2 * (32 + 4) // of the key and the head of its checksum
)

// keyText returns the line that a key's file holds.
func keyText(key [32]byte) string {
	h := blake3.NewDeriveKey(keyContext)
	h.Write(key[:])
	return keyPrefix + hex.EncodeToString(key[:]) + hex.EncodeToString(h.Sum(nil)[:4])
}

// parseKey reads keyText. Its errors quote nothing of the text.
func parseKey(text string) (key [32]byte, err error) {
	digits, ok := strings.CutPrefix(text, keyPrefix)
	if !ok {
		return key, fmt.Errorf("text does not begin with %s", keyPrefix)
	}
	if len(digits) != keyDigits {
		return key, fmt.Errorf("text has %d characters after its prefix, want %d", len(digits), keyDigits)
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return key, errors.New("text holds characters that are no hexadecimal digits")
	}
	copy(key[:], b)
	if key == [32]byte{} {
		return key, errors.New("key is erased: 32 zeros")
	}
	if keyText(key) != text {
		return [32]byte{}, errors.New("checksum does not fit: text was changed")
	}
	return key, nil
}

// CreatePseudonyms makes a new key from 32 bytes of random, crypto/rand.Reader,
// and writes it to a new file at path that only its owner may read. It refuses a
// path that exists with an error that matches [fs.ErrExist].
func CreatePseudonyms(path string, random io.Reader) (*Pseudonyms, error) {
	p, err := NewPseudonyms(random)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("ledger: key of pseudonyms: %w", err)
	}
	_, err = io.WriteString(f, p.reveal()+"\n")
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: key of pseudonyms: %w", errors.Join(err, os.Remove(path)))
	}
	p.path = path
	return p, nil
}

// OpenPseudonyms reads the key in the file at path. It refuses a file that others
// than its owner may read or write, where files have such modes.
func OpenPseudonyms(path string) (*Pseudonyms, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("ledger: key of pseudonyms: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("ledger: key of pseudonyms: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("ledger: key of pseudonyms %q is open to others (mode %04o), want mode 0600", path, mode)
	}
	const most = len(keyPrefix) + keyDigits + 2
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("ledger: key of pseudonyms: %w", err)
	}
	key, err := parseKey(strings.TrimSuffix(string(text), "\n"))
	if err != nil {
		return nil, fmt.Errorf("ledger: key of pseudonyms %q: %w", path, err)
	}
	p := pseudonymsOf(key)
	p.path = path
	return p, nil
}

// Erase forgets the key: it overwrites and removes its file and clears the
// memory that holds it. From then on p returns [ErrErased], and nobody can
// compute its pseudonyms any more. After an error of the file call it again;
// erasing twice is no error.
//
// Not promised: copies that were made of the file, backups and snapshots among
// them, and old blocks that a flash disk or a file system that copies on write
// keeps; nor copies that hashing made in memory, which last until that is used
// again. Where that matters keep the key on a disk that is encrypted under a key
// that can be destroyed, and end the process.
func (p *Pseudonyms) Erase() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.absorb != nil {
		p.wipe()
		p.absorb, p.wipe, p.reveal = nil, nil, nil
	}
	if p.path == "" {
		return nil
	}
	err := eraseFile(p.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ledger: erase the key of pseudonyms: %w", err)
	}
	p.path = ""
	return nil
}

// eraseFile overwrites the file at path on the disk before it removes its name.
func eraseFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, min(info.Size(), 4096)), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
