package tokenizer

import "unicode/utf8"

// A splitter cuts text into the words that are encoded by themselves. It is the
// hand-written form of one of the known regular expressions, with the library's
// way of applying it: again and again from where the last match ended. What no
// match takes is a word as well, so words follow one another without gaps.
type splitter struct {
	pattern pattern
	pieces  pieces
	group   int // the most digits in a word, for patterns that count them
	kinds   *kinds
}

// A pattern is a family of regular expressions.
type pattern uint8

const (
	patternGPT2     pattern = iota // ByteLevel with use_regex
	patternCL100K                  // Llama 3, Qwen 2 and 3
	patternO200K                   // GPT-4o, gpt-oss, Llama 4
	patternCaseless                // o200k without contractions: Mistral's Tekken
	patternDeepSeek                // DeepSeek V3 and R1
)

// pieces are what the text is cut into before it is cut into words.
type pieces uint8

const (
	piecesNone     pieces = iota
	piecesDigits          // Digits: each digit, and what is between
	piecesRuns            // Digits: each run of digits, and what is between
	piecesDeepSeek        // groups of three digits, runs of Chinese and Japanese, and what is between
)

// piece returns the end of the piece that begins at i.
func (w *splitter) piece(s string, i int) int {
	if w.pieces == piecesDeepSeek {
		return w.deepSeekPiece(s, i)
	}
	kind, n := w.kinds.at(s, i)
	switch {
	case kind != number:
		return w.kinds.run(s, i, ^uint8(number))
	case w.pieces == piecesDigits:
		return i + n
	default:
		return w.kinds.run(s, i, number)
	}
}

// A walk goes through the words of s from at on. After each call of next that gives
// true the word is s[from:at].
type walk struct {
	w        *splitter
	s        string
	from, at int
	piece    int // the end of the piece that at is in; at first at
}

func (k *walk) next() bool {
	if k.at >= len(k.s) {
		return false
	}
	if k.at == k.piece {
		if k.piece = len(k.s); k.w.pieces != piecesNone {
			k.piece = k.w.piece(k.s, k.at)
		}
	}
	k.from, k.at = k.at, k.w.next(k.s[:k.piece], k.at)
	return true
}

// next returns the end of the word that begins at i, which is less than len(s).
func (w *splitter) next(s string, i int) int {
	switch w.pattern {
	case patternGPT2:
		return w.gpt2(s, i)
	case patternCL100K:
		return w.cl100k(s, i)
	case patternDeepSeek:
		return w.deepSeek(s, i)
	default:
		return w.o200k(s, i)
	}
}

// gpt2 is
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func (w *splitter) gpt2(s string, i int) int {
	k := w.kinds
	first := i
	switch s[i] {
	case '\'':
		if n := contraction(s[i:], false); n > 0 {
			return i + n
		}
	case ' ':
		if i++; i == len(s) {
			return i
		}
	}
	switch kind, n := k.at(s, i); {
	case kind&letter != 0:
		return k.run(s, i+n, letter)
	case kind == number:
		return k.run(s, i+n, number)
	case kind != space:
		return k.run(s, i+n, rest)
	}
	return w.blank(s, first)
}

// cl100k is, where group is 3,
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func (w *splitter) cl100k(s string, i int) int {
	k := w.kinds
	if s[i] == '\'' {
		if n := contraction(s[i:], true); n > 0 {
			return i + n
		}
	}
	kind, n := k.at(s, i)
	switch {
	case kind&letter != 0:
		return k.run(s, i+n, letter)
	case kind == number:
		return w.number(s, i)
	case s[i] != '\r' && s[i] != '\n':
		if end := k.run(s, i+n, letter); end > i+n {
			return end
		}
	}
	return w.others(s, i, kind, n, false)
}

// o200k is, where group is 3 and U stands for \p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}, L for
// \p{Ll}\p{Lm}\p{Lo}\p{M} and C for (?i:'s|'t|'re|'ve|'m|'ll|'d),
//
//	[^\r\n\p{L}\p{N}]?[U]*[L]+C?|[^\r\n\p{L}\p{N}]?[U]+[L]*C?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// and, for patternCaseless, the same without C.
func (w *splitter) o200k(s string, i int) int {
	kind, n := w.kinds.at(s, i)
	prefix := kind&(letter|number) == 0 && s[i] != '\r' && s[i] != '\n'
	for _, tail := range []bool{true, false} {
		if prefix {
			if end := w.cased(s, i+n, tail); end > 0 {
				return end
			}
		}
		if kind&(letter|mark) != 0 {
			if end := w.cased(s, i, tail); end > 0 {
				return end
			}
		}
	}
	if kind == number {
		return w.number(s, i)
	}
	return w.others(s, i, kind, n, true)
}

// cased returns the end of [U]*[L]+C? at i, or, where there need be no tail, of
// [U]+[L]*C?; 0 if there is no match.
func (w *splitter) cased(s string, i int, tail bool) int {
	k := w.kinds
	head := k.run(s, i, caps)
	end := k.run(s, head, small)
	if tail && end == head {
		// The head gives back characters until one can be the tail.
		for {
			if end == i {
				return 0
			}
			r, n := utf8.DecodeLastRuneInString(s[i:end])
			if k.of[k.table.Category(r)]&small != 0 {
				break
			}
			end -= n
		}
	}
	if !tail && head == i {
		return 0
	}
	if w.pattern == patternO200K && end < len(s) && s[end] == '\'' {
		end += contraction(s[end:], true)
	}
	return end
}

// number is \p{N}{1,group}.
func (w *splitter) number(s string, i int) int {
	for range w.group {
		if i == len(s) {
			break
		}
		kind, n := w.kinds.at(s, i)
		if kind != number {
			break
		}
		i += n
	}
	return i
}

// others is what cl100k and o200k say of characters that are not of words, of which
// the first is of this kind and width:
//
//	?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// where / is only in o200k.
func (w *splitter) others(s string, i int, kind uint8, width int, slash bool) int {
	k := w.kinds
	end := i
	if kind != space {
		end = k.run(s, i+width, rest)
	} else if s[i] == ' ' {
		end = k.run(s, i+1, rest)
		if end == i+1 {
			end = i
		}
	}
	if end > i {
		for end < len(s) && (s[end] == '\r' || s[end] == '\n' || slash && s[end] == '/') {
			end++
		}
		return end
	}
	return w.whiteSpace(s, i)
}

// whiteSpace is \s*[\r\n]+|\s+(?!\S)|\s+ where there is white space.
func (w *splitter) whiteSpace(s string, i int) int {
	end := w.kinds.run(s, i, space)
	for j := end; j > i; j-- {
		if s[j-1] == '\r' || s[j-1] == '\n' {
			return j
		}
	}
	return w.blankTo(s, i, end)
}

// blank is \s+(?!\S)|\s+: all of a run of white space but its last character,
// unless the run ends the text or has no other.
func (w *splitter) blank(s string, i int) int {
	return w.blankTo(s, i, w.kinds.run(s, i, space))
}

func (w *splitter) blankTo(s string, i, end int) int {
	if end == len(s) {
		return end
	}
	_, n := utf8.DecodeLastRuneInString(s[i:end])
	if end-n > i {
		return end - n
	}
	return end
}
