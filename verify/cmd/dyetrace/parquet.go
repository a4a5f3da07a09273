package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// readParquet reads one or two columns of a file, page after page.
func (in *inputs) readParquet(ctx context.Context, f *os.File, size int64, name string, b *batcher) (err error) {
	defer func() { // a broken page must not end the program
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: is damaged: %v", name, r)
		}
	}()
	file, err := parquet.OpenFile(f, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return fmt.Errorf("%s: no Parquet file: %w", name, err)
	}
	text, err := leafOf(file.Schema(), in.field, name)
	if err != nil {
		return err
	}
	columns := []parquet.LeafColumn{text}
	if in.prompt != "" {
		prompt, err := leafOf(file.Schema(), in.prompt, name)
		if err != nil {
			return err
		}
		columns = append(columns, prompt)
	}
	row, counted := 0, int64(0)
	for _, group := range file.RowGroups() {
		readers := make([]*columnReader, len(columns))
		for i, c := range columns {
			readers[i] = newColumnReader(group.ColumnChunks()[c.ColumnIndex])
			defer readers[i].close()
		}
		for range group.NumRows() {
			row++
			d := document{file: name, number: row}
			weight := 0
			for i, r := range readers {
				text, ids, isIDs, err := r.next()
				if err != nil {
					return fmt.Errorf("%s:%d: %w", name, row, err)
				}
				weight += len(text) + 4*len(ids)
				if i == 0 {
					d.text, d.ids, d.isIDs = text, ids, isIDs
				} else {
					d.prompt, d.promptIDs, d.hasPrompt = text, ids, true
				}
			}
			if err := b.put(d, weight); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		now := int64(float64(size) * float64(row) / float64(max(1, file.NumRows())))
		in.bytes(now - counted)
		counted = now
	}
	return nil
}

// leafOf finds the column of a field: the only leaf at or below its path.
func leafOf(schema *parquet.Schema, field, name string) (parquet.LeafColumn, error) {
	path := strings.Split(field, ".")
	var found [][]string
	var all []string
	for _, column := range schema.Columns() {
		all = append(all, fmt.Sprintf("%q", strings.Join(column, ".")))
		if len(column) >= len(path) && slices.Equal(column[:len(path)], path) {
			found = append(found, column)
		}
	}
	if len(found) == 1 {
		leaf, ok := schema.Lookup(found[0]...)
		if !ok {
			return leaf, fmt.Errorf("%s: column %q cannot be read", name, field)
		}
		if kind := leaf.Node.Type().Kind(); kind != parquet.ByteArray && kind != parquet.Int32 && kind != parquet.Int64 {
			return leaf, fmt.Errorf("%s: column %q is of %v, want texts, or lists of token ids", name, field, kind)
		}
		return leaf, nil
	}
	if len(all) > 12 {
		all = append(all[:12], "…")
	}
	return parquet.LeafColumn{}, fmt.Errorf("%s has no column %q, it has %s: choose with --field", name, field, strings.Join(all, ", "))
}

// A columnReader reads the values of one column, a row at a time.
type columnReader struct {
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buf    []parquet.Value
	at     int
	ended  bool
}

func newColumnReader(chunk parquet.ColumnChunk) *columnReader {
	return &columnReader{pages: chunk.Pages(), buf: make([]parquet.Value, 0, 256)}
}

func (r *columnReader) close() {
	if r.page != nil {
		parquet.Release(r.page)
	}
	r.pages.Close()
}

// peek returns the next value, which lasts until the next call, or nil at the end.
func (r *columnReader) peek() (*parquet.Value, error) {
	for r.at == len(r.buf) {
		if r.ended {
			return nil, nil
		}
		if r.values == nil {
			page, err := r.pages.ReadPage()
			if errors.Is(err, io.EOF) {
				r.ended = true
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			if r.page != nil {
				parquet.Release(r.page)
			}
			r.page, r.values = page, page.Values()
		}
		n, err := r.values.ReadValues(r.buf[:cap(r.buf)])
		r.buf, r.at = r.buf[:n], 0
		if errors.Is(err, io.EOF) {
			r.values = nil
		} else if err != nil {
			return nil, err
		}
	}
	return &r.buf[r.at], nil
}

// next returns the next row: a text, or token ids.
func (r *columnReader) next() (text string, ids []int32, isIDs bool, err error) {
	for first := true; ; first = false {
		v, err := r.peek()
		if err != nil {
			return "", nil, false, err
		}
		if v == nil {
			if first {
				return "", nil, false, errors.New("column ends before its rows do")
			}
			return text, ids, isIDs, nil
		}
		if !first && v.RepetitionLevel() == 0 {
			return text, ids, isIDs, nil
		}
		r.at++
		if v.IsNull() {
			continue
		}
		switch v.Kind() {
		case parquet.ByteArray:
			if text != "" {
				return "", nil, false, errors.New("row has several texts, want one")
			}
			text = string(v.ByteArray())
		default:
			id := v.Int64()
			if v.Kind() == parquet.Int32 {
				id = int64(v.Int32())
			}
			if id < 0 || id > 1<<31-1 {
				return "", nil, false, fmt.Errorf("token id is %d, want 0 to 2147483647", id)
			}
			ids, isIDs = append(ids, int32(id)), true
		}
	}
}
