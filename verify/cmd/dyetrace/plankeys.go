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
		all, err := f.keyPlans(s, p, given)
		if err != nil {
			return err
		}
		for i := range all { // what was said of a key stays true
			if before := keyOf(p, all[i].Name); before != nil {
				all[i].HeldOut, all[i].Parent = before.HeldOut, before.Parent
			}
		}
		p.Keys = all
	}
	if given["held-out"] {
		for i := range p.Keys {
			p.Keys[i].HeldOut = false
		}
		for _, name := range f.heldOut {
			k := keyOf(p, name)
			if k == nil {
				return usage(fmt.Errorf("--held-out names %q, which is no key of the plan: %s", name, keyNames(p)))
			}
			k.HeldOut = true
		}
	}
	if given["parent"] {
		return f.applyParents(p)
	}
	return nil
}

// applyParents reads KEY=PARENT.
func (f *planFlags) applyParents(p *verify.Plan) error {
	for i := range p.Keys {
		p.Keys[i].Parent = ""
	}
	for _, text := range f.parents {
		child, parent, ok := strings.Cut(text, "=")
		if !ok || parent == "" {
			return usage(fmt.Errorf("--parent is %q, want KEY=PARENT", text))
		}
		for _, name := range []string{child, parent} {
			if keyOf(p, name) == nil {
				return usage(fmt.Errorf("--parent %s names %q, which is no key of the plan: %s", text, name, keyNames(p)))
			}
		}
		keyOf(p, child).Parent = parent
	}
	return nil
}

// keyOf returns the key of a plan by its name, or nil.
func keyOf(p *verify.Plan, name string) *verify.KeyPlan {
	if i := slices.IndexFunc(p.Keys, func(k verify.KeyPlan) bool { return k.Name == name }); i >= 0 {
		return &p.Keys[i]
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

// keyPlans lists the keys that flags name. Keys of marks stay where flags name trees
// only, and those of trees where flags name marks only.
func (f *planFlags) keyPlans(s study, p *verify.Plan, given map[string]bool) (all []verify.KeyPlan, err error) {
	paths := f.marks
	trees := s.path(keysFolder)
	switch {
	case given["mark"] || given["commitment"]:
	case len(p.Keys) > 0:
		for _, k := range p.Keys {
			if k.Tree == "" {
				all = append(all, k)
			}
		}
	default:
		if stems, _ := stemsIn(trees, specEnd); len(stems) > 0 {
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
	switch {
	case p.Book.IsZero():
	case len(p.Keys) == 0 || given["tree"]:
		some, err := f.treePlans(s, p)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	default:
		for _, k := range p.Keys {
			if k.Tree != "" {
				all = append(all, k)
			}
		}
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
