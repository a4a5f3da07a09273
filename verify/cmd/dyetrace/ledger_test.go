package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// A vault is a folder with a real ledger and what is known of it.
type vault struct {
	dir, public string
	options     ledger.Options
	names       *ledger.Pseudonyms
	units       []canary.Unit
	now         time.Time
	commitment  keys.Commitment
	id          keys.ID
}

var begin = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// newVault binds a key for two epochs.
func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{dir: t.TempDir(), now: begin}
	secret, public, err := note.GenerateKey(rand.NewChaCha8([32]byte{3}), "example.com/planted")
	require.NoError(t, err)
	v.public = public
	v.options = ledger.Options{Random: rand.NewChaCha8([32]byte{4}), Clock: func() time.Time { return v.now }}
	v.options.Signer, err = note.NewSigner(secret)
	require.NoError(t, err)
	v.options.Verifier, err = note.NewVerifier(public)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(v.dir, "ledger.pub"), []byte(public+"\n"), 0o644))
	v.names, err = ledger.CreatePseudonyms(filepath.Join(v.dir, "names"), rand.NewChaCha8([32]byte{5}))
	require.NoError(t, err)
	book, err := canary.English()
	require.NoError(t, err)
	v.units = book.Units()[:40]
	key, err := keys.New(rand.NewChaCha8([32]byte{6}))
	require.NoError(t, err)
	v.commitment, v.id = key.Commit([32]byte{7}), key.ID()
	v.write(t, func(add func(ledger.Leaf)) {
		for _, epoch := range []string{"2026-11", "2026-12"} {
			for kind, digest := range map[ledger.Kind]ledger.Digest{ledger.KindCommitment: ledger.Digest(v.commitment), ledger.KindBook: ledger.Digest(book.Hash()), ledger.KindPolicy: {9}} {
				add(ledger.Leaf{Kind: kind, Epoch: epoch, KeyID: ledger.KeyID(v.id), Digest: digest})
			}
		}
	})
	return v
}

// write appends leaves and closes the ledger, which signs it.
func (v *vault) write(t *testing.T, f func(add func(ledger.Leaf))) {
	t.Helper()
	log, err := ledger.Open(filepath.Join(v.dir, "ledger"), v.options)
	require.NoError(t, err)
	var leaves []ledger.Leaf
	f(func(l ledger.Leaf) { leaves = append(leaves, l) })
	_, err = log.AppendBatch(context.Background(), leaves)
	require.NoError(t, err)
	require.NoError(t, log.Close())
}

// plant appends n plantings of an epoch and a cohort: of unit i mod 40, option i mod 2.
func (v *vault) plant(t *testing.T, n int, epoch, cohort string) {
	t.Helper()
	name, err := v.names.Cohort(cohort)
	require.NoError(t, err)
	account, err := v.names.Account(cohort + "'s")
	require.NoError(t, err)
	v.write(t, func(add func(ledger.Leaf)) {
		for i := range n {
			add(ledger.Leaf{
				Kind: ledger.KindPlanting, Epoch: epoch, KeyID: ledger.KeyID(v.id), Mode: ledger.ModeSampled, Cohort: name, Account: account,
				Units: []ledger.Unit{{Unit: ledger.UnitNumber(v.units[i%40].String()), Option: uint32(i % 2)}},
			})
		}
	})
}

type shownLeaf struct {
	Index  int64
	Kind   string
	Time   time.Time
	Epoch  string
	Cohort string
	Units  []struct {
		Unit, Name, Form string
		Option           int
	}
}

// show returns the leaves that the command lists.
func (v *vault) show(t *testing.T, args ...string) (all []shownLeaf) {
	t.Helper()
	for line := range strings.Lines(done(t, v.dir, append([]string{"ledger", "show", "ledger", "-v", "ledger.pub", "--json"}, args...)...)) {
		var l shownLeaf
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		all = append(all, l)
	}
	return all
}

func TestLedgerShow(t *testing.T) {
	v := newVault(t)
	v.plant(t, 300, "2026-11", "trial")
	v.now = begin.Add(50 * time.Hour)
	v.plant(t, 200, "2026-12", "trial")
	v.plant(t, 100, "2026-12", "paid")
	all := v.show(t)
	require.Len(t, all, 606)
	for i, l := range all {
		assert.EqualValues(t, i, l.Index)
	}
	reader, err := ledger.OpenReader(filepath.Join(v.dir, "ledger"), v.options.Verifier)
	require.NoError(t, err)
	defer reader.Close()
	trial, err := v.names.Cohort("trial")
	require.NoError(t, err)
	unit := v.units[7]
	for flags, want := range map[string]int{
		"--kind commitment":                                          2,
		"--kind planting":                                            600,
		"--epoch 2026-12":                                            303,
		"--epoch 2027-01":                                            0,
		"--pseudonyms names --cohort trial":                          500,
		"--cohort " + trial.String():                                 500,
		"--pseudonyms names --cohort trial --epoch 2026-12":          200,
		"--pseudonyms names --account trial":                         0,
		"--pseudonyms names --account trial's":                       500,
		"--key " + v.id.String():                                     606,
		"--from 2026-11-22T11:00":                                    300,
		"--until 2026-11-22T11:00":                                   306,
		"--from 2026-11-20 --until 2026-11-21":                       306,
		"--begin 600":                                                6,
		"--begin 3 --end 10":                                         7,
		"--unit " + unit.String():                                    16,
		fmt.Sprint("--unit ", ledger.UnitNumber(unit.String())):      16,
		"--book english --unit " + unit.String():                     16,
		"--unit vendor|no|such/en|0":                                 0,
		"--unit " + unit.String() + " --unit " + v.units[8].String(): 32,
	} {
		assert.Len(t, v.show(t, strings.Fields(flags)...), want, flags)
	}
	// A carrier is all its units.
	n := 0
	for i, u := range v.units {
		if u.Carrier == unit.Carrier {
			n += 300/40 + 200/40 + 100/40
			for _, rest := range []int{300 % 40, 200 % 40, 100 % 40} {
				if i < rest {
					n++
				}
			}
		}
	}
	byCarrier := v.show(t, "--book", "english", "--unit", unit.Carrier)
	assert.Len(t, byCarrier, n)
	for _, l := range byCarrier {
		assert.Contains(t, l.Units[0].Name, "|"+unit.Carrier+"|")
		assert.NotEmpty(t, l.Units[0].Form)
	}
	text := done(t, v.dir, "ledger", "show", "ledger", "-v", v.public, "--begin", "13", "--end", "14", "--book", "english")
	assert.Regexp(t, `^13  2026-11-20 09:00  planting  epoch 2026-11  key dyetrace_id1_\S+  mode sampled  cohort `+trial.String()+`  account [0-9a-f]{32}  `+strings.ReplaceAll(unit.String(), "|", `\|`)+`="`, text)
}

func TestLedgerCount(t *testing.T) {
	v := newVault(t)
	v.plant(t, 95, "2026-11", "trial")
	var c struct {
		Leaves, Size int64
		First, Last  time.Time
		Kinds        map[string]int64
		Options      []struct {
			Name      string
			Option    int
			Plantings int64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(done(t, v.dir, "ledger", "show", "ledger", "-v", v.public, "--count", "--json", "--book", "english", "--kind", "planting")), &c))
	assert.EqualValues(t, 95, c.Leaves)
	assert.EqualValues(t, 101, c.Size)
	assert.Equal(t, begin, c.First)
	assert.Equal(t, map[string]int64{"planting": 95}, c.Kinds)
	require.Len(t, c.Options, 40)
	sum := int64(0)
	for i, o := range c.Options {
		sum += o.Plantings
		at := slices.IndexFunc(v.units, func(u canary.Unit) bool { return u.String() == o.Name })
		assert.Equal(t, at%2, o.Option, o.Name)
		assert.True(t, i == 0 || c.Options[i-1].Name < o.Name, "sorted")
	}
	assert.EqualValues(t, 95, sum)
	// Of a leaf with several units only the wanted ones are counted.
	numbers := []uint64{ledger.UnitNumber(v.units[0].String()), ledger.UnitNumber(v.units[1].String())}
	slices.Sort(numbers)
	v.write(t, func(add func(ledger.Leaf)) {
		add(ledger.Leaf{Kind: ledger.KindPlanting, Epoch: "2026-12", KeyID: ledger.KeyID(v.id), Mode: ledger.ModeSampled, Units: []ledger.Unit{{Unit: numbers[0]}, {Unit: numbers[1]}}})
	})
	require.NoError(t, json.Unmarshal([]byte(done(t, v.dir, "ledger", "show", "ledger", "-v", v.public, "--count", "--json", "--epoch", "2026-12", "--unit", v.units[1].String())), &c))
	require.Len(t, c.Options, 1)
	assert.EqualValues(t, 1, c.Options[0].Plantings)
	text := done(t, v.dir, "ledger", "show", "ledger", "-v", v.public, "--count")
	assert.Contains(t, text, "102 leaves of 102 in the ledger of example.com/planted, 2026-11-20T09:00:00Z to 2026-11-20T09:00:00Z\n")
	assert.Regexp(t, `(?m)^commitment +2\n`, text)
}

// A ledger is read in blocks, and no leaf is lost between them.
func TestLedgerShowLarge(t *testing.T) {
	v := newVault(t)
	for range 4 {
		v.plant(t, 10_000, "2026-11", "trial")
	}
	all := v.show(t)
	require.Len(t, all, 40_006)
	for i, l := range all {
		require.EqualValues(t, i, l.Index)
	}
	assert.Len(t, v.show(t, "--begin", "16380", "--end", "32775"), 16395)
}

type ledgerChecks struct {
	Leaves, Signed int64
	Known          []int64
	Checks         []struct{ Name, Result, Detail string }
}

func TestLedgerVerify(t *testing.T) {
	v := newVault(t)
	v.plant(t, 60, "2026-11", "trial")
	copyFile(t, filepath.Join(v.dir, "ledger", "checkpoint"), filepath.Join(v.dir, "monday"))
	old := filepath.Join(v.dir, "old")
	require.NoError(t, os.CopyFS(old, os.DirFS(filepath.Join(v.dir, "ledger"))))
	v.plant(t, 40, "2026-11", "trial")
	copyFile(t, filepath.Join(v.dir, "ledger", "checkpoint"), filepath.Join(v.dir, "tuesday"))
	v.plant(t, 10, "2026-12", "paid")

	// Anchors write checkpoints behind each other.
	var both []byte
	for _, name := range []string{"monday", "tuesday"} {
		data, err := os.ReadFile(filepath.Join(v.dir, name))
		require.NoError(t, err)
		both = append(append(both, data...), '\n')
	}
	require.NoError(t, os.WriteFile(filepath.Join(v.dir, "anchor"), both, 0o644))
	var r ledgerChecks
	require.NoError(t, json.Unmarshal([]byte(done(t, v.dir, "ledger", "verify", "ledger", "-v", v.public, "--known", "anchor", "--known", "monday", "--json")), &r))
	assert.EqualValues(t, 116, r.Leaves)
	assert.EqualValues(t, 116, r.Signed)
	assert.Equal(t, []int64{66, 106, 66}, r.Known)
	text := done(t, v.dir, "ledger", "verify", "ledger", "-v", "ledger.pub")
	assert.Contains(t, text, "116 leaves hashed again: 2 commitment, 2 book, 2 policy, 110 planting\n")
	assert.Contains(t, text, "not checked  earlier checkpoints")

	// An older state of the whole folder is a whole ledger: only what is known
	// shows it.
	assert.Zero(t, dyetrace(t, v.dir, "ledger", "verify", "old", "-v", v.public).code)
	assert.Zero(t, dyetrace(t, v.dir, "ledger", "verify", "old", "-v", v.public, "--known", "monday").code)
	o := dyetrace(t, v.dir, "ledger", "verify", "old", "-v", v.public, "--known", "tuesday")
	assert.Equal(t, 3, o.code)
	assert.Contains(t, o.err, "66 whole leaves, known checkpoint 0 speaks of 106")

	_, other, err := note.GenerateKey(rand.NewChaCha8([32]byte{8}), "example.com/planted")
	require.NoError(t, err)
	o = dyetrace(t, v.dir, "ledger", "verify", "ledger", "-v", other)
	assert.Equal(t, 3, o.code, "signed by somebody else")
	o = dyetrace(t, v.dir, "ledger", "verify", "ledger", "-v", v.public, "--known", "ledger.pub")
	assert.Equal(t, 3, o.code, "%s", o.err)

	// A changed byte anywhere in the leaves is found, by show where it reads there.
	path := filepath.Join(v.dir, "ledger", "leaves")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 25 {
		at := rng.IntN(len(data))
		changed := slices.Clone(data)
		changed[at] ^= 1 << rng.IntN(8)
		require.NoError(t, os.WriteFile(path, changed, 0o600))
		o := dyetrace(t, v.dir, "ledger", "verify", "ledger", "-v", v.public, "--json")
		assert.Equal(t, 3, o.code, "byte %d: %s", at, o.err)
		assert.Contains(t, o.out, `"exit":3`)
	}
	changed := slices.Clone(data)
	changed[len(changed)/2] ^= 1
	require.NoError(t, os.WriteFile(path, changed, 0o600))
	assert.Equal(t, 3, dyetrace(t, v.dir, "ledger", "show", "ledger", "-v", v.public).code)
	require.NoError(t, os.WriteFile(path, data[:len(data)-40], 0o600))
	o = dyetrace(t, v.dir, "ledger", "verify", "ledger", "-v", v.public)
	assert.Equal(t, 3, o.code, "cut off")
	assert.Contains(t, o.err, "damaged")
}

func TestLedgerProve(t *testing.T) {
	v := newVault(t)
	v.plant(t, 50, "2026-11", "trial")
	copyFile(t, filepath.Join(v.dir, "ledger", "checkpoint"), filepath.Join(v.dir, "monday"))
	v.plant(t, 77, "2026-11", "trial")
	done(t, v.dir, "ledger", "prove", "ledger", "-v", "ledger.pub", "--leaf", "40,7", "--digest", v.commitment.String(), "--older", "monday", "-o", "proof.json")
	var r struct {
		Origin string
		Size   int64
		Leaves []shownLeaf
		Older  []int64
	}
	require.NoError(t, os.Rename(filepath.Join(v.dir, "ledger"), filepath.Join(v.dir, "gone")))
	require.NoError(t, json.Unmarshal([]byte(done(t, v.dir, "ledger", "verify", "-v", v.public, "--proof", "proof.json", "--json")), &r))
	assert.Equal(t, "example.com/planted", r.Origin)
	assert.EqualValues(t, 133, r.Size)
	assert.Equal(t, []int64{56}, r.Older)
	require.Len(t, r.Leaves, 4)
	kinds := map[string]int{}
	for _, l := range r.Leaves {
		kinds[l.Kind]++
	}
	assert.Equal(t, map[string]int{"commitment": 2, "planting": 2}, kinds)
	assert.EqualValues(t, 7, r.Leaves[2].Index)

	// A proof that says anything else does not hold.
	path := filepath.Join(v.dir, "proof.json")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(2, 2))
	for range 40 {
		at := rng.IntN(len(data))
		changed := slices.Clone(data)
		changed[at] ^= 1 << rng.IntN(7)
		require.NoError(t, os.WriteFile(path, changed, 0o644))
		o := dyetrace(t, v.dir, "ledger", "verify", "-v", v.public, "--proof", "proof.json")
		assert.Equal(t, 3, o.code, "byte %d: %s%s", at, o.out, o.err)
	}
	for what, change := range map[string][2]string{
		"an older checkpoint with which the ledger does not begin": {`"older":[{"checkpoint"`, ""},
		"space": {`{"schema"`, `{ "schema"`}, "a field": {`{"schema"`, `{"more":1,"schema"`},
	} {
		text := strings.Replace(string(data), change[0], change[1], 1)
		if change[1] == "" { // another hash at the end of its path
			at := strings.LastIndex(string(data), `"]}]}`)
			text = string(data[:at-20]) + strings.Repeat("A", 19) + string(data[at-1:])
		}
		require.NotEqual(t, string(data), text)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		o := dyetrace(t, v.dir, "ledger", "verify", "-v", v.public, "--proof", "proof.json")
		assert.Equal(t, 3, o.code, "%s: %s", what, o.out)
	}
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(data), `"index":40`, `"index":41`, 1)), 0o644))
	o := dyetrace(t, v.dir, "ledger", "verify", "-v", v.public, "--proof", "proof.json")
	assert.Equal(t, 3, o.code)
	assert.Contains(t, o.err, "leaf 41 is not in the checkpoint")
	_, other, err := note.GenerateKey(rand.NewChaCha8([32]byte{8}), "example.com/planted")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data, 0o644))
	assert.Equal(t, 3, dyetrace(t, v.dir, "ledger", "verify", "-v", other, "--proof", "proof.json").code)
}

func TestLedgerProveRefusesAnEarlierState(t *testing.T) {
	v := newVault(t)
	require.NoError(t, os.CopyFS(filepath.Join(v.dir, "old"), os.DirFS(filepath.Join(v.dir, "ledger"))))
	v.plant(t, 5, "2026-11", "trial")
	o := dyetrace(t, v.dir, "ledger", "prove", "old", "-v", v.public, "--leaf", "0", "--older", "ledger/checkpoint")
	assert.Equal(t, 3, o.code)
	assert.Contains(t, o.err, "ledger/checkpoint is of 11 leaves, the ledger in old has 6")
}

func TestLedgerUsage(t *testing.T) {
	v := newVault(t)
	for args, want := range map[string]string{
		"show ledger":                                                            "no --verifier",
		"show ledger -v nonsense":                                                `--verifier is "nonsense", want a line like`,
		"show -v ledger.pub":                                                     "got 0 arguments, want the folder of a ledger",
		"show nowhere -v ledger.pub":                                             "nowhere is no ledger that can be read",
		"show ledger -v ledger.pub --kind potato":                                `--kind is "potato", want commitment, book,`,
		"show ledger -v ledger.pub --from yesterday":                             `--from is "yesterday", want a time in UTC`,
		"show ledger -v ledger.pub --cohort trial":                               `--cohort is "trial"`,
		"show ledger -v ledger.pub --unit for-example":                           `--unit is "for-example", want a number or a name`,
		"show ledger -v ledger.pub --begin -1":                                   "--begin is -1",
		"show ledger -v ledger.pub --key 12":                                     "key ID has 2 characters, want 32",
		"verify -v ledger.pub":                                                   "got 0 arguments",
		"verify ledger -v ledger.pub --proof x":                                  "--proof is verified by itself",
		"verify -v ledger.pub --proof x":                                         "no proof: open x",
		"verify ledger -v ledger.pub --known x":                                  "no checkpoint: open x",
		"prove ledger -v ledger.pub":                                             "nothing to prove",
		"prove ledger -v ledger.pub --leaf 6":                                    "--leaf is 6, the ledger has 6 leaves",
		"prove ledger -v ledger.pub --digest 00":                                 "--digest: ledger: digest has 2 characters, want 64",
		"prove ledger -v ledger.pub --kind seal":                                 "no leaf in the 6 leaves of ledger is wanted",
		"prove ledger -v ledger.pub --digest " + strings.Repeat("00", 31) + "01": "has the digest 0000",
	} {
		o := dyetrace(t, v.dir, append([]string{"ledger"}, strings.Fields(args)...)...)
		assert.Equal(t, 2, o.code, "%s: %s", args, o.err)
		assert.Contains(t, o.err, want, args)
	}
	secret, _, err := note.GenerateKey(rand.NewChaCha8([32]byte{3}), "example.com/planted")
	require.NoError(t, err)
	o := dyetrace(t, v.dir, "ledger", "show", "ledger", "-v", secret)
	assert.Equal(t, 2, o.code)
	assert.NotContains(t, o.err, secret[len(secret)-20:], "it does not print the secret")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o644))
}
