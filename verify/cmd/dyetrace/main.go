// Dyetrace finds out whether a model was trained on marked answers: it makes
// keys, finds marks in texts, plans a test of a suspect, asks it, seals what it
// says, judges, and packs everything into one file that an opponent can check.
//
//	dyetrace help
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	cobra.EnableCommandSorting = false // help tells the story in its order
	ctx, stop := interruptible(context.Background())
	code := newApp(os.Stdin, os.Stdout, os.Stderr).run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// commands are all that the program can do, in the order in which help lists
// them within their groups.
var commands = []func(*app) *cobra.Command{
	newKeyCommand,
	newDetectCommand,
	newPowerCommand,
	newPlanCommand,
	newCollectCommand,
	newSealCommand,
	newJudgeCommand,
	newReportCommand,
	newBundleCommand,
	newLedgerCommand,
	newCanaryCommand,
	newManCommand,
}
