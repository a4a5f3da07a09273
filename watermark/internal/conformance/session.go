package conformance

import (
	"math"
	"slices"
	"testing"
)

// A Session is what is asked here of a session of a mark.
type Session interface {
	Sample(ids []int32, logits []float32) (int32, error)
	Accept(token int32) error
	Rewind(n int) error
	Len() int
}

// Accept hands tokens to a session.
func Accept(t testing.TB, s Session, tokens ...int32) {
	t.Helper()
	for _, x := range tokens {
		if err := s.Accept(x); err != nil {
			t.Fatal(err)
		}
	}
}

// Write lets a session write n tokens from the rows of [Sparse50].
func Write(t testing.TB, s Session, n int) []int32 {
	t.Helper()
	ids, logits := Sparse50()
	var tokens []int32
	for range n {
		token, err := s.Sample(ids, logits)
		if err != nil {
			t.Fatal(err)
		}
		Accept(t, s, token)
		tokens = append(tokens, token)
	}
	return tokens
}

// Choose lets a session choose among candidates as they are, in another order, and in a
// dense row, and fails unless it chooses the same each time.
func Choose(t testing.TB, s Session, ids []int32, logits []float32) int32 {
	t.Helper()
	got, err := s.Sample(ids, logits)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Sample(Reversed(ids, logits))
	if err != nil {
		t.Fatal(err)
	}
	dense, err := s.Sample(nil, denseRow(ids, logits))
	if err != nil {
		t.Fatal(err)
	}
	if again != got || dense != got {
		t.Errorf("token %d in another order, %d in a dense row, want %d as of the candidates as they are", again, dense, got)
	}
	return got
}

// Reversed returns candidates and logits in another order.
func Reversed(ids []int32, logits []float32) ([]int32, []float32) {
	ids, logits = slices.Clone(ids), slices.Clone(logits)
	slices.Reverse(ids)
	slices.Reverse(logits)
	return ids, logits
}

// denseRow returns a logit for each id up to the largest: −Inf where it is no candidate.
func denseRow(ids []int32, logits []float32) []float32 {
	row := make([]float32, slices.Max(ids)+1)
	for i := range row {
		row[i] = float32(math.Inf(-1))
	}
	for i, t := range ids {
		row[t] = logits[i]
	}
	return row
}

// Winner returns the index of the largest sum of what an engine's rule says and the
// request's own noise, or −1 where two sums are too close to tell in float32.
func Winner(rule []float64, noise []float32) int {
	best, second, winner := math.Inf(-1), math.Inf(-1), -1
	for i, l := range rule {
		switch v := l + float64(noise[i]); {
		case v > best:
			best, second, winner = v, best, i
		case v > second:
			second = v
		}
	}
	if best-second > 1e-4 {
		return winner
	}
	return -1
}
