package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

func newKeyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "key",
		GroupID: groupMarks,
		Short:   "Make, show, derive and commit to keys; make marks of them",
		Long: `A root key is a file that only its owner may read. All other keys are derived from
it; marks are two files, one public and one secret.

From nothing to a mark:

  dyetrace key new root.key
  dyetrace key mark marks/ --key root.key --layers vendor=70,epoch=20,cohort=10 --epoch 2026-11 --cohort trial`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeyNewCommand(a), newKeyMarkCommand(a), newKeyDeriveCommand(a), newKeyCommitCommand(a), newKeyShowCommand(a))
	return cmd
}

// baseName is the last part of a path, which names things.
func baseName(path string) string { return filepath.Base(filepath.Clean(path)) }

// keyResult is what is printed of a key.
type keyResult struct {
	File   string  `json:"file,omitempty"`
	ID     keys.ID `json:"id"`
	Secret string  `json:"secret,omitempty"`
}

func newKeyNewCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "new FILE",
		Short: "Draw a root key into a new file of mode 0600",
		Example: `  dyetrace key new root.key
  dyetrace detect --key root.key --tokenizer tokenizer.json answers.jsonl`,
		Args: exactly(1, "the name of the new file"),
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := freshKey()
			if err != nil {
				return err
			}
			if err := writeKey(args[0], k); err != nil {
				return err
			}
			err = a.print(keyResult{File: args[0], ID: k.ID()}, func(w io.Writer) {
				fmt.Fprintf(w, "wrote a new key to %s, mode 0600: keep it, nothing brings it back\n%s\n", args[0], k.ID())
			})
			a.next("dyetrace key mark marks/NAME --key %s", shellWord(args[0]))
			return err
		},
	}
}

func writeKey(path string, k keys.Key) error { return writeNew(path, []byte(k.Reveal()+"\n"), 0o600) }

func newKeyDeriveCommand(a *app) *cobra.Command {
	var out string
	var reveal bool
	cmd := &cobra.Command{
		Use:   "derive KEYFILE PATH",
		Short: "Derive a key from another",
		Long:  "Derive a key. It reveals nothing of the key that it comes from, nor of others.\n\n" + pathHelp,
		Example: `  dyetrace key derive root.key epoch=2026-11/cohort=trial -o trial.key
  dyetrace key derive root.key epoch=2026-11/vendor/canaries -o study/keys/canaries.key`,
		Args: exactly(2, "a key file and a path, such as root.key epoch=2026-11/vendor"),
		RunE: func(_ *cobra.Command, args []string) error {
			root, err := keys.ReadFile(args[0])
			if err != nil {
				return err
			}
			k, err := derive(root, args[1])
			if err != nil {
				return usage(err)
			}
			r := keyResult{ID: k.ID(), File: out}
			if out != "" {
				if err := writeKey(out, k); err != nil {
					return err
				}
			}
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
	cmd.Flags().StringVarP(&out, "out", "o", "", "write the key to this new `file`, mode 0600")
	cmd.Flags().BoolVar(&reveal, "reveal", false, "print the secret")
	return cmd
}

func newKeyMarkCommand(a *app) *cobra.Command {
	var f markFlags
	var engine, config string
	var vocab int
	cmd := &cobra.Command{
		Use:   "mark NAME | mark FOLDER/",
		Short: "Make a mark: a public file and a secret one",
		Long: `Make the two files of a mark: NAME` + specEnd + `, which says what it is and is public, and
NAME` + secretEnd + `, which holds its key, mode 0600. With --layers a file is made for every
layer and name, in FOLDER. Without --key a new key is drawn.

With --engine the mark is another engine's, from that engine's own configuration
file: ` + engineNames() + `.
A configuration without a key gets one; key show --reveal prints it for the engine.`,
		Example: `  dyetrace key mark marks/lab                                   a native mark under a new key
  dyetrace key mark marks/ --key root.key --layers vendor=70,epoch=20,cohort=10 --epoch 2026-11 --cohort trial,paid
  dyetrace key mark marks/theirs --engine vllm --config watermark.json`,
		Args: exactly(1, "the name of the mark's files, or with --layers a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			made, err := makeMarks(cmd, &f, args[0], engine, config, vocab)
			if err != nil {
				return err
			}
			for _, m := range made {
				if err := m.write(); err != nil {
					return err
				}
			}
			results := make([]markResult, len(made))
			for i, m := range made {
				results[i] = m.result()
			}
			err = a.print(struct {
				Marks []markResult `json:"marks"`
			}{results}, func(w io.Writer) {
				for _, r := range results {
					fmt.Fprintf(w, "%s  and %s\n  %s\n", r.Spec, baseName(r.Secret), r.Mark)
					if r.Warning != "" {
						fmt.Fprintf(w, "  warning: %s\n", r.Warning)
					}
				}
			})
			if folder := filepath.Dir(made[0].stem); baseName(folder) == keysFolder {
				a.next("dyetrace plan %v --suspect NAME --prompts prompts.txt --tokenizer tokenizer.json", study{filepath.Dir(folder)})
			} else {
				a.next("dyetrace detect --mark %s --tokenizer tokenizer.json TEXT", shellWord(stemOf(args[0])))
			}
			return err
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&engine, "engine", "", "`name` of another engine")
	cmd.Flags().StringVar(&config, "config", "", "`file` of that engine's configuration")
	cmd.Flags().IntVar(&vocab, "vocab", 0, "`tokens` in the vocabulary, for engines whose configuration does not say")
	return cmd
}

func makeMarks(cmd *cobra.Command, f *markFlags, target, engine, config string, vocab int) ([]*markFile, error) {
	if engine != "" || config != "" {
		if engine == "" || config == "" || f.key != "" || f.layers != "" {
			return nil, usage(errors.New("--engine and --config go together, and without --key and --layers"))
		}
		data, err := readFile("configuration", config)
		if err != nil {
			return nil, err
		}
		m, _, err := engineMark(baseName(stemOf(target)), engine, data, vocab)
		if err != nil {
			return nil, err
		}
		m.stem = stemOf(target)
		return []*markFile{m}, nil
	}
	if vocab != 0 {
		return nil, usage(errors.New("--vocab without --engine: native marks know no vocabulary"))
	}
	if f.key == "" {
		if f.layers != "" || f.path != "" {
			return nil, usage(errors.New("--layers and --path need --key, the root key"))
		}
		return freshMark(f, target)
	}
	made, err := f.open()
	if err != nil {
		return nil, err
	}
	if f.layers == "" {
		made[0].name, made[0].stem = baseName(stemOf(target)), stemOf(target)
		return made, nil
	}
	for _, m := range made {
		m.stem = filepath.Join(target, fileName(m.name))
		m.name = fileName(m.name)
	}
	return made, nil
}

// freshMark makes a mark under a key that nobody else has.
func freshMark(f *markFlags, target string) ([]*markFile, error) {
	if strings.HasSuffix(target, "/") {
		return nil, usage(fmt.Errorf("%s is a folder: one mark needs a name, such as %slab", target, target))
	}
	k, err := freshKey()
	if err != nil {
		return nil, err
	}
	m, err := f.native(baseName(stemOf(target)), k)
	if err != nil {
		return nil, err
	}
	m.stem = stemOf(target)
	return []*markFile{m}, nil
}

// fileName replaces what does not belong into a file's name.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
}

// exactly is cobra.ExactArgs with an error that says what is wanted.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(fmt.Errorf("got %d arguments, want %s", len(args), what))
		}
		return nil
	}
}
