package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

const pathHelp = `A path names the steps from a key down: vendor, epoch=NAME, cohort=NAME,
account=NAME, purpose=NAME, and canaries for the key that decides canaries:

  vendor/purpose=watermark
  epoch=2026-11/cohort=trial/purpose=watermark
  epoch=2026-11/vendor/canaries`

// derive follows a path from a key down.
func derive(k keys.Key, path string) (keys.Key, error) {
	for _, step := range strings.Split(path, "/") {
		kind, name, named := strings.Cut(step, "=")
		if named && name == "" {
			return keys.Key{}, fmt.Errorf("step %q of path %q has no name", step, path)
		}
		switch {
		case kind == "vendor" && !named:
			k = k.Vendor()
		case kind == "canaries" && !named:
			k = k.Purpose(canary.PurposeOption)
		case kind == "epoch" && named:
			k = k.Epoch(name)
		case kind == "cohort" && named:
			k = k.Cohort(name)
		case kind == "account" && named:
			k = k.Account(name)
		case kind == "purpose" && named:
			k = k.Purpose(name)
		default:
			return keys.Key{}, fmt.Errorf("step %q of path %q is unknown, want vendor, epoch=NAME, cohort=NAME, account=NAME, purpose=NAME or canaries", step, path)
		}
	}
	return k, nil
}

// readNames takes names as they are and @FILE for one a line.
func readNames(what string, values []string) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	add := func(name string) error {
		if name == "" {
			return fmt.Errorf("a name of %ss is empty", what)
		}
		if seen[name] {
			return fmt.Errorf("%s %q is given twice", what, name)
		}
		seen[name] = true
		names = append(names, name)
		return nil
	}
	for _, v := range values {
		path, file := strings.CutPrefix(v, "@")
		if !file {
			if err := add(v); err != nil {
				return nil, err
			}
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("no names of %ss: %w", what, err)
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); line != "" {
				if err := add(line); err != nil {
					return nil, fmt.Errorf("%s: %w", path, err)
				}
			}
		}
	}
	return names, nil
}
