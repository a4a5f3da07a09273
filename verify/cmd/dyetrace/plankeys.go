package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dyetrace/dyetrace/verify"
)

// applyKeys commits to marks, and takes commitments of others.
func (f *planFlags) applyKeys(s study, p *verify.Plan, given map[string]bool) error {
	if given["mark"] || given["commitment"] || given["tree"] || len(p.Keys) == 0 {
		all, err := f.keyPlans(s, p)
		if err != nil {
			return err
		}
		p.Keys = all
	}
	if !given["held-out"] {
		return nil
	}
	for i := range p.Keys {
		p.Keys[i].HeldOut = slices.Contains(f.heldOut, p.Keys[i].Name)
	}
	for _, name := range f.heldOut {
		if !slices.ContainsFunc(p.Keys, func(k verify.KeyPlan) bool { return k.Name == name }) {
			return usage(fmt.Errorf("--held-out names %q, which is no key of the plan: %s", name, keyNames(p)))
		}
	}
	return nil
}

func keyNames(p *verify.Plan) string {
	var names []string
	for _, k := range p.Keys {
		names = append(names, strconv.Quote(k.Name))
	}
	return strings.Join(names, ", ")
}

func (f *planFlags) keyPlans(s study, p *verify.Plan) (all []verify.KeyPlan, err error) {
	paths := f.marks
	trees := s.path(keysFolder)
	if len(paths) == 0 && len(f.commitments) == 0 {
		stems, _ := stemsIn(trees, specEnd)
		if len(stems) > 0 {
			paths = []string{trees}
		}
	}
	for _, path := range paths {
		some, err := readMarks(path)
		if err != nil {
			return nil, err
		}
		for _, m := range some {
			k, err := m.commit()
			if err != nil {
				return nil, err
			}
			all = append(all, k)
		}
	}
	for _, path := range f.commitments {
		k, err := readCommitment(path)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	if !p.Book.IsZero() {
		some, err := f.treePlans(s, p)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, usage(fmt.Errorf("there is no key to look for: give --mark or --commitment, or make a mark in the study first: dyetrace key mark %s", shellWord(s.path(keysFolder, "vendor"))))
	}
	return all, nil
}

// treePlans commits to the keys of the study that decide canaries.
func (f *planFlags) treePlans(s study, p *verify.Plan) (all []verify.KeyPlan, err error) {
	book, err := s.book(p)
	if err != nil {
		return nil, err
	}
	trees := map[string]string{}
	for _, t := range f.trees {
		key, tree, ok := strings.Cut(t, "=")
		if !ok || key == "" || tree == "" {
			return nil, usage(fmt.Errorf("--tree is %q, want KEY=TREE", t))
		}
		trees[key] = tree
		if !s.has(keysFolder, key+keyEnd) {
			return nil, fmt.Errorf("%s is missing: dyetrace key derive root.key epoch=NAME/%s/canaries -o %[1]s", shellWord(s.path(keysFolder, key+keyEnd)), tree)
		}
	}
	stems, _ := stemsIn(s.path(keysFolder), keyEnd)
	for _, stem := range stems {
		name := baseName(stem)
		if _, asked := trees[name]; len(trees) > 0 && !asked {
			continue
		}
		k, err := commitTree(stem, name, book, trees[name])
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
}
