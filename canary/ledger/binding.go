package ledger

import "fmt"

// A scope is an epoch's use of a key.
type scope struct {
	epoch string
	key   KeyID
}

// A binding is what a scope was bound to: the digests of its commitment, book
// and policy, zero where there is none yet.
type binding [KindPolicy + 1]Digest

// bindings are those of a log, and those of the batch that is being written on
// top of them.
type bindings struct {
	durable map[scope]binding
	fresh   map[scope]binding
}

func newBindings() *bindings {
	return &bindings{map[scope]binding{}, map[scope]binding{}}
}

func (b *bindings) of(s scope) binding {
	if f, ok := b.fresh[s]; ok {
		return f
	}
	return b.durable[s]
}

// admit refuses a leaf that comes too early or says something else than an
// earlier one, and takes note of one that binds.
func (b *bindings) admit(l *Leaf) error {
	if !l.Kind.keyed() {
		return nil
	}
	s := scope{l.Epoch, l.KeyID}
	have := b.of(s)
	if l.Kind == KindPlanting {
		for k := KindCommitment; k <= KindPolicy; k++ {
			if have[k].IsZero() {
				return fmt.Errorf("%w: epoch %q, key %v: no %v before a planting", ErrUnbound, l.Epoch, l.KeyID, k)
			}
		}
		return nil
	}
	if old := have[l.Kind]; !old.IsZero() && old != l.Digest {
		return fmt.Errorf("%w: epoch %q, key %v: %v is %v, not %v", ErrRebound, l.Epoch, l.KeyID, l.Kind, old, l.Digest)
	}
	have[l.Kind] = l.Digest
	b.fresh[s] = have
	return nil
}

// settle makes what was admitted durable.
func (b *bindings) settle() {
	for s, f := range b.fresh {
		b.durable[s] = f
	}
	clear(b.fresh)
}
