package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/verify/collect"
)

// sealed is a transcript that was sealed.
type sealed struct {
	Name       string         `json:"name"`
	Seal       string         `json:"seal"` // file
	Digest     collect.Digest `json:"digest"`
	Transcript collect.Digest `json:"transcript"`
	Missing    int            `json:"missing"`
}

func newSealCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "seal [STUDY]",
		GroupID: groupStudy,
		Short:   "Fix the answers before any key is opened",
		Long: `Seal the transcript of the suspect, and of every control. Publish the digests before
any key is opened: whoever knows the keys could otherwise choose answers, and decoy
keys are drawn from the seal.`,
		Example: "  dyetrace seal study/",
		Args:    atMostStudy,
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := openStudy(args)
			if err != nil {
				return err
			}
			return a.seal(s)
		},
	}
}

func (a *app) seal(s study) error {
	plan, err := s.plan()
	if err != nil {
		return err
	}
	digest, err := plan.Digest()
	if err != nil {
		return invalid(err)
	}
	folders := map[string][]string{plan.Suspect: nil}
	names := []string{plan.Suspect}
	for _, c := range plan.Controls {
		folders[c] = []string{controlsFolder, fileName(c)}
		names = append(names, c)
	}
	var all []sealed
	for _, name := range names {
		folder := folders[name]
		if folder != nil && !s.has(append(folder, transcriptFile)...) {
			return fmt.Errorf("control %q was not asked: dyetrace collect %v --control %s --url URL --model NAME", name, s, shellWord(name))
		}
		t, err := s.transcript(folder...)
		if err != nil {
			return err
		}
		if t.Plan != digest {
			return invalid(fmt.Errorf("%s is of plan %.12s…, want %.12s…: the plan was changed after the answers were collected", s.path(append(folder, transcriptFile)...), t.Plan, digest))
		}
		seal, err := t.Seal()
		if err != nil {
			return err
		}
		path := s.path(append(folder, sealFile)...)
		if exists(path) {
			if _, err := s.seal(t, folder...); err != nil {
				return err
			}
		} else {
			data, err := seal.Encode()
			if err != nil {
				return err
			}
			if err := s.writeBytes(data, append(folder, sealFile)...); err != nil {
				return err
			}
		}
		all = append(all, sealed{name, path, seal.Digest, seal.Transcript, t.Counts().Missing + t.ReadingCounts().Missing})
	}
	err = a.print(struct {
		Seals []sealed `json:"seals"`
	}{all}, func(w io.Writer) {
		for _, x := range all {
			fmt.Fprintf(w, "%v  %s (%s)\n", x.Digest, x.Seal, printable(x.Name))
			if x.Missing > 0 {
				fmt.Fprintf(w, "  %s without an answer are sealed as missing\n", plural(int64(x.Missing), "question"))
			}
		}
		fmt.Fprintln(w, "publish these digests now, before any key is opened")
	})
	a.next("%s", s.next())
	return err
}
