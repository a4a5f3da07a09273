package evidence

import (
	"fmt"
	"math"
	"slices"
)

// Hierarchical decides on the nodes of trees of keys (vendor, epoch, cohort,
// account) by N. Meinshausen's rule (Hierarchical testing of variable importance,
// 2008): a node is tested only where all above it were rejected, at
//
//	Alpha × leaves under it / (all leaves + Others),
//
// so that the probability of one or more false rejections, anywhere, is at most
// Alpha. That needs hypotheses that imply those below them: "the suspect is
// independent of this key and of all under it". A p-value of a node may rest on any
// of its text. There is no cost in accounts at the top: the root is tested at
// Alpha. Holm's method inside each parent is no substitute: each rejected parent
// brings a fresh Alpha, and among a hundred of them some clean account is convicted.
//
// parents[i] is the parent of node i, −1 for a root; nodes may be in any order.
// logP has one entry a node, void ones with ln p = 0; NaN counts as 0. The adjusted
// p-value of a node is the largest of p × all / leaves from the root down to it. An
// error names a parent that is out of range, a cycle, or a positive logarithm.
func (f Family) Hierarchical(parents []int, logP []float64) ([]Decision, error) {
	p, err := f.clean(logP)
	if err != nil {
		return nil, err
	}
	if len(parents) != len(p) {
		return nil, fmt.Errorf("evidence: there are %d parents, want %d, one for each p-value", len(parents), len(p))
	}
	order, costs, err := f.costs(parents)
	if err != nil {
		return nil, err
	}
	out := make([]Decision, len(p))
	for _, i := range order {
		adjusted := min(0, p[i]+costs[i])
		if q := parents[i]; q >= 0 {
			adjusted = max(adjusted, out[q].LogP)
		}
		out[i] = Decision{adjusted, adjusted <= math.Log(f.Alpha)}
	}
	return out, nil
}

// HierarchicalLevels returns ln of the level at which [Family.Hierarchical] tests each
// node once all above it are rejected.
func (f Family) HierarchicalLevels(parents []int) ([]float64, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	_, levels, err := f.costs(parents)
	for i, cost := range levels {
		levels[i] = math.Log(f.Alpha) - cost
	}
	return levels, err
}

// costs returns ln(all leaves and others / leaves under it) of each node, and the nodes in
// an order in which parents come first.
func (f Family) costs(parents []int) (order []int, costs []float64, err error) {
	if order, err = downward(parents); err != nil {
		return nil, nil, err
	}
	leaves := make([]int, len(parents))
	all := f.Others
	for _, i := range slices.Backward(order) {
		if leaves[i] == 0 {
			leaves[i] = 1
			all++
		}
		if q := parents[i]; q >= 0 {
			leaves[q] += leaves[i]
		}
	}
	for _, n := range leaves {
		costs = append(costs, math.Log(float64(all))-math.Log(float64(n)))
	}
	return order, costs, nil
}

// downward returns the nodes in an order in which parents come first.
func downward(parents []int) ([]int, error) {
	children := make([][]int, len(parents))
	order := make([]int, 0, len(parents))
	for i, q := range parents {
		switch {
		case q < -1 || q >= len(parents):
			return nil, fmt.Errorf("evidence: parent of node %d is %d, want -1 to %d", i, q, len(parents)-1)
		case q == -1:
			order = append(order, i)
		default:
			children[q] = append(children[q], i)
		}
	}
	for at := 0; at < len(order); at++ {
		order = append(order, children[order[at]]...)
	}
	if len(order) < len(parents) {
		reached := make([]bool, len(parents))
		for _, i := range order {
			reached[i] = true
		}
		return nil, fmt.Errorf("evidence: node %d is its own ancestor or below one", slices.Index(reached, false))
	}
	return order, nil
}
