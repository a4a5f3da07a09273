package engine

import "github.com/dyetrace/dyetrace/watermark"

// lookup drafts what followed the last tokens where they occurred before, at
// the latest such place, for the longest run of 4 to 2 tokens that did, and
// appends at most n tokens to dst (prompt lookup decoding, Saxena 2023).
func lookup(dst, tokens []watermark.Token, n int) []watermark.Token {
	const longest, shortest = 4, 2
	best, at := shortest-1, -1
	last := len(tokens) - 1
	for end := last - 1; end >= 0 && best < longest; end-- {
		run := 0
		for run < longest && end-run >= 0 && tokens[end-run] == tokens[last-run] {
			run++
		}
		if run > best {
			best, at = run, end
		}
	}
	if at < 0 {
		return dst
	}
	return append(dst, tokens[at+1:min(at+1+n, len(tokens))]...)
}
