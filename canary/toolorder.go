package canary

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// An Ordering is the order of two tools in the parallel calls of one message. The
// unit is the unordered pair of their names; option 0 is the order of the
// alphabet.
type Ordering struct {
	Unit   Unit
	Option int
}

var fair = []uint32{Whole / 2, Whole / 2}

// toolName is what both OpenAI's and Anthropic's interfaces allow.
var toolName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// movable reports whether calls of a tool may change places with others.
func (b *Book) movable(name string) bool {
	return toolName.MatchString(name) && !slices.Contains(b.sequential, name)
}

// pair returns the unit of two tools, and whether x is the first by name.
func (b *Book) pair(x, y string) (u Unit, inOrder bool) {
	inOrder = x < y
	u = Unit{Carrier: "tools:" + min(x, y) + "," + max(x, y)}
	b.place(&u)
	return u, inOrder
}

// toolNames returns the two names of a unit that is a pair of tools.
func toolNames(u Unit) (a, z string, ok bool) {
	pair, ok := strings.CutPrefix(u.Carrier, "tools:")
	if !ok {
		return "", "", false
	}
	a, z, ok = strings.Cut(pair, ",")
	return a, z, ok && a < z && u.Class == "" && u.Bucket == 0
}

// orderable reports whether the calls of a message may be put in another order:
// there are two tools, and none whose calls must stay where they are.
func (b *Book) orderable(names []string) bool {
	return b.tools && !slices.ContainsFunc(names, func(n string) bool { return !b.movable(n) })
}

// distinct returns the names in the order of their first calls.
func distinct(names []string) (out []string) {
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// Orderings returns how the tools of a message's parallel calls are ordered, each
// pair by their first calls. Names are those of the calls, in order. There are
// none if the book does not order tools or one of them must stay where it is.
func (b *Book) Orderings(names []string) (out []Ordering) {
	if !b.orderable(names) {
		return nil
	}
	names = distinct(names)
	for i, x := range names {
		for _, y := range names[i+1:] {
			u, inOrder := b.pair(x, y)
			out = append(out, Ordering{u, option(inOrder)})
		}
	}
	return out
}

func option(inOrder bool) int {
	if inOrder {
		return 0
	}
	return 1
}

// maxTools bounds how many different tools one message may call and still be
// ordered.
const maxTools = 64

// Order returns the order in which parallel calls of tools are to be sent: the
// call that comes i-th is names[perm[i]]. Calls of one tool keep their order. A
// pair whose tree has no key here, or whose coin says no, wishes to stay as it is.
// Wishes of three tools can contradict each other; a tool then comes the earlier,
// the more pairs it leads. The orderings returned are those of pairs that the keys
// decided and that stand so.
func (c *Choices) Order(r Request, names []string) (perm []int, decided []Ordering) {
	perm = make([]int, len(names))
	for i := range perm {
		perm[i] = i
	}
	tools := distinct(names)
	if !c.book.orderable(names) || len(tools) < 2 || len(tools) > maxTools {
		return perm, nil
	}
	prompt := promptDigest(Normalise(r.Prompt))
	leads := map[string]int{}
	for i, x := range tools {
		for _, y := range tools[i+1:] {
			u, inOrder := c.book.pair(x, y)
			wish, err := c.Option(u)
			if err == nil && wish >= 0 && c.coin(&prompt, u) {
				decided = append(decided, Ordering{u, wish})
				if wish != option(inOrder) {
					leads[y]++
					continue
				}
			}
			leads[x]++
		}
	}
	if len(decided) == 0 {
		return perm, nil
	}
	slices.SortStableFunc(perm, func(i, j int) int {
		if a, b := names[i], names[j]; a != b {
			if leads[a] != leads[b] {
				return leads[b] - leads[a]
			}
			return strings.Compare(a, b)
		}
		return 0
	})
	ordered := make([]string, len(names))
	for i, k := range perm {
		ordered[i] = names[k]
	}
	stands := c.book.Orderings(ordered)
	decided = slices.DeleteFunc(decided, func(o Ordering) bool { return !slices.Contains(stands, o) })
	return perm, decided
}

// OrderTools puts the parallel tool calls of a message in the order that the keys
// decide. The message is one of OpenAI's, with "tool_calls", a whole chat
// completion of those under "choices", or one of Anthropic's, with blocks of type
// "tool_use" among its "content". Each call's bytes, arguments and white space
// included, move as they are; so do all others stay. Calls that carry an index of
// their own stay too, and so do those of a message that says or thinks something
// between two calls. On error the message is returned as it was.
func (c *Choices) OrderTools(r Request, message []byte) ([]byte, []Ordering, error) {
	var decided []Ordering
	out := bytes.Clone(message)
	err := eachCalls(message, func(calls []call) {
		names := make([]string, len(calls))
		for i, k := range calls {
			names[i] = k.name
		}
		perm, d := c.Order(r, names)
		decided = append(decided, d...)
		// Slots change their lengths, but what is between them and behind does not.
		var span []byte
		for i, k := range perm {
			if i > 0 {
				span = append(span, message[calls[i-1].end:calls[i].begin]...)
			}
			span = append(span, message[calls[k].begin:calls[k].end]...)
		}
		if len(calls) > 0 {
			copy(out[calls[0].begin:], span)
		}
	})
	if err != nil {
		return message, nil, err
	}
	return out, decided, nil
}

// ToolOrderings returns how the tools of a message's parallel calls are ordered,
// in the forms of message that Choices.OrderTools reads.
func (b *Book) ToolOrderings(message []byte) (out []Ordering, err error) {
	err = eachCalls(message, func(calls []call) {
		names := make([]string, len(calls))
		for i, k := range calls {
			names[i] = k.name
		}
		out = append(out, b.Orderings(names)...)
	})
	return out, err
}

// A call is the bytes [begin, end) of a message that call a tool.
type call struct {
	name       string
	begin, end int
}
