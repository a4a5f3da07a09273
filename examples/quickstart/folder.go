package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of a run: the frame of all suspects, and a folder of the others for
// each.
const (
	frameFile      = "frame.jsonl"
	planFile       = "plan.json"
	journalFile    = "journal.jsonl"
	transcriptFile = "transcript.jsonl"
	sealFile       = "seal.json"
	reportFile     = "report.txt"
	reportJSON     = "report.json"
)

// A folder is where a run writes its files.
type folder struct{ dir string }

// openFolder returns a folder, made if there is none; a new temporary one for
// the empty name.
func openFolder(dir string) (folder, error) {
	var err error
	if dir == "" {
		dir, err = os.MkdirTemp("", "dyetrace-quickstart-")
	} else {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return folder{}, fmt.Errorf("quickstart: no directory for the files: %w", err)
	}
	return folder{dir}, nil
}

// clear removes the files of an earlier run, of the suspects by these names, so
// that none is left among those of this one, and finds out before any work what
// is in their way.
func (f folder) clear(suspects ...string) error {
	if _, err := f.fresh(frameFile); err != nil {
		return err
	}
	for _, s := range suspects {
		for _, name := range []string{planFile, journalFile, transcriptFile, sealFile, reportFile, reportJSON} {
			if _, err := f.fresh(s, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// path returns the path of a file.
func (f folder) path(name ...string) string {
	return filepath.Join(append([]string{f.dir}, name...)...)
}

// fresh returns the path of a file that is not there, or not any more.
func (f folder) fresh(name ...string) (string, error) {
	path := f.path(name...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("quickstart: %w", err)
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return "", fmt.Errorf("quickstart: %s is a directory, want a file or nothing", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("quickstart: an earlier run's file is in the way: %w", err)
	}
	return path, nil
}

// write writes a file.
func (f folder) write(from io.WriterTo, name ...string) error {
	path, err := f.fresh(name...)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := from.WriteTo(&b); err != nil {
		return err
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("quickstart: %w", err)
	}
	return nil
}
