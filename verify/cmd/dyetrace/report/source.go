package report

import (
	"context"
	"slices"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

// A Source is what a page is made of. All but Report may be missing: the page then has
// less to show.
type Source struct {
	Report *verify.Report // Required
	// Name is that of the file it is from, for the commands that make it again.
	Name string

	Plan       *verify.Plan
	Transcript *collect.Transcript
	Passages   []collect.Passage // of the task
	Book       *canary.Book
	Details    []verify.Detail
	// Verification is what the bundle's checks said, nil if there was no bundle.
	Verification *verify.Verification
	Objections   []verify.Objection
	Software     verify.Software

	// Ends returns where each token of a text ends, in bytes, −1 where no place
	// corresponds. Without it no answer is shown with its marks.
	Ends func(text string) []int
	// Piece returns the text of a token of the marked model. Without it passages are
	// shown only if the frame has their pieces.
	Piece func(token watermark.Token) (string, bool)
	// Texts is how many sample texts are shown with their marks, at most.
	Texts int
}

// FromBundle returns what a bundle holds, and checks it on the way as
// verify.Bundle.Verify does, which takes as long as judging. What the checks say is in
// the Source's Verification, good or bad: a page says so first. An error says that there
// is no report that could be shown.
func FromBundle(ctx context.Context, b *verify.Bundle, with verify.Recompute) (Source, error) {
	var s Source
	var err error
	if s.Report, err = b.Report(); err != nil {
		return s, err
	}
	wanted := s.wanted()
	with.Detail = func(d verify.Detail) {
		if wanted[[2]string{d.Key, d.Test}] {
			s.Details = append(s.Details, d)
		}
	}
	v := b.Verify(ctx, with)
	if err := context.Cause(ctx); err != nil {
		return s, err
	}
	s.Verification, s.Software = &v, b.Software()
	// What cannot be read has failed its check, and is not shown.
	s.Plan, _ = b.Plan()
	s.Transcript, _ = b.Transcript()
	s.Book, _ = b.Book()
	s.Objections, _ = b.Objections()
	if frames, err := b.Frames(); err == nil && s.Plan != nil {
		if task, err := s.Plan.Task(frames); err == nil {
			s.Passages = task.Passages
		}
	}
	return s, nil
}

// mostDetails is how many findings of each test are kept in detail, the strongest first:
// with 24,000 keys and 10,000 decoys nobody could keep all.
const mostDetails = 12

// wanted names the findings that are kept in detail, by key and test.
func (s *Source) wanted() map[[2]string]bool {
	out, n := make(map[[2]string]bool), make(map[string]int)
	for _, x := range s.subjects(func(subject) bool { return true }) {
		if n[x.f.Test]++; n[x.f.Test] <= mostDetails {
			out[[2]string{x.f.Key, x.f.Test}] = true
		}
	}
	return out
}

// broken reports whether a check of the bundle failed: nothing is drawn of it then.
func (s *Source) broken() bool {
	return s.Verification != nil && slices.ContainsFunc(s.Verification.Checks, func(c verify.Check) bool { return c.Result == verify.Failed })
}

// detail returns what is known of a finding beside the report, or nil.
func (s *Source) detail(f *verify.Finding) *verify.Detail {
	if s.broken() {
		return nil
	}
	for i := range s.Details {
		if d := &s.Details[i]; d.Key == f.Key && d.Test == f.Test {
			return d
		}
	}
	return nil
}

// heldOut reports whether nothing was ever made under a key.
func (s *Source) heldOut(key string) bool {
	if s.Plan == nil {
		return false
	}
	for _, k := range s.Plan.Keys {
		if k.Name == key {
			return k.HeldOut
		}
	}
	return false
}
