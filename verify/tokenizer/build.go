package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// fileModel is the model of a tokenizer.json.
type fileModel struct {
	Type                    *string          `json:"type"`
	Dropout                 *float64         `json:"dropout"`
	UnkToken                *string          `json:"unk_token"`
	ContinuingSubwordPrefix *string          `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string          `json:"end_of_word_suffix"`
	FuseUnk                 bool             `json:"fuse_unk"`
	ByteFallback            bool             `json:"byte_fallback"`
	IgnoreMerges            bool             `json:"ignore_merges"`
	Vocab                   map[string]int64 `json:"vocab"`
	Merges                  fileMerges       `json:"merges"`
}

// fileMerges are pairs, in a file either ["a","b"] or "a b".
type fileMerges [][2]string

func (m *fileMerges) UnmarshalJSON(data []byte) error {
	var pairs [][]string
	var wrong *json.UnmarshalTypeError
	err := json.Unmarshal(data, &pairs)
	if err == nil && pairs != nil {
		*m = make(fileMerges, 0, len(pairs))
		for i, p := range pairs {
			if len(p) != 2 {
				return fmt.Errorf("merge %d has %d parts, want 2", i, len(p))
			}
			*m = append(*m, [2]string(p))
		}
	}
	if err == nil {
		return nil
	}
	if !errors.As(err, &wrong) {
		return err
	}
	var lines []string
	if err := json.Unmarshal(data, &lines); err != nil {
		return errors.New("merges are neither all pairs nor all strings")
	}
	*m = make(fileMerges, 0, len(lines))
	for i, line := range lines {
		if strings.HasPrefix(line, "#version") {
			continue // as in the merges.txt that such lines come from
		}
		parts := strings.Split(line, " ")
		if len(parts) != 2 {
			return fmt.Errorf("merge %d is %q, want two parts with a space between", i, line)
		}
		*m = append(*m, [2]string(parts))
	}
	return nil
}

// readModel reads a model and refuses what is not byte-pair encoding of bytes.
func readModel(raw json.RawMessage) (*fileModel, error) {
	var head struct {
		Type                    *string
		Dropout                 *float64
		ContinuingSubwordPrefix *string `json:"continuing_subword_prefix"`
		EndOfWordSuffix         *string `json:"end_of_word_suffix"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, named("model", err)
	}
	switch {
	case head.Type != nil && *head.Type != "BPE":
		return nil, fmt.Errorf("model is %q, want BPE", *head.Type)
	case head.Dropout != nil && *head.Dropout != 0:
		return nil, fmt.Errorf("model has a dropout of %g, which makes ids random; want none", *head.Dropout)
	case head.ContinuingSubwordPrefix != nil && *head.ContinuingSubwordPrefix != "":
		return nil, fmt.Errorf("model has the continuing_subword_prefix %q, want none", *head.ContinuingSubwordPrefix)
	case head.EndOfWordSuffix != nil && *head.EndOfWordSuffix != "":
		return nil, fmt.Errorf("model has the end_of_word_suffix %q, want none", *head.EndOfWordSuffix)
	}
	m := new(fileModel)
	if err := strict(raw, m); err != nil {
		return nil, named("model", err)
	}
	switch {
	case m.Vocab == nil:
		return nil, errors.New("model has no vocab")
	case m.Merges == nil:
		return nil, errors.New("model has no merges")
	case len(m.Merges) >= maxMerges:
		return nil, fmt.Errorf("model has %d merges, want fewer than %d", len(m.Merges), maxMerges)
	}
	for token, id := range m.Vocab {
		if id < 0 || id > maxID {
			return nil, fmt.Errorf("token %q of the vocab has id %d, want 0 to %d", token, id, maxID)
		}
	}
	return m, nil
}

// build fills in the vocabulary and the model of t.
func (f *fileModel) build(t *Tokenizer, added []AddedToken) error {
	size := 0
	for _, id := range f.Vocab {
		size = max(size, int(id)+1)
	}
	for _, a := range added {
		size = max(size, int(a.ID)+1)
	}
	runes, bytes := byteRunes()
	pieces, used, mapped := make([]string, size), make([]bool, size), make([]bool, size)
	names := make([]string, size)
	for name, id := range f.Vocab {
		if used[id] {
			a, b := min(name, names[id]), max(name, names[id])
			return fmt.Errorf("tokens %q and %q of the vocab both have id %d", a, b, id)
		}
		used[id], names[id] = true, name
		pieces[id], mapped[id] = unmap(name, bytes)
	}
	m := &t.model
	if err := f.symbols(m, runes); err != nil {
		return err
	}
	if err := f.pairs(m); err != nil {
		return err
	}
	canonical := make([]bool, size)
	s := new(scratch)
	for id, piece := range pieces {
		if mapped[id] && piece != "" {
			s.buffer = m.append(s.buffer[:0], piece, s)
			canonical[id] = f.IgnoreMerges || len(s.buffer) == 1 && s.buffer[0] == int32(id)
		}
	}
	for _, a := range added {
		if used[a.ID] && names[a.ID] != a.Content {
			return fmt.Errorf("added token %q has id %d, which is that of %q of the vocab", a.Content, a.ID, names[a.ID])
		}
		if !used[a.ID] {
			used[a.ID], pieces[a.ID] = true, a.Content
		}
	}
	t.vocab = newVocabulary(pieces, used, canonical, mapped)
	return nil
}

// symbols sets what bytes begin as.
func (f *fileModel) symbols(m *model, runes [256]rune) error {
	m.complete, m.ignoreMerges, m.unknown, m.fuse = true, f.IgnoreMerges, absent, f.FuseUnk
	missing := []int{}
	anyFallback := false
	for b, r := range runes {
		m.symbol[b], m.fallback[b] = absent, [2]int32{absent, absent}
		if id, ok := f.Vocab[string(r)]; ok {
			m.symbol[b] = int32(id)
			continue
		}
		m.complete = false
		if f.ByteFallback {
			if tokens, ok := f.byteTokens(r); ok {
				m.fallback[b], anyFallback = tokens, true
				continue
			}
		}
		missing = append(missing, b)
	}
	if f.UnkToken == nil || len(missing) == 0 {
		return nil
	}
	if anyFallback {
		return fmt.Errorf("model has tokens of byte fallback for some bytes and the unknown token for others, such as 0x%02x, which the library puts out of order", missing[0])
	}
	id, ok := f.Vocab[*f.UnkToken]
	if !ok {
		return fmt.Errorf("the unk_token %q is not in the vocab, and byte 0x%02x has no token", *f.UnkToken, missing[0])
	}
	m.unknown = int32(id)
	return nil
}

// byteTokens returns the tokens, such as <0xC4>, of the UTF-8 of r.
func (f *fileModel) byteTokens(r rune) (tokens [2]int32, ok bool) {
	utf := string(r)
	if len(utf) == 1 {
		id, ok := f.Vocab[fmt.Sprintf("<0x%02X>", utf[0])]
		return [2]int32{absent, int32(id)}, ok
	}
	for i := range len(utf) {
		id, ok := f.Vocab[fmt.Sprintf("<0x%02X>", utf[i])]
		if !ok {
			return tokens, false
		}
		tokens[i] = int32(id)
	}
	return tokens, true
}

// pairs builds the tables of merges.
func (f *fileModel) pairs(m *model) error {
	merges := make(map[uint64]uint64, len(f.Merges))
	for rank, p := range f.Merges {
		left, ok := f.Vocab[p[0]]
		right, ok2 := f.Vocab[p[1]]
		whole, ok3 := f.Vocab[p[0]+p[1]]
		switch {
		case p[0] == "" || p[1] == "":
			return fmt.Errorf("merge %d has an empty part", rank)
		case !ok:
			return fmt.Errorf("merge %d: %q is not in the vocab", rank, p[0])
		case !ok2:
			return fmt.Errorf("merge %d: %q is not in the vocab", rank, p[1])
		case !ok3:
			return fmt.Errorf("merge %d: %q is not in the vocab", rank, p[0]+p[1])
		}
		// Of a pair that occurs twice the library keeps the later rank.
		merges[uint64(left)<<32|uint64(right)] = uint64(rank)<<32 | uint64(whole)
	}
	m.pairs, m.pairBits = newPairs(merges)
	m.bytePairs = make([]uint64, 1<<16)
	for i := range m.bytePairs {
		m.bytePairs[i] = none
		if a, b := m.symbol[i>>8], m.symbol[i&0xff]; a != absent && b != absent {
			m.bytePairs[i] = m.merge(a, b)
		}
	}
	return nil
}
