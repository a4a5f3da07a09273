package verify_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/watermark"
)

// Mutants killed in this file, each by the test in brackets: decoys of another
// law taken for good [DecoysFromAnotherLawVoid]; decoys shared between readings
// or marks
// that differ [DecoysOfDifferentMarks]; decoys drawn from anything but
// seal and index [DecoysFollowTheSeal]; sums that depend on the number of
// workers [JudgeIsDeterministic].

// twoLayers is a case of 10 answers of a student of a vendor and an epoch layer,
// judged under both and under the key of another epoch.
func twoLayers(t testing.TB, share float64, decoys int) *trialCase {
	vendor, epoch, other, layout := newKey(t, 1), newKey(t, 2), newKey(t, 3), newKey(t, 4)
	build := func(epoch watermark.Layer) *watermark.Layers {
		l, err := watermark.NewLayers(layout,
			watermark.Layer{Name: "vendor", Share: watermark.AllWindows / 2, Mark: newMark(t, vendor, watermark.Gumbel{}, 1)}, epoch)
		require.NoError(t, err)
		return l
	}
	layers := build(watermark.Layer{Name: "epoch", Share: watermark.AllWindows / 2, Mark: newMark(t, epoch, watermark.Gumbel{}, 1)})
	wrong := build(watermark.Layer{Name: "epoch", Share: watermark.AllWindows / 2, Mark: newMark(t, other, watermark.Gumbel{}, 1)})
	rng := rand.New(rand.NewPCG(7, 7))
	var answers []string
	for range 10 {
		answers = append(answers, text(student(t, layers, share, 70, token(rng.IntN(2048)), rng)...))
	}
	c := newCase(t, answers, nil)
	c.key(t, "vendor", layers.Mark("vendor"), vendor)
	c.key(t, "epoch", layers.Mark("epoch"), epoch)
	c.key(t, "other epoch", wrong.Mark("epoch"), other)
	c.Plan.Tests = []verify.Test{{Name: verify.G1}, {Name: verify.G2, First: 100}}
	for i := range uint64(10) {
		c.serve(serve(t, session(t, layers, i, 99), 120, token(i)))
	}
	c.Plan.Decoys = decoys
	return c
}

func TestJudgeTellsStudentsApart(t *testing.T) {
	c := twoLayers(t, 0.4, 1000)
	c.Plan.Products = []verify.Product{{Name: "release", Parts: verify.Across(verify.G1, "vendor", "epoch")}}
	r := c.judge(t)
	require.Len(t, r.Findings, 7)
	for _, f := range r.Findings {
		assert.Empty(t, f.Void, "%s %s", f.Test, f.Key)
		assert.LessOrEqual(t, f.LogP, 0.0)
		assert.GreaterOrEqual(t, f.Adjusted, f.LogP)
		want := f.Key != "other epoch"
		if f.Test == verify.G1 {
			assert.Equal(t, want, f.Rejected, "%s %s: log p %v", f.Test, f.Key, f.LogP)
		}
		if f.Mark != "" {
			d := f.Dropped
			assert.Equal(t, f.Raw, f.Scored+d.Head+d.Gated+d.Repeat+d.Prompt+d.Duplicate+d.NotServed+d.Beyond)
			assert.Equal(t, 1000, f.Decoys.Keys)
			assert.InDelta(t, 1, f.Decoys.Dispersion, 0.12)
			assert.GreaterOrEqual(t, f.Decoys.Sensitivity, f.LogP)
			assert.GreaterOrEqual(t, f.Decoys.Rank, math.Log(1.0/1001))
			assert.Equal(t, watermark.Cryptographic, f.Kind)
			assert.InDelta(t, math.Log(1e-3/7), f.Power.Level, 1e-8)
		}
	}
	v, e, p := r.Finding("vendor", verify.G1), r.Finding("epoch", verify.G1), r.Finding("release", verify.G1)
	assert.InEpsilon(t, v.LogE+e.LogE, p.LogE, 1e-9)
	assert.Equal(t, -p.LogE, p.LogP)
	assert.Equal(t, v.Scored+e.Scored, p.Scored)
	assert.InDelta(t, 1, v.Effect.D, 0.3)
	assert.Less(t, v.LogP, math.Log(verify.FarLevel))
	assert.Equal(t, []string{"claims below 1e-9 need at least 10000 decoy keys, this one has 1000"}, v.Notes)
	assert.Empty(t, r.Finding("other epoch", verify.G1).Notes)
	assert.Nil(t, r.Finding("release", verify.G2))
}

func TestJudgeIsDeterministic(t *testing.T) {
	var first []byte
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, run := range []struct{ cores, workers int }{{1, 0}, {2, 0}, {2, 1}, {5, 3}} {
		runtime.GOMAXPROCS(run.cores)
		c := twoLayers(t, 0.2, 1000)
		c.Workers = run.workers
		var b bytes.Buffer
		require.NoError(t, c.judge(t).WriteJSON(&b))
		if first == nil {
			first = b.Bytes()
		}
		require.Equal(t, string(first), b.String())
	}
}

// Another seal has other decoys, the same seal the same.
func TestDecoysFollowTheSeal(t *testing.T) {
	a, b, again := twoLayers(t, 0, 1000), twoLayers(t, 0, 1000), twoLayers(t, 0, 1000)
	b.Transcript.Prompts[0].Last++ // a second later
	ra, rb, rc := a.judge(t), b.judge(t), again.judge(t)
	fa, fb, fc := ra.Finding("vendor", verify.G1), rb.Finding("vendor", verify.G1), rc.Finding("vendor", verify.G1)
	assert.Equal(t, fa.Statistic, fb.Statistic)
	assert.NotEqual(t, fa.Decoys.Spread, fb.Decoys.Spread)
	assert.Equal(t, fa.Decoys, fc.Decoys)
}

// Keys of one kind on the same windows share their decoys; the layers, whose
// windows differ, do not. Shared or not, a key's decoys are what they are when it
// is judged alone.
func TestDecoysAreSharedOnlyWhereEqual(t *testing.T) {
	all := twoLayers(t, 0.2, 1000)
	last := 0
	all.Progress = func(done, total int) { last = done; assert.Equal(t, 3000, total) }
	r := all.judge(t)
	assert.Equal(t, 3000, last)
	assert.Equal(t, r.Finding("epoch", verify.G1).Decoys.Spread, r.Finding("other epoch", verify.G1).Decoys.Spread)
	assert.NotEqual(t, r.Finding("epoch", verify.G1).Decoys.Spread, r.Finding("vendor", verify.G1).Decoys.Spread)
	for i, k := range all.Keys {
		one := twoLayers(t, 0.2, 1000)
		one.Keys = one.Keys[i : i+1]
		one.seal(t)
		require.Equal(t, all.Seal, one.Seal)
		got, err := verify.Judge(context.Background(), one.Case)
		require.NoError(t, err)
		assert.Equal(t, r.Finding(k.Name, verify.G1).Decoys, got.Finding(k.Name, verify.G1).Decoys)
		assert.Equal(t, r.Finding(k.Name, verify.G2).Decoys, got.Finding(k.Name, verify.G2).Decoys)
	}
}

// Marks of another scheme on the same windows, and marks whose key decides which
// windows they carry: each has decoys of its own.
func TestDecoysOfDifferentMarks(t *testing.T) {
	gated := func(seed uint64) *watermark.Watermark {
		m, err := watermark.Build(odd{seed: seed, gate: true}, watermark.Gumbel{}, watermark.Rules{Width: 1})
		require.NoError(t, err)
		return m
	}
	key := newKey(t, 1)
	marks := []*watermark.Watermark{newMark(t, key, watermark.Gumbel{}, 1), newMark(t, key, watermark.GreenList{Gamma: 0.5, Delta: 2}, 1), gated(1), gated(2)}
	judge := func(marks []*watermark.Watermark) *verify.Report {
		c := newCase(t, clean(rand.New(rand.NewPCG(3, 1))), nil)
		c.Plan.Tests = []verify.Test{{Name: verify.G1}}
		c.Plan.Decoys = 1000
		for i, m := range marks {
			name := string(rune('a' + i))
			c.Plan.Keys = append(c.Plan.Keys, verify.KeyPlan{Name: name, Mark: m.ID(), Kind: m.Info().Kind, KeyID: m.Info().KeyID})
			c.Keys = append(c.Keys, verify.Opened{Name: name, Mark: m})
		}
		return c.judge(t)
	}
	r := judge(marks)
	for i, f := range r.Findings {
		assert.Empty(t, f.Void, "%d", i)
		assert.InDelta(t, 1, f.Decoys.Dispersion, 0.12, "%d", i)
	}
	assert.NotEqual(t, r.Findings[2].Scored, r.Findings[3].Scored)
	assert.NotEqual(t, r.Findings[2].Decoys.Spread, r.Findings[3].Decoys.Spread)
}

// odd is a source of words that is not the native one. Its key may decide which
// windows carry the mark, and its decoys may have words of another distribution:
// all too high by a twentieth of what is left above them.
type odd struct {
	name              string // defaults to odd
	seed              uint64
	gate, skew, decoy bool
}

func (o odd) Info() watermark.SourceInfo {
	id := fmt.Sprint("odd ", o.seed)
	if o.decoy {
		id = "decoy"
	}
	return watermark.SourceInfo{Name: cmp.Or(o.name, "odd"), KeyID: id, Kind: watermark.Statistical}
}
func (o odd) Open() watermark.Reader { return &oddReader{odd: o} }
func (o odd) Decoy(seed [32]byte) watermark.Source {
	return odd{seed: rand.New(rand.NewChaCha8(seed)).Uint64(), skew: o.skew, decoy: true}
}

type oddReader struct {
	odd
	window uint64
}

func (r *oddReader) Seek(w []watermark.Token) (watermark.Place, bool) {
	r.window = uint64(w[len(w)-1])
	return watermark.Place{Seed: r.window}, !r.gate || rand.New(rand.NewPCG(r.seed, r.window)).Uint64()%4 != 0
}
func (r *oddReader) Ahead([][]watermark.Token)   {}
func (r *oddReader) Seed(watermark.Token) uint64 { return r.window }
func (r *oddReader) Word(_ int, t watermark.Token) uint64 {
	word := rand.New(rand.NewPCG(r.seed, r.window<<32|uint64(uint32(t)))).Uint64()
	if r.decoy && r.skew {
		return word + (math.MaxUint64-word)/20
	}
	return word
}
func (r *oddReader) Coarse(int, []watermark.Token, watermark.Token, []byte) bool { return false }

func TestDecoysFromAnotherLawVoid(t *testing.T) {
	mark, err := watermark.Build(odd{seed: 1, skew: true}, watermark.Gumbel{}, watermark.Rules{Width: 1})
	require.NoError(t, err)
	c := newCase(t, clean(rand.New(rand.NewPCG(1, 1))), nil)
	c.Plan.Keys = []verify.KeyPlan{{Name: "vendor", Mark: mark.ID(), KeyID: mark.Info().KeyID, Kind: watermark.Statistical}}
	c.Keys = []verify.Opened{{Name: "vendor", Mark: mark}}
	c.Plan.Tests = []verify.Test{{Name: verify.G1}}
	c.Plan.Decoys = 1000
	c.Plan.Alpha = 0.999 // even then
	f := c.judge(t).Finding("vendor", verify.G1)
	require.NotEmpty(t, f.Void)
	assert.Contains(t, strings.Join(f.Void, "; "), "decoy keys have mean z")
	assert.False(t, f.Rejected)
	assert.Zero(t, f.Adjusted)
	assert.NotZero(t, f.LogP, "what was measured is still reported")
	assert.Equal(t, []string{"the key has no commitment: only the public name of its mark binds it"}, f.Notes)
}

func TestJudgeStopsWhenTold(t *testing.T) {
	c := twoLayers(t, 0, 100000)
	c.seal(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	most := 0
	c.Progress = func(done, _ int) {
		if most = done; done == 20 {
			cancel(enough)
		}
	}
	r, err := verify.Judge(ctx, c.Case)
	assert.Nil(t, r)
	assert.ErrorIs(t, err, enough)
	assert.Less(t, most, 1000)
}

// BenchmarkDecoys scores one decoy key over 100,000 tokens: a thousand of them
// take a thousand times as long on one core.
func BenchmarkDecoys(b *testing.B) {
	for name, layered := range map[string]bool{"mark": false, "layer": true} {
		b.Run(name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			key := newKey(b, 1)
			mark := newMark(b, key, watermark.Gumbel{}, 3)
			n := 100
			if layered {
				l, err := watermark.NewLayers(newKey(b, 3),
					watermark.Layer{Name: "a", Share: watermark.AllWindows / 2, Mark: mark},
					watermark.Layer{Name: "b", Share: watermark.AllWindows / 2, Mark: newMark(b, newKey(b, 2), watermark.Gumbel{}, 3)})
				require.NoError(b, err)
				mark, n = l.Mark("a"), 200
			}
			answers := make([]string, n)
			for i := range answers {
				answers[i] = text(speak(1003, token(rng.IntN(2048)), plainly(rng), func(token) {})...)
			}
			c := newCase(b, answers, nil)
			c.key(b, "vendor", mark, key)
			c.Plan.Tests = []verify.Test{{Name: verify.G1}}
			c.Plan.Decoys = max(1000, b.N)
			c.Workers = 1
			c.seal(b)
			ctx, cancel := context.WithCancel(context.Background())
			c.Progress = func(done, _ int) {
				switch done {
				case 1:
					b.ResetTimer()
				case b.N + 1:
					b.StopTimer()
					cancel()
				}
			}
			_, err := verify.Judge(ctx, c.Case)
			require.ErrorIs(b, err, context.Canceled)
		})
	}
}
