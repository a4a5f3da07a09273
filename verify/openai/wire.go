package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// logProbs are log-probabilities in the two forms that are in use. OpenAI's
// completions, vLLM's and SGLang's have tokens, token_logprobs and top_logprobs,
// each of one entry a token; chat, and llama.cpp under both APIs, has content.
type logProbs struct {
	Tokens        []string          `json:"tokens"`
	TokenLogProbs []*float64        `json:"token_logprobs"`
	TopLogProbs   []json.RawMessage `json:"top_logprobs"` // each a map from token to ln p, a list, or null
	Content       []candidate       `json:"content"`
}

// A candidate is a token with ln p.
type candidate struct {
	Token       string      `json:"token"`
	LogProb     *float64    `json:"logprob"`
	ID          *int64      `json:"id"`           // llama.cpp
	TokenID     *int64      `json:"token_id"`     // others
	Bytes       byteList    `json:"bytes"`        // nil where the server gives none
	TopLogProbs []candidate `json:"top_logprobs"` // of the position
}

// A byteList is bytes as a JSON list of numbers.
type byteList []byte

// UnmarshalJSON implements [json.Unmarshaler].
func (b *byteList) UnmarshalJSON(data []byte) error {
	var list []uint8
	// encoding/json reads []uint8 from a string of base64 only.
	var wide []uint16
	if err := json.Unmarshal(data, &wide); err != nil {
		return err
	}
	if wide == nil {
		*b = nil
		return nil
	}
	list = make([]uint8, len(wide))
	for i, x := range wide {
		if x > 255 {
			return fmt.Errorf("byte %d of a token is %d, want at most 255", i, x)
		}
		list[i] = uint8(x)
	}
	*b = list
	return nil
}

// A promptCandidate is an entry of vLLM's prompt_logprobs, whose keys are ids.
type promptCandidate struct {
	LogProb *float64 `json:"logprob"`
	Rank    int      `json:"rank"` // from 1
}

// A place is what a server says of one position.
type place struct {
	own  candidate   // the token that is there: sampled, or the prompt's
	list []candidate // the most likely, and perhaps own
	none bool        // the server has no list for it
}

// places is what a server says of each position, in order.
func (l *logProbs) places() ([]place, error) {
	if len(l.Content) > 0 {
		out := make([]place, len(l.Content))
		for i, c := range l.Content {
			out[i] = place{own: c, list: c.TopLogProbs, none: c.TopLogProbs == nil}
		}
		return out, nil
	}
	n := len(l.Tokens)
	if len(l.TokenLogProbs) != n || len(l.TopLogProbs) != n && len(l.TopLogProbs) != 0 {
		return nil, fmt.Errorf("logprobs have %d tokens, %d token_logprobs and %d top_logprobs", n, len(l.TokenLogProbs), len(l.TopLogProbs))
	}
	out := make([]place, n)
	for i := range out {
		out[i].own = candidate{Token: l.Tokens[i], LogProb: l.TokenLogProbs[i]}
		if len(l.TopLogProbs) == 0 {
			out[i].none = true
			continue
		}
		var err error
		if out[i].list, err = parseTop(l.TopLogProbs[i]); err != nil {
			return nil, fmt.Errorf("top_logprobs of position %d: %w", i, err)
		}
		out[i].none = out[i].list == nil
	}
	return out, nil
}

// parseTop reads the most likely tokens of one position: a map or a list.
func parseTop(raw json.RawMessage) ([]candidate, error) {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '[' {
		list := []candidate{}
		err := json.Unmarshal(raw, &list)
		return list, err
	}
	var m map[string]*float64
	if err := json.Unmarshal(raw, &m); err != nil || m == nil {
		return nil, err
	}
	list := make([]candidate, 0, len(m))
	for token, p := range m {
		list = append(list, candidate{Token: token, LogProb: p})
	}
	return list, nil
}

var (
	// OpenAI's completions name a token that is no text by its bytes.
	escaped = regexp.MustCompile(`^bytes:(\\x[0-9a-f]{2})+$`)
	// vLLM names tokens so if return_tokens_as_token_ids is set.
	numbered = regexp.MustCompile(`^token_id:([0-9]+)$`)
)

// identify returns the marked model's token that a candidate is, or false. The
// rule looks at nothing but the candidate: not at the passage, not at a key.
//
// Ids are believed of a suspect with the same tokenizer. Otherwise the bytes
// decide, or the string if there are none. U+FFFD in them is what decoders
// write for part of a character, so that several tokens look the same: none of
// them is taken for a token.
func (c *Client) identify(x candidate) (int32, bool) {
	r := c.cfg.Reading
	if r.SameTokenizer {
		for _, id := range []*int64{x.ID, x.TokenID, c.number(x.Token)} {
			if id != nil {
				return int32(*id), *id >= 0 && *id <= 1<<31-1
			}
		}
	}
	if r.Vocabulary == nil {
		return 0, false
	}
	piece := x.Token
	if x.Bytes != nil {
		piece = string(x.Bytes)
	} else if c.cfg.Server == OpenAI && escaped.MatchString(piece) {
		piece = unescape(piece)
	}
	if piece == "" || strings.Contains(piece, "\uFFFD") {
		return 0, false
	}
	id, ok := r.Vocabulary.ID(piece)
	return id, ok && id >= 0
}

// number is the id that vLLM writes in place of a token's text, if it was told to.
func (c *Client) number(token string) *int64 {
	if c.cfg.Server != VLLM {
		return nil
	}
	m := numbered.FindStringSubmatch(token)
	if m == nil {
		return nil
	}
	id, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		id = -1
	}
	return &id
}

// unescape returns the bytes that a token of the form bytes:\xe2\x80 names.
func unescape(token string) string {
	var b []byte
	for _, hex := range strings.Split(token, `\x`)[1:] {
		x, _ := strconv.ParseUint(hex, 16, 8) // escaped has matched
		b = append(b, byte(x))
	}
	return string(b)
}

var errNoLogProbs = errors.New("the server gives no log-probabilities, though they were asked for")
