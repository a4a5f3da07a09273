package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newManCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages into a folder",
		Example: `  dyetrace man ~/.local/share/man/man1
  man dyetrace-detect`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("no folder for the manual pages: %w", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, &doc.GenManHeader{Title: "DYETRACE", Section: "1", Source: "dyetrace", Manual: "dyetrace"}, args[0]); err != nil {
				return fmt.Errorf("cannot write the manual pages: %w", err)
			}
			a.next("man -l %s/dyetrace.1", args[0])
			return nil
		},
	}
}
