package canary

import "bytes"

const (
	// refusalHead is how many bytes at the beginning of an answer may say that it
	// refuses. Uses of carriers count as one byte, so that planting moves nothing.
	refusalHead = 200
	// refusalAhead is how many bytes behind a use are searched too, at least: what
	// lookAhead leaves when the longest form of the carrier is held back, the same
	// for each form.
	refusalAhead = 16
)

// What answers say that apologise or refuse, wherever their first bytes say it, in
// lower case and from the beginning of a word.
var refusals = [][]byte{
	[]byte("sorry"), []byte("apologi"), []byte("i can't"), []byte("i can’t"), []byte("i cannot"), []byte("i can not"),
	[]byte("i'm unable"), []byte("i’m unable"), []byte("i am unable"), []byte("i'm not able"), []byte("i’m not able"), []byte("i am not able"),
	[]byte("i won't"), []byte("i won’t"), []byte("i will not"), []byte("not able to help"), []byte("we can't"), []byte("we can’t"), []byte("we cannot"),
	[]byte("i must decline"), []byte("i have to decline"), []byte("respectfully decline"), []byte("i cant"),
	[]byte("i shouldn't help"), []byte("i shouldn’t help"), []byte("i should not help"),
	[]byte("i'd rather not help"), []byte("i’d rather not help"), []byte("i would rather not help"),
	[]byte("not comfortable with that"), []byte("not comfortable with this"), []byte("not comfortable helping"), []byte("not comfortable doing"), []byte("don't feel comfortable"), []byte("don’t feel comfortable"), []byte("do not feel comfortable"),
	[]byte("not going to help"), []byte("not going to assist"), []byte("not going to provide"), []byte("not going to write"),
	[]byte("something i can help"), []byte("something i can assist"), []byte("something i'm able"), []byte("something i’m able"), []byte("something i am able"),
	[]byte("my guidelines"), []byte("my safety guidelines"),
}

// A refusal remembers the first bytes of an answer, to leave a refusal alone from
// the first carrier whose neighbourhood says that it is one.
type refusal struct {
	head  [refusalHead]byte // in lower case
	n     int
	heard bool // the head is full, and refuses nothing
}

// hear adds what was read to the head.
func (r *refusal) hear(b []byte) {
	for _, c := range b[:min(len(b), len(r.head)-r.n)] {
		r.head[r.n] = lower(c)
		r.n++
	}
}

// refuses reports whether the head says that the answer refuses, if a use and
// what follows are next.
func (r *refusal) refuses(next []byte) bool {
	n := r.n
	r.hear(next)
	text := r.head[:r.n]
	r.n = n
	for _, p := range refusals {
		for from := 0; ; {
			i := bytes.Index(text[from:], p)
			if i < 0 {
				break
			}
			if i += from; i == 0 || !isWordByte(text[i-1]) {
				return true
			}
			from = i + 1
		}
	}
	r.heard = n == len(r.head)
	return false
}
