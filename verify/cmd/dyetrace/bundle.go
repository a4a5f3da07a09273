package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/marks"
)

func newBundleCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "bundle",
		GroupID: groupStudy,
		Short:   "Pack a study into one file, and check such a file",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBundleMakeCommand(a), newBundleVerifyCommand(a), newBundleObjectCommand(a))
	return cmd
}

func newBundleMakeCommand(a *app) *cobra.Command {
	var from, out string
	var proofs []string
	cmd := &cobra.Command{
		Use:   "make [STUDY]",
		Short: "Pack a study into one file from which an opponent makes every figure again",
		Long: `Pack plan, frames, answers, seals, opened keys and report of a study into one file.
The keys are in it, revealed on purpose: an opponent needs them to recompute. Do not
hand it out before they may be known.`,
		Example: `  dyetrace bundle make study/
  dyetrace bundle make study/ --ledger-proof commitments.proof.json`,
		Args: atMostStudy,
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := openStudy(args)
			if err != nil {
				return err
			}
			if out == "" {
				out = s.path(bundleFile)
			}
			return a.makeBundle(s, from, out, proofs)
		},
	}
	cmd.Flags().StringVar(&from, "keys", "", "`folder` with the marks, keys and nonces; defaults to STUDY/keys")
	cmd.Flags().StringVarP(&out, "out", "o", "", "the bundle's `file`; defaults to STUDY/"+bundleFile)
	cmd.Flags().StringArrayVar(&proofs, "ledger-proof", nil, "`file` of dyetrace ledger prove, which shows when things were committed; may be given again")
	return cmd
}

// bundleResult is what is printed of a bundle that was made.
type bundleResult struct {
	File   string         `json:"file"`
	Bytes  int64          `json:"bytes"`
	Digest collect.Digest `json:"digest"`
}

func (a *app) makeBundle(s study, from, out string, proofs []string) error {
	c, x, err := s.openCase(from)
	if err != nil {
		return err
	}
	if x.Ledger, err = ledgerParts(proofs); err != nil {
		return err
	}
	report, err := s.report()
	if err != nil {
		return err
	}
	b, err := verify.NewBundle(c, report, x)
	if err != nil {
		return invalid(err)
	}
	r := bundleResult{File: out, Digest: b.Digest()}
	if err := writeTo(out, 0o600, func(w io.Writer) error {
		r.Bytes, err = b.WriteTo(w)
		return err
	}); err != nil {
		return err
	}
	err = a.print(r, func(w io.Writer) {
		fmt.Fprintf(w, "%s, %s, digest %v\nit holds the opened keys: hand it out only when they may be known\n", r.File, byteSize(r.Bytes), r.Digest)
	})
	a.next("dyetrace bundle verify %s", shellWord(out))
	return err
}

func newBundleVerifyCommand(a *app) *cobra.Command {
	var tok string
	var verifiers []string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check everything in a bundle, and make its report again",
		Long: `Check every part of a bundle and make its report again, offline, without trust in
whoever made it.

Exit codes: 0 everything was checked and nothing failed (whatever the report found),
3 something failed or could not be checked.`,
		Example: "  dyetrace bundle verify study/bundle.dyetrace",
		Args:    exactly(1, "the file of a bundle"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verifyBundle(cmd.Context(), args[0], tok, verifiers)
		},
	}
	cmd.Flags().StringVar(&tok, "tokenizer", "", "tokenizer.json `file`, for a bundle that holds none")
	cmd.Flags().StringArrayVarP(&verifiers, "verifier", "v", nil, "public `key` of a ledger of which the bundle holds proofs: the line, or a file with it; may be given again")
	return cmd
}

func (a *app) verifyBundle(ctx context.Context, path, tok string, verifiers []string) error {
	checkLedger, err := openLedgerChecker(verifiers)
	if err != nil {
		return err
	}
	b, err := readBundle(path)
	if err != nil {
		return err
	}
	total := int64(1)
	if p, err := b.Plan(); err == nil {
		total = int64(p.Decoys * p.Size())
	}
	bar := a.progress("decoys", total)
	v := b.Verify(ctx, verify.Recompute{Mark: marks.Open, Tokenizer: recomputeTokenizer(tok), Ledger: checkLedger, Progress: a.caseProgress(bar)})
	bar.Done()
	if err := ctx.Err(); err != nil {
		return err
	}
	type result struct {
		OK bool `json:"ok"`
		verify.Verification
	}
	var writeErr error
	if err := a.print(result{v.OK(), v}, func(w io.Writer) { writeErr = v.WriteText(w) }); err != nil || writeErr != nil {
		return fmt.Errorf("cannot write the checks: %w", err)
	}
	if !v.OK() {
		return errShown
	}
	return nil
}

func readBundle(path string) (*verify.Bundle, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("no bundle: %w", err)
	}
	defer f.Close()
	if isFolder(path) {
		return nil, fmt.Errorf("%s is a folder, want the file of a bundle, such as %s", path, study{path}.path(bundleFile))
	}
	b, err := verify.ReadBundle(f)
	if err != nil {
		return nil, invalid(fmt.Errorf("%s: %w", path, err))
	}
	return b, nil
}

// recomputeTokenizer takes the bundle's tokenizer, or that of a file.
func recomputeTokenizer(path string) func(verify.TokenizerID, []byte) (verify.Tokenizer, error) {
	return func(want verify.TokenizerID, data []byte) (verify.Tokenizer, error) {
		if data != nil {
			return parseTokenizer(want.Name, data)
		}
		if path == "" {
			return verify.Tokenizer{}, fmt.Errorf("the bundle has no tokenizer, and --tokenizer names none")
		}
		t, _, err := readTokenizer(path)
		if err != nil {
			return verify.Tokenizer{}, err
		}
		return verify.Tokenizer{TokenizerID: verify.TokenizerID{Name: want.Name, Digest: t.Digest()}, Encode: t.Encode}, nil
	}
}

func newBundleObjectCommand(a *app) *cobra.Command {
	var by, text, out string
	cmd := &cobra.Command{
		Use:     "object FILE",
		Short:   "Add an objection of the accused, which counts in no figure",
		Example: "  dyetrace bundle object bundle.dyetrace --by 'Example Inc.' --text 'The answers were published.' -o objected.dyetrace",
		Args:    exactly(1, "the file of a bundle"),
		RunE: func(_ *cobra.Command, args []string) error {
			if text == "" || out == "" {
				return usage(fmt.Errorf("want --text, what is objected, and --out, the new bundle's file"))
			}
			b, err := readBundle(args[0])
			if err != nil {
				return err
			}
			if b, err = b.WithObjection(verify.Objection{By: by, Text: text}); err != nil {
				return invalid(err)
			}
			r := bundleResult{File: out, Digest: b.Digest()}
			if err := writeTo(out, 0o600, func(w io.Writer) error {
				r.Bytes, err = b.WriteTo(w)
				return err
			}); err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) { fmt.Fprintf(w, "%s, digest %v\n", r.File, r.Digest) })
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "`who` objects")
	cmd.Flags().StringVar(&text, "text", "", "`what` is objected")
	cmd.Flags().StringVarP(&out, "out", "o", "", "the new bundle's `file`")
	return cmd
}
