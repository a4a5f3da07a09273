package tokenizer

import "unicode/utf8"

// deepSeekPiece is what these two leave, one after the other:
//
//	\p{N}{1,3}
//	[一-龥\u3040-ゟ゠-ヿ]+
func (w *splitter) deepSeekPiece(s string, i int) int {
	k := w.kinds
	if kind, _ := k.at(s, i); kind == number {
		return w.number(s, i)
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	han := eastAsian(r)
	for i < len(s) {
		if s[i] < utf8.RuneSelf {
			if han || k.ascii[s[i]] == number {
				break
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if eastAsian(r) != han || k.of[k.table.Category(r)] == number {
			break
		}
		i += n
	}
	return i
}

func eastAsian(r rune) bool { return r >= 0x4E00 && r <= 0x9FA5 || r >= 0x3040 && r <= 0x30FF }

// deepSeek is, in a piece,
//
//	[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
// and what is between the matches.
func (w *splitter) deepSeek(s string, i int) int {
	begin := i
	for i < len(s) {
		end := w.deepSeekMatch(s, i)
		switch {
		case end == 0:
			_, n := w.kinds.at(s, i)
			i += n
		case i > begin:
			return i
		default:
			return end
		}
	}
	return i
}

// deepSeekMatch returns the end of the match that begins at i, or 0.
func (w *splitter) deepSeekMatch(s string, i int) int {
	k := w.kinds
	kind, n := k.at(s, i)
	if kind == sign && s[i] < utf8.RuneSelf {
		end := i + 1
		for end < len(s) && (s[end]|0x20) >= 'a' && (s[end]|0x20) <= 'z' {
			end++
		}
		if end > i+1 {
			return end
		}
	}
	switch {
	case kind&(letter|mark) != 0:
		return k.run(s, i+n, letter|mark)
	case kind != sign && s[i] != '\r' && s[i] != '\n':
		if end := k.run(s, i+n, letter|mark); end > i+n {
			return end
		}
	}
	end := i
	if s[i] == ' ' {
		end++
	}
	if signs := k.run(s, end, sign); signs > end {
		for signs < len(s) && (s[signs] == '\r' || s[signs] == '\n') {
			signs++
		}
		return signs
	}
	if kind != space {
		return 0
	}
	return w.whiteSpace(s, i)
}
