package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// markFlags say which native marks a key makes.
type markFlags struct {
	key      string
	path     string
	scheme   string
	width    int
	layers   string
	epochs   []string
	cohorts  []string
	accounts []string
}

func (f *markFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.key, "key", "k", "", "`file` of a key: of a mark, or the root of all with --layers or --path")
	flags.StringVar(&f.path, "path", "", "`path` from --key down to the mark's key (see dyetrace key derive)")
	flags.StringVar(&f.scheme, "scheme", "gumbel", "gumbel, dualgumbel:alpha=A, greenlist:gamma=G,delta=D or tournament:depth=N")
	flags.IntVar(&f.width, "width", watermark.DefaultWidth, "`tokens` in a window, 1 to 16")
	flags.StringVar(&f.layers, "layers", "", "layers of each answer and their `shares`, in order: vendor=70,epoch=20,cohort=10")
	flags.StringSliceVar(&f.epochs, "epoch", nil, "`names` of epochs, for layers epoch, cohort and account; @FILE has one a line")
	flags.StringSliceVar(&f.cohorts, "cohort", nil, "`names` of cohorts, for a layer cohort; @FILE has one a line")
	flags.StringSliceVar(&f.accounts, "account", nil, "`names` of accounts, for a layer account; @FILE has one a line")
}

// open returns the marks that the flags ask for, of which no file holds a spec.
func (f *markFlags) open() ([]*markFile, error) {
	root, err := keys.ReadFile(f.key)
	if err != nil {
		return nil, err
	}
	scheme, err := parseScheme(f.scheme)
	if err != nil {
		return nil, usage(err)
	}
	if f.layers != "" {
		if f.path != "" {
			return nil, usage(errors.New("--path and --layers are given, want one: layers have paths of their own"))
		}
		return f.openLayers(root, scheme)
	}
	for name, values := range map[string][]string{"epoch": f.epochs, "cohort": f.cohorts, "account": f.accounts} {
		if len(values) > 0 {
			return nil, usage(fmt.Errorf("--%s without --layers: say which layers an answer carries, or give --path", name))
		}
	}
	key := root
	name := strings.TrimSuffix(baseName(f.key), keyEnd)
	if f.path != "" {
		if key, err = derive(root, f.path); err != nil {
			return nil, usage(err)
		}
		name = f.path
	}
	m, err := f.native(name, key)
	if err != nil {
		return nil, err
	}
	return []*markFile{m}, nil
}

// native returns the mark of one key, as the flags say.
func (f *markFlags) native(name string, key keys.Key) (*markFile, error) {
	scheme, err := parseScheme(f.scheme)
	if err != nil {
		return nil, usage(err)
	}
	return nativeMark(name, marks.Native{Key: key, Scheme: scheme, Width: f.width})
}

func nativeMark(name string, c marks.Native) (*markFile, error) {
	spec, err := marks.Of(c)
	if err != nil {
		return nil, err
	}
	return newMarkFile(name, "", spec, c.Secret())
}

// The use of keys in the tree that examples/llamacpp and examples/quickstart serve
// under.
const (
	purposeMark   = "watermark"
	purposeLayout = "layout"
)

// openLayers returns one mark for each layer and name.
func (f *markFlags) openLayers(root keys.Key, scheme watermark.Scheme) ([]*markFile, error) {
	layers, err := parseLayers(f.layers)
	if err != nil {
		return nil, usage(err)
	}
	names := map[string][]string{}
	for what, values := range map[string][]string{"epoch": f.epochs, "cohort": f.cohorts, "account": f.accounts} {
		if names[what], err = readNames(what, values); err != nil {
			return nil, usage(err)
		}
		if what != "epoch" && len(values) > 0 && !hasLayer(layers, what) {
			return nil, usage(fmt.Errorf("--%s is given and --layers %s has no layer %s", what, f.layers, what))
		}
	}
	layout := root.Purpose(purposeLayout)
	var all []*markFile
	for _, l := range layers {
		native := func(name string, holder keys.Key) error {
			m, err := nativeMark(name, marks.Native{Key: holder.Purpose(purposeMark), Scheme: scheme, Width: f.width, Layout: layout,
				Part: watermark.Part{Begin: l.begin, End: l.end, Width: f.width}})
			if err != nil {
				return err
			}
			all = append(all, m)
			return nil
		}
		if l.name == "vendor" {
			if err := native("vendor", root.Vendor()); err != nil {
				return nil, err
			}
			continue
		}
		if len(names["epoch"]) == 0 {
			return nil, usage(fmt.Errorf("layer %s needs --epoch: of which epochs?", l.name))
		}
		for _, epoch := range names["epoch"] {
			if l.name == "epoch" {
				if err := native("epoch-"+epoch, root.Epoch(epoch)); err != nil {
					return nil, err
				}
				continue
			}
			if len(names[l.name]) == 0 {
				return nil, usage(fmt.Errorf("layer %s needs --%s: of which?", l.name, l.name))
			}
			for _, who := range names[l.name] {
				holder := root.Epoch(epoch).Cohort(who)
				if l.name == "account" {
					holder = root.Epoch(epoch).Account(who)
				}
				if err := native(l.name+"-"+epoch+"-"+who, holder); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
}

// A layerShare is a layer and the gate values that are its own.
type layerShare struct {
	name       string
	begin, end uint64
}

func hasLayer(layers []layerShare, name string) bool {
	for _, l := range layers {
		if l.name == name {
			return true
		}
	}
	return false
}

// parseLayers reads vendor=70,epoch=20,cohort=10.
func parseLayers(text string) ([]layerShare, error) {
	var layers []layerShare
	var weights []int
	for _, part := range strings.Split(text, ",") {
		name, weight, ok := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.Atoi(weight)
		if !ok || err != nil || n < 1 || n > 1<<20 {
			return nil, fmt.Errorf("layer %q of --layers, want NAME=SHARE with a share of 1 to %d", part, 1<<20)
		}
		switch name {
		case "vendor", "epoch", "cohort", "account":
		default:
			return nil, fmt.Errorf("layer is called %q, want vendor, epoch, cohort or account", name)
		}
		if hasLayer(layers, name) {
			return nil, fmt.Errorf("layer %s is there twice", name)
		}
		layers = append(layers, layerShare{name: name})
		weights = append(weights, n)
	}
	var sum uint64
	for i, share := range watermark.Shares(weights...) {
		layers[i].begin, layers[i].end = sum, sum+share
		sum += share
	}
	return layers, nil
}

// parseScheme reads gumbel, dualgumbel:alpha=0.1, greenlist:gamma=0.25,delta=2 and
// tournament:depth=30.
func parseScheme(text string) (watermark.Scheme, error) {
	name, rest, _ := strings.Cut(text, ":")
	values := map[string]float64{}
	if rest != "" {
		for _, part := range strings.Split(rest, ",") {
			key, value, ok := strings.Cut(part, "=")
			x, err := strconv.ParseFloat(value, 64)
			if !ok || err != nil {
				return nil, fmt.Errorf("--scheme has %q, want a name and a number, like gamma=0.25", part)
			}
			values[key] = x
		}
	}
	take := func(key string, otherwise float64) float64 {
		x, ok := values[key]
		if !ok {
			return otherwise
		}
		delete(values, key)
		return x
	}
	var s watermark.Scheme
	switch name {
	case "gumbel":
		s = watermark.Gumbel{}
	case "dualgumbel":
		s = watermark.DualGumbel{Alpha: take("alpha", 0.1)}
	case "greenlist":
		s = watermark.GreenList{Gamma: take("gamma", 0.25), Delta: take("delta", 2)}
	case "tournament":
		depth := take("depth", 30)
		if depth != float64(int(depth)) {
			return nil, fmt.Errorf("--scheme has depth=%v, want a whole number", depth)
		}
		s = watermark.Tournament{Depth: int(depth)}
	default:
		return nil, fmt.Errorf("--scheme is %q, want gumbel, dualgumbel, greenlist or tournament", name)
	}
	for key := range values {
		return nil, fmt.Errorf("--scheme %s has %s=, which it does not know", name, key)
	}
	_, err := s.Law()
	return s, err
}
