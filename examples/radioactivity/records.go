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
	n, records := 0, 0
	for lines.Scan() && lines.Err() == nil { // what was read before an error is no whole line
		n++
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			records++
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
	case records == 0:
		return fmt.Errorf("%s: the file has no records", name)
	}
	return nil
}
