package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/verify"
)

func newLedgerRelayedCommand(a *app) *cobra.Command {
	var v verifierFlag
	var pseudonyms string
	cmd := &cobra.Command{
		Use:   "relayed LEDGER STUDY",
		Short: "Which answers of a suspect did the service itself send?",
		Long: `Compare the answers of a study with the ledger of what the service sent, byte for
byte. A suspect whose answers are in it passed the question on to the service, or
looked the answer up: it was found, but not as a model that was trained on answers.

Only answers in which something was planted are in a ledger, as keyed hashes: their
key is the file of --pseudonyms, which the service has. Answers of fewer than 32 bytes
are not looked for.

Exit codes: 0 none, 1 some were sent by the service, 3 the ledger is damaged.`,
		Example: `  dyetrace ledger relayed data/ledger study/ -v ledger.pub --pseudonyms data/ledger.2026-11.pseudonyms`,
		Args:    exactly(2, "the folders of a ledger and of a study"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if pseudonyms == "" {
				return usage(errors.New("no --pseudonyms: give the file with the key of the epoch's pseudonyms"))
			}
			return a.relayed(cmd.Context(), &v, args[0], args[1], pseudonyms)
		},
	}
	v.add(cmd.Flags())
	cmd.Flags().StringVar(&pseudonyms, "pseudonyms", "", "`file` of the key of the pseudonyms. Required")
	return cmd
}

// relayedResult is what is printed of relayed answers.
type relayedResult struct {
	Suspect string         `json:"suspect"`
	Answers int            `json:"answers"` // that were asked for
	Relayed []relayedEntry `json:"relayed"`
}

type relayedEntry struct {
	Prompt int    `json:"prompt"` // number in the transcript
	Leaf   int64  `json:"leaf"`
	Time   string `json:"time"` // start of the leaf's bucket
	Text   string `json:"text"` // how the answer begins
}

func (a *app) relayed(ctx context.Context, f *verifierFlag, dir, of, pseudonyms string) error {
	v, err := f.open()
	if err != nil {
		return err
	}
	s, err := openStudy([]string{of})
	if err != nil {
		return err
	}
	t, err := s.transcript()
	if err != nil {
		return err
	}
	names, err := ledger.OpenPseudonyms(pseudonyms)
	if err != nil {
		return err
	}
	r, err := openLedger(dir, v)
	if err != nil {
		return err
	}
	defer r.Close()
	bar := a.progress("leaves", 0)
	defer bar.Done()
	found, err := verify.RelayedBy(ctx, t, r, names)
	bar.Done()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return ledgerError(dir, err)
	}
	result := relayedResult{Suspect: t.Suspect, Answers: len(t.Prompts), Relayed: []relayedEntry{}}
	for _, x := range found {
		leaf, err := r.Leaf(x.Leaf)
		if err != nil {
			return ledgerError(dir, err)
		}
		result.Relayed = append(result.Relayed, relayedEntry{x.Prompt, x.Leaf, leaf.Time.String(), quote(string(t.Prompts[x.Prompt].Text))})
	}
	if err := a.print(result, result.writeText); err != nil {
		return err
	}
	if len(found) > 0 {
		return errFound
	}
	return nil
}

func (r relayedResult) writeText(w io.Writer) {
	if len(r.Relayed) == 0 {
		fmt.Fprintf(w, "none of %s of %s is in the ledger\n", plural(int64(r.Answers), "answer"), printable(r.Suspect))
		return
	}
	fmt.Fprintf(w, "RELAYED: %s of %s of %s were sent by the service itself: the suspect passes questions on,\nor looks answers up. That is another finding than use in training.\n",
		grouped(len(r.Relayed)), plural(int64(r.Answers), "answer"), printable(r.Suspect))
	const shown = 10
	for _, x := range r.Relayed[:min(shown, len(r.Relayed))] {
		fmt.Fprintf(w, "  answer %d is in leaf %d of %s: %s\n", x.Prompt, x.Leaf, x.Time, x.Text)
	}
	if n := len(r.Relayed) - shown; n > 0 {
		fmt.Fprintf(w, "  and %s more (--json lists all)\n", grouped(n))
	}
}
