package engine

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sorted is truncation as its definition has it: all candidates in order, then
// one cut after the other. Where top-p's end is within rounding it returns the
// lengths between which either is right.
func sorted(row []float32, s *Sampling) (list []candidate, least, most int) {
	for i, l := range row {
		if !math.IsNaN(float64(l)) && !math.IsInf(float64(l), -1) {
			list = append(list, candidate{watermark.Token(i), l})
		}
	}
	sortCandidates(list)
	if s.TopK > 0 {
		list = list[:min(s.TopK, len(list))]
	}
	least, most = len(list), len(list)
	if s.TopP > 0 && s.TopP < 1 && len(list) > 0 {
		total := 0.0
		for _, c := range list {
			total += math.Exp(float64(c.logit - list[0].logit))
		}
		sum := 0.0
		for i, c := range list {
			sum += math.Exp(float64(c.logit - list[0].logit))
			if least == len(list) && sum >= s.TopP*total*(1-1e-8) {
				least = i + 1
			}
			if sum >= s.TopP*total*(1+1e-8) {
				most = i + 1
				break
			}
		}
	}
	if s.MinP > 0 {
		n := 0
		for _, c := range list {
			if c.logit >= list[0].logit+float32(math.Log(s.MinP)) {
				n++
			}
		}
		least, most = min(least, n), min(most, n)
	}
	return list, least, most
}

func checkTruncation(t *testing.T, tr *truncator, row []float32, s *Sampling) {
	t.Helper()
	before := slices.Clone(row)
	ids, logits := tr.truncate(row, s)
	list, least, most := sorted(row, s)
	require.Len(t, logits, len(ids))
	require.GreaterOrEqual(t, len(ids), least, "%+v", *s)
	require.LessOrEqual(t, len(ids), most, "%+v", *s)
	got := make([]candidate, len(ids))
	for i := range ids {
		got[i] = candidate{ids[i], logits[i]}
	}
	sortCandidates(got)
	require.Equal(t, append([]candidate{}, list[:len(ids)]...), got, "%+v", *s)
	for i := range row {
		require.Equal(t, math.Float32bits(before[i]), math.Float32bits(row[i]))
	}
}

func TestTruncationIsThatOfTheSortedRow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tr := newTruncator(3000)
	for round := range 600 {
		row := make([]float32, 1+r.IntN(3000))
		width := []float64{0.01, 1, 4, 30}[round%4]
		for i := range row {
			switch row[i] = float32(r.NormFloat64() * width); {
			case round%3 == 0:
				row[i] = float32(math.Round(float64(row[i])*4) / 4) // ties
			case round%7 == 0 && r.IntN(3) == 0:
				row[i] = float32(math.Inf(-1))
			case round%11 == 0 && r.IntN(9) == 0:
				row[i] = float32(math.NaN())
			}
		}
		s := Sampling{}
		if round%2 == 0 {
			s.TopK = 1 + r.IntN(len(row)+3)
		}
		if round%5 < 3 {
			s.TopP = []float64{1e-9, 0.1, 0.5, 0.9, 0.95, 0.999, 0.99999999}[r.IntN(7)]
		}
		if round%6 < 2 {
			s.MinP = []float64{1e-9, 0.01, 0.05, 0.5, 0.99}[r.IntN(5)]
		}
		checkTruncation(t, tr, row, &s)
	}
}

func TestTruncationOfOddRows(t *testing.T) {
	inf := float32(math.Inf(1))
	nan := float32(math.NaN())
	tr := newTruncator(8)
	for _, row := range [][]float32{{}, {-inf}, {nan, nan}, {-inf, nan, -inf}} {
		ids, logits := tr.truncate(row, &Sampling{TopP: 0.5, TopK: 3})
		assert.Empty(t, ids)
		assert.Empty(t, logits)
	}
	for _, row := range [][]float32{{0}, {0, 0, 0}, {-1e30, 1e30, 5}, {math.MaxFloat32, -math.MaxFloat32, 0}, {inf, 1, inf}, {nan, 1}} {
		for _, s := range []Sampling{{TopK: 1}, {TopP: 0.3}, {MinP: 0.5}, {TopK: 2, TopP: 0.9, MinP: 0.1}} {
			ids, logits := tr.truncate(row, &s)
			assert.NotEmpty(t, ids, "%v %+v", row, s)
			assert.Len(t, logits, len(ids))
		}
	}
}

func FuzzTruncate(f *testing.F) {
	f.Add([]byte("\x00\x00\x80\x3f\x00\x00\x00\x40"), uint16(1), 0.5, 0.0)
	f.Add([]byte("\x00\x00\x80\xff\x00\x00\x00\x40\x00\x00\x00\x41"), uint16(0), 0.9, 0.1)
	f.Add([]byte("\x00\x00\xc0\x7f\x00\x00\x80\x7f"), uint16(2), 0.9, 0.1)
	f.Fuzz(func(t *testing.T, data []byte, k uint16, p, minP float64) {
		row := make([]float32, min(len(data)/4, 1<<12))
		finite := true
		for i := range row {
			row[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
			// Beyond 1e30 differences of logits overflow.
			finite = finite && !(row[i] > 1e30) && !(row[i] < -1e30 && !math.IsInf(float64(row[i]), -1))
		}
		s := Sampling{TopK: int(k), TopP: p, MinP: minP}
		bad := func(string, ...any) error { return assert.AnError }
		if s.check(len(row), bad) != nil {
			return
		}
		tr := newTruncator(len(row))
		if !finite {
			tr.truncate(row, &s)
			return
		}
		checkTruncation(t, tr, row, &s)
	})
}

func TestExpNeg(t *testing.T) {
	for x := float32(0); x < 42; x += 0.00317 {
		assert.InEpsilon(t, math.Exp(-float64(x)), expNeg(x), 3e-9, "%v", x)
	}
	for _, x := range []float32{43, 100, float32(math.Inf(1)), float32(math.NaN())} {
		assert.Zero(t, expNeg(x))
	}
}
