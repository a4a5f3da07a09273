package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/verify/collect"
)

// A RelayedAnswer is an answer of a suspect that the service itself sent.
type RelayedAnswer struct {
	Prompt int   // number of the prompt in the transcript
	Leaf   int64 // of the ledger, in which the answer's keyed hash stands
}

// RelayedBy compares the answers of a transcript, refusals included, with a ledger of
// what the service sent, byte for byte: those that it finds were relayed by the
// suspect, or looked up, after the service had sent them. That is another finding than
// use in training, and a stronger one; an answer that was changed on the way is not
// found. An answer of fewer than 32 bytes is not looked for: many say "Yes.".
//
// It reads the whole ledger. It returns nothing where the pseudonyms are not those of
// the ledger: only whoever has their key can look.
func RelayedBy(ctx context.Context, t *collect.Transcript, log *ledger.Reader, names *ledger.Pseudonyms) ([]RelayedAnswer, error) {
	if t == nil || log == nil || names == nil {
		return nil, errors.New("verify: a look for relayed answers needs a transcript, a ledger and its pseudonyms")
	}
	asked := make(map[ledger.Digest][]int)
	for i, e := range t.Prompts {
		if len(e.Text) < shortAnswer {
			continue
		}
		d, err := names.Output([]byte(e.Text))
		if err != nil {
			return nil, fmt.Errorf("verify: answer %d: %w", i, err)
		}
		asked[d] = append(asked[d], i)
	}
	var out []RelayedAnswer
	for entry, err := range log.Scan(ledger.Filter{}) {
		if err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
		if entry.Index%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		said := entry.Leaf.Output
		if entry.Leaf.Kind == ledger.KindOutput {
			said = entry.Leaf.Digest
		}
		if said == (ledger.Digest{}) {
			continue
		}
		for _, i := range asked[said] {
			out = append(out, RelayedAnswer{i, entry.Index})
		}
		delete(asked, said) // its first leaf is enough
	}
	return out, nil
}

// shortAnswer is the least length, in bytes, of an answer that says who wrote it.
const shortAnswer = 32
