package watermark_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

const vocabulary = 131072

func testKey(t testing.TB, n byte) keys.Key {
	t.Helper()
	k, err := keys.New(bytes.NewReader(bytes.Repeat([]byte{n}, 32)))
	require.NoError(t, err)
	return k
}

func testMark(t testing.TB, n byte, scheme watermark.Scheme) *watermark.Watermark {
	t.Helper()
	w, err := watermark.New(testKey(t, n), scheme, watermark.Options{})
	require.NoError(t, err)
	return w
}

func testSession(t testing.TB, w *watermark.Watermark, seed ...uint64) *watermark.Session {
	t.Helper()
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(seed...)})
	require.NoError(t, err)
	return s
}

// normalLogits are logits of standard deviation 3, about as peaked as a chat
// model's.
func normalLogits(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 2))
	l := make([]float32, n)
	for i := range l {
		l[i] = float32(r.NormFloat64() * 3)
	}
	return l
}

// advance accepts a token that gives the next position a new window.
func advance(b *testing.B, s *watermark.Session, i int) {
	if s.Len() >= 4096 {
		if err := s.Rewind(0); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Accept(watermark.Token(i)); err != nil {
		b.Fatal(err)
	}
}

func benchmarkSample(b *testing.B, scheme watermark.Scheme, ids []watermark.Token, logits []float32) {
	s := testSession(b, testMark(b, 1, scheme), 1)
	for i := range 4 {
		advance(b, s, i)
	}
	_, err := s.Sample(ids, logits)
	require.NoError(b, err)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		advance(b, s, i)
		if _, err := s.Sample(ids, logits); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkSampleDense128k(b *testing.B) {
	benchmarkSample(b, watermark.Gumbel{}, nil, normalLogits(vocabulary, 1))
}

// A flat row is the worst case of the pruning: every candidate whose coarse byte
// is 255 needs its fine word.
func BenchmarkSampleDense128kFlat(b *testing.B) {
	benchmarkSample(b, watermark.Gumbel{}, nil, make([]float32, vocabulary))
}

func BenchmarkSampleDense128kGreenList(b *testing.B) {
	benchmarkSample(b, watermark.GreenList{Gamma: 0.25, Delta: 2}, nil, normalLogits(vocabulary, 1))
}

// BenchmarkPlainSoftmax128k is what marking is compared with: ordinary sampling,
// softmax and inverse distribution function, as servers on a CPU do it.
func BenchmarkPlainSoftmax128k(b *testing.B) {
	logits, p := normalLogits(vocabulary, 1), make([]float64, vocabulary)
	r := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		plainSoftmax(logits, p, r.Float64())
	}
}

func plainSoftmax(logits []float32, p []float64, u float64) int {
	top := float32(math.Inf(-1))
	for _, l := range logits {
		top = max(top, l)
	}
	sum := 0.0
	for i, l := range logits {
		p[i] = math.Exp(float64(l - top))
		sum += p[i]
	}
	rest := u * sum
	for i, x := range p {
		if rest -= x; rest < 0 {
			return i
		}
	}
	return len(p) - 1
}

// sparse50 are the 50 most likely of many candidates, most likely first.
func sparse50() ([]watermark.Token, []float32) {
	r := rand.New(rand.NewPCG(3, 4))
	ids, logits := make([]watermark.Token, 50), make([]float32, 50)
	for i := range ids {
		ids[i], logits[i] = r.Int32N(vocabulary), float32(-0.15*float64(i)-0.05*r.Float64())
	}
	return ids, logits
}

func BenchmarkSampleSparse50(b *testing.B) {
	ids, logits := sparse50()
	benchmarkSample(b, watermark.Gumbel{}, ids, logits)
}

func BenchmarkPlainSoftmax50(b *testing.B) {
	_, logits := sparse50()
	p, r := make([]float64, 50), rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		plainSoftmax(logits, p, r.Float64())
	}
}

func BenchmarkSampleSparse50Dual(b *testing.B) {
	ids, logits := sparse50()
	benchmarkSample(b, watermark.DualGumbel{Alpha: 0.1}, ids, logits)
}

func BenchmarkSampleSparse50Tournament(b *testing.B) {
	ids, logits := sparse50()
	benchmarkSample(b, watermark.Tournament{Depth: 30}, ids, logits)
}

func BenchmarkAccept(b *testing.B) {
	s := testSession(b, testMark(b, 1, watermark.Gumbel{}), 1)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		advance(b, s, i)
		i++
	}
}

// BenchmarkRewind8 takes back a rejected draft of eight tokens; the time is with
// their acceptance.
func BenchmarkRewind8(b *testing.B) {
	s := testSession(b, testMark(b, 1, watermark.Gumbel{}), 1)
	for i := range 2000 {
		advance(b, s, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range 8 {
			if err := s.Accept(watermark.Token(7000 + i)); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Rewind(2000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCopyFrom4096(b *testing.B) {
	w := testMark(b, 1, watermark.Gumbel{})
	s, c := testSession(b, w, 1), testSession(b, w, 1)
	for i := range 4096 {
		advance(b, s, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.CopyFrom(s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSessionMemory reports what a session of 4,096 tokens holds.
func BenchmarkSessionMemory(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(sessionBytes(b), "B/session")
	}
}

func sessionBytes(t testing.TB) float64 {
	const sessions = 64
	w := testMark(t, 1, watermark.Gumbel{})
	ids, logits := sparse50()
	held := make([]*watermark.Session, sessions)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range held {
		held[i] = testSession(t, w, uint64(i))
		for j := range 4096 {
			require.NoError(t, held[i].Accept(watermark.Token(j)))
		}
		_, err := held[i].Sample(ids, logits)
		require.NoError(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(held)
	return float64(after.HeapAlloc-before.HeapAlloc) / sessions
}

// benchmarkDetect reads texts of a size, as many as make a corpus of 200,000
// tokens, de-duplication included.
func benchmarkDetect(b *testing.B, scheme watermark.Scheme, size int) {
	const corpus = 200_000
	r := rand.New(rand.NewPCG(5, 6))
	texts := make([]watermark.Text, corpus/size)
	for i := range texts {
		texts[i].Tokens = make([]watermark.Token, size)
		for j := range texts[i].Tokens {
			texts[i].Tokens[j] = r.Int32N(50_000)
		}
	}
	w := testMark(b, 1, scheme)
	b.ReportAllocs()
	for b.Loop() {
		d := w.NewDetector()
		for _, t := range texts {
			if err := d.Add(t); err != nil {
				b.Fatal(err)
			}
		}
		if d.Result().Scored < corpus*9/10 {
			b.Fatal("too few tokens scored")
		}
	}
	b.ReportMetric(float64(b.N)*corpus/b.Elapsed().Seconds(), "tokens/s")
}

func BenchmarkDetect(b *testing.B)     { benchmarkDetect(b, watermark.Gumbel{}, 200) }
func BenchmarkDetectLong(b *testing.B) { benchmarkDetect(b, watermark.Gumbel{}, 20_000) }
func BenchmarkDetectGreenList(b *testing.B) {
	benchmarkDetect(b, watermark.GreenList{Gamma: 0.25, Delta: 2}, 200)
}
func BenchmarkDetectTournament(b *testing.B) {
	benchmarkDetect(b, watermark.Tournament{Depth: 30}, 200)
}
func BenchmarkDetectDual(b *testing.B) { benchmarkDetect(b, watermark.DualGumbel{Alpha: 0.1}, 200) }

// BenchmarkLocalize searches 2,000 tokens of which 500 are marked.
func BenchmarkLocalize(b *testing.B) {
	w := testMark(b, 1, watermark.Gumbel{})
	text := watermark.Text{Tokens: spliced(b, w, 750, 500, 750)}
	for b.Loop() {
		if _, err := w.Localize(text, 1e-3); err != nil {
			b.Fatal(err)
		}
	}
}

// spliced returns unmarked, marked and again unmarked tokens of one model.
func spliced(t testing.TB, w *watermark.Watermark, before, marked, after int) []watermark.Token {
	t.Helper()
	var out []watermark.Token
	for i, part := range []int{before, marked, after} {
		s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(7, uint64(i)), Off: i != 1})
		require.NoError(t, err)
		m := newToyModel(uint64(i))
		for range part {
			ids, logits := m.next()
			token, err := s.Sample(ids, logits)
			require.NoError(t, err)
			require.NoError(t, s.Accept(token))
			m.history = append(m.history, token)
		}
		out = append(out, m.history...)
	}
	return out
}

// BenchmarkSearch asks which of 200 keys made a text of 1,000 tokens, next to
// BenchmarkSearchApart, the same with a detector for each key.
func BenchmarkSearch(b *testing.B) {
	texts, candidates := searched(b)
	for b.Loop() {
		if _, err := watermark.Search(texts, candidates); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSearchApart(b *testing.B) {
	texts, candidates := searched(b)
	for b.Loop() {
		for _, c := range candidates {
			if _, err := c.Mark.Detect(texts[0]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func searched(b *testing.B) ([]watermark.Text, []watermark.Candidate) {
	r := rand.New(rand.NewPCG(8, 9))
	tokens := make([]watermark.Token, 1000)
	for i := range tokens {
		tokens[i] = r.Int32N(50_000)
	}
	return []watermark.Text{{Tokens: tokens}}, candidates(b, 200, 3)
}
