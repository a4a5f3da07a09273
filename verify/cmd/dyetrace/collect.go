package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

type collectFlags struct {
	suspectConfig
	server, api, readAPI, whole, continues string
	temperature, topP                      float64
	seed                                   int64
	extra                                  string
	same                                   bool
	top, batch                             int
	referenceURL, referenceModel           string
	control                                string
	retries                                int
	noCheck                                bool
	timeout                                time.Duration
}

func newCollectCommand(a *app) *cobra.Command {
	var f collectFlags
	cmd := &cobra.Command{
		Use:     "collect [STUDY]",
		GroupID: groupStudy,
		Short:   "Ask the suspect what the plan says; go on where it stopped",
		Long: `Ask the suspect, behind an OpenAI-compatible API, every question of the plan, and keep
what it answers. No key is read: nothing that is asked can depend on one.

How it is asked is written to STUDY/` + suspectFile + ` the first time, so that an interrupted
collection goes on with dyetrace collect STUDY alone. Every answer is on the disk
before the next question is sent in its place: after Ctrl-C, a kill or a crash, the
same command goes on and asks nothing twice that was answered. A question is asked
again only if no byte of an answer came.

The service's key comes from the variable OPENAI_API_KEY, or the one that --key-env
names, or the file of --key-file (mode 0600), never from the command line.

Exit codes: 0 all was asked, 2 some questions stay without an answer or nothing could
be asked (run it again), 130 interrupted (run it again).`,
		Example: `  dyetrace collect study/ --url http://localhost:8080 --model student --temperature 1 --max-tokens 300
  dyetrace collect study/                                       goes on
  dyetrace collect study/ --control base --url http://localhost:8081 --model base
  dyetrace collect study/ --url http://localhost:8000 --model m --server vllm --same-tokenizer --top 20 --whole prompt_logprobs`,
		Args: atMostStudy,
		RunE: func(cmd *cobra.Command, args []string) error { return a.collect(cmd, &f, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.URL, "url", "", "base `URL` of the API, with or without /v1")
	flags.StringVar(&f.Model, "model", "", "`name` of the model there")
	flags.StringVar(&f.control, "control", "", "ask this control of the plan in place of the suspect: `name`")
	flags.StringVar(&f.server, "server", "", "the `software`, if it is vllm, sglang, llama.cpp or tgi")
	flags.StringVar(&f.api, "api", "", "chat or completions; defaults to chat")
	flags.StringVar(&f.System, "system", "", "system message before each prompt: `text`")
	flags.Float64Var(&f.temperature, "temperature", 0, "`temperature`; defaults to the server's")
	flags.Float64Var(&f.topP, "top-p", 0, "top_p; defaults to the server's")
	flags.IntVar(&f.MaxTokens, "max-tokens", 0, "most `tokens` of an answer; defaults to the server's")
	flags.Int64Var(&f.seed, "seed", 0, "seed; defaults to none")
	flags.StringVar(&f.extra, "extra", "", "further fields of each request, a JSON `object`")
	flags.StringVar(&f.KeyEnv, "key-env", "", "`variable` with the service's key; defaults to OPENAI_API_KEY")
	flags.StringVar(&f.KeyFile, "key-file", "", "`file` with the service's key, mode 0600")
	flags.IntVar(&f.Concurrency, "concurrency", 0, "`questions` open at once; defaults to 4")
	flags.StringVar(&f.Every, "every", "", "least `time` between two requests, like 200ms")
	flags.IntVar(&f.retries, "retries", 4, "how `often` a question is asked again if nothing came back")
	flags.DurationVar(&f.timeout, "timeout", 15*time.Minute, "how long an answer may take")
	flags.BoolVar(&f.noCheck, "no-check", false, "do not ask for the list of models first, for servers that have none")
	flags.BoolVar(&f.same, "same-tokenizer", false, "the suspect has the marked model's tokenizer: passages are sent as ids")
	flags.IntVar(&f.top, "top", 0, "log-probabilities a position that the server gives; defaults to the plan's")
	flags.StringVar(&f.whole, "whole", "", "read a passage in one request: echo or prompt_logprobs")
	flags.StringVar(&f.readAPI, "read-api", "", "how passages are read: completions or chat; defaults to completions")
	flags.StringVar(&f.continues, "continue", "", "how chat goes on with an answer: continue_final_message, prefill or prefix")
	flags.IntVar(&f.batch, "batch", 0, "prefixes in one request, with completions")
	flags.StringVar(&f.referenceURL, "reference-url", "", "base `URL` of the reference model that R4 compares with")
	flags.StringVar(&f.referenceModel, "reference-model", "", "its `name` there")
	return cmd
}

// collectResult is what is printed at the end.
type collectResult struct {
	Suspect    string         `json:"suspect"`
	Transcript string         `json:"transcript"` // file
	Digest     collect.Digest `json:"digest"`
	Prompts    collect.Counts `json:"prompts"`
	Readings   collect.Counts `json:"readings"`
	Models     []string       `json:"models"`
	Next       string         `json:"next"`
}

func (a *app) collect(cmd *cobra.Command, f *collectFlags, args []string) error {
	s, err := openStudy(args)
	if err != nil {
		return err
	}
	plan, err := s.plan()
	if err != nil {
		return err
	}
	frames, err := s.frames(plan)
	if err != nil {
		return err
	}
	task, err := plan.Task(frames)
	if err != nil {
		return invalid(err)
	}
	name, folder := plan.Suspect, []string(nil)
	if f.control != "" {
		if !slices.Contains(plan.Controls, f.control) {
			return usage(fmt.Errorf("%q is no control of the plan, which has %q", f.control, plan.Controls))
		}
		name, folder = f.control, []string{controlsFolder, fileName(f.control)}
	}
	if sealed := append(folder, sealFile); s.has(sealed...) {
		return fmt.Errorf("%s: the answers are sealed, and nothing more is asked (next: %s)", s.path(sealed...), s.next())
	}
	config, err := f.configure(cmd, s, folder)
	if err != nil {
		return err
	}
	suspect, check, err := config.open(s, plan, name, f.timeout)
	if err != nil {
		return err
	}
	if !f.noCheck {
		if err := check(cmd.Context()); err != nil {
			return fmt.Errorf("%w\n(nothing was asked; --no-check for a server without a list of models)", err)
		}
	}
	// What was configured is kept only once it is known to work.
	if err := config.write(s, folder); err != nil {
		return err
	}
	opt, err := config.options(f.retries)
	if err != nil {
		return err
	}
	again := fmt.Sprintf("dyetrace collect %v", s)
	if f.control != "" {
		again += " --control " + shellWord(f.control)
	}
	t, err := a.ask(cmd.Context(), task, suspect, s.path(append(folder, journalFile)...), opt)
	if err != nil {
		return fmt.Errorf("%w\n(what was answered is kept; to go on: %s)", err, again)
	}
	if err := s.write(t, 0o644, append(folder, transcriptFile)...); err != nil {
		return err
	}
	r := collectResult{Suspect: name, Transcript: s.path(append(folder, transcriptFile)...), Prompts: t.Counts(), Readings: t.ReadingCounts(), Models: t.Models(), Next: s.next()}
	if r.Digest, err = t.Digest(); err != nil {
		return err
	}
	if missing := r.Prompts.Missing + r.Readings.Missing; missing > 0 {
		r.Next = again
		if err := a.print(r, r.writeText); err != nil {
			return err
		}
		return fmt.Errorf("%s without an answer; to ask again: %s", plural(int64(missing), "question"), again)
	}
	if err := a.print(r, r.writeText); err != nil {
		return err
	}
	for _, c := range plan.Controls {
		if !s.has(controlsFolder, fileName(c), transcriptFile) {
			a.next("dyetrace collect %v --control %s --url URL --model NAME", s, shellWord(c))
			return nil
		}
	}
	a.next("%s", r.Next)
	return nil
}

func (r collectResult) writeText(w io.Writer) {
	write := func(what string, c collect.Counts) {
		if total := c.Complete + c.Refused + c.Empty + c.Failed + c.Missing; total > 0 {
			fmt.Fprintf(w, "%s: %s whole", plural(int64(total), what), grouped(c.Complete))
			for _, part := range []struct {
				n    int
				what string
			}{{c.Refused, "refused"}, {c.Empty, "empty"}, {c.Failed, "failed"}, {c.Missing, "missing"}} {
				if part.n > 0 {
					fmt.Fprintf(w, ", %s %s", grouped(part.n), part.what)
				}
			}
			if c.Unreached > 0 {
				fmt.Fprintf(w, "; %s times nothing came back", grouped(c.Unreached))
			}
			fmt.Fprintln(w)
		}
	}
	write("prompt", r.Prompts)
	write("reading", r.Readings)
	if len(r.Models) > 0 {
		fmt.Fprintf(w, "answered by %s\n", printable(strings.Join(r.Models, ", ")))
	}
	fmt.Fprintf(w, "transcript %s\n  digest %v\n", r.Transcript, r.Digest)
}

// ask runs the collection with a bar.
func (a *app) ask(ctx context.Context, task collect.Task, suspect collect.Suspect, journal string, opt collect.Options) (*collect.Transcript, error) {
	if err := os.MkdirAll(filepath.Dir(journal), 0o755); err != nil {
		return nil, err
	}
	var bar *progress
	first := true
	opt.Progress = func(at collect.Progress) {
		done := int64(at.Total - at.Missing)
		if first {
			first = false
			bar = a.progress("questions", int64(at.Total))
			bar.Resumed(done)
		}
		bar.Set(done)
	}
	t, err := collect.Run(ctx, task, suspect, journal, opt)
	if bar != nil {
		bar.Done()
	}
	return t, err
}

// configure returns what the file of an earlier run says, with what flags say.
func (f *collectFlags) configure(cmd *cobra.Command, s study, folder []string) (*suspectConfig, error) {
	given := changed(cmd.Flags())
	c := &suspectConfig{}
	path := s.path(append(folder, suspectFile)...)
	began := s.has(append(folder, journalFile)...)
	if exists(path) {
		data, err := readFile("configuration of a suspect", path)
		if err != nil {
			return nil, err
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(c); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	before, err := json.Marshal(c.asked())
	if err != nil {
		return nil, err
	}
	set := func(name string, apply func()) {
		if given[name] {
			apply()
		}
	}
	set("url", func() { c.URL = f.URL })
	set("model", func() { c.Model = f.Model })
	set("server", func() { c.Server = openai.Server(f.server) })
	set("api", func() { c.API = openai.API(f.api) })
	set("system", func() { c.System = f.System })
	set("temperature", func() { c.Temperature = &f.temperature })
	set("top-p", func() { c.TopP = &f.topP })
	set("max-tokens", func() { c.MaxTokens = f.MaxTokens })
	set("seed", func() { c.Seed = &f.seed })
	set("key-env", func() { c.KeyEnv, c.KeyFile = f.KeyEnv, "" })
	set("key-file", func() { c.KeyFile, c.KeyEnv = f.KeyFile, "" })
	set("concurrency", func() { c.Concurrency = f.Concurrency })
	set("every", func() { c.Every = f.Every })
	if given["extra"] {
		c.Extra = nil
		if err := json.Unmarshal([]byte(f.extra), &c.Extra); err != nil {
			return nil, usage(fmt.Errorf("--extra: %w, want a JSON object", err))
		}
	}
	for _, name := range []string{"same-tokenizer", "top", "whole", "read-api", "continue", "batch"} {
		if given[name] && c.Reading == nil {
			c.Reading = &readingConfig{}
		}
	}
	set("same-tokenizer", func() { c.Reading.SameTokenizer = f.same })
	set("top", func() { c.Reading.Top = f.top })
	set("whole", func() { c.Reading.Whole = openai.Whole(f.whole) })
	set("read-api", func() { c.Reading.API = openai.API(f.readAPI) })
	set("continue", func() { c.Reading.Continue = openai.Continue(f.continues) })
	set("batch", func() { c.Reading.Batch = f.batch })
	if given["reference-url"] || given["reference-model"] {
		c.Reference = &referenceConfig{f.referenceURL, f.referenceModel}
	}
	if c.URL == "" || c.Model == "" {
		return nil, usage(errors.New("where is the suspect? Give --url and --model the first time"))
	}
	if c.KeyFile != "" && c.KeyEnv != "" {
		return nil, usage(errors.New("--key-env and --key-file are given, want one"))
	}
	after, err := json.Marshal(c.asked())
	if err != nil {
		return nil, err
	}
	if began && exists(path) && !bytes.Equal(before, after) {
		return nil, fmt.Errorf("%s: the collection began with other settings, and all answers have to be got alike (run without these flags, or move %s away to begin anew)", path, s.path(append(folder, journalFile)...))
	}
	return c, nil
}
