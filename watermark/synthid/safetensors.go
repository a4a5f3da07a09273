package synthid

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// A tensor is a named array of a safetensors file.
type tensor struct {
	name   string
	shape  []int64
	values []float64
}

// maxHeader is the longest header that the format allows, in bytes.
const maxHeader = 100_000_000

// metadata is the only name in a header that is no tensor's.
const metadata = "__metadata__"

// parseSafetensors reads a file of the safetensors format: the length of the header
// as a little-endian 64-bit integer; the header, a JSON object that gives for each
// tensor its type, shape and place [begin, end) in the rest; the rest, which the
// tensors fill without overlap or hole. Types F64, F32 and BF16 are read.
func parseSafetensors(data []byte) ([]tensor, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("synthid: safetensors file has %d bytes, want at least 8", len(data))
	}
	length := binary.LittleEndian.Uint64(data)
	if length > maxHeader || length > uint64(len(data)-8) {
		return nil, fmt.Errorf("synthid: header of the safetensors file is said to have %d bytes, want at most %d of the file's %d",
			length, min(maxHeader, len(data)-8), len(data))
	}
	header, rest := data[8:8+length], data[8+length:]
	places, err := parseHeader(header)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	at := int64(0)
	var tensors []tensor
	for _, p := range places {
		if p.begin != at || p.end < p.begin || p.end > int64(len(rest)) {
			return nil, fmt.Errorf("synthid: tensor %q lies at [%d, %d) of %d bytes, want it to begin at %d", p.name, p.begin, p.end, len(rest), at)
		}
		at = p.end
		t, err := p.read(rest[p.begin:p.end])
		if err != nil {
			return nil, err
		}
		tensors = append(tensors, t)
	}
	if at != int64(len(rest)) {
		return nil, fmt.Errorf("synthid: %d bytes of the safetensors file are no tensor's", int64(len(rest))-at)
	}
	return tensors, nil
}

// A place says where a tensor lies.
type place struct {
	name, dtype string
	shape       []int64
	begin, end  int64
}

// parseHeader reads names one by one: a name given twice is a fault that
// encoding/json would not see.
func parseHeader(header []byte) ([]place, error) {
	wrong := func(what string) ([]place, error) {
		return nil, fmt.Errorf("synthid: header of the safetensors file %s", what)
	}
	in := json.NewDecoder(bytes.NewReader(header))
	if t, err := in.Token(); err != nil || t != json.Delim('{') {
		return wrong("is not a JSON object")
	}
	var places []place
	seen := map[string]bool{}
	for in.More() {
		t, err := in.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return wrong("is not a JSON object")
		}
		if seen[name] {
			return wrong(fmt.Sprintf("names %q twice", name))
		}
		seen[name] = true
		if name == metadata {
			var strings map[string]string
			if err := in.Decode(&strings); err != nil {
				return wrong("has metadata other than strings")
			}
			continue
		}
		var raw json.RawMessage
		if err := in.Decode(&raw); err != nil {
			return wrong(fmt.Sprintf("is cut off or wrong at %q", name))
		}
		p, err := parsePlace(name, raw)
		if err != nil {
			return nil, err
		}
		places = append(places, p)
	}
	if _, err := in.Token(); err != nil {
		return wrong("is cut off")
	}
	if len(bytes.TrimRight(header[in.InputOffset():], " ")) > 0 {
		return wrong("is followed by something other than spaces")
	}
	return places, nil
}

func parsePlace(name string, raw json.RawMessage) (place, error) {
	var v struct {
		DType   *string `json:"dtype"`
		Shape   []int64 `json:"shape"`
		Offsets []int64 `json:"data_offsets"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || v.DType == nil || v.Shape == nil || len(v.Offsets) != 2 {
		return place{}, fmt.Errorf("synthid: tensor %q wants a dtype, a shape and two data_offsets, and nothing else", name)
	}
	p := place{name: name, dtype: *v.DType, shape: v.Shape, begin: v.Offsets[0], end: v.Offsets[1]}
	if p.begin < 0 || p.end < 0 {
		return place{}, fmt.Errorf("synthid: tensor %q lies at [%d, %d), want no negative place", name, p.begin, p.end)
	}
	return p, nil
}

// read decodes a tensor.
func (p place) read(data []byte) (tensor, error) {
	width := map[string]int{"F64": 8, "F32": 4, "BF16": 2}[p.dtype]
	if width == 0 {
		return tensor{}, fmt.Errorf("synthid: tensor %q has dtype %q, want F64, F32 or BF16", p.name, p.dtype)
	}
	n := int64(len(data) / width)
	for _, d := range p.shape {
		if d < 0 || d > 0 && n%d != 0 || d == 0 && n > 0 {
			return tensor{}, p.misfit(data)
		}
		if d > 0 {
			n /= d
		}
	}
	if n > 1 || n == 0 && !slices.Contains(p.shape, 0) || len(data)%width != 0 {
		return tensor{}, p.misfit(data)
	}
	t := tensor{name: p.name, shape: p.shape, values: make([]float64, len(data)/width)}
	for i := range t.values {
		b := data[width*i:]
		switch width {
		case 8:
			t.values[i] = math.Float64frombits(binary.LittleEndian.Uint64(b))
		case 4:
			t.values[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		case 2:
			t.values[i] = float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
		}
		if v := t.values[i]; math.IsNaN(v) || math.IsInf(v, 0) {
			return tensor{}, fmt.Errorf("synthid: entry %d of tensor %q is %v, want a finite number", i, p.name, v)
		}
	}
	return t, nil
}

func (p place) misfit(data []byte) error {
	return fmt.Errorf("synthid: tensor %q has %d bytes, want as many as shape %v of %s takes", p.name, len(data), p.shape, p.dtype)
}
