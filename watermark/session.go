package watermark

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dyetrace/dyetrace/watermark/internal/prf"
)

// ErrNoToken is returned where no candidate is left: every logit is NaN or −Inf,
// or there is none. The session is as it was.
var ErrNoToken = errors.New("watermark: no token can be sampled: every logit is NaN or -Inf, or there are none")

var errZeroSession = errors.New("watermark: the zero Session, Watermark or Layers draws nothing, want one from NewSession, New or NewLayers")

// A Session draws the tokens of one request: Sample chooses a token, Accept
// advances by the one that is kept. It is for one goroutine. Its memory is
// about 15 bytes a token of SessionOptions.Tokens, less than 64 KiB by default.
type Session struct {
	loc     *locator
	plain   *prf.Reader
	sc      *scratch
	d       Draw
	history []Token
	parts   []part   // of history, ascending; the first begins at 0
	fresh   []uint64 // bit i: position i put its seed into seen
	seen    seedSet
	earlier int // seeds of earlier turns in seen
	request prf.Key
	role    Role
	off     bool
	forks   uint64 // siblings of the request, 1 without Fork
	fork    uint64 // this one's index among them

	// The position after history, once it was looked up.
	known bool
	lane  *lane
	what  verdict
	drawn bool // a token was drawn there with the mark
}

// A part of the history is a run of prompt and then a run of answer.
type part struct{ prompt, answer int } // where each begins

// NewSession returns a session for one request.
func (w *Watermark) NewSession(opt SessionOptions) (*Session, error) {
	if w.source == nil {
		return nil, errZeroSession
	}
	return newSession(newLocator(w.gate, false, w), opt)
}

// NewSession returns a session that writes every layer.
func (l *Layers) NewSession(opt SessionOptions) (*Session, error) {
	if len(l.marks) == 0 {
		return nil, errZeroSession
	}
	return newSession(newLocator(l.gate, false, l.marks...), opt)
}

func newSession(loc *locator, opt SessionOptions) (*Session, error) {
	s := &Session{loc: loc, sc: new(scratch), plain: plainFunc.NewReader()}
	if err := s.Reset(opt); err != nil {
		return nil, err
	}
	return s, nil
}

// plainFunc makes the words of plain draws. Its key is public: what is secret
// and random there is the position, a hash of the request's seed.
var plainFunc = prf.New(new([64]byte))

// Reset makes the session ready for another request, keeping its memory.
func (s *Session) Reset(opt SessionOptions) error {
	if s.loc == nil {
		return errZeroSession
	}
	if err := opt.check(); err != nil {
		return err
	}
	s.reset(opt)
	return nil
}

func (s *Session) reset(opt SessionOptions) {
	room := opt.Tokens
	if room == 0 {
		room = defaultTokens
	}
	room = max(room, len(opt.Prompt))
	s.history = slices.Grow(s.history[:0], room)
	s.fresh = slices.Grow(s.fresh[:0], (room+63)/64)
	s.parts = append(s.parts[:0], part{})
	turns := 0
	for _, t := range opt.Turns {
		turns += len(t)
	}
	s.seen.reset(room + turns)
	s.reseed(opt.Seed)
	s.role, s.off, s.forks, s.fork = opt.Role, opt.Off, 1, 0
	s.known, s.drawn = false, false
	for _, t := range opt.Turns {
		s.markSeen(t)
	}
	s.earlier = s.seen.len()
	s.prompt(opt.Prompt)
}

func (s *Session) reseed(seed Seed) { s.request = prf.NewKey((*[32]byte)(&seed)) }

// markSeen puts the seeds of an earlier answer into seen.
func (s *Session) markSeen(turn []Token) {
	for i := range turn {
		if y, what := s.loc.at(turn[:i], 0); what == marked {
			s.seen.add(y.place.Seed)
		}
	}
}

// Sample chooses the next token and does not advance: call [Session.Accept] with
// the token that is kept, this one or another. Called again at the same position
// with the same candidates it returns the same token.
//
// logits are final, in nats: after temperature, penalties, grammar and
// truncation. If ids is nil, logits[i] is of token i, else of token ids[i], in
// any order. NaN and −Inf are no candidates; where a logit is +Inf only such
// compete, as equals; ties go to the lowest id; an id given twice counts with its
// highest logit. Dense and sparse calls choose the same token. Neither slice is
// changed or kept, and the call does not allocate (green lists and tournaments:
// once their rows have grown to the number of candidates).
//
// The errors are [ErrNoToken] and those of a wrong id or length; the session is
// then as it was.
func (s *Session) Sample(ids []Token, logits []float32) (Token, error) {
	if s.loc == nil {
		return 0, errZeroSession
	}
	if err := checkRow(ids, logits); err != nil {
		return 0, err
	}
	d := s.draw(ids, logits)
	var t Token
	var ok bool
	if d.words != nil {
		t, ok = s.lane.mark.scheme.Choose(d)
	} else {
		t, ok = d.RacePlain(logits)
	}
	s.drew(ok)
	if !ok {
		return 0, ErrNoToken
	}
	return t, nil
}

// Perturb is [Session.Sample] for an engine that samples elsewhere: it writes to
// dst what the engine adds to the logits of candidates ids (nil: candidate i is
// token i) before it takes the largest, or samples, as the result says. On a
// position without a mark it writes the request's own Gumbel noise. The addition
// is in float32, so that near ties may fall otherwise than with Sample. It fails
// for a scheme, such as the tournament, that is not additive.
func (s *Session) Perturb(ids []Token, dst []float32) (Then, error) {
	if s.loc == nil {
		return 0, errZeroSession
	}
	if err := checkRow(ids, dst); err != nil {
		return 0, err
	}
	d := s.draw(ids, dst)
	then, err := TakeLargest, error(nil)
	if d.words != nil {
		then, err = s.lane.mark.scheme.Perturb(d, dst)
	} else {
		then = d.PerturbPlain(dst)
	}
	s.drew(err == nil)
	return then, err
}

// drew ends a draw: it notes whether the mark was drawn with and lets go of the
// caller's slices.
func (s *Session) drew(ok bool) {
	s.drawn = ok && s.d.words != nil && !s.d.declined
	s.d.ids, s.d.logits = nil, nil
}

func checkRow(ids []Token, logits []float32) error {
	if ids != nil && len(ids) != len(logits) {
		return fmt.Errorf("watermark: %d ids with %d logits, want as many", len(ids), len(logits))
	}
	for i, t := range ids {
		if t < 0 {
			return fmt.Errorf("watermark: id %d of the candidates is %d, want 0 to 2^31-1", i, t)
		}
	}
	return nil
}

// draw returns the position with its candidates; words is nil where it is plain.
// It lives in the session because a scheme's argument escapes to the heap.
func (s *Session) draw(ids []Token, logits []float32) *Draw {
	d := &s.d
	*d = Draw{ids: ids, logits: logits, role: s.role, key: &s.request, index: uint64(len(s.history)), sc: s.sc}
	d.plain.r = s.plain
	if s.Marked() {
		d.words, d.place = s.lane.reader, s.lane.place
	}
	return d
}

// Marked reports whether the next draw carries the mark: not at the head of an
// answer, not after a window that occurred before, not for another sibling's
// windows, and never with SessionOptions.Off.
func (s *Session) Marked() bool {
	if s.loc == nil {
		return false
	}
	s.look()
	return s.what == marked && !s.off && s.lane.place.Seed%s.forks == s.fork
}

// look finds the place of the position after history. Readers stay there until
// the session moves.
func (s *Session) look() {
	if s.known {
		return
	}
	s.known = true
	if s.lane, s.what = s.loc.at(s.history, s.start()); s.what != marked {
		return
	}
	write := &s.lane.mark.rules.Write
	if !write.Repeats && s.seen.has(s.lane.place.Seed) && s.recent(write, s.lane.place.Seed) ||
		write.Limit > 0 && s.seen.len()-s.earlier >= write.Limit {
		s.what = repeats
	}
}

// recent reports whether a seed that was seen is within reach of the rules: in an
// answer no longer than Write.History everything is, earlier turns too, and else
// the answer's last positions, as many as Write.History says.
func (s *Session) recent(write *WriteRules, seed uint64) bool {
	start := s.start()
	if write.PromptSeen {
		start = 0
	}
	low := len(s.history) - write.History
	if write.History == 0 || low <= start {
		return true
	}
	found := false
	for i := len(s.history) - 1; i >= low && !found; i-- {
		x, ok := s.loc.counted(s.history[:i], start)
		found = ok && x == seed
	}
	s.loc.at(s.history, s.start()) // the reader stands here again
	return found
}

// start returns the index in history where the current part's answer begins.
func (s *Session) start() int { return s.parts[len(s.parts)-1].answer }

// Accept advances by a token of the answer, sampled, forced or drafted. It fails
// for a negative token and then leaves the session as it was.
func (s *Session) Accept(t Token) error {
	if s.loc == nil {
		return errZeroSession
	}
	if t < 0 {
		return fmt.Errorf("watermark: token is %d, want 0 to 2^31-1", t)
	}
	s.look()
	s.push(t, s.count())
	return nil
}

// count puts the seed of the position after history into seen, where the rules
// count it, and reports whether it is new.
func (s *Session) count() bool {
	write := &s.loc.lanes[0].mark.rules.Write
	switch {
	case write.MarkedOnly && !s.drawn:
		return false
	case write.PromptSeen:
		seed, ok := s.loc.counted(s.history, s.start())
		return ok && s.seen.add(seed)
	}
	return s.lane != nil && s.seen.add(s.lane.place.Seed)
}

// AcceptPrompt advances by tokens that are not the model's: a prompt, a tool's
// result. What follows is a new part of the answer, whose windows do not reach
// back over them, except for marks whose windows reach into the prompt.
func (s *Session) AcceptPrompt(tokens []Token) error {
	if s.loc == nil {
		return errZeroSession
	}
	if i := slices.IndexFunc(tokens, func(t Token) bool { return t < 0 }); i >= 0 {
		return fmt.Errorf("watermark: token %d of the prompt is %d, want 0 to 2^31-1", i, tokens[i])
	}
	s.prompt(tokens)
	return nil
}

func (s *Session) prompt(tokens []Token) {
	for _, t := range tokens {
		fresh := false
		if s.loc.lanes[0].mark.rules.Write.PromptSeen {
			fresh = s.count()
		}
		s.push(t, fresh)
	}
	if len(tokens) > 0 {
		s.parts = append(s.parts, part{len(s.history) - len(tokens), len(s.history)})
	}
}

func (s *Session) push(t Token, fresh bool) {
	i := len(s.history)
	s.history = append(s.history, t)
	if i/64 == len(s.fresh) {
		s.fresh = append(s.fresh, 0)
	}
	bit := uint64(1) << (i % 64)
	s.fresh[i/64] &^= bit
	if fresh {
		s.fresh[i/64] |= bit
	}
	s.known, s.drawn = false, false
}

// SetRole changes the role of the model that draws next.
func (s *Session) SetRole(r Role) error {
	if r > Bonus {
		return fmt.Errorf("watermark: role is %d, want %d to %d", r, Target, Bonus)
	}
	s.role = r
	return nil
}

// Len returns how many tokens the session holds, prompt and answer.
func (s *Session) Len() int { return len(s.history) }

// Rewind goes back to when Len was n, as if nothing after had been accepted. Its
// cost is in proportion to the tokens taken back.
func (s *Session) Rewind(n int) error {
	if s.loc == nil {
		return errZeroSession
	}
	if n < 0 || n > len(s.history) {
		return fmt.Errorf("watermark: rewind to length %d, want 0 to %d", n, len(s.history))
	}
	for i := len(s.history) - 1; i >= n; i-- {
		for len(s.parts) > 1 && s.parts[len(s.parts)-1].prompt > i {
			s.parts = s.parts[:len(s.parts)-1]
		}
		if s.fresh[i/64]>>(i%64)&1 == 1 {
			if seed, ok := s.loc.counted(s.history[:i], s.start()); ok {
				s.seen.remove(seed)
			}
		}
	}
	for len(s.parts) > 1 && s.parts[len(s.parts)-1].prompt >= n {
		s.parts = s.parts[:len(s.parts)-1]
	}
	last := &s.parts[len(s.parts)-1]
	last.answer = min(last.answer, n) // what is left of a prompt is still a prompt
	s.history, s.fresh = s.history[:n], s.fresh[:(n+63)/64]
	s.known, s.drawn = false, false
	return nil
}

// CopyFrom makes s a copy of src, a session of an equal mark or layout, keeping
// its own memory: no allocation once it is as large. The copy is in proportion
// to the room of src.
func (s *Session) CopyFrom(src *Session) error {
	if s.loc == nil || src != nil && src.loc == nil {
		return errZeroSession
	}
	if src == nil || !s.loc.same(src.loc) {
		return errors.New("watermark: copy from a session of another mark")
	}
	s.history = append(s.history[:0], src.history...)
	s.parts = append(s.parts[:0], src.parts...)
	s.fresh = append(s.fresh[:0], src.fresh...)
	s.seen.copyFrom(&src.seen)
	s.earlier = src.earlier
	s.request, s.role, s.off = src.request, src.role, src.off
	s.forks, s.fork = src.forks, src.fork
	s.known, s.drawn = false, src.drawn
	return nil
}
