package keys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// maxFile bounds what ReadFile reads, in bytes: a key and its line end are 83.
const maxFile = 4096

// ReadFile reads the key in the file at path: one line, the text form of
// [Key.Reveal]. It refuses a file whose mode lets anybody but its owner read,
// write or run it, and names the command that mends that.
//
// Not promised: access control lists and the directories above the file are not
// looked at, and on Windows, which has no such mode, nothing is.
func ReadFile(path string) (Key, error) {
	if err := checkPath(path); err != nil {
		return Key{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("keys: key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("keys: key file: %w", err)
	}
	if info.IsDir() {
		return Key{}, fmt.Errorf("keys: key file %q is a directory, want a file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return Key{}, fmt.Errorf("keys: key file %q is open to others (mode %04o), want mode 0600: chmod 600 %s", path, mode, shellWord(path))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Key{}, fmt.Errorf("keys: key file: %w", err)
	}
	if len(text) > maxFile {
		return Key{}, fmt.Errorf("keys: key file %q has more than %d bytes, want one line with a key", path, maxFile)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	k, err := Parse(line)
	if err != nil {
		return Key{}, fmt.Errorf("keys: key file %q: %w", path, err)
	}
	return k, nil
}

// WriteFile writes k to a new file at path that only its owner may read. It
// refuses a path that exists, with an error that matches [fs.ErrExist], because
// a key that was written over is lost. After an error it leaves no file behind.
func WriteFile(path string, k Key) error {
	if k.IsZero() {
		return errZero("write a key file")
	}
	if err := checkPath(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keys: key file exists, want a new path: %w", err)
	}
	if err != nil {
		return fmt.Errorf("keys: key file: %w", err)
	}
	_, err = io.WriteString(f, k.Reveal()+"\n")
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("keys: key file: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// checkPath refuses a key given for its file, before package os quotes it.
func checkPath(path string) error {
	if holdsSecret(path) {
		return errors.New("keys: path of key file is a secret key itself, want the name of a file")
	}
	return nil
}

// shellWord quotes path so that it can be pasted behind a command in a shell.
func shellWord(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"
	if path != "" && strings.Trim(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
