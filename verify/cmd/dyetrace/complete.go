package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/verify/marks"
)

// choices are the values of flags that have few.
var choices = map[string][]string{
	"color":      {"auto", "always", "never"},
	"format":     {"text", "lines", "jsonl", "parquet"},
	"scheme":     {"gumbel", "dualgumbel:alpha=0.1", "greenlist:gamma=0.25,delta=2", "tournament:depth=30"},
	"server":     {"vllm", "sglang", "llama.cpp", "tgi"},
	"api":        {"chat", "completions"},
	"read-api":   {"chat", "completions"},
	"whole":      {"echo", "prompt_logprobs"},
	"continue":   {"continue_final_message", "prefill", "prefix"},
	"correction": {"holm", "hierarchy"},
	"test":       {"G1", "G2", "R1", "R2", "R3", "R4", "R4h", "cells", "picks", "order", "cohort", "rank"},
	"engine": {marks.EngineVLLM, marks.EngineSGLang, marks.EngineGreenList, marks.EngineHFSynthID, marks.EngineSynthID, marks.EngineTextSeal,
		marks.EngineKGW, marks.EngineUnigram, marks.EngineEXP},
}

// addCompletions makes shells complete flags' values, and studies by folder.
func addCompletions(cmd *cobra.Command) {
	for name, values := range choices {
		if cmd.Flags().Lookup(name) != nil || cmd.PersistentFlags().Lookup(name) != nil {
			// It fails only for flags that there are not, and for those that have one.
			_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	if strings.Contains(cmd.Use, "[STUDY]") {
		cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	}
	for _, sub := range cmd.Commands() {
		addCompletions(sub)
	}
}
