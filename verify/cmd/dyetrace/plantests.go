package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dyetrace/dyetrace/verify"
)

// applyTests takes the tests of the flags, or those that suit what the study has.
func (f *planFlags) applyTests(_ study, p *verify.Plan, given map[string]bool) error {
	if given["test"] {
		p.Tests = nil
		for _, text := range f.tests {
			t, err := parseTest(text)
			if err != nil {
				return usage(err)
			}
			p.Tests = append(p.Tests, t)
		}
		return nil
	}
	has := func(name string) bool {
		return slices.ContainsFunc(p.Tests, func(t verify.Test) bool { return t.Name == name })
	}
	add := func(when bool, name string) {
		if when && !has(name) {
			p.Tests = append(p.Tests, verify.Test{Name: name})
		}
	}
	marked := slices.ContainsFunc(p.Keys, func(k verify.KeyPlan) bool { return k.Tree == "" })
	planted := slices.ContainsFunc(p.Keys, func(k verify.KeyPlan) bool { return k.Tree != "" })
	first := len(p.Tests) == 0
	add(marked && !p.Frame.IsZero() && (first || given["prompts"]), verify.G1)
	add(planted && !p.Frame.IsZero() && (first || given["book"]), verify.Cells)
	reads := marked && !p.Reading.IsZero() && (first || given["passages"])
	add(reads, verify.R1)
	add(reads && p.Reading.Reference != "", verify.R4)
	add(reads && p.Reading.Reference == "" && p.Reading.Top > 0, verify.R3)
	return nil
}

// parseTest reads NAME and options after commas.
func parseTest(text string) (verify.Test, error) {
	parts := strings.Split(text, ",")
	t := verify.Test{Name: parts[0]}
	for _, part := range parts[1:] {
		name, value, has := strings.Cut(part, "=")
		n, err := strconv.Atoi(value)
		if has && (err != nil || n < 1) {
			return t, fmt.Errorf("--test %s: %s is %q, want a number from 1", text, name, value)
		}
		switch {
		case !has && name == verify.Difference:
			t.Form = name
		case !has && name == verify.Ridge:
			t.Weight = name
		case !has && name == "fresh":
			t.Fresh = true
		case !has && name == "served":
			t.Served = true
		case !has && name == "sparse":
			t.Sparse = true
		case !has && name == "stop":
			t.Stop = true
		case has && name == "first":
			t.First = n
		case has && name == "reserve":
			t.Reserve = n
		default:
			return t, fmt.Errorf("--test %s has %q, want difference, ridge, fresh, served, sparse, stop, first=N or reserve=N", text, part)
		}
	}
	return t, nil
}

// applyJoint reads products, NAME=KEY:TEST+KEY:TEST, and pools, NAME=TEST:KEY+KEY.
func (f *planFlags) applyJoint(_ study, p *verify.Plan, given map[string]bool) error {
	if given["pool"] {
		p.Pools = nil
		for _, text := range f.pools {
			name, rest, named := strings.Cut(text, "=")
			test, keys, ok := strings.Cut(rest, ":")
			if !named || !ok {
				return usage(fmt.Errorf("--pool is %q, want NAME=TEST:KEY+KEY", text))
			}
			p.Pools = append(p.Pools, verify.Pool{Name: name, Test: test, Keys: strings.Split(keys, "+")})
		}
	}
	if !given["product"] {
		return nil
	}
	p.Products = nil
	for _, text := range f.products {
		name, parts, ok := strings.Cut(text, "=")
		if !ok {
			return usage(fmt.Errorf("--product is %q, want NAME=KEY:TEST+KEY:TEST", text))
		}
		q := verify.Product{Name: name}
		for _, part := range strings.Split(parts, "+") {
			at := strings.LastIndexByte(part, ':')
			if at < 0 {
				return usage(fmt.Errorf("--product has %q, want KEY:TEST", part))
			}
			q.Parts = append(q.Parts, verify.Part{Key: part[:at], Test: part[at+1:]})
		}
		p.Products = append(p.Products, q)
	}
	return nil
}
