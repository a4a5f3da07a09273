package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

func newJudgeCommand(a *app) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:     "judge [STUDY]",
		GroupID: groupStudy,
		Short:   "Open the keys and follow the plan",
		Long: `Open the keys, from STUDY/keys or --keys, and follow the plan to the letter. Writes
STUDY/` + reportJSON + ` and STUDY/` + reportText + `. A key of the plan that is not there makes void
findings, which count in the family.

Exit codes: 0 nothing was found, 1 something was, 3 the evidence is not what the plan
says: a file was changed, a seal does not fit, a key does not open its commitment.`,
		Example: `  dyetrace judge study/
  dyetrace judge study/ --keys ../vendor/marks`,
		Args: atMostStudy,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openStudy(args)
			if err != nil {
				return err
			}
			return a.judge(cmd.Context(), s, from)
		},
	}
	cmd.Flags().StringVar(&from, "keys", "", "`folder` with the marks, keys and nonces; defaults to STUDY/keys")
	return cmd
}

func (a *app) judge(ctx context.Context, s study, from string) error {
	c, _, err := s.openCase(from)
	if err != nil {
		return err
	}
	bar := a.progress("decoys", int64(c.Plan.Decoys*c.Plan.Size()))
	c.Progress = a.caseProgress(bar)
	report, err := verify.Judge(ctx, c)
	bar.Done()
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w (nothing is lost: dyetrace judge %v)", err, s)
		}
		return invalid(err)
	}
	var forPrograms, forPeople bytes.Buffer
	if err := errors.Join(report.WriteJSON(&forPrograms), report.WriteText(&forPeople)); err != nil {
		return err
	}
	if err := s.remove(reportHTML, bundleFile); err != nil { // of an earlier report
		return err
	}
	if err := errors.Join(s.writeBytes(forPrograms.Bytes(), reportJSON), s.writeBytes(forPeople.Bytes(), reportText)); err != nil {
		return err
	}
	if a.json {
		_, err = a.out.Write(forPrograms.Bytes())
	} else {
		_, err = a.out.Write(forPeople.Bytes())
	}
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	a.next("%s", s.next())
	return foundIn(report)
}

// foundIn is errFound for a report that rejects a null hypothesis.
func foundIn(r *verify.Report) error {
	if slices.ContainsFunc(r.Findings, func(f verify.Finding) bool { return f.Rejected }) {
		return errFound
	}
	return nil
}

// caseProgress moves a bar by what Judge tells, which knows the total better.
func (a *app) caseProgress(bar *progress) func(done, total int) {
	return func(done, total int) {
		bar.SetTotal(int64(total))
		bar.Set(int64(done))
	}
}

// openCase reads everything that a judgement needs, and the bytes for a bundle.
func (s study) openCase(from string) (c verify.Case, x verify.Enclosures, err error) {
	if c.Plan, err = s.plan(); err != nil {
		return c, x, err
	}
	if c.Frames, err = s.frames(c.Plan); err != nil {
		return c, x, err
	}
	if c.Transcript, err = s.transcript(); err != nil {
		return c, x, err
	}
	if c.Seal, err = s.seal(c.Transcript); err != nil {
		return c, x, err
	}
	for _, name := range c.Plan.Controls {
		folder := []string{controlsFolder, fileName(name)}
		var k verify.Control
		if k.Transcript, err = s.transcript(folder...); err != nil {
			return c, x, err
		}
		if k.Seal, err = s.seal(k.Transcript, folder...); err != nil {
			return c, x, err
		}
		c.Controls = append(c.Controls, k)
	}
	if c.Tokenizer, x.Tokenizer, err = s.tokenizer(c.Plan); err != nil {
		return c, x, err
	}
	if c.Book, err = s.book(c.Plan); err != nil {
		return c, x, err
	}
	if c.Served, err = s.served(c.Plan); err != nil {
		return c, x, err
	}
	c.Keys, x.Keys, err = s.openKeys(c.Plan, from)
	return c, x, err
}

// openKeys opens the keys of a plan that a folder has.
func (s study) openKeys(p *verify.Plan, from string) (opened []verify.Opened, revealed []verify.RevealedKey, err error) {
	if from == "" {
		from = s.path(keysFolder)
	}
	if !isFolder(from) {
		return nil, nil, fmt.Errorf("no keys to open: %s is no folder (--keys names another)", from)
	}
	for _, k := range p.Keys {
		stem, err := findKey(from, k)
		if err != nil {
			return nil, nil, err
		}
		if stem == "" {
			continue
		}
		o := verify.Opened{Name: k.Name}
		if k.Commitment != (keys.Commitment{}) {
			if o.Nonce, err = readNonce(stem); err != nil {
				return nil, nil, err
			}
		}
		var spec, secret []byte
		if k.Tree == "" {
			m, err := readMark(stem)
			if err != nil {
				return nil, nil, err
			}
			if m.mark.ID() != k.Mark {
				return nil, nil, invalid(fmt.Errorf("%s is mark %s, want %s as the plan says of key %q", stem+specEnd, m.mark.ID(), k.Mark, k.Name))
			}
			o.Mark, o.Key = m.mark, m.secret.Key()
			if spec, err = m.spec.Encode(); err != nil {
				return nil, nil, err
			}
			secret, err = m.secret.Reveal()
			if err != nil {
				return nil, nil, err
			}
		} else {
			if o.Key, err = keys.ReadFile(stem + keyEnd); err != nil {
				return nil, nil, err
			}
			if secret, err = marks.KeySecret(o.Key, keys.Key{}).Reveal(); err != nil {
				return nil, nil, err
			}
		}
		opened = append(opened, o)
		revealed = append(revealed, verify.Reveal(k.Name, spec, secret))
	}
	if len(opened) == 0 {
		return nil, nil, fmt.Errorf("%s has none of the plan's keys %s (--keys names another folder)", from, keyNames(p))
	}
	return opened, revealed, nil
}

// findKey finds the files of a key: by its name, or by the mark that a spec names.
func findKey(from string, k verify.KeyPlan) (string, error) {
	stem := filepath.Join(from, fileName(k.Name))
	end := specEnd
	if k.Tree != "" {
		end = keyEnd
	}
	if exists(stem + end) {
		return stem, nil
	}
	if k.Tree != "" {
		return "", nil
	}
	stems, err := stemsIn(from, specEnd)
	if err != nil {
		return "", err
	}
	for _, other := range stems {
		spec, err := readSpec(other + specEnd)
		if err != nil {
			return "", err
		}
		if id, err := spec.MarkID(); err == nil && id == k.Mark {
			return other, nil
		}
	}
	return "", nil
}
