package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newManCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write the manual pages into a folder",
		Example: `  dyetrace man ~/.local/share/man/man1
  man dyetrace-detect`,
		Args: exactly(1, "a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("no folder for the manual pages: %w", err)
			}
			root := cmd.Root()
			codeBlocks(root)
			root.DisableAutoGenTag = true // equal versions have equal pages
			if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "dyetrace", Manual: "dyetrace"}, args[0]); err != nil {
				return fmt.Errorf("cannot write the manual pages: %w", err)
			}
			pages, err := filepath.Glob(filepath.Join(args[0], "dyetrace*.1"))
			if err != nil {
				return err
			}
			slices.Sort(pages)
			err = a.print(struct {
				Pages []string `json:"pages"`
			}{pages}, func(w io.Writer) { fmt.Fprintf(w, "wrote %s to %s\n", plural(int64(len(pages)), "page"), args[0]) })
			a.next("man %s", shellWord(filepath.Join(args[0], "dyetrace.1")))
			return err
		},
	}
}

// codeBlocks indents the command lines of descriptions as Markdown wants them, of which
// pages are made: others would be filled like words.
func codeBlocks(cmd *cobra.Command) {
	lines := strings.Split(cmd.Long, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "  ") {
			lines[i] = "  " + line
		}
	}
	cmd.Long = strings.Join(lines, "\n")
	for _, sub := range cmd.Commands() {
		codeBlocks(sub)
	}
}
