package canary

import (
	"fmt"
	"strconv"
	"strings"
)

// maxBuckets is the largest number of buckets that a book may have.
const maxBuckets = 16

// buckets is a function of the text that stands before a carrier: the product of
// what it looks at.
//
//	paragraphs N   the paragraph, counted by empty lines, the N-th for all later ones
//	sentence       whether the carrier begins a sentence
//	list           whether the line is an item of a list
type buckets struct {
	paragraphs     int // 0 and 1 do not look
	sentence, list bool
}

func parseBuckets(words []string) (b buckets, err error) {
	seen := map[string]bool{}
	for i := 0; i < len(words); i++ {
		w := words[i]
		if seen[w] {
			return b, fmt.Errorf("bucket %s stands twice", w)
		}
		seen[w] = true
		switch {
		case w == "none" && len(words) == 1:
		case w == "sentence":
			b.sentence = true
		case w == "list":
			b.list = true
		case w == "paragraphs" && i+1 < len(words):
			i++
			if b.paragraphs, err = strconv.Atoi(words[i]); err != nil || b.paragraphs < 2 || b.paragraphs > maxBuckets {
				return b, fmt.Errorf("bucket paragraphs is %q, want 2 to %d", words[i], maxBuckets)
			}
		default:
			return b, fmt.Errorf("bucket is %q, want none, or any of paragraphs N, sentence, list", strings.Join(words, " "))
		}
	}
	if n := b.count(); n > maxBuckets {
		return b, fmt.Errorf("bucket %q has %d values, want at most %d", strings.Join(words, " "), n, maxBuckets)
	}
	return b, nil
}

func (b buckets) count() int {
	n := max(b.paragraphs, 1)
	if b.sentence {
		n *= 2
	}
	if b.list {
		n *= 2
	}
	return n
}

// of returns the bucket of a carrier in the paragraph-th paragraph, from 0.
func (b buckets) of(paragraph int, sentence, list bool) int {
	n := 0
	if b.paragraphs > 1 {
		n = min(paragraph, b.paragraphs-1)
	}
	if b.sentence {
		n *= 2
		if sentence {
			n++
		}
	}
	if b.list {
		n *= 2
		if list {
			n++
		}
	}
	return n
}

func (b buckets) String() string {
	var words []string
	if b.paragraphs > 1 {
		words = append(words, "paragraphs", strconv.Itoa(b.paragraphs))
	}
	if b.sentence {
		words = append(words, "sentence")
	}
	if b.list {
		words = append(words, "list")
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, " ")
}
