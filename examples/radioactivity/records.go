package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// maxLine bounds a line of a file of records, in bytes.
const maxLine = 64 << 20

// eachRecord calls f with every line of a gzip'd file of JSON lines.
func eachRecord(fsys fs.FS, name string, f func(line []byte) error) (err error) {
	file, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	z, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := f(line); err != nil {
				return fmt.Errorf("%s: line %d: %w", name, n, err)
			}
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the file is cut off in or after line %d", name, n)
	case err != nil:
		return fmt.Errorf("%s: after line %d: %w", name, n, err)
	case n == 0:
		return fmt.Errorf("%s: the file is empty", name)
	}
	return nil
}
