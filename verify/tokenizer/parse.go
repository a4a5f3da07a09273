package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// file is a tokenizer.json. A field that is not here is refused: it might change
// ids.
type file struct {
	Version       *string         `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []fileToken     `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

// Parse reads the contents of a tokenizer.json. It refuses, with an error that
// names it, whatever it cannot follow exactly; the package comment has the list.
func Parse(data []byte) (*Tokenizer, error) {
	t, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

func parse(data []byte) (*Tokenizer, error) {
	var f file
	if err := strict(data, &f); err != nil {
		return nil, fmt.Errorf("this is no tokenizer.json: %w", err)
	}
	if err := checkText(data); err != nil {
		return nil, err
	}
	if f.Version == nil || *f.Version != "1.0" {
		return nil, fmt.Errorf("version is %s, want %q", quoted(f.Version), "1.0")
	}
	if f.Model == nil {
		return nil, errors.New("there is no model")
	}
	for name, value := range map[string]json.RawMessage{"truncation": f.Truncation, "padding": f.Padding} {
		if !null(value) {
			return nil, fmt.Errorf("%s is set, which changes ids; want null", name)
		}
	}
	t := &Tokenizer{digest: digest(data)}
	t.words.kinds = allKinds()
	t.scratch.New = newScratch
	nfc, err := normalizer(f.Normalizer)
	if err != nil {
		return nil, err
	}
	if nfc {
		t.nfc = formC()
	}
	if err := preTokenizer(f.PreTokenizer, &t.words); err != nil {
		return nil, err
	}
	if err := postProcessor(f.PostProcessor); err != nil {
		return nil, err
	}
	if err := decoder(f.Decoder); err != nil {
		return nil, err
	}
	m, err := readModel(f.Model)
	if err != nil {
		return nil, err
	}
	added, err := m.added(f.AddedTokens)
	if err != nil {
		return nil, err
	}
	t.setAdded(added)
	return t, m.build(t, added)
}

// setAdded sorts the added tokens by how they are found.
func (t *Tokenizer) setAdded(added []AddedToken) {
	t.byID, t.byContent = map[int32]AddedToken{}, map[string]int32{}
	t.local = true
	var tokens [2][]AddedToken
	var contents [2][]string
	for _, a := range added {
		t.byID[a.ID], t.byContent[a.Content] = a, a.ID
		content, k := a.Content, 0
		if a.Normalized {
			if k = 1; t.nfc != nil {
				content = t.nfc.compose(content, nil)
			}
		}
		tokens[k], contents[k] = append(tokens[k], a), append(contents[k], content)
		if a.SingleWord || a.LStrip || a.RStrip || a.Normalized && t.nfc != nil {
			t.local = false
		}
	}
	t.raw = newMatcher(tokens[0], contents[0])
	t.normal = newMatcher(tokens[1], contents[1])
}

// checkText refuses what encoding/json would replace by U+FFFD.
func checkText(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("the file is not valid UTF-8")
	}
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		r := escape(data[i:])
		if r < 0 {
			i++ // another escape, perhaps of a backslash
			continue
		}
		if r >= 0xDC00 && r < 0xE000 || r >= 0xD800 && r < 0xDC00 && !(escape(data[i+6:]) >= 0xDC00 && escape(data[i+6:]) < 0xE000) {
			return fmt.Errorf("byte %d: half a surrogate pair, %s", i, data[i:i+6])
		}
		if i += 5; r >= 0xD800 && r < 0xDC00 {
			i += 6
		}
	}
	return nil
}

// escape returns the code unit of the escape that data begins with, such as
// \u00e9, or −1 if it begins with none.
func escape(data []byte) int {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

// strict reads one JSON value without fields that v does not have.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("cut off after %d bytes", len(data))
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows after byte %d", d.InputOffset())
	}
	return nil
}

func null(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }

func quoted(s *string) string {
	if s == nil {
		return "missing"
	}
	return strconv.Quote(*s)
}

// kindOf returns the field "type" of an object.
func kindOf(raw json.RawMessage) (string, error) {
	var v struct{ Type *string }
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", err
	}
	if v.Type == nil {
		return "", errors.New("there is no type")
	}
	return *v.Type, nil
}

// fileToken is an entry of added_tokens.
type fileToken struct {
	ID         *int64  `json:"id"`
	Content    *string `json:"content"`
	SingleWord *bool   `json:"single_word"`
	LStrip     *bool   `json:"lstrip"`
	RStrip     *bool   `json:"rstrip"`
	Normalized *bool   `json:"normalized"`
	Special    *bool   `json:"special"`
}

// added gives the added tokens the ids that the library gives them: of the model
// if it has the content, or else from the end of the vocabulary on. It refuses a
// file that says otherwise.
func (m *fileModel) added(list []fileToken) ([]AddedToken, error) {
	var out []AddedToken
	seen, ids := map[string]bool{}, map[int64]bool{}
	last := int64(-1)
	size := int64(len(m.Vocab))
	for i, f := range list {
		for _, field := range []struct {
			name string
			set  bool
		}{
			{"id", f.ID != nil}, {"content", f.Content != nil}, {"single_word", f.SingleWord != nil}, {"lstrip", f.LStrip != nil},
			{"rstrip", f.RStrip != nil}, {"normalized", f.Normalized != nil}, {"special", f.Special != nil},
		} {
			if !field.set {
				return nil, fmt.Errorf("added token %d has no field %s", i, field.name)
			}
		}
		a := AddedToken{
			Content: *f.Content, Special: *f.Special, SingleWord: *f.SingleWord,
			LStrip: *f.LStrip, RStrip: *f.RStrip, Normalized: *f.Normalized,
		}
		if a.Content == "" {
			return nil, fmt.Errorf("added token %d is empty", i)
		}
		if seen[a.Content] {
			return nil, fmt.Errorf("added token %d, %q, occurs twice", i, a.Content)
		}
		seen[a.Content] = true
		want, ok := m.Vocab[a.Content]
		if !ok {
			want = max(last+1, size)
		}
		if *f.ID != want {
			return nil, fmt.Errorf("added token %d, %q, has id %d, want %d, the id that the library gives it", i, a.Content, *f.ID, want)
		}
		if want > maxID {
			return nil, fmt.Errorf("added token %d, %q, has id %d, want 0 to %d", i, a.Content, want, maxID)
		}
		if ids[want] {
			return nil, fmt.Errorf("added token %d, %q, has the id %d of another", i, a.Content, want)
		}
		ids[want] = true
		last = max(last, want)
		a.ID = int32(want)
		out = append(out, a)
	}
	return out, nil
}
