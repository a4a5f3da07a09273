package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// readTokenizer reads a tokenizer.json, packed by gzip or not, and returns its bytes
// too.
func readTokenizer(path string) (*tokenizer.Tokenizer, []byte, error) {
	data, err := readFile("tokenizer", path)
	if err != nil {
		return nil, nil, err
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err == nil {
			data, err = io.ReadAll(io.LimitReader(r, maxFile))
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	t, err := tokenizer.Parse(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, data, nil
}
