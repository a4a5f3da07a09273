package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// The files of a mark NAME lie side by side. The first and the last are public.
const (
	specEnd   = ".mark.json"   // what the mark is, without its key
	secretEnd = ".secret.json" // its key: marks.Secret
	keyEnd    = ".key"         // a key that decides canaries
	nonceEnd  = ".nonce"       // what opens the commitment
	commitEnd = ".commit.json" // the entry of a plan: verify.KeyPlan
)

// A markFile is a mark with its secret, as files hold it.
type markFile struct {
	name   string // of the key in plans and tables
	stem   string // path without its end, empty if it is in no file
	spec   marks.Spec
	secret marks.Secret
	mark   *watermark.Watermark
}

// newMarkFile makes the mark of a spec and its secret.
func newMarkFile(name, stem string, spec marks.Spec, secret marks.Secret) (*markFile, error) {
	w, err := spec.Build(secret)
	if err != nil {
		return nil, err
	}
	return &markFile{name, stem, spec, secret, w}, nil
}

// stemOf cuts the end off the path of any of a mark's files.
func stemOf(path string) string {
	for _, end := range []string{specEnd, secretEnd, commitEnd, nonceEnd} {
		if stem, ok := strings.CutSuffix(path, end); ok {
			return stem
		}
	}
	return path
}

// readMark reads the two files of a mark, of which the path of either will do, or
// what both have in common.
func readMark(path string) (*markFile, error) {
	stem := stemOf(path)
	spec, err := readSpec(stem + specEnd)
	if err != nil {
		return nil, err
	}
	data, err := readSecret("secret of a mark", stem+secretEnd)
	if err != nil {
		if !exists(stem + secretEnd) {
			return nil, fmt.Errorf("%w (the key of %s: whoever made the mark has it)", err, stem+specEnd)
		}
		return nil, err
	}
	secret, err := marks.ParseSecret(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", stem+secretEnd, err)
	}
	m, err := newMarkFile(filepath.Base(stem), stem, spec, secret)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", stem+secretEnd, err)
	}
	return m, nil
}

func readSpec(path string) (marks.Spec, error) {
	data, err := readFile("mark", path)
	if err != nil {
		return marks.Spec{}, fmt.Errorf("%w (dyetrace key mark makes one)", err)
	}
	spec, err := marks.Parse(data)
	if err != nil {
		return marks.Spec{}, fmt.Errorf("%s: %w", path, err)
	}
	return spec, nil
}

// readMarks reads a mark, or all marks of a folder by name.
func readMarks(path string) ([]*markFile, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		m, err := readMark(path)
		if err != nil {
			return nil, err
		}
		return []*markFile{m}, nil
	}
	stems, err := stemsIn(path, specEnd)
	if err != nil {
		return nil, err
	}
	if len(stems) == 0 {
		return nil, fmt.Errorf("%s has no file *%s, want at least one mark (dyetrace key mark makes one)", path, specEnd)
	}
	var all []*markFile
	for _, stem := range stems {
		m, err := readMark(stem)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// stemsIn lists the files of a folder that have an end, without it, by name.
func stemsIn(dir, end string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var stems []string
	for _, e := range entries {
		if stem, ok := strings.CutSuffix(e.Name(), end); ok && stem != "" && !strings.HasPrefix(stem, ".") {
			stems = append(stems, filepath.Join(dir, stem))
		}
	}
	slices.Sort(stems)
	return stems, nil
}

// write writes the spec and the secret. Neither may be there.
func (m *markFile) write() error {
	spec, err := m.spec.Encode()
	if err != nil {
		return err
	}
	secret, err := m.secret.Reveal()
	if err != nil {
		return err
	}
	if exists(m.stem + specEnd) {
		return fmt.Errorf("%s is there already and is not written over: take another name, or move it away", m.stem+specEnd)
	}
	if err := writeNew(m.stem+secretEnd, secret, 0o600); err != nil {
		return err
	}
	if err := writeNew(m.stem+specEnd, spec, 0o644); err != nil {
		return errors.Join(err, os.Remove(m.stem+secretEnd))
	}
	return nil
}

// commit returns the entry of a plan that binds the mark's key, that of an earlier
// commitment if there was one.
func (m *markFile) commit() (verify.KeyPlan, error) {
	return commitTo(m.stem, func(nonce [32]byte) (verify.KeyPlan, error) {
		return verify.Commit(m.name, m.mark, m.secret.Key(), nonce)
	})
}

// commitTo commits once: with the nonce that lies beside the key, or a new one.
func commitTo(stem string, commit func(nonce [32]byte) (verify.KeyPlan, error)) (verify.KeyPlan, error) {
	nonce, err := readNonce(stem)
	if err != nil {
		switch {
		case exists(stem + nonceEnd):
			return verify.KeyPlan{}, err
		case exists(stem + commitEnd):
			return verify.KeyPlan{}, fmt.Errorf("%s was published and %s, which opens it, is not there: bring it back, or move %[1]s away to commit anew", stem+commitEnd, stem+nonceEnd)
		}
		if _, err := rand.Read(nonce[:]); err != nil {
			return verify.KeyPlan{}, fmt.Errorf("no random numbers: %w", err)
		}
		if err := writeNew(stem+nonceEnd, []byte(hex.EncodeToString(nonce[:])+"\n"), 0o600); err != nil {
			return verify.KeyPlan{}, err
		}
	}
	k, err := commit(nonce)
	if err != nil {
		return verify.KeyPlan{}, err
	}
	line, err := canon.Encode(k)
	if err != nil {
		return verify.KeyPlan{}, err
	}
	return k, writeFile(stem+commitEnd, append(line, '\n'), 0o644)
}

// readNonce reads what opens the commitment to a key.
func readNonce(stem string) (nonce [32]byte, err error) {
	data, err := readSecret("nonce", stem+nonceEnd)
	if err != nil {
		return nonce, err
	}
	n, err := hex.Decode(nonce[:], data[:min(len(data), 64)])
	if err != nil || n != len(nonce) || strings.TrimSpace(string(data[64:])) != "" {
		return nonce, fmt.Errorf("%s holds no nonce, want 64 hexadecimal digits and nothing else", stem+nonceEnd)
	}
	return nonce, nil
}

// readCommitment reads the public entry of a key.
func readCommitment(path string) (verify.KeyPlan, error) {
	var k verify.KeyPlan
	data, err := readFile("commitment", path)
	if err != nil {
		return k, fmt.Errorf("%w (dyetrace key commit makes one)", err)
	}
	if err := canon.Decode([]byte(strings.TrimSuffix(string(data), "\n")), &k); err != nil {
		return k, fmt.Errorf("%s: %w, want the file that dyetrace key commit writes", path, err)
	}
	return k, nil
}

// freshKey draws a root key.
func freshKey() (keys.Key, error) { return keys.New(rand.Reader) }
