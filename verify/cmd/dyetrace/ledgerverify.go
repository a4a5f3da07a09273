package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/verify"
)

func newLedgerVerifyCommand(a *app) *cobra.Command {
	var v verifierFlag
	var known []string
	var proof string
	cmd := &cobra.Command{
		Use:   "verify LEDGER | verify --proof FILE",
		Short: "Hash a whole ledger again, or check a proof without it",
		Long: `Verify a ledger: read and hash every leaf again, hold it to its last signed
checkpoint, to what it acknowledged, and to earlier checkpoints (--known): those that
were published, or came from an earlier visit. Without any, nobody would notice that
an older state of the whole folder was put in its place.

With --proof verify the file of dyetrace ledger prove, for which no ledger is needed.

The exit code is 3 where something is not what was written. A server may append
meanwhile.`,
		Example: `  dyetrace ledger verify data/ledger -v ledger.pub
  cp data/ledger/checkpoint monday.checkpoint       keep it elsewhere, and later:
  dyetrace ledger verify data/ledger -v ledger.pub --known monday.checkpoint
  dyetrace ledger verify -v ledger.pub --proof leaf17.proof.json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if proof == "" {
				if err := oneFolder(nil, args); err != nil {
					return err
				}
				return a.verifyLedger(cmd.Context(), &v, args[0], known)
			}
			if len(args) > 0 || len(known) > 0 {
				return usage(errors.New("--proof is verified by itself, want neither a ledger nor --known with it"))
			}
			return a.verifyProof(&v, proof)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	v.add(flags)
	flags.StringArrayVar(&known, "known", nil, "`file` of earlier signed checkpoints, one or several; may be given again")
	flags.StringVar(&proof, "proof", "", "`file` of a proof")
	return cmd
}

func (a *app) verifyProof(f *verifierFlag, path string) error {
	v, err := f.open()
	if err != nil {
		return err
	}
	data, err := readFile("proof", path)
	if err != nil {
		return err
	}
	p, err := parseProof(data)
	if err != nil {
		return invalid(fmt.Errorf("%s: %w", path, err))
	}
	checked, err := p.check(v)
	if err != nil {
		return invalid(fmt.Errorf("%s: %w", path, err))
	}
	return a.print(checked.result(path), checked.writeText)
}

// ledgerResult is what is printed of a ledger that was verified.
type ledgerResult struct {
	Ledger   string           `json:"ledger"`
	Origin   string           `json:"origin"`
	Leaves   int64            `json:"leaves"`
	Root     string           `json:"root"`
	Signed   int64            `json:"signed"` // leaves that the last checkpoint is of
	Kinds    map[string]int64 `json:"kinds"`
	Torn     int64            `json:"torn_bytes,omitempty"`
	Repeated int64            `json:"repeated,omitempty"`
	Known    []int64          `json:"known"` // sizes of the earlier checkpoints
	Checks   []verify.Check   `json:"checks"`
}

func (a *app) verifyLedger(ctx context.Context, f *verifierFlag, dir string, files []string) error {
	v, err := f.open()
	if err != nil {
		return err
	}
	var known [][]byte
	result := ledgerResult{Ledger: dir, Kinds: map[string]int64{}, Known: []int64{}}
	for _, path := range files {
		some, err := splitCheckpoints(path)
		if err != nil {
			return err
		}
		for _, signed := range some {
			c, err := openCheckpoint(string(signed), v)
			if err != nil {
				return invalid(fmt.Errorf("%s: %w", path, err))
			}
			known = append(known, signed)
			result.Known = append(result.Known, c.Size)
		}
	}
	size := int64(0)
	if info, err := os.Stat(filepath.Join(dir, "leaves")); err == nil { // else Verify says what is wrong
		size = info.Size()
	}
	bar := a.progressBytes("hash", size)
	defer bar.Done()
	r, err := ledger.VerifyProgress(dir, v, func(done, _ int64) error {
		bar.Set(done)
		return ctx.Err()
	}, known...)
	bar.Done()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return ledgerError(dir, err)
	}
	result.say(r)
	return a.print(result, result.writeText)
}

// say writes down what was checked.
func (l *ledgerResult) say(r ledger.Report) {
	l.Origin, l.Leaves, l.Root, l.Signed, l.Torn, l.Repeated = r.Origin, r.Leaves, r.Root.String(), r.Signed.Size, r.Torn, r.Repeated
	var kinds []string
	for _, k := range ledgerKinds {
		if n := r.Kinds[k]; n > 0 {
			l.Kinds[k.String()] = n
			kinds = append(kinds, fmt.Sprintf("%s %s", grouped(n), k))
		}
	}
	check := func(name string, result verify.Outcome, format string, args ...any) {
		l.Checks = append(l.Checks, verify.Check{Name: name, Result: result, Detail: fmt.Sprintf(format, args...)})
	}
	check("signature", verify.Passed, "checkpoint of %s, signed by %s", leaves(r.Signed.Size), r.Origin)
	content := "none"
	if len(kinds) > 0 {
		content = strings.Join(kinds, ", ")
	}
	check("leaves", verify.Passed, "%s hashed again: %s", leaves(r.Leaves), content)
	check("root", verify.Passed, "%v, as the checkpoint and what was acknowledged say", r.Root)
	check("order", verify.Passed, "each planting after the commitment, the book and the policy of its key")
	if len(l.Known) == 0 {
		check("earlier checkpoints", verify.NotChecked, "none was given (--known): an older state of the folder would not be noticed")
	} else {
		check("earlier checkpoints", verify.Passed, "%d, the ledger begins with each", len(l.Known))
	}
	if n := r.Leaves - r.Signed.Size; n > 0 {
		check("unsigned", verify.Note, "%s behind the last checkpoint stand on nobody's word yet", leaves(n))
	}
	if r.Torn > 0 {
		check("end", verify.Note, "%d bytes of a write that a killed process never acknowledged", r.Torn)
	}
	if r.Repeated > 0 {
		check("retries", verify.Note, "%s with the nonce of an earlier one", leaves(r.Repeated))
	}
}

func (l ledgerResult) writeText(w io.Writer) {
	for _, c := range l.Checks {
		fmt.Fprintf(w, "%-11s  %-19s  %s\n", c.Result, c.Name, c.Detail)
	}
}
