package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A document is a text to look for marks in, as a file has it: raw until a worker
// takes it apart.
type document struct {
	file   string
	number int // of the line or row, from 1; 0 for a whole file
	line   []byte
	text   string
	ids    []int32 // in place of text where isIDs
	isIDs  bool
	prompt string // where hasPrompt
	// promptIDs are the prompt in place of the text.
	promptIDs []int32
	hasPrompt bool
	skip      bool // a header of one of our own files
}

func (d *document) name() string {
	if d.number == 0 {
		return d.file
	}
	return d.file + ":" + strconv.Itoa(d.number)
}

// inputs are the files to read and how.
type inputs struct {
	a      *app
	paths  []string // "-" is standard input
	format string   // "", text, lines, jsonl or parquet
	field  string
	prompt string // field of the prompt, or none
	ids    bool   // plain texts are token ids
	bytes  func(int64)
}

// maxText is how long one text may be, in bytes.
const maxText = 1 << 30

const batchBytes = 1 << 18

// byteOrderMark is what some programs write before a text in UTF-8.
var byteOrderMark = []byte("\ufeff")

// read calls add with batches of documents, in their order.
func (in *inputs) read(ctx context.Context, add func([]document) error) error {
	b := batcher{add: add}
	for _, path := range in.paths {
		if err := in.readPath(ctx, path, &b); err != nil {
			return err
		}
	}
	return b.flush()
}

// total returns the size of the files, 0 if one has none.
func (in *inputs) total() (sum int64) {
	for _, path := range in.paths {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		sum += info.Size()
	}
	return sum
}

// formatOf tells how a file is read, from its name unless --format says.
func (in *inputs) formatOf(path string) string {
	if in.format != "" {
		return in.format
	}
	switch filepath.Ext(strings.TrimSuffix(strings.ToLower(path), ".gz")) {
	case ".jsonl", ".ndjson":
		return "jsonl"
	case ".parquet":
		return "parquet"
	}
	return "text"
}

func (in *inputs) readPath(ctx context.Context, path string, b *batcher) error {
	format := in.formatOf(path)
	name := path
	var r io.Reader
	if path == "-" {
		name, r = "stdin", in.a.in
		if format == "parquet" {
			return usage(errors.New("a Parquet file is read from its end and cannot come from standard input: give its name"))
		}
	} else {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("no text: %w", err)
		}
		defer f.Close()
		info, err := f.Stat()
		switch {
		case err != nil:
			return fmt.Errorf("no text: %w", err)
		case info.IsDir():
			return fmt.Errorf("%s is a folder, want files: %s/*", path, strings.TrimRight(path, "/"))
		case format == "parquet":
			return in.readParquet(ctx, f, info.Size(), name, b)
		}
		r = f
	}
	r = &countingReader{r, in.bytes}
	buffered := bufio.NewReaderSize(r, 1<<20)
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		buffered = bufio.NewReaderSize(unzipped, 1<<20)
	}
	if format == "text" {
		return in.readWhole(buffered, name, b)
	}
	return in.readLines(ctx, buffered, name, format, b)
}

func (in *inputs) readWhole(r io.Reader, name string, b *batcher) error {
	data, err := io.ReadAll(io.LimitReader(r, maxText+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case len(data) > maxText:
		return fmt.Errorf("%s has more than %s in one text: --lines makes every line a text", name, byteSize(maxText))
	}
	data = bytes.TrimPrefix(data, byteOrderMark)
	if !utf8.Valid(data) {
		in.a.note("%s is not UTF-8: is it a text?", name)
	}
	d := document{file: name}
	if err := in.plain(&d, data); err != nil {
		return err
	}
	return b.put(d, len(data))
}

func (in *inputs) readLines(ctx context.Context, r *bufio.Reader, name, format string, b *batcher) error {
	for number := 1; ; number++ {
		line, err := readLine(r)
		if number == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			d := document{file: name, number: number}
			if format == "jsonl" {
				d.line = line
			} else if err := in.plain(&d, line); err != nil {
				return err
			}
			if err := b.put(d, len(line)); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("%s:%d: %w", name, number, err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// readLine returns a line of its own without its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxText {
			return nil, fmt.Errorf("line has more than %s", byteSize(maxText))
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), err
		}
	}
}

// plain takes bytes for a text, or with --ids for token ids.
func (in *inputs) plain(d *document, data []byte) error {
	if !in.ids {
		d.text = string(data)
		return nil
	}
	d.isIDs = true
	for _, word := range strings.FieldsFunc(string(data), func(r rune) bool { return strings.ContainsRune(" \t\r\n,[]", r) }) {
		id, err := strconv.ParseInt(word, 10, 32)
		if err != nil || id < 0 {
			return fmt.Errorf("%s: %.20q is no token id, want integers of 0 to 2147483647", d.name(), word)
		}
		d.ids = append(d.ids, int32(id))
	}
	return nil
}

// parse takes a line of JSON apart. Workers call it.
func (in *inputs) parse(d *document) error {
	if d.line == nil {
		return nil
	}
	value, err := in.walk(d, in.field)
	if err != nil || d.skip {
		return err
	}
	if d.text, d.ids, d.isIDs, err = textOrIDs(value); err != nil {
		return fmt.Errorf("%s: field %q %w", d.name(), in.field, err)
	}
	if in.prompt != "" {
		if value, err = in.walk(d, in.prompt); err != nil {
			return err
		}
		if d.prompt, d.promptIDs, _, err = textOrIDs(value); err != nil {
			return fmt.Errorf("%s: field %q %w", d.name(), in.prompt, err)
		}
		d.hasPrompt = true
	}
	d.line = nil
	return nil
}

// walk follows a field's path: names of objects and numbers of lists, with points
// between them.
func (in *inputs) walk(d *document, path string) (json.RawMessage, error) {
	value := json.RawMessage(d.line)
	for i, step := range strings.Split(path, ".") {
		trimmed := bytes.TrimLeft(value, " \t")
		if len(trimmed) > 0 && trimmed[0] == '[' {
			var list []json.RawMessage
			n, err := strconv.Atoi(step)
			if err2 := json.Unmarshal(value, &list); err2 != nil {
				return nil, fmt.Errorf("%s: %w", d.name(), err2)
			}
			if err != nil || n < 0 || n >= len(list) {
				return nil, fmt.Errorf("%s: %q of --field %s is in a list of %d, want a number below that", d.name(), step, path, len(list))
			}
			value = list[n]
			continue
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(value, &object); err != nil {
			if i == 0 {
				return nil, fmt.Errorf("%s: %w, want a JSON object on each line", d.name(), err)
			}
			return nil, fmt.Errorf("%s: %q of --field %s is not in an object", d.name(), step, path)
		}
		next, ok := object[step]
		if !ok {
			if i == 0 && d.number == 1 && strings.HasPrefix(string(object["schema"]), `"dyetrace/`) {
				d.skip = true
				return nil, nil
			}
			return nil, fmt.Errorf("%s has no field %q, it has %s: choose with --field", d.name(), step, fieldNames(object))
		}
		value = next
	}
	return value, nil
}

func fieldNames(object map[string]json.RawMessage) string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, strconv.Quote(name))
	}
	slices.Sort(names)
	if len(names) > 12 {
		names = append(names[:12], "…")
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// textOrIDs reads a string, a list of token ids, or null, which is an empty text.
func textOrIDs(value json.RawMessage) (text string, ids []int32, isIDs bool, err error) {
	switch value = bytes.TrimSpace(value); {
	case len(value) == 0 || bytes.Equal(value, []byte("null")):
		return "", nil, false, nil
	case value[0] == '"':
		return text, nil, false, json.Unmarshal(value, &text)
	case value[0] == '[':
		if err := json.Unmarshal(value, &ids); err != nil {
			return "", nil, true, errors.New("is a list, want one of token ids, 0 to 2147483647")
		}
		return "", ids, true, nil
	}
	return "", nil, false, fmt.Errorf("is %.20s, want a text or a list of token ids", value)
}

// A batcher gives work out in pieces that are worth it.
type batcher struct {
	add   func([]document) error
	batch []document
	size  int
}

func (b *batcher) put(d document, size int) error {
	b.batch = append(b.batch, d)
	if b.size += size; b.size < batchBytes && len(b.batch) < 1024 {
		return nil
	}
	return b.flush()
}

func (b *batcher) flush() error {
	if len(b.batch) == 0 {
		return nil
	}
	batch := b.batch
	b.batch, b.size = nil, 0
	return b.add(batch)
}

// A countingReader tells how much was read.
type countingReader struct {
	io.Reader
	count func(int64)
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.count(int64(n))
	return n, err
}
