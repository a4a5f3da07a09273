package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/dyetrace/dyetrace/examples/internal/planting"
	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// nobody is the cohort of those who are in none, as the file of accounts writes it.
const nobody = "-"

// A marking makes the marks of a policy, for one epoch. Where the keys are in the
// tree, the command dyetrace knows too:
//
//	layer vendor    vendor/purpose=watermark, the same for all epochs
//	layer epoch     epoch=NAME/purpose=watermark
//	layer cohort    epoch=NAME/cohort=NAME/purpose=watermark
//	layout          purpose=layout
type marking struct {
	policy policy
	root   keys.Key
	epoch  string
	layers map[string]func() (*watermark.Layers, error) // by cohort
}

func newMarking(p policy, root keys.Key, epoch string, c planting.Cohorts) *marking {
	m := &marking{policy: p, root: root, epoch: epoch, layers: map[string]func() (*watermark.Layers, error){}}
	for _, cohort := range m.cohorts(c) {
		m.layers[cohort] = sync.OnceValues(func() (*watermark.Layers, error) { return m.open(cohort) })
	}
	return m
}

// cohorts returns all cohorts, "" for those who are in none.
func (m *marking) cohorts(c planting.Cohorts) []string {
	all := []string{""}
	for _, a := range c {
		all = append(all, a.Cohort)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// of returns what marks the answers to a cohort: nil where the policy has no mark.
func (m *marking) of(cohort string) (*watermark.Layers, error) {
	if len(m.policy.layers) == 0 {
		return nil, nil
	}
	open, ok := m.layers[cohort]
	if !ok {
		return nil, fmt.Errorf("cohort %q is not in the file of accounts", cohort)
	}
	return open()
}

// layout is the key that gives windows to layers. It is the same for all, so that
// the vendor's mark is one.
func (m *marking) layout() keys.Key { return m.root.Purpose("layout") }

// holder is who holds the key of a layer.
func (m *marking) holder(layer, cohort string) keys.Key {
	switch layer {
	case "vendor":
		return m.root.Vendor()
	case "cohort":
		if cohort == "" {
			cohort = nobody
		}
		return m.root.Epoch(m.epoch).Cohort(cohort)
	}
	return m.root.Epoch(m.epoch)
}

func (m *marking) open(cohort string) (*watermark.Layers, error) {
	shares := watermark.Shares(m.policy.shares...)
	var layers []watermark.Layer
	for i, name := range m.policy.layers {
		mark, err := watermark.New(m.holder(name, cohort).Purpose("watermark"), m.policy.scheme, watermark.Options{Width: m.policy.width})
		if err != nil {
			return nil, err
		}
		layers = append(layers, watermark.Layer{Name: name, Share: shares[i], Mark: mark})
	}
	return watermark.NewLayers(m.layout(), layers...)
}

// A described layer is a mark with what opens it.
type described struct {
	layer  string
	holder keys.Key
	native marks.Native
	spec   marks.Spec
}

func (m *marking) describe(cohort string) ([]described, error) {
	all, err := m.of(cohort)
	if err != nil || all == nil {
		return nil, err
	}
	var out []described
	for _, name := range all.Names() {
		d := described{layer: name, holder: m.holder(name, cohort)}
		part, _ := all.Mark(name).Part() // all are layers
		d.native = marks.Native{Key: d.holder.Purpose("watermark"), Scheme: m.policy.scheme, Width: m.policy.width, Layout: m.layout(), Part: part}
		if d.spec, err = marks.Of(d.native); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// bound returns the marks of a cohort as the ledger binds them.
func (m *marking) bound(cohort string) ([]planting.Mark, error) {
	all, err := m.describe(cohort)
	var out []planting.Mark
	for _, d := range all {
		out = append(out, planting.Mark{Holder: d.holder, Key: d.native.Key, Spec: d.spec.Digest()})
	}
	return out, err
}

// write writes the marks into a folder, each in three files: NAME.mark.json, which is
// public, NAME.secret.json, with which it is found, and NAME.nonce, which opens the
// commitment to its key that is in the ledger. It returns the names.
func (m *marking) write(dir string, c planting.Cohorts) ([]string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var names []string
	for _, cohort := range m.cohorts(c) {
		all, err := m.describe(cohort)
		if err != nil {
			return nil, err
		}
		for _, d := range all {
			name := d.layer
			switch name {
			case "epoch":
				name += "-" + m.epoch
			case "cohort":
				of := cohort
				if of == "" {
					of = nobody
				}
				if err := planting.CheckEpoch(of); err != nil { // it is part of a file's name
					return nil, fmt.Errorf("cohort %q cannot be a file's name", of)
				}
				name += "-" + m.epoch + "-" + of
			}
			if slices.Contains(names, name) {
				continue // all cohorts share it
			}
			names = append(names, name)
			spec, err := d.spec.Encode()
			if err != nil {
				return nil, err
			}
			secret, err := d.native.Secret().Reveal()
			if err != nil {
				return nil, err
			}
			nonce, err := planting.MarkNonce(d.holder, m.epoch)
			if err != nil {
				return nil, err
			}
			if err := errors.Join(
				os.WriteFile(filepath.Join(dir, name+".mark.json"), spec, 0o644),
				os.WriteFile(filepath.Join(dir, name+".secret.json"), secret, 0o600),
				os.WriteFile(filepath.Join(dir, name+".nonce"), fmt.Appendf(nil, "%x\n", nonce), 0o600)); err != nil {
				return nil, err
			}
		}
	}
	return names, nil
}

// openRoot reads the root key in a folder, and makes it where there is none.
func openRoot(dir string) (key keys.Key, made bool, err error) {
	path := filepath.Join(dir, "root.key")
	key, err = keys.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return key, false, err
	}
	if key, err = keys.New(rand.Reader); err != nil {
		return key, false, err
	}
	return key, true, keys.WriteFile(path, key)
}
