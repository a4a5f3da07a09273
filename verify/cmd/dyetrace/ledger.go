package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

func newLedgerCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ledger",
		GroupID: groupServed,
		Short:   "Look into a ledger, verify it, prove what is in it, find relayed answers",
		Long: `A ledger says what was planted in answers, when, and under which commitment. It is a
folder that a server appends to and signs.

Everything here needs the public key under which it is signed, one line that the
server logs when it starts ("the ledger is verified with …"): --verifier takes the
line, or a file with it. Keep it where the ledger is not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLedgerShowCommand(a), newLedgerVerifyCommand(a), newLedgerProveCommand(a), newLedgerRelayedCommand(a))
	return cmd
}

// verifierFlag is the public key of a ledger.
type verifierFlag struct{ value string }

func (f *verifierFlag) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.value, "verifier", "v", "", "the ledger's public `key`: the line, or a file with it. Required")
}

// open reads the key.
func (f *verifierFlag) open() (note.Verifier, error) {
	const form = `a line like "example.com/planted+0123abcd+AbCd…" that the server logs, or a file with it`
	if f.value == "" {
		return nil, usage(fmt.Errorf("no --verifier: give %s", form))
	}
	line := f.value
	if exists(line) {
		data, err := readFile("public key of a ledger", line)
		if err != nil {
			return nil, err
		}
		line = string(data)
	}
	line = strings.TrimSpace(line)
	v, err := note.NewVerifier(line)
	if err != nil && strings.HasPrefix(line, "PRIVATE+KEY+") {
		return nil, usage(errors.New("--verifier is a private key, want the public one"))
	}
	if err != nil {
		return nil, usage(fmt.Errorf("--verifier is %q, want %s", shortened(printable(line), 60), form))
	}
	return v, nil
}

// openLedger opens a ledger as its last signed checkpoint has it.
func openLedger(dir string, v note.Verifier) (*ledger.Reader, error) {
	r, err := ledger.OpenReader(dir, v)
	if err != nil {
		return nil, ledgerError(dir, err)
	}
	return r, nil
}

// ledgerError tells a ledger that is not there from one that is not what was written.
func ledgerError(dir string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) && !errors.As(err, new(*ledger.Damage)) {
		return fmt.Errorf("%s is no ledger that can be read: %w", dir, err)
	}
	return invalid(fmt.Errorf("%s: %w", dir, err))
}

// oneFolder takes the folder of a ledger.
func oneFolder(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage(fmt.Errorf("got %d arguments, want the folder of a ledger", len(args)))
	}
	return nil
}

// splitCheckpoints takes a file of signed checkpoints apart: one, or several with an
// empty line between them, as ledger.FileAnchor writes them.
func splitCheckpoints(path string) ([][]byte, error) {
	data, err := readFile("checkpoint", path)
	if err != nil {
		return nil, err
	}
	parts := bytes.Split(bytes.TrimSpace(data), []byte("\n\n"))
	if len(parts)%2 != 0 {
		return nil, invalid(fmt.Errorf("%s holds no signed checkpoints: each has three lines, an empty one and signatures", path))
	}
	var all [][]byte
	for i := 0; i < len(parts); i += 2 {
		all = append(all, fmt.Appendf(nil, "%s\n\n%s\n", parts[i], parts[i+1]))
	}
	return all, nil
}

// leaves writes a number of leaves.
func leaves(n int64) string {
	if n == 1 {
		return "1 leaf"
	}
	return grouped(n) + " leaves"
}
