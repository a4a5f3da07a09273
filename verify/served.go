package verify

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
)

const servedContext = "dyetrace 2026-11-24 verify served/1"

// ServedDigest names the served answers of a plan, in the order in which they
// were served: u64le number of texts, then for each u64le number of tokens ‖
// tokens as u32le ‖ u8 1 if the prompt is known, else 0 ‖ u64le number of prompt
// tokens ‖ prompt tokens as u32le.
func ServedDigest(texts []watermark.Text) collect.Digest {
	h := blake3.NewDeriveKey(servedContext)
	var b []byte
	count := func(n int) { b = binary.LittleEndian.AppendUint64(b, uint64(n)) }
	list := func(tokens []watermark.Token) {
		count(len(tokens))
		for _, t := range tokens {
			b = binary.LittleEndian.AppendUint32(b, uint32(t))
		}
	}
	count(len(texts))
	for _, t := range texts {
		list(t.Tokens)
		known := byte(0)
		if t.PromptKnown {
			known = 1
		}
		b = append(b, known)
		list(t.Prompt)
		h.Write(b)
		b = b[:0]
	}
	h.Write(b)
	var d collect.Digest
	h.Sum(d[:0])
	return d
}

// present picks the units of the suspect's text whose window occurs in the served
// answers, in the order in which the windows first occur there, units of one
// window in the suspect's order. It returns their indices, and whether all units
// have a seed that depends on the window alone: else the pick is not exact.
//
// Whether a window occurs in marked text is itself decided by the key. In the
// order of the served answers this does no harm: what a window's first
// occurrence depends on was written before it, the words after the window are
// fresh. In any other order, or without one, small p-values are more frequent
// than they say.
func present(mark *watermark.Watermark, units []watermark.Unit, served []watermark.Text) (picked []int, exact bool, err error) {
	order, err := mark.Units(served, nil)
	if err != nil {
		return nil, false, fmt.Errorf("verify: served answers: %w", err)
	}
	// A window is what the source makes of it: the seed, not the tokens.
	scorer := mark.NewScorer()
	exact = true
	windowOf := func(u watermark.Unit) (uint64, bool) {
		seed, ok := scorer.Seed(u.Window, 0)
		own, _ := scorer.Seed(u.Window, u.Token)
		exact = exact && (!ok || own == seed)
		return seed, ok
	}
	rank := make(map[uint64]int, len(order))
	for _, u := range order {
		if seed, ok := windowOf(u); ok {
			if _, seen := rank[seed]; !seen {
				rank[seed] = len(rank)
			}
		}
	}
	type pick struct{ rank, unit int }
	var picks []pick
	for i, u := range units {
		if seed, ok := windowOf(u); ok {
			if r, ok := rank[seed]; ok {
				picks = append(picks, pick{r, i})
			}
		}
	}
	slices.SortFunc(picks, func(a, b pick) int {
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		return a.unit - b.unit
	})
	out := make([]int, len(picks))
	for i, p := range picks {
		out[i] = p.unit
	}
	return out, exact, nil
}
