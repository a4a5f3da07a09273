package verify

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

const (
	bundleSchema  = "dyetrace/bundle/1"
	bundleContext = "dyetrace 2026-11-25 verify bundle/1"
)

// maxBundleLine is the most bytes that a line outside of parts has, its newline
// included.
const maxBundleLine = 1 << 16

type bundleHead struct {
	Schema   string   `json:"schema"`
	Software Software `json:"software"`
}

type partHead struct {
	Part   string         `json:"part"`
	Name   string         `json:"name,omitempty"`
	Size   int64          `json:"size"`
	Digest collect.Digest `json:"digest"`
}

type bundleEnd struct {
	End    int            `json:"end"`
	Digest collect.Digest `json:"digest"`
}

// WriteTo writes the bundle's file.
func (b *Bundle) WriteTo(w io.Writer) (int64, error) {
	if b == nil || len(b.parts) == 0 {
		return 0, errors.New("verify: the bundle is empty, want one from NewBundle or ReadBundle")
	}
	c := &counter{w: w}
	out := bufio.NewWriter(c)
	err := b.encode(out)
	if err == nil {
		err = writeLine(out, bundleEnd{len(b.parts), b.digest})
	}
	if err == nil {
		err = out.Flush()
	}
	return c.n, err
}

// A counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// encode writes all but the last line.
func (b *Bundle) encode(w io.Writer) error {
	if err := writeLine(w, bundleHead{bundleSchema, b.software}); err != nil {
		return err
	}
	for _, p := range b.parts {
		data := p.data()
		if err := writeLine(w, partHead{p.kind, p.name, int64(len(data)), p.digest}); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
		if _, err := w.Write([]byte("\n")); err != nil {
			return err
		}
	}
	return nil
}

func writeLine(w io.Writer, v any) error {
	line, err := canon.Encode(v)
	if err != nil {
		return fmt.Errorf("verify: bundle: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// sum returns what the digest of the file has to be.
func (b *Bundle) sum() collect.Digest {
	h := blake3.NewDeriveKey(bundleContext)
	_ = b.encode(h) // a hash takes everything, and no line of a checked bundle fails
	var d collect.Digest
	h.Sum(d[:0])
	return d
}

// ReadBundle reads what [Bundle.WriteTo] wrote. It refuses a file that is not of its
// form: cut off, with bytes after its end, with parts that are missing, unknown,
// doubled or in another order. Whether the parts are right, their digests included,
// says [Bundle.Verify], of all parts at once.
func ReadBundle(r io.Reader) (*Bundle, error) {
	in := bufio.NewReaderSize(r, maxBundleLine)
	b := &Bundle{}
	var head bundleHead
	if err := readLine(in, "first line", &head); err != nil {
		return nil, err
	}
	if head.Schema != bundleSchema {
		return nil, fmt.Errorf("verify: bundle has schema %.60q, want %q", head.Schema, bundleSchema)
	}
	b.software = head.Software
	for {
		begin, err := in.Peek(len(`{"end":`))
		if err == nil && string(begin) == `{"end":` {
			break
		}
		p, err := readNext(in, len(b.parts))
		if err != nil {
			return nil, err
		}
		b.parts = append(b.parts, p)
	}
	var end bundleEnd
	if err := readLine(in, "last line", &end); err != nil {
		return nil, err
	}
	if end.End != len(b.parts) {
		return nil, fmt.Errorf("verify: bundle has %d parts, its last line says %d", len(b.parts), end.End)
	}
	b.digest = end.Digest
	if _, err := in.ReadByte(); err == nil {
		return nil, errors.New("verify: bundle goes on after its last line")
	} else if err != io.EOF {
		return nil, fmt.Errorf("verify: bundle: %w", err)
	}
	return b, b.check()
}

// readNext reads part number n.
func readNext(in *bufio.Reader, n int) (part, error) {
	var head partHead
	if err := readLine(in, fmt.Sprintf("line of part %d", n), &head); err != nil {
		return part{}, err
	}
	if head.Size < 0 || head.Size > math.MaxInt-1 {
		return part{}, fmt.Errorf("verify: part %d of the bundle has %d bytes, want 0 to %d", n, head.Size, math.MaxInt-1)
	}
	data, err := readPart(in, head.Size)
	if err == nil {
		var last byte
		if last, err = in.ReadByte(); err == nil && last != '\n' {
			return part{}, fmt.Errorf("verify: part %d of the bundle has no newline after its %d bytes", n, head.Size)
		}
	}
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return part{}, fmt.Errorf("verify: bundle is cut off after %d of %d bytes of part %d", len(data), head.Size, n)
	case err != nil:
		return part{}, fmt.Errorf("verify: part %d of the bundle: %w", n, err)
	}
	return part{head.Part, head.Name, head.Digest, func() []byte { return data }}, nil
}

// readLine sets v to what a line outside of parts says.
func readLine(in *bufio.Reader, what string, v any) error {
	line, err := in.ReadSlice('\n')
	switch {
	case err == io.EOF:
		return fmt.Errorf("verify: %s of the bundle is cut off after %d bytes", what, len(line))
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("verify: %s of the bundle has more than %d bytes", what, maxBundleLine)
	case err != nil:
		return fmt.Errorf("verify: %s of the bundle: %w", what, err)
	}
	if err := canon.Decode(bytes.TrimSuffix(line, []byte("\n")), v); err != nil {
		return fmt.Errorf("verify: %s of the bundle: %w", what, err)
	}
	return nil
}
