package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

// maxProven is how many leaves a proof holds at most: some 20 MB.
const maxProven = 10_000

type proveFlags struct {
	verifierFlag
	leaves []int64
	digest []string
	want   ledgerFilter
	older  []string
	out    string
}

// filtered reports whether leaves are named by what they say.
func (f *proveFlags) filtered() bool {
	return f.want.kind != "" || f.want.epoch != "" || f.want.key != ""
}

func newLedgerProveCommand(a *app) *cobra.Command {
	var f proveFlags
	cmd := &cobra.Command{
		Use:   "prove LEDGER",
		Short: "Prove that leaves are in a ledger, in a file that needs no ledger",
		Long: `Write a proof that leaves are in a ledger: the leaves, its last signed checkpoint and
the path from each leaf to it. Who has the proof and the public key of the ledger
checks it with dyetrace ledger verify --proof, and a bundle can hold it. Nothing else
of the ledger is in it.

Leaves are named by their numbers, or by what they say. A digest is that of a
commitment, book, plan, frame or seal, in hexadecimal or as key commit prints it.`,
		Example: `  dyetrace ledger prove data/ledger -v ledger.pub --leaf 17 -o leaf17.proof.json
  dyetrace ledger prove data/ledger -v ledger.pub --digest dyetrace_commitment1_… -o commitment.proof.json
  dyetrace ledger prove data/ledger -v ledger.pub --epoch 2026-11 --kind commitment --older published.checkpoint -o epoch.proof.json
  dyetrace ledger verify -v ledger.pub --proof epoch.proof.json`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error { return a.prove(cmd.Context(), &f, args[0]) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.add(flags)
	flags.Int64SliceVar(&f.leaves, "leaf", nil, "`numbers` of leaves")
	flags.StringArrayVar(&f.digest, "digest", nil, "leaves with this `digest`; may be given again")
	flags.StringVar(&f.want.kind, "kind", "", "all leaves of this `kind` (those of plantings are many)")
	flags.StringVar(&f.want.epoch, "epoch", "", "only leaves of the epoch of this `name`")
	flags.StringVar(&f.want.key, "key", "", "only leaves of the key with this public `id`")
	flags.StringArrayVar(&f.older, "older", nil, "`file` of an earlier signed checkpoint: prove that the ledger begins with it")
	flags.StringVarP(&f.out, "out", "o", "", "write the proof to this `file`; defaults to standard output")
	return cmd
}

func (a *app) prove(ctx context.Context, f *proveFlags, dir string) error {
	v, err := f.open()
	if err != nil {
		return err
	}
	if len(f.leaves) == 0 && len(f.digest) == 0 && !f.filtered() && len(f.older) == 0 {
		return usage(errors.New("nothing to prove: give --leaf, --digest, --kind or --older"))
	}
	r, err := openLedger(dir, v)
	if err != nil {
		return err
	}
	defer r.Close()
	numbers, err := a.findLeaves(ctx, f, dir, r)
	if err != nil {
		return err
	}
	p := proofFile{Schema: proofSchema, Checkpoint: string(r.Signed()), Leaves: []provenLeaf{}}
	for _, n := range numbers {
		leaf, err := proveLeaf(r, n)
		if err != nil {
			return ledgerError(dir, err)
		}
		p.Leaves = append(p.Leaves, leaf)
	}
	if p.Older, err = proveOlder(f.older, dir, r, v); err != nil {
		return err
	}
	checked, err := p.check(v)
	if err != nil {
		return invalid(fmt.Errorf("%s: %w", dir, err))
	}
	data, err := canon.Encode(p)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if f.out == "" {
		_, err := a.out.Write(data)
		return err
	}
	if err := writeFile(f.out, data, 0o644); err != nil {
		return err
	}
	err = a.print(checked.result(f.out), checked.writeText)
	a.next("dyetrace ledger verify -v %s --proof %s", shellWord(f.value), shellWord(f.out))
	return err
}

// findLeaves returns the numbers of the leaves that flags name, in rising order.
func (a *app) findLeaves(ctx context.Context, f *proveFlags, dir string, r *ledger.Reader) ([]int64, error) {
	for _, n := range f.leaves {
		if n < 0 || n >= r.Size() {
			return nil, usage(fmt.Errorf("--leaf is %d, the ledger has %s up to its last signed checkpoint", n, leaves(r.Size())))
		}
	}
	numbers := slices.Clone(f.leaves)
	if len(f.digest) > 0 || f.filtered() {
		some, err := a.scanLeaves(ctx, f, dir, r)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, some...)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}

func (a *app) scanLeaves(ctx context.Context, f *proveFlags, dir string, r *ledger.Reader) (numbers []int64, err error) {
	want, _, err := f.want.filter()
	if err != nil {
		return nil, err
	}
	missing := map[ledger.Digest]string{}
	for _, text := range f.digest {
		d, err := digestOf(text)
		if err != nil {
			return nil, usage(fmt.Errorf("--digest: %w", err))
		}
		missing[d] = text
	}
	digests := make(map[ledger.Digest]bool, len(missing))
	for d := range missing {
		digests[d] = true
	}
	bar := a.progress("leaves", r.Size())
	defer bar.Done()
	err = a.scan(ctx, dir, r, want, bar, func(e ledger.Entry) error {
		if len(digests) > 0 && !digests[e.Leaf.Digest] {
			return nil
		}
		delete(missing, e.Leaf.Digest)
		if numbers = append(numbers, e.Index); len(numbers) > maxProven {
			return usage(fmt.Errorf("more than %s leaves are wanted, want fewer: say more about them", grouped(maxProven)))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, text := range missing {
		return nil, fmt.Errorf("no leaf in the %s of %s has the digest %s", leaves(r.Size()), dir, text)
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("no leaf in the %s of %s is wanted", leaves(r.Size()), dir)
	}
	return numbers, nil
}

func proveLeaf(r *ledger.Reader, index int64) (provenLeaf, error) {
	leaf, err := r.Leaf(index)
	if err != nil {
		return provenLeaf{}, err
	}
	data, err := leaf.MarshalBinary()
	if err != nil {
		return provenLeaf{}, err
	}
	path, err := r.Prove(index, r.Size())
	return provenLeaf{Index: index, Leaf: data, Path: pathOf(path)}, err
}

// proveOlder proves that the ledger begins with the checkpoints in files.
func proveOlder(files []string, dir string, r *ledger.Reader, v note.Verifier) (all []olderProof, err error) {
	for _, path := range files {
		some, err := splitCheckpoints(path)
		if err != nil {
			return nil, err
		}
		for _, signed := range some {
			c, err := ledger.OpenCheckpoint(signed, r.Origin(), v)
			if err != nil {
				return nil, invalid(fmt.Errorf("%s: %w", path, err))
			}
			if c.Size > r.Size() {
				return nil, invalid(fmt.Errorf("%s is of %s, the ledger in %s has %s: it is an earlier state, or another one", path, leaves(c.Size), dir, grouped(r.Size())))
			}
			proof, err := r.ProveTree(r.Size(), c.Size)
			if err != nil {
				return nil, ledgerError(dir, err)
			}
			all = append(all, olderProof{string(signed), pathOf(proof)})
		}
	}
	return all, nil
}

// provenResult is what is printed of a proof.
type provenResult struct {
	File   string       `json:"file"`
	Origin string       `json:"origin"`
	Size   int64        `json:"size"`
	Root   string       `json:"root"`
	Leaves []leafResult `json:"leaves"`
	Older  []int64      `json:"older,omitempty"` // sizes of the checkpoints with which the ledger begins
}

func (p *proven) result(file string) provenResult {
	r := provenResult{File: file, Origin: p.checkpoint.Origin, Size: p.checkpoint.Size, Root: p.checkpoint.Root.String(), Leaves: []leafResult{}}
	for i := range p.leaves {
		r.Leaves = append(r.Leaves, unitNames(nil).leaf(p.leaves[i].Index, &p.leaves[i].Leaf))
	}
	for _, o := range p.older {
		r.Older = append(r.Older, o.Size)
	}
	return r
}

func (p *proven) writeText(w io.Writer) {
	fmt.Fprintf(w, "signature  ok, of %s: %s, root %v\n", p.checkpoint.Origin, leaves(p.checkpoint.Size), p.checkpoint.Root)
	for i := range p.leaves {
		fmt.Fprintf(w, "in it      %s\n", unitNames(nil).leaf(p.leaves[i].Index, &p.leaves[i].Leaf).line())
	}
	for _, o := range p.older {
		fmt.Fprintf(w, "begins     with the %s of an earlier checkpoint\n", leaves(o.Size))
	}
}
