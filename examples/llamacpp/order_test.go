package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/examples/internal/planting"
)

// Parallel calls are sent in the order that the keys decide, streamed or not, and
// that they were is in the ledger under the hash of what was sent. Where the ledger
// takes nothing, they are sent as the model wrote them.
func TestToolOrder(t *testing.T) {
	reordered := 0
	for _, broken := range []bool{false, true} {
		reordered += orderedCalls(t, broken)
	}
	assert.Positive(t, reordered)
}

func orderedCalls(t *testing.T, broken bool) (reordered int) {
	t.Helper()
	for _, names := range [][]string{{"time", "weather"}, {"weather", "time"}, {"rain", "time", "weather"}, {"weather", "time", "rain"}} {
		for _, stream := range []bool{false, true} {
			o := options{ledger: filepath.Join(t.TempDir(), "ledger"), book: bookFile(t), epoch: "2026-11", origin: "example.com/x", patience: 10 * time.Second, again: time.Hour}
			p, err := readPolicy("")
			require.NoError(t, err)
			m := newMarking(p, testKey(t), o.epoch, nil)
			g, err := openGarden(o, testKey(t), m, nil, log.New(io.Discard, "", 0))
			require.NoError(t, err)
			box, _ := offered(t, dialects["hermes"], "", "rain", "time", "weather")
			a := &ask{chat: true, stream: stream, prompts: []prompt{{said: "Hi"}}, n: 1, tools: box}
			a.request.LogProbs = -1
			w := httptest.NewRecorder()
			out := &output{server: &server{garden: g, stall: time.Minute, metrics: new(metrics)}, ask: a, w: w, control: http.NewResponseController(w)}
			var reason string
			out.planted, reason = g.Begin(planting.Request{Of: a.planter})
			require.Empty(t, reason)
			out.choices = []*choice{out.newChoice(0)}
			for _, n := range names {
				out.add(out.choices[0], []byte(`<tool_call>{"name":"`+n+`","arguments":{"of":"`+n+`"}}</tool_call>`))
			}
			out.choices[0].reason = "stop"
			if broken {
				require.NoError(t, os.Rename(o.ledger, o.ledger+".away"))
			}
			var got []wireCall
			if stream {
				require.NoError(t, out.endStream())
				got = readStream(t, w.Body).Choices[0].Message.ToolCalls
			} else {
				require.NoError(t, out.whole())
				var all answered
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &all))
				got = all.Choices[0].Message.ToolCalls
			}
			plot, err := g.Vendor.Plot("")
			require.NoError(t, err)
			perm, decided := plot.Choices.Order(canary.Request{Prompt: "Hi", Tools: true}, names)
			require.NotEmpty(t, decided)
			require.Len(t, got, len(names))
			if broken {
				for i, n := range names {
					assert.Equal(t, n, got[i].Function.Name)
				}
				_ = g.Close() // its folder is gone
				continue
			}
			var sent []byte
			for to, from := range perm {
				assert.Equal(t, names[from], got[to].Function.Name)
				arguments := `{"of":"` + names[from] + `"}`
				assert.Equal(t, arguments, got[to].Function.Arguments)
				sent = append(append(append(append(sent, 0), names[from]...), 0), arguments...)
			}
			if !slices.IsSorted(perm) {
				reordered++
			}
			opened, err := g.Keeper.Current()
			require.NoError(t, err)
			units, outputs := recorded(t, opened.Reader(), ledger.Pseudonym{})
			for _, d := range decided {
				assert.True(t, units[ledger.Unit{Unit: ledger.UnitNumber(d.Unit.String()), Option: uint32(d.Option)}])
			}
			digest, err := g.Vendor.Names.Output(sent)
			require.NoError(t, err)
			assert.Contains(t, outputs, digest)
			require.NoError(t, g.Close())
		}
	}
	return reordered
}
