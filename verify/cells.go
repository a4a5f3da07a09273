package verify

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/zeebo/blake3"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/verify/internal/canon"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A CanaryFinding is what a finding of canaries stands on.
type CanaryFinding struct {
	Answers int `json:"answers"` // that were looked at
	Uses    int `json:"uses"`    // first occurrences in them of the units that count
	// LogClosed is the bound in closed form (M. Kearns, L. Saul 1998), LogDrawn the
	// Monte-Carlo p-value of 100,000 draws by the seal: beside LogP.
	LogClosed float64 `json:"ln_closed"`
	LogDrawn  float64 `json:"ln_drawn"`
	// Cells are those that say most for or against the key, at most twelve.
	Cells []CellFinding `json:"cells,omitempty"`
}

// A CellFinding is one unit: how often the suspect chose what the key decided.
type CellFinding struct {
	Unit     string  `json:"unit"`
	Option   string  `json:"option"` // that the key decided
	Uses     int     `json:"uses"`
	Share    float64 `json:"share"`    // of the option among the uses
	Baseline float64 `json:"baseline"` // its share to the reference, or by the law
	Gain     float64 `json:"gain"`     // what it adds to the statistic
}

const (
	mostCells    = 12
	canaryDraws  = 100_000
	canaryDecoys = "dyetrace 2026-11-25 verify canary decoys/1"
	canarySeed   = "dyetrace 2026-11-25 verify canary draws/1"
)

// A treeTest is a test of a tree with everything but the key.
type treeTest struct {
	book  *canary.Book
	units []canary.Unit
	cells []evidence.Cell
	law   *evidence.Cells
	votes []evidence.Pick // of Picks
	picks *evidence.Picks // of Picks, else nil
	uses  []int           // of each unit
	base  [][]float64
	share [][]float64
}

// tree makes every test under the key of a tree.
func (j *judgement) tree(ctx context.Context, k KeyPlan, key keys.Key) error {
	for _, test := range k.takes(j.c.Plan.Tests) {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if test.Name == Rank {
			f, err := j.rank(k, key, test)
			if err != nil {
				return err
			}
			j.report.Findings = append(j.report.Findings, f)
			continue
		}
		t, answers, err := j.c.treeTest(j.c.Transcript, k.Tree, test)
		if err != nil {
			return err
		}
		f := k.finding(test)
		f.Raw = answers
		if err := j.fillTree(&f, t, key); err != nil {
			return err
		}
		for _, name := range j.c.Plan.Controls {
			control, _, err := j.c.treeTest(j.c.Controls[j.c.control(name)].Transcript, k.Tree, test)
			if err != nil {
				return fmt.Errorf("control %q: %w", name, err)
			}
			c := ControlFinding{Name: name, Test: f.Test, Scored: len(control.units)}
			if sum, err := control.sum(key); err != nil {
				return err
			} else if len(control.units) > 0 {
				c.LogP = control.law.LogTail(sum)
			}
			f.convict(c, j.levels)
		}
		j.report.Findings = append(j.report.Findings, f)
	}
	return nil
}

// convict notes what a test says of a control, and voids the finding where it says
// the same.
func (f *Finding) convict(c ControlFinding, of *levels) {
	f.Controls = append(f.Controls, c)
	if c.Scored == 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("nothing of %s could be scored: it controls nothing", printable(c.Name)))
	}
	if of.finds(c.LogP, f, f) {
		f.Void = append(f.Void, fmt.Sprintf("%s, which never saw marked answers, shows the same: log10 p of %s is %.2f",
			printable(c.Name), c.Test, log10(c.LogP)))
	}
}

// fillTree writes everything that a test of a tree says under a key into f.
func (j *judgement) fillTree(f *Finding, t *treeTest, key keys.Key) error {
	f.Scored = len(t.units)
	if f.Scored == 0 {
		f.Void = append(f.Void, "the suspect used no unit often enough")
		return nil
	}
	sum, err := t.sum(key)
	if err != nil {
		return err
	}
	level := j.levels.of(f)
	f.Statistic, f.LogE = sum, t.law.LogE(sum)
	if err := t.tail(f, sum, key); err != nil {
		return err
	}
	root := math.Sqrt(float64(f.Scored))
	f.Effect = evidence.StandardEffect(t.law.Standard(sum), f.Scored)
	f.Canaries = t.finding(f.Raw, sum, key)
	seed := canon.Sum(canarySeed, j.c.Seal.Digest[:], []byte(f.Key), []byte(f.Test))
	if f.Canaries.LogDrawn, err = t.law.MonteCarlo(sum, seed, canaryDraws); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	f.Power = &PowerFinding{Level: level, Power: power}
	if c, _, ok := t.law.Critical(level); !ok || t.law.LogLeast() > level {
		f.Void = append(f.Void, fmt.Sprintf("%d cells cannot reach the level 10^%.2f", f.Scored, log10(level)))
	} else {
		f.Power.Attainable = true
		f.Power.Detectable = max(0, (t.law.Standard(c)-evidence.NormalQuantile(math.Log(power)))/root)
	}
	return j.decoyTrees(f, t, sum)
}

// tail writes the p-value: exact where it can be had.
func (t *treeTest) tail(f *Finding, sum float64, key keys.Key) error {
	if t.picks != nil { // matches are Poisson-binomial
		options, err := t.options(key)
		if err != nil {
			return err
		}
		matches, err := t.picks.Matches(options)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		f.LogP, f.Tail = t.picks.LogTail(matches), Exact
		f.LogTail = f.LogP
		return nil
	}
	f.LogP = t.law.LogTail(sum)
	f.LogTail = f.LogP
	if _, exact := t.law.Exact(sum); exact && sum > 0 {
		f.Tail = Exact
	} else {
		f.LogTail = min(0, t.law.Tails(sum).Approx)
	}
	return nil
}

// decoyTrees writes what decoy keys of the tree say into f: each draws every unit's
// option anew, from its law.
func (j *judgement) decoyTrees(f *Finding, t *treeTest, sum float64) error {
	n := j.c.Plan.Decoys
	if n == 0 {
		f.Void = append(f.Void, uncalibrated)
		return nil
	}
	h := blake3.NewDeriveKey(canaryDecoys)
	h.Write(j.c.Seal.Digest[:])
	words := bufio.NewReader(h.Digest())
	sums, options := make([]float64, n), make([]int, len(t.cells))
	for i := range sums {
		for u, cell := range t.cells {
			var b [4]byte
			_, _ = io.ReadFull(words, b[:]) // the stream does not end
			options[u] = optionOf(cell.Law, binary.LittleEndian.Uint32(b[:]))
		}
		var err error
		if sums[i], err = t.law.Sum(options); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
	}
	d, err := t.law.Decoys(sums)
	if err != nil {
		f.Void = append(f.Void, "decoy keys cannot be compared with the null law: "+err.Error())
		return nil
	}
	f.calibrated(d, sums, sum, false, func(c evidence.Calibration) float64 { return t.law.Sensitivity(c, sum).Bound })
	return nil
}

// optionOf returns the option at a 32-bit word of the inverse distribution function of
// a law.
func optionOf(law []uint32, word uint32) int {
	sum := uint64(0)
	for o, p := range law {
		if sum += uint64(p); uint64(word) < sum {
			return o
		}
	}
	return len(law) - 1
}

// treeTest counts what a test of a tree looks at in a transcript, and returns it with
// the number of answers.
func (c *Case) treeTest(t *collect.Transcript, tree string, test Test) (*treeTest, int, error) {
	var reference *collect.Transcript
	if name := c.Plan.Book.Baseline; name != "" {
		reference = c.Controls[c.control(name)].Transcript
	}
	counted, answers, err := c.counted(t, test)
	if err != nil {
		return nil, 0, err
	}
	var base []canary.Count
	if reference != nil {
		if base, _, err = c.counted(reference, test); err != nil {
			return nil, 0, err
		}
	}
	var drawn []canary.Unit
	if test.Reserve > 0 && test.carriers() {
		if drawn, err = c.Book.Draw(tree, test.Reserve, c.Plan.Nonce.Value); err != nil {
			return nil, 0, fmt.Errorf("verify: %w", err)
		}
	}
	out := &treeTest{book: c.Book}
	for _, u := range counted {
		if u.Unit.Tree != tree || u.Unit.Reserve != (test.Reserve > 0) || drawn != nil && !slices.Contains(drawn, u.Unit) {
			continue
		}
		if err := out.add(test, u, base, reference != nil); err != nil {
			return nil, 0, err
		}
	}
	if out.law, err = evidence.NewCells(out.cells); err != nil {
		return nil, 0, fmt.Errorf("verify: %w", err)
	}
	if test.Name == Picks {
		if out.picks, err = evidence.NewPicks(out.votes); err != nil {
			return nil, 0, fmt.Errorf("verify: %w", err)
		}
	}
	return out, answers, nil
}

// lawUses is how many uses the law of a book stands for where there is no reference.
const lawUses = 1 << 20

// add puts a unit in, if the suspect used it often enough.
func (t *treeTest) add(test Test, u canary.Count, base []canary.Count, reference bool) error {
	var uses []int
	if i := slices.IndexFunc(base, func(b canary.Count) bool { return b.Unit == u.Unit }); i >= 0 {
		uses = base[i].Options
	} else if !reference {
		for _, p := range u.Law {
			uses = append(uses, int(uint64(p)*lawUses>>32))
		}
	}
	gains, ok, err := t.gains(test, u, uses)
	if err != nil {
		return fmt.Errorf("verify: unit %s: %w", u.Unit, err)
	}
	if !ok {
		return nil
	}
	if test.Name == Picks {
		t.votes = append(t.votes, evidence.Pick{Law: u.Law, Votes: u.Options})
	}
	t.units = append(t.units, u.Unit)
	t.cells = append(t.cells, evidence.Cell{Law: u.Law, Gains: gains})
	t.uses = append(t.uses, u.N())
	t.share = append(t.share, shares(u.Options))
	t.base = append(t.base, shares(uses))
	return nil
}

// gains returns what each option of a unit adds to the statistic.
func (t *treeTest) gains(test Test, u canary.Count, base []int) ([]float64, bool, error) {
	switch test.Name {
	case Picks: // one vote an item, however often it was asked
		gains := make([]float64, len(u.Options))
		vote, ok := evidence.Plurality(u.Options)
		if ok {
			gains[vote] = 1
		}
		return gains, ok, nil
	case Cohort:
		return tardos(u.Options, base, u.Law), u.N() >= evidence.LeastUses, nil
	}
	return evidence.Gains(u.Options, base)
}

// tardos returns the symmetric score of each symbol of a code word: by how much more
// than the reference the suspect leans to it, the more the rarer it is (B. Škorić, S.
// Katzenbeisser, M. Celik 2008, equations 13 and 14, less a constant).
func tardos(options, base []int, law []uint32) []float64 {
	out := shares(options)
	for o, x := range shares(base) {
		out[o] -= x
	}
	for o := range out {
		p := float64(law[o]) * 0x1p-32
		out[o] /= math.Sqrt(p * (1 - p))
	}
	return out
}

// shares returns the share of each option.
func shares(uses []int) []float64 {
	n := 0
	for _, x := range uses {
		n += x
	}
	out := make([]float64, len(uses))
	for i, x := range uses {
		out[i] = float64(x) / float64(max(1, n))
	}
	return out
}

// counted returns the units that a kind of test looks at, with the options of a
// transcript's answers.
func (c *Case) counted(t *collect.Transcript, test Test) ([]canary.Count, int, error) {
	tally := c.Book.NewTally()
	answers := 0
	items := make(map[string]*canary.Count)
	for i, e := range t.Prompts {
		if e.Status != collect.Complete && e.Status != collect.Refused {
			continue
		}
		answers++
		var err error
		switch test.Name {
		case Picks:
			err = c.pick(items, e)
		case Order:
			c.order(items, e)
		default:
			err = tally.Add(canary.Request{Prompt: e.Question}, e.Text)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("verify: answer %d: %w", i, err)
		}
	}
	if test.Name == Cells || test.Name == Cohort {
		return tally.Counts(), answers, nil
	}
	out := make([]canary.Count, 0, len(items))
	for _, n := range items {
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b canary.Count) int { return cmp.Compare(a.Unit.String(), b.Unit.String()) })
	return out, answers, nil
}

// pick counts an answer to a question that has many.
func (c *Case) pick(items map[string]*canary.Count, e collect.Exchange) error {
	item, ok := c.Book.Asks(e.Question)
	if !ok {
		return nil
	}
	vote := item.Vote(e.Text)
	if vote < 0 {
		return nil
	}
	u := item.Unit()
	n := items[u.String()]
	if n == nil {
		law, err := c.Book.Law(u)
		if err != nil {
			return err
		}
		n = &canary.Count{Unit: u, Law: law, Options: make([]int, len(item.Options))}
		items[u.String()] = n
	}
	n.Options[vote]++
	return nil
}

// fair is the law of the order of two tools.
var fair = []uint32{1 << 31, 1 << 31}

// order counts the order of the tools of an answer that is a message with parallel
// calls; others have none.
func (c *Case) order(items map[string]*canary.Count, e collect.Exchange) {
	found, err := c.Book.ToolOrderings([]byte(e.Text))
	if err != nil { // no message
		return
	}
	for _, o := range found {
		n := items[o.Unit.String()]
		if n == nil {
			n = &canary.Count{Unit: o.Unit, Law: fair, Options: make([]int, 2)}
			items[o.Unit.String()] = n
		}
		n.Options[o.Option]++
	}
}

// options returns what a key decides for the units.
func (t *treeTest) options(key keys.Key) ([]int, error) {
	out := make([]int, len(t.units))
	for i, u := range t.units {
		var err error
		if out[i], err = t.book.Option(key, u); err != nil {
			return nil, fmt.Errorf("verify: unit %s: %w", u, err)
		}
	}
	return out, nil
}

// sum returns the statistic under a key.
func (t *treeTest) sum(key keys.Key) (float64, error) {
	options, err := t.options(key)
	if err != nil {
		return 0, err
	}
	sum, err := t.law.Sum(options)
	if err != nil {
		return 0, fmt.Errorf("verify: %w", err)
	}
	return sum, nil
}

// finding returns what the statistic stands on.
func (t *treeTest) finding(answers int, sum float64, key keys.Key) *CanaryFinding {
	f := &CanaryFinding{Answers: answers, LogClosed: t.law.Closed(sum)}
	options, err := t.options(key)
	if err != nil {
		return f
	}
	for i, u := range t.units {
		f.Uses += t.uses[i]
		names, err := t.book.Options(u)
		if err != nil {
			continue
		}
		o, cell := options[i], t.cells[i]
		mean := 0.0
		for k, p := range cell.Law {
			mean += float64(float64(p) * 0x1p-32 * cell.Gains[k])
		}
		c := CellFinding{Unit: u.String(), Option: names[o], Uses: t.uses[i], Share: t.share[i][o], Gain: cell.Gains[o] - mean}
		if o < len(t.base[i]) {
			c.Baseline = t.base[i][o]
		}
		f.Cells = append(f.Cells, c)
	}
	slices.SortStableFunc(f.Cells, func(a, b CellFinding) int { return cmp.Compare(math.Abs(b.Gain), math.Abs(a.Gain)) })
	f.Cells = f.Cells[:min(len(f.Cells), mostCells)]
	return f
}
