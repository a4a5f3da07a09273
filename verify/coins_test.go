package verify_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify/evidence"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

const (
	coinCarriers = 24
	coinAccounts = 12
	coinPrompts  = 6
)

// coinBook plants every other use, in one class.
func coinBook(t *testing.T) (book *canary.Book, answer string) {
	var text, uses strings.Builder
	text.WriteString("dyetrace canary book/1\nname coins\nparser prose/1\nmode tilt 0.5\nclassifier none\nbucket none\ntree vendor 1\n")
	for i := range coinCarriers {
		name := string([]rune{'a' + rune(i/26), 'a' + rune(i%26)})
		fmt.Fprintf(&text, "carrier c%d\nform left%s\nform right%s\n", i, name, name)
		fmt.Fprintf(&uses, "So left%s it. ", name)
	}
	book, err := canary.Read(strings.NewReader(text.String()), "coins.txt")
	require.NoError(t, err)
	return book, uses.String()
}

func coinKey(t *testing.T, n uint64) keys.Key {
	var seed [keys.Size]byte
	binary.LittleEndian.PutUint64(seed[:], n+1)
	key, err := keys.New(bytes.NewReader(seed[:]))
	require.NoError(t, err)
	return key
}

// coins are what an account was served: for each unit in which of the answers it was
// planted, as one string.
func coins(t *testing.T, book *canary.Book, tree canary.TreeKey, answer string) map[canary.Unit]string {
	choices, err := book.Choose(tree)
	require.NoError(t, err)
	seen := map[canary.Unit][]byte{}
	for prompt := range coinPrompts {
		p, err := choices.NewPlanter(io.Discard, canary.Request{Prompt: fmt.Sprintf("Question %d", prompt)})
		require.NoError(t, err)
		_, err = io.WriteString(p, answer)
		require.NoError(t, err)
		require.NoError(t, p.Close())
		for _, planted := range p.Planted() {
			seen[planted.Unit] = fmt.Appendf(seen[planted.Unit], "%d ", prompt)
		}
	}
	out := map[canary.Unit]string{}
	for u, at := range seen {
		out[u] = string(at)
	}
	return out
}

// TestAccountCoinsConvictTheInnocent: who counts a cell for each decision that the served
// answers show, a unit and where it was planted, is right if the coin is the holder's: all
// accounts show the same decisions, one a unit. If it were the account's, each account
// would show decisions of its own under one draw of the option, and the sum over them
// varies eleven times as much as its law says: at p ≤ 0.01 a clean suspect is convicted in
// one of five runs, and the real test on the same suspects in no more than 12 of 200 (1e-6).
// And whoever pools accounts would read every prompt's options off their answers, where
// the holder's coin shows no more than one account sees.
//
// Mutants killed: a coin drawn per account, decisions counted per account.
func TestAccountCoinsConvictTheInnocent(t *testing.T) {
	require.Less(t, tail.Binomial(13, 200, 0.01), math.Log(1e-6))
	book, answer := coinBook(t)
	rng := rand.New(rand.NewPCG(81, 1))
	type world struct{ alarms, cells, pooled int }
	var holder, account world
	for run := range uint64(200) {
		gains := map[canary.Unit][]float64{} // of a clean suspect: its taste, and chance
		for _, u := range book.Units() {
			q, counts := rng.Float64(), make([]int, 2)
			for range 20 {
				if rng.Float64() < q {
					counts[0]++
				} else {
					counts[1]++
				}
			}
			g, _, err := evidence.Gains(counts, []int{20, 20})
			require.NoError(t, err)
			gains[u] = g
		}
		root := coinKey(t, run)
		tree := canary.Holder("vendor", root.Vendor())
		judge := func(w *world, accounts int, coin func(account int) keys.Key) {
			type decision struct {
				unit canary.Unit
				at   string
			}
			seen, planted := map[decision]bool{}, map[string]bool{}
			for i := range accounts {
				of := tree
				of.Coin = coin(i)
				for u, at := range coins(t, book, of, answer) {
					seen[decision{u, at}] = true
					for _, prompt := range strings.Fields(at) {
						planted[u.String()+" "+prompt] = true
					}
				}
			}
			var cells []evidence.Cell
			var options []int
			for d := range seen {
				law, err := book.Law(d.unit)
				require.NoError(t, err)
				o, err := book.Option(tree.Option, d.unit)
				require.NoError(t, err)
				cells, options = append(cells, evidence.Cell{Law: law, Gains: gains[d.unit]}), append(options, o)
			}
			c, err := evidence.NewCells(cells)
			require.NoError(t, err)
			sum, err := c.Sum(options)
			require.NoError(t, err)
			if c.LogTail(sum) <= math.Log(0.01) {
				w.alarms++
			}
			w.cells, w.pooled = w.cells+len(cells), w.pooled+len(planted)
		}
		judge(&holder, 2, func(int) keys.Key { return tree.Coin })
		judge(&account, coinAccounts, func(i int) keys.Key {
			return canary.Holder("vendor", root.Vendor().Account(fmt.Sprintf("account %d", i))).Coin
		})
	}
	assert.LessOrEqual(t, holder.alarms, 12)
	assert.LessOrEqual(t, holder.cells, 200*coinCarriers)
	assert.Greater(t, account.alarms, 20, "one in five is expected")
	assert.Greater(t, account.cells, 200*coinCarriers*coinAccounts*8/10)
	const uses = 200 * coinCarriers * coinPrompts
	assert.InDelta(t, 0.5, float64(holder.pooled)/uses, 0.015, "pooling shows what one account sees: 28,800 coins, 5 deviations, 5e-7")
	assert.Greater(t, float64(account.pooled)/uses, 0.99, "pooling shows everything")
}
