package collect_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// bigTask are 20 passages of 500 positions, 20 tokens a position with a reference.
func bigTask() (collect.Task, collect.Suspect) {
	rng := rand.New(rand.NewPCG(1, 1))
	task := collect.Task{Plan: digest(1), Want: collect.Want{Top: 20}, Reference: true, Span: 100}
	for range 20 {
		var p collect.Passage
		for range 500 {
			p.Tokens = append(p.Tokens, rng.Int32N(150_000))
		}
		task.Passages = append(task.Passages, p)
	}
	draw := func() (l []float64) {
		sum := 0.0
		for range 20 {
			sum -= 0.6 * rng.Float64()
			l = append(l, float64(float32(sum-3)))
		}
		return l
	}
	s := collect.Suspect{Name: "s", TopLogProbs: &reader{f: func(q collect.Reading, _ int) (collect.Predictions, error) {
		var out collect.Predictions
		for range q.End - q.Begin {
			p := collect.Prediction{LogProbs: draw()}
			for i := range 20 {
				p.IDs = append(p.IDs, int32(i)*7000+rng.Int32N(7000))
			}
			out.At = append(out.At, p)
		}
		return out, nil
	}}, Reference: &scorer{f: func(_ collect.Reading, ids [][]int32, _ int) (out [][]float64, _ error) {
		for range ids {
			out = append(out, draw())
		}
		return out, nil
	}}}
	return task, s
}

// What a collection of readings costs beside its models, for 10,000 positions.
func BenchmarkReadings(b *testing.B) {
	task, s := bigTask()
	path := filepath.Join(b.TempDir(), "journal")
	t, err := collect.Run(context.Background(), task, s, path, collect.Options{})
	require.NoError(b, err)
	require.Equal(b, 100, t.ReadingCounts().Complete, t.Readings[0].Error)
	var file bytes.Buffer
	_, err = t.WriteTo(&file)
	require.NoError(b, err)
	const positions = 10_000
	report := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/positions, "ns/position")
	}
	b.Logf("%d bytes a position", file.Len()/positions)
	b.Run("collect", func(b *testing.B) {
		for i := range b.N {
			_, err := collect.Run(context.Background(), task, s, fmt.Sprintf("%s.%d", path, i), collect.Options{})
			require.NoError(b, err)
		}
		report(b)
	})
	b.Run("resume", func(b *testing.B) {
		for range b.N {
			_, err := collect.Run(context.Background(), task, s, path, collect.Options{})
			require.NoError(b, err)
		}
		report(b)
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_, err := collect.ReadTranscript(bytes.NewReader(file.Bytes()))
			require.NoError(b, err)
		}
		report(b)
	})
	b.Run("digest", func(b *testing.B) {
		for range b.N {
			_, err := t.Digest()
			require.NoError(b, err)
		}
		report(b)
	})
}
