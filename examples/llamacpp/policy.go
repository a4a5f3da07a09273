package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/dyetrace/dyetrace/watermark"
)

// Rules by which this server plants, whatever its policy says. See
// [planting.Rules].
const rulesOfPlanting = `dyetrace llamacpp policy/1
Chat completions and completions are planted, streamed or not, each choice by itself.
The prompt is what everybody but the model said, in order, joined by line feeds.
Answers with a response format, a grammar, log-probabilities, token ids, an echo or a prompt of token ids are not.
Parallel tool calls are ordered; their arguments stay as they are.
A leaf says what was planted before it is sent, and another the output's hash when it ends.
`

// A policy says how answers are marked: which layers share their windows, and
// whether canaries are planted. Its file has a word and its values on each line:
//
//	dyetrace server policy/1
//	layer vendor 70
//	layer epoch 20
//	layer cohort 10
//	width 3
//	scheme gumbel
//	canaries on
//
// which is also the default. Layers are vendor (all answers), epoch and cohort, with
// their shares; scheme is gumbel or tournament with its depth. Lines that are empty
// or begin with # say nothing.
type policy struct {
	layers   []string
	shares   []int
	width    int
	scheme   watermark.Scheme
	canaries bool
}

const policyHead = "dyetrace server policy/1"

const defaultPolicy = policyHead + "\nlayer vendor 70\nlayer epoch 20\nlayer cohort 10\nwidth 3\nscheme gumbel\ncanaries on\n"

// readPolicy reads the file at path, or the default without one.
func readPolicy(path string) (policy, error) {
	if path == "" {
		return parsePolicy(strings.NewReader(defaultPolicy), "default policy")
	}
	f, err := os.Open(path)
	if err != nil {
		return policy{}, fmt.Errorf("policy: %w", err)
	}
	defer f.Close()
	return parsePolicy(f, path)
}

func parsePolicy(r io.Reader, name string) (policy, error) {
	p := policy{width: watermark.DefaultWidth, scheme: watermark.Gumbel{}, canaries: true}
	lines := bufio.NewScanner(r)
	seen := map[string]bool{}
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		if !seen[""] {
			if text != policyHead {
				return p, fmt.Errorf("%s:%d: first line is another than %q", name, n, policyHead) // it may be a key by mistake
			}
			seen[""] = true
			continue
		}
		fields := strings.Fields(text)
		what := fields[0]
		if what == "layer" && len(fields) > 1 {
			what += " " + fields[1]
		}
		if seen[what] {
			return p, fmt.Errorf("%s:%d: %s is there twice", name, n, brief(what))
		}
		seen[what] = true
		if err := p.line(fields); err != nil {
			return p, fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	if !seen[""] {
		return p, fmt.Errorf("%s: is empty, want %q first", name, policyHead)
	}
	return p, nil
}

func (p *policy) line(fields []string) error {
	number := func(i, low, high int) (int, error) {
		if len(fields) != i+1 {
			return 0, fmt.Errorf("%s has %d values, want %d", fields[0], len(fields)-1, i)
		}
		n, err := strconv.Atoi(fields[i])
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("%s is %q, want %d to %d", fields[0], brief(fields[i]), low, high)
		}
		return n, nil
	}
	switch key := fields[0]; {
	case key == "layer":
		share, err := number(2, 1, 1000000)
		if err != nil {
			return err
		}
		if !slices.Contains([]string{"vendor", "epoch", "cohort"}, fields[1]) {
			return fmt.Errorf("layer is %q, want vendor, epoch or cohort", brief(fields[1]))
		}
		p.layers, p.shares = append(p.layers, fields[1]), append(p.shares, share)
		return nil
	case key == "width":
		n, err := number(1, 1, 16)
		p.width = n
		return err
	case key == "scheme" && len(fields) == 2 && fields[1] == "gumbel":
		p.scheme = watermark.Gumbel{}
		return nil
	case key == "scheme" && len(fields) == 3 && fields[1] == "tournament":
		n, err := number(2, 1, 64)
		p.scheme = watermark.Tournament{Depth: n}
		return err
	case key == "canaries" && len(fields) == 2 && (fields[1] == "on" || fields[1] == "off"):
		p.canaries = fields[1] == "on"
		return nil
	}
	return fmt.Errorf("%q is no line of a policy", brief(strings.Join(fields, " ")))
}
