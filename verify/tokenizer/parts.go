package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
)

// The forms of regular expressions that splitter knows, as files have them.
var patterns = map[string]splitter{
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: {pattern: patternCL100K, group: 3},
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`:      {pattern: patternCL100K, group: 1},
	`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`: {pattern: patternO200K, group: 3},
	`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|` +
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|` +
		`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`: {pattern: patternCaseless, group: 1},
}

// deepSeek are the three splits of DeepSeek's files, each of what the one before
// leaves.
var deepSeek = []string{
	`\p{N}{1,3}`,
	"[一-龥\u3040-ゟ゠-ヿ]+",
	"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
}

// normalizer reports whether text is brought into form C. Nothing else is known.
func normalizer(raw json.RawMessage) (nfc bool, err error) {
	if null(raw) {
		return false, nil
	}
	kind, err := kindOf(raw)
	if err != nil {
		return false, fmt.Errorf("normalizer: %w", err)
	}
	switch kind {
	case "NFC":
		var v struct {
			Type string `json:"type"`
		}
		return true, named("normalizer", strict(raw, &v))
	case "Sequence":
		var v struct {
			Type        string            `json:"type"`
			Normalizers []json.RawMessage `json:"normalizers"`
		}
		if err := strict(raw, &v); err != nil {
			return false, named("normalizer", err)
		}
		for _, part := range v.Normalizers {
			one, err := normalizer(part)
			if err != nil {
				return false, err
			}
			nfc = nfc || one
		}
		return nfc, nil
	}
	return false, fmt.Errorf("normalizer is %q, want NFC or none", kind)
}

func named(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// preTokenizer sets how w splits. It knows ByteLevel alone, after Digits, after a
// Split by one of patterns, or after the three of deepSeek.
func preTokenizer(raw json.RawMessage, w *splitter) error {
	steps, err := flatten(raw)
	if err != nil {
		return named("pre_tokenizer", err)
	}
	if len(steps) == 0 || len(steps) == 3 || len(steps) > 4 {
		return fmt.Errorf("pre_tokenizer has %d steps, want ByteLevel alone, or Digits, Split or DeepSeek's three of Split and then ByteLevel", len(steps))
	}
	regex, err := byteLevel(steps[len(steps)-1])
	if err != nil {
		return named("pre_tokenizer", err)
	}
	if len(steps) == 4 {
		return named("pre_tokenizer", threeSplits(steps[:3], regex, w))
	}
	kind := ""
	if len(steps) == 2 {
		if kind, err = kindOf(steps[0]); err != nil {
			return named("pre_tokenizer", err)
		}
	}
	switch {
	case kind == "Split" && !regex:
		return named("pre_tokenizer", split(steps[0], w))
	case kind == "Digits" && regex:
		return named("pre_tokenizer", digitsStep(steps[0], w))
	case kind == "" && regex:
		return nil
	case kind == "":
		return errors.New("pre_tokenizer is ByteLevel with use_regex false and nothing before it, which splits nowhere; want a Split before it")
	case kind == "Split" || kind == "Digits":
		return fmt.Errorf("pre_tokenizer is %s and then ByteLevel with use_regex %t, want %t", kind, regex, !regex)
	}
	return fmt.Errorf("pre_tokenizer begins with %q, want Split, Digits or ByteLevel", kind)
}

// flatten returns the steps of a Sequence, or the one step.
func flatten(raw json.RawMessage) ([]json.RawMessage, error) {
	if null(raw) {
		return nil, nil
	}
	kind, err := kindOf(raw)
	if err != nil || kind != "Sequence" {
		return []json.RawMessage{raw}, err
	}
	var v struct {
		Type          string            `json:"type"`
		PreTokenizers []json.RawMessage `json:"pretokenizers"`
	}
	if err := strict(raw, &v); err != nil {
		return nil, err
	}
	var out []json.RawMessage
	for _, part := range v.PreTokenizers {
		steps, err := flatten(part)
		if err != nil {
			return nil, err
		}
		out = append(out, steps...)
	}
	return out, nil
}

// byteLevel returns use_regex of a ByteLevel step.
func byteLevel(raw json.RawMessage) (regex bool, err error) {
	kind, err := kindOf(raw)
	if err != nil {
		return false, err
	}
	if kind != "ByteLevel" {
		return false, fmt.Errorf("it ends with %q, want ByteLevel: this package knows byte-level tokenizers only", kind)
	}
	v := struct {
		Type           string `json:"type"`
		AddPrefixSpace *bool  `json:"add_prefix_space"`
		TrimOffsets    bool   `json:"trim_offsets"`
		UseRegex       *bool  `json:"use_regex"`
	}{}
	if err := strict(raw, &v); err != nil {
		return false, err
	}
	if v.AddPrefixSpace == nil || *v.AddPrefixSpace {
		return false, errors.New("add_prefix_space is not false: the library would encode a space that is not in the text")
	}
	return v.UseRegex == nil || *v.UseRegex, nil
}

func split(raw json.RawMessage, w *splitter) error {
	// The patterns leave nothing out, so that it is the same whether that is kept.
	pattern, _, err := regex(raw)
	if err != nil {
		return err
	}
	known, ok := patterns[pattern]
	if !ok {
		return fmt.Errorf("pattern is %q, want one that this package knows: of Llama 3, Qwen 2, o200k, Tekken, or all three of DeepSeek's", pattern)
	}
	w.pattern, w.group = known.pattern, known.group
	return nil
}

func threeSplits(steps []json.RawMessage, useRegex bool, w *splitter) error {
	if useRegex {
		return errors.New("ByteLevel with use_regex true comes last, want false")
	}
	for i, raw := range steps {
		pattern, isolated, err := regex(raw)
		if err != nil {
			return err
		}
		if pattern != deepSeek[i] {
			return fmt.Errorf("pattern is %q, want %q, as DeepSeek's files have it", pattern, deepSeek[i])
		}
		if !isolated {
			return errors.New("behavior is Removed with invert true, want Isolated with false")
		}
	}
	w.pattern, w.pieces, w.group = patternDeepSeek, piecesDeepSeek, 3
	return nil
}

// regex returns the pattern of a Split that keeps what matches, as a word, and
// whether it also keeps what does not.
func regex(raw json.RawMessage) (pattern string, isolated bool, err error) {
	var v struct {
		Type     string `json:"type"`
		Pattern  struct{ Regex, String *string }
		Behavior string `json:"behavior"`
		Invert   bool   `json:"invert"`
	}
	kind, err := kindOf(raw)
	if err != nil {
		return "", false, err
	}
	if kind != "Split" {
		return "", false, fmt.Errorf("of three steps before ByteLevel one is %q, want Split", kind)
	}
	if err := strict(raw, &v); err != nil {
		return "", false, err
	}
	if v.Pattern.Regex == nil {
		return "", false, errors.New("pattern is no regular expression")
	}
	isolated = v.Behavior == "Isolated" && !v.Invert
	if !isolated && !(v.Behavior == "Removed" && v.Invert) {
		return "", false, fmt.Errorf("behavior is %q with invert %t, want Isolated with false or Removed with true", v.Behavior, v.Invert)
	}
	return *v.Pattern.Regex, isolated, nil
}

func digitsStep(raw json.RawMessage, w *splitter) error {
	var v struct {
		Type       string `json:"type"`
		Individual *bool  `json:"individual_digits"`
	}
	if err := strict(raw, &v); err != nil {
		return err
	}
	if w.pieces = piecesRuns; v.Individual != nil && *v.Individual {
		w.pieces = piecesDigits
	}
	return nil
}

// postProcessor refuses what might change ids when no special tokens are asked
// for.
func postProcessor(raw json.RawMessage) error {
	if null(raw) {
		return nil
	}
	kind, err := kindOf(raw)
	if err != nil {
		return named("post_processor", err)
	}
	switch kind {
	case "ByteLevel": // offsets only
		return nil
	case "Sequence":
		var v struct {
			Type       string            `json:"type"`
			Processors []json.RawMessage `json:"processors"`
		}
		if err := strict(raw, &v); err != nil {
			return named("post_processor", err)
		}
		for _, part := range v.Processors {
			if err := postProcessor(part); err != nil {
				return err
			}
		}
		return nil
	case "TemplateProcessing":
		var v struct {
			Single []struct {
				Sequence     *struct{ ID string }
				SpecialToken *struct{}
			}
		}
		if err := json.Unmarshal(raw, &v); err != nil {
			return named("post_processor", err)
		}
		sequences := 0
		for _, piece := range v.Single {
			switch {
			case piece.Sequence != nil && piece.Sequence.ID == "A":
				sequences++
			case piece.SpecialToken == nil:
				return errors.New("post_processor has a template with a piece that is neither sequence A nor a special token")
			}
		}
		if sequences != 1 {
			return fmt.Errorf("post_processor has a template with the text %d times, want once", sequences)
		}
		return nil
	}
	return fmt.Errorf("post_processor is %q, want ByteLevel, TemplateProcessing or a Sequence of them", kind)
}

// decoder refuses a decoder that is not ByteLevel's: the pieces would stand for
// other bytes.
func decoder(raw json.RawMessage) error {
	if null(raw) {
		return nil
	}
	kind, err := kindOf(raw)
	if err == nil && kind != "ByteLevel" {
		err = fmt.Errorf("it is %q, want ByteLevel", kind)
	}
	return named("decoder", err)
}
