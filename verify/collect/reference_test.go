package collect_test

import (
	"context"
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// A reference that cannot be reached costs no second question to the suspect,
// now or in the next run.
func TestReferenceFails(t *testing.T) {
	s, r, ref := reading()
	ref.f = func(q collect.Reading, ids [][]int32, k int) ([][]float64, error) {
		out := rescore(2, q, ids)
		switch name(q) {
		case "0 [0, 2)":
			if k <= 2 {
				return nil, &collect.TransportError{Err: errors.New("busy"), RetryAfter: 5 * time.Second}
			}
		case "0 [2, 3)":
			return nil, errors.New("HTTP 400\xff")
		case "1 [0, 2)":
			return nil, &collect.TransportError{Err: errors.New("down")}
		case "1 [2, 4)":
			out[1] = out[1][:3]
		case "2 [0, 2)":
			out = out[:1]
		case "2 [2, 4)":
			out[0][2] = math.Inf(-1)
		case "2 [4, 5)":
			out[0][3] = .5
		}
		return out, nil
	}
	c, path := newClock(), journal(t)
	got := run(t, readTask(3), s, path, collect.Options{Clock: c, Retries: 2})
	var errs []string
	for _, e := range got.Readings {
		errs = append(errs, e.Error)
	}
	assert.Equal(t, []string{"", "reference: HTTP 400\uFFFD", "",
		"collect: reference: position 3: 3 figures of the reference for 4 tokens",
		"collect: reference: answer has 1 positions, want 2",
		"collect: reference: position 2: ln p of token 29 to the reference is -Inf, want a finite number of at most 0",
		"collect: reference: position 4: ln p of token 49 to the reference is 0.5, want a finite number of at most 0",
	}, errs)
	assert.Equal(t, collect.Counts{Complete: 1, Failed: 5, Missing: 1, Unreached: 1}, got.ReadingCounts())
	assert.Equal(t, []string{"the reference did not answer"}, got.Readings[2].Unreached)
	assert.Empty(t, got.Readings[2].Model)
	assert.Equal(t, []time.Duration{5e9, 5e9, 1e9, 2e9}, c.slept)
	assert.Equal(t, got, reread(t, got))

	r.f, ref.f = nobody(t), nil
	last := run(t, readTask(3), s, path, collect.Options{})
	assert.Equal(t, collect.Counts{Complete: 2, Failed: 5}, last.ReadingCounts())
	assert.Equal(t, 1, last.Readings[2].Asked)
	assert.Equal(t, "bigram-1", last.Readings[2].Model)
	assert.Equal(t, 4, ref.n["1 [0, 2)"])
	for _, n := range r.n {
		assert.Equal(t, 1, n)
	}
}

func TestReadGivesUpOnAnUnreachableReference(t *testing.T) {
	s, _, ref := reading()
	ref.f = func(collect.Reading, [][]int32, int) ([][]float64, error) {
		return nil, &collect.TransportError{Err: errors.New("no route")}
	}
	_, err := collect.Run(context.Background(), readTask(9), s, journal(t), collect.Options{Clock: newClock(), Retries: -1, Unreachable: 3})
	assert.EqualError(t, err, "collect: 3 questions in a row got no answer; the last: reference: no byte of an answer: no route")
}

// A position at which the suspect lists fewer tokens, or none, has as many figures
// of the reference.
func TestShortLists(t *testing.T) {
	s, r, ref := reading()
	r.f = func(q collect.Reading, _ int) (collect.Predictions, error) {
		out := predict(1, q)
		for i := range out.At {
			n := (q.Begin + i) % 3
			out.At[i].IDs, out.At[i].LogProbs = out.At[i].IDs[:n], out.At[i].LogProbs[:n]
			if n == 0 {
				out.At[i].Argmax = collect.NoToken
			}
		}
		return out, nil
	}
	for _, empty := range [][]float64{nil, {}} {
		ref.f = func(q collect.Reading, ids [][]int32, _ int) ([][]float64, error) {
			out := rescore(2, q, ids)
			for i := range out {
				if len(ids[i]) == 0 {
					out[i] = empty
				}
			}
			return out, nil
		}
		path := journal(t)
		got := run(t, readTask(4), s, path, collect.Options{Clock: newClock()})
		for _, e := range got.Readings {
			require.Equal(t, collect.Complete, e.Status, e.Error)
			for i, p := range e.Predictions {
				assert.Len(t, p.IDs, (e.Begin+i)%3)
				assert.Len(t, p.Reference, (e.Begin+i)%3)
			}
		}
		assert.Equal(t, got, reread(t, got))
		assert.Equal(t, got, run(t, readTask(4), s, path, collect.Options{}))
		assert.Equal(t, got, run(t, readTask(4), collect.Replay(got), journal(t), collect.Options{Clock: newClock()}))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.NotContains(t, string(data), "null")
	}
}
