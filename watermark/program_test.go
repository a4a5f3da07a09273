package watermark_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// A program drives three sessions and their naive doubles by the bytes of a
// script, and compares them after each step.
type program struct {
	t      testing.TB
	world  world
	script []byte
	real   [3]*watermark.Session
	naive  [3]*naiveSession
	steps  int
}

func runProgram(t testing.TB, w world, script []byte) {
	t.Helper()
	p := &program{t: t, world: w, script: script}
	for i := range p.real {
		p.reset(i, true)
	}
	for len(p.script) > 0 && p.steps < 80 && !t.Failed() {
		p.step()
		p.steps++
	}
}

func (p *program) next(n int) int {
	if len(p.script) == 0 {
		return 0
	}
	b := p.script[0]
	p.script = p.script[1:]
	return int(b) % n
}

func (p *program) tokens(n int) []watermark.Token {
	out := make([]watermark.Token, n)
	for i := range out {
		out[i] = int32(p.next(p.world.alphabet))
	}
	return out
}

func (p *program) step() {
	i, j := p.next(3), p.next(3)
	real, naive := p.real[i], p.naive[i]
	switch op := p.next(16); op {
	default: // the model goes on
		x := int32(p.next(p.world.alphabet))
		if op%2 == 0 {
			x = p.sample(i)
		}
		require.NoError(p.t, real.Accept(x))
		naive.push(true, x)
	case 9, 10: // a draft is rejected
		n := len(naive.tokens) - p.next(min(5, len(naive.tokens)+1))
		if op == 10 && p.next(4) == 0 {
			n = p.next(len(naive.tokens) + 1)
		}
		require.NoError(p.t, real.Rewind(n))
		naive.rewind(n)
	case 11:
		if p.next(4) > 0 {
			break
		}
		x := p.tokens(p.next(4))
		require.NoError(p.t, real.AcceptPrompt(x))
		naive.push(false, x...)
	case 12, 13:
		require.NoError(p.t, p.real[j].CopyFrom(real))
		p.naive[j] = naive.clone()
	case 14:
		if len(naive.forks) == 2 {
			break
		}
		f := naiveFork{0, 1 + p.next(3)}
		f.i = p.next(f.n)
		s, err := real.Fork(f.i, f.n)
		require.NoError(p.t, err)
		p.real[j], p.naive[j] = s, naive.clone()
		p.naive[j].forks = append(p.naive[j].forks, f)
	case 15:
		if p.next(4) == 0 {
			p.reset(i, false)
			break
		}
		naive.role = watermark.Role(p.next(4))
		require.NoError(p.t, real.SetRole(naive.role))
	}
	p.compare(i)
	p.compare(j)
}

func (p *program) reset(i int, open bool) {
	opt := watermark.SessionOptions{
		Seed: watermark.SeedOf(uint64(p.next(256))), Prompt: p.tokens(p.next(3)),
		Role: watermark.Role(p.next(4)), Off: p.next(8) == 7, Tokens: p.next(3),
	}
	for range p.next(3) {
		opt.Turns = append(opt.Turns, p.tokens(p.next(6)))
	}
	if open {
		s, err := p.world.open(opt)
		require.NoError(p.t, err)
		p.real[i] = s
	} else {
		require.NoError(p.t, p.real[i].Reset(opt))
	}
	p.naive[i] = p.world.naive(opt)
}

func (p *program) compare(i int) {
	real, naive := p.real[i], p.naive[i]
	if !assert.Equal(p.t, len(naive.tokens), real.Len(), "length of session %d after step %d", i, p.steps) {
		return
	}
	words, window, marked := naive.marked()
	if !assert.Equal(p.t, marked, real.Marked(), "%v: session %d after step %d: %v", p.world.name, i, p.steps, naive.tokens) {
		return
	}
	got := p.sample(i)
	ids, logits := p.row(i)
	want, err := naive.replay(p.t, p.world.open).Sample(ids, logits)
	require.NoError(p.t, err)
	assert.Equal(p.t, want, got, "%v: session %d after step %d: another token than in a straight session", p.world.name, i, p.steps)
	if marked && p.world.race {
		want, _ = naiveRace(ids, logits, func(t watermark.Token) uint64 { return words.word(window, t) })
		assert.Equal(p.t, want, got, "%v: session %d after step %d: another token than the specification's", p.world.name, i, p.steps)
	}
}

// row returns the candidates of a position, a function of its number.
func (p *program) row(i int) ([]watermark.Token, []float32) {
	logits := make([]float32, p.world.alphabet)
	r := rand.New(rand.NewPCG(uint64(len(p.naive[i].tokens)), 3))
	for i := range logits {
		logits[i] = float32(r.NormFloat64())
	}
	return nil, logits
}

func (p *program) sample(i int) watermark.Token {
	ids, logits := p.row(i)
	x, err := p.real[i].Sample(ids, logits)
	require.NoError(p.t, err)
	again, err := p.real[i].Sample(ids, logits)
	require.NoError(p.t, err)
	require.Equal(p.t, x, again, "a position sampled twice gives the same token")
	return x
}

func programWorlds(t testing.TB) []world {
	return []world{
		singleWorld(t, watermark.Gumbel{}, familyGumbel, 1, 60),
		singleWorld(t, watermark.Gumbel{}, familyGumbel, 2, 3),
		singleWorld(t, watermark.Gumbel{}, familyGumbel, 3, 2),
		singleWorld(t, watermark.GreenList{Gamma: 0.4, Delta: 2}, familyGreenList, 2, 3),
		singleWorld(t, watermark.Tournament{Depth: 3}, familyTournament, 2, 3),
		singleWorld(t, watermark.DualGumbel{Alpha: 0.4}, familyGumbel, 2, 3),
		layeredWorld(t, 3, 1, 3),
		layeredWorld(t, 3, 3, 2, 2),
	}
}

// TestPrograms: whatever a session went through (drafts taken back, copies,
// siblings, tools' results), it marks what the naive reference marks and draws
// what a session draws that was told the same without detours. Sessions begin
// with room for one or two tokens, so that their tables grow on the way.
func TestPrograms(t *testing.T) {
	t.Parallel()
	rounds := 40
	if testing.Short() {
		rounds = 15
	}
	for _, w := range programWorlds(t) {
		t.Run(w.name, func(t *testing.T) {
			for i := range rounds {
				r := rand.New(rand.NewPCG(uint64(i), 13))
				script := make([]byte, 400)
				for i := range script {
					script[i] = byte(r.Uint32())
				}
				runProgram(t, w, script)
				require.False(t, t.Failed(), "program %d", i)
			}
		})
	}
}

// FuzzSession runs a program in one of the worlds.
func FuzzSession(f *testing.F) {
	f.Add(byte(1), []byte{})
	for i := range 8 {
		script := make([]byte, 60)
		for j := range script {
			script[j] = byte(mix(uint64(i), uint64(j)))
		}
		f.Add(byte(i), script)
	}
	worlds := programWorlds(f)
	f.Fuzz(func(t *testing.T, which byte, script []byte) {
		runProgram(t, worlds[int(which)%len(worlds)], script)
	})
}
