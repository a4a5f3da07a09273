package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// markResult is what is printed of a mark.
type markResult struct {
	Name    string         `json:"name"`
	Spec    string         `json:"spec"`
	Secret  string         `json:"secret,omitempty"` // the file
	Engine  string         `json:"engine"`
	Mark    string         `json:"mark"` // watermark.Watermark.ID
	KeyID   string         `json:"key_id"`
	Kind    watermark.Kind `json:"kind,omitempty"`
	Config  rawJSON        `json:"description"`
	Opened  rawJSON        `json:"opened,omitempty"` // with --reveal
	Warning string         `json:"warning,omitempty"`
}

// rawJSON is JSON that is passed on as it is.
type rawJSON []byte

func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func (m *markFile) result() markResult {
	r := specResult(m.name, m.stem+specEnd, m.spec)
	r.Secret, r.Kind = m.stem+secretEnd, m.mark.Info().Kind
	if r.Kind == watermark.PublicKey {
		r.Warning = "everybody tries this key: nothing found under it is evidence"
	}
	return r
}

func specResult(name, path string, spec marks.Spec) markResult {
	r := markResult{Name: name, Spec: path, Engine: spec.Engine(), KeyID: spec.KeyID()}
	r.Mark, _ = spec.MarkID() // of a spec that was parsed
	r.Config, _ = spec.MarshalJSON()
	return r
}

func newKeyShowCommand(a *app) *cobra.Command {
	var reveal bool
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Show a key or a mark, without its secret unless asked",
		Example: `  dyetrace key show root.key
  dyetrace key show marks/lab
  dyetrace key show --reveal marks/lab      for the engine's configuration: do not leave it in a log`,
		Args: exactly(1, "a key file, or a mark"),
		RunE: func(_ *cobra.Command, args []string) error {
			stem := stemOf(args[0])
			if exists(stem + specEnd) {
				return a.showMark(stem, reveal)
			}
			if _, err := os.Stat(args[0]); err != nil && !exists(args[0]) {
				return fmt.Errorf("neither a key file nor a mark: no %s and no %s", args[0], stem+specEnd)
			}
			k, err := keys.ReadFile(args[0])
			if err != nil {
				return err
			}
			r := keyResult{File: args[0], ID: k.ID()}
			if reveal {
				r.Secret = k.Reveal()
			}
			return a.print(r, func(w io.Writer) {
				fmt.Fprintln(w, k.ID())
				if reveal {
					fmt.Fprintln(w, k.Reveal())
				}
			})
		},
	}
	cmd.Flags().BoolVar(&reveal, "reveal", false, "print the secret")
	return cmd
}

func (a *app) showMark(stem string, reveal bool) error {
	spec, err := readSpec(stem + specEnd)
	if err != nil {
		return err
	}
	r := specResult(baseName(stem), stem+specEnd, spec)
	if exists(stem+secretEnd) || reveal {
		m, err := readMark(stem)
		if err != nil {
			return err
		}
		r = m.result()
		if reveal {
			opened, err := m.secret.Reveal()
			if err != nil {
				return err
			}
			r.Opened = rawJSON(strings.TrimSuffix(string(opened), "\n"))
		}
	}
	return a.print(r, func(w io.Writer) {
		fmt.Fprintf(w, "mark    %s\nengine  %s\nkey     %s\nfile    %s\n        %s\n", r.Mark, r.Engine, r.KeyID, r.Spec, r.Config)
		if r.Secret == "" {
			fmt.Fprintf(w, "secret  not here\n")
		} else {
			fmt.Fprintf(w, "secret  in %s\n", r.Secret)
		}
		if r.Warning != "" {
			fmt.Fprintf(w, "warning %s\n", r.Warning)
		}
		if r.Opened != nil {
			fmt.Fprintf(w, "opened  %s\n", r.Opened)
		}
	})
}

func newKeyCommitCommand(a *app) *cobra.Command {
	var book, tree, name string
	cmd := &cobra.Command{
		Use:   "commit MARK | commit KEYFILE",
		Short: "Bind a key in public before anything is asked",
		Long: `Commit to the key of a mark, or with --book to a key that decides canaries. Writes
NAME` + commitEnd + `, which is public and goes into plans, and NAME` + nonceEnd + `, mode 0600, which opens
the commitment and is kept like the key. A key that is committed to already keeps
its commitment. Publish the commitment, best in a ledger, before answers are
served.`,
		Example: `  dyetrace key commit marks/vendor
  dyetrace key commit study/keys/canaries.key --book book.txt`,
		Args: exactly(1, "a mark, or a key file with --book"),
		RunE: func(_ *cobra.Command, args []string) error {
			stem := stemOf(args[0])
			if book != "" {
				stem = strings.TrimSuffix(stem, keyEnd)
			}
			if name == "" {
				name = baseName(stem)
			}
			k, err := commitFile(stem, name, book, tree)
			if err != nil {
				return err
			}
			err = a.print(k, func(w io.Writer) {
				fmt.Fprintf(w, "%s\n%s: publish it\n%s: keep it secret\n", k.Commitment, stem+commitEnd, stem+nonceEnd)
			})
			a.next("dyetrace plan study/ --commitment %s --suspect NAME --prompts prompts.txt", shellWord(stem+commitEnd))
			return err
		},
	}
	cmd.Flags().StringVar(&book, "book", "", "`file` of the book of canaries that the key decides")
	cmd.Flags().StringVar(&tree, "tree", "", "`name` of the tree of the book that the key decides; defaults to its only one")
	cmd.Flags().StringVar(&name, "name", "", "`name` of the key in plans; defaults to the file's")
	return cmd
}

// commitFile commits to the key of a mark, or of a tree of a book.
func commitFile(stem, name, bookPath, tree string) (verify.KeyPlan, error) {
	if bookPath == "" {
		if !exists(stem+specEnd) && exists(stem) {
			return verify.KeyPlan{}, usage(fmt.Errorf("%s is no mark: make one of a key with dyetrace key mark, or give the --book that the key decides", stem))
		}
		m, err := readMark(stem)
		if err != nil {
			return verify.KeyPlan{}, err
		}
		m.name = name
		return m.commit()
	}
	book, err := canary.ReadFile(bookPath)
	if err != nil {
		return verify.KeyPlan{}, err
	}
	return commitTree(stem, name, book, tree)
}

// commitTree commits to the key in stem.key, which decides a tree of a book.
func commitTree(stem, name string, book *canary.Book, tree string) (verify.KeyPlan, error) {
	if tree == "" {
		trees := book.Trees()
		if len(trees) != 1 {
			return verify.KeyPlan{}, usage(fmt.Errorf("book %s has %d trees: which of them does the key decide? (--tree)", book.Name(), len(trees)))
		}
		tree = trees[0].Name
	}
	k, err := keys.ReadFile(stem + keyEnd)
	if err != nil {
		return verify.KeyPlan{}, err
	}
	return commitTo(stem, func(nonce [32]byte) (verify.KeyPlan, error) {
		return verify.CommitTree(name, book, canary.TreeKey{Tree: tree, Option: k}, nonce)
	})
}
