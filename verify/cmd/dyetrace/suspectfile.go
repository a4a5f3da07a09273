package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/openai"
)

// A suspectConfig says where a suspect is and how it is asked: the file suspect.json
// of a study. It holds no key, only where to find it.
type suspectConfig struct {
	URL         string         `json:"url"`
	Model       string         `json:"model"`
	Server      openai.Server  `json:"server,omitempty"`
	API         openai.API     `json:"api,omitempty"`
	System      string         `json:"system,omitempty"`
	Temperature *float64       `json:"temperature,omitempty"`
	TopP        *float64       `json:"top_p,omitempty"`
	MaxTokens   int            `json:"max_tokens,omitempty"`
	Seed        *int64         `json:"seed,omitempty"`
	Extra       map[string]any `json:"extra,omitempty"`
	KeyEnv      string         `json:"key_env,omitempty"`
	KeyFile     string         `json:"key_file,omitempty"`
	Concurrency int            `json:"concurrency,omitempty"`
	Every       string         `json:"every,omitempty"`
	// How passages are read, and by which reference.
	Reading   *readingConfig   `json:"reading,omitempty"`
	Reference *referenceConfig `json:"reference,omitempty"`
}

type readingConfig struct {
	API           openai.API      `json:"api,omitempty"`
	Continue      openai.Continue `json:"continue,omitempty"`
	Whole         openai.Whole    `json:"whole,omitempty"`
	SameTokenizer bool            `json:"same_tokenizer,omitempty"`
	Top           int             `json:"top,omitempty"`
	Batch         int             `json:"batch,omitempty"`
}

type referenceConfig struct {
	URL   string `json:"url"`
	Model string `json:"model"`
}

// asked is what decides answers: addresses, keys and pace may change on the way.
func (c *suspectConfig) asked() suspectConfig {
	d := *c
	d.URL, d.KeyEnv, d.KeyFile, d.Concurrency, d.Every = "", "", "", 0, ""
	if d.Reference != nil {
		d.Reference = &referenceConfig{Model: d.Reference.Model}
	}
	return d
}

func (c *suspectConfig) write(s study, folder []string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return s.writeBytes(append(data, '\n'), append(folder, suspectFile)...)
}

func (c *suspectConfig) options(retries int) (collect.Options, error) {
	o := collect.Options{Concurrency: c.Concurrency, Retries: retries}
	if o.Concurrency == 0 {
		o.Concurrency = 4
	}
	if o.Concurrency < 0 {
		return o, usage(fmt.Errorf("--concurrency is %d, want at least 1", c.Concurrency))
	}
	if retries == 0 {
		o.Retries = -1
	}
	if c.Every != "" {
		d, err := time.ParseDuration(c.Every)
		if err != nil || d < 0 {
			return o, usage(fmt.Errorf("--every is %q, want a time such as 200ms", c.Every))
		}
		o.Every = d
	}
	return o, nil
}

// key returns the service's key.
func (c *suspectConfig) key() (openai.Key, error) {
	if c.KeyFile != "" {
		data, err := readSecret("key of the service", c.KeyFile)
		if err != nil {
			return "", err
		}
		if len(bytes.Fields(data)) != 1 {
			return "", fmt.Errorf("%s holds %d words, want the key of the service and nothing else", c.KeyFile, len(bytes.Fields(data)))
		}
		return openai.Key(bytes.TrimSpace(data)), nil
	}
	if c.KeyEnv == "" {
		return openai.Key(os.Getenv("OPENAI_API_KEY")), nil
	}
	key := os.Getenv(c.KeyEnv)
	if key == "" {
		return "", fmt.Errorf("the variable %s is not set: export %[1]s=… (or --key-file)", c.KeyEnv)
	}
	return openai.Key(key), nil
}

// open returns the suspect, and how to check it before anything is asked.
func (c *suspectConfig) open(s study, p *verify.Plan, name string, timeout time.Duration) (suspect collect.Suspect, check func(context.Context) error, err error) {
	key, err := c.key()
	if err != nil {
		return suspect, nil, err
	}
	config := openai.Config{Name: name, URL: c.URL, Model: c.Model, Key: key, Server: c.Server, HTTP: httpClient(timeout), Answers: openai.Answers{
		API: c.API, System: c.System, Temperature: c.Temperature, TopP: c.TopP, MaxTokens: c.MaxTokens, Seed: c.Seed, Extra: c.Extra,
	}}
	if !p.Reading.IsZero() || !p.Twins.IsZero() {
		if config.Reading, err = c.reading(s, p); err != nil {
			return suspect, nil, err
		}
	}
	client, err := openai.New(config)
	if err != nil {
		return suspect, nil, usage(err)
	}
	suspect, check = client.Suspect(), client.Check
	if p.Reading.Reference == "" {
		return suspect, check, nil
	}
	if c.Reference == nil || c.Reference.URL == "" || c.Reference.Model == "" {
		return suspect, nil, usage(fmt.Errorf("the plan compares with %q: where is it? Give --reference-url and --reference-model", p.Reading.Reference))
	}
	config.Name, config.URL, config.Model = p.Reading.Reference, c.Reference.URL, c.Reference.Model
	reference, err := openai.New(config)
	if err != nil {
		return suspect, nil, usage(err)
	}
	suspect.Reference = reference.Reference()
	return suspect, func(ctx context.Context) error {
		if err := client.Check(ctx); err != nil {
			return err
		}
		return reference.Check(ctx)
	}, nil
}

func (c *suspectConfig) reading(s study, p *verify.Plan) (*openai.Reading, error) {
	r := c.Reading
	if r == nil {
		r = &readingConfig{}
	}
	out := &openai.Reading{API: r.API, Continue: r.Continue, System: c.System, SameTokenizer: r.SameTokenizer, Whole: r.Whole, Batch: r.Batch, Top: r.Top, Extra: c.Extra}
	if out.Top == 0 {
		out.Top = p.Reading.Top
	}
	if !p.Twins.IsZero() {
		if out.Whole == openai.Separate {
			return nil, usage(errors.New("test rank compares the probabilities of a text's own tokens, which only a server that reads texts whole shows: --whole echo or --whole prompt_logprobs"))
		}
		out.Top = max(out.Top, 1)
	}
	if !s.has(tokenizerFile) {
		return out, nil
	}
	t, _, err := readTokenizer(s.path(tokenizerFile))
	if err != nil {
		return nil, err
	}
	out.Vocabulary = t
	return out, nil
}

// httpClient asks suspects, through no proxy.
func httpClient(timeout time.Duration) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.MaxIdleConnsPerHost = 64
	return &http.Client{Transport: t, Timeout: timeout}
}
