package canary_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

func toolChoices(t testing.TB, seed byte) *canary.Choices {
	b, err := book(t, strings.Replace(anyHeader, "tilt 0.5", "sampled", 1)+"tools parallel\nsequential write_file\n", "")
	require.NoError(t, err)
	c, err := b.Choose(canary.Holder("vendor", testKey(t, seed)))
	require.NoError(t, err)
	return c
}

const openAI = `{ "role":"assistant", "content": null,
  "tool_calls" : [ {"id":"a","type":"function","function":{"name":"%s","arguments":"{\"q\": 1.0,  \"z\":\"\\u00e9\"}"}} ,
    {"id":"b", "type":"function","function":{"name":"%s","arguments":"{}"}}
  ]}`

const anthropic = `{"type":"message","content":[{"type":"text","text":"Both at once."},{"type":"tool_use","id":"a","name":"%s","input":{"b":1,"a":2}},
 {"type":"tool_use","id":"b","name":"%s","input":{ }}],"stop_reason":"tool_use"}`

var callName = regexp.MustCompile(`"name":"(\w+)"`)

func callNames(message []byte) (names []string) {
	for _, m := range callName.FindAllSubmatch(message, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

// TestOrderTools puts two calls in the key's order, whichever came first, in three
// forms of message, and moves the bytes of each call as they are.
func TestOrderTools(t *testing.T) {
	orders := map[string]bool{}
	for seed := byte(1); seed < 9; seed++ {
		c := toolChoices(t, seed)
		for _, form := range []string{openAI, anthropic, `{"choices":[{"index":0,"message":` + openAI + `},{"index":1,"message":{"content":"x"}}]}`} {
			ab, ba := []byte(fmt.Sprintf(form, "search", "fetch")), []byte(fmt.Sprintf(form, "fetch", "search"))
			first, planted, err := c.OrderTools(canary.Request{}, ab)
			require.NoError(t, err)
			second, _, err := c.OrderTools(canary.Request{}, ba)
			require.NoError(t, err)
			require.Len(t, planted, 1)
			assert.Equal(t, callNames(first), callNames(second))
			orders[strings.Join(callNames(first), " ")] = true
			assert.True(t, json.Valid(first))
			assert.Len(t, first, len(ab))
			assert.Equal(t, sorted(ab), sorted(first))
			for _, call := range []string{`"arguments":"{\"q\": 1.0,  \"z\":\"\\u00e9\"}"`, `"input":{"b":1,"a":2}`} {
				assert.Equal(t, strings.Contains(string(ab), call), strings.Contains(string(first), call))
			}
			got, err := c.Book().ToolOrderings(first)
			require.NoError(t, err)
			assert.Equal(t, planted, got)
			again, _, err := c.OrderTools(canary.Request{}, first)
			require.NoError(t, err)
			assert.Equal(t, first, again)
		}
	}
	assert.Len(t, orders, 2, "both orders occur over keys")
}

func sorted(b []byte) string {
	c := slices.Clone(b)
	slices.Sort(c)
	return string(c)
}

// betweenCalls is a message of Anthropic's with something between two calls.
func betweenCalls(what, a, z string) string {
	return fmt.Sprintf(`{"content":[{"type":"tool_use","id":"a","name":"%s","input":{}},%s,{"type":"tool_use","id":"b","name":"%s","input":{}}]}`, a, what, z)
}

func TestOrderToolsUntouched(t *testing.T) {
	c := toolChoices(t, 1)
	for _, text := range []string{
		`{}`, `{"tool_calls":null}`, `{"tool_calls":[]}`, `{"content":"x"}`, `{"tool_calls":[{"type":"function","function":{"name":"b"}}]}`,
		fmt.Sprintf(openAI, "b", "write_file"), fmt.Sprintf(openAI, "b", "a b"), fmt.Sprintf(openAI, "b", "b"), fmt.Sprintf(anthropic, "b", ""),
		`{"tool_calls":[{"index":0,"type":"function","function":{"name":"b"}},{"index":1,"type":"function","function":{"name":"a"}}]}`,
		`{"tool_calls":["b","a"]}`, `{"choices":[]}`,
		betweenCalls(`{"type":"text","text":"And then the other:"}`, "b", "a"), betweenCalls(`{"type":"text","text":"And then the other:"}`, "a", "b"),
		betweenCalls(`{"type":"thinking","thinking":"x","signature":"y"}`, "b", "a"), betweenCalls(`{"type":"thinking","thinking":"x","signature":"y"}`, "a", "b"),
	} {
		got, planted, err := c.OrderTools(canary.Request{}, []byte(text))
		require.NoError(t, err, text)
		assert.Equal(t, text, string(got))
		assert.Empty(t, planted)
	}
	for _, text := range []string{``, `[]`, `{`, `"x"`, `{"choices":{}}`, `{"choices":[1]}`, `{"tool_calls":[],"tool_calls":[]}`, `{"content":[{"type":1}]}`} {
		got, planted, err := c.OrderTools(canary.Request{}, []byte(text))
		assert.Error(t, err, text)
		assert.Equal(t, text, string(got), "on error the message is as it was")
		assert.Empty(t, planted)
	}
}

// TestOrder orders more than two tools: the calls are a permutation, calls of one
// tool keep their order, a reported pair stands as decided, and any order of the
// input gives the same output.
func TestOrder(t *testing.T) {
	names := []string{"a", "b", "c", "d", "b", "e"}
	for seed := byte(1); seed < 20; seed++ {
		c := toolChoices(t, seed)
		var want []string
		for shift := range names {
			in := append(slices.Clone(names[shift:]), names[:shift]...)
			perm, decided := c.Order(canary.Request{}, in)
			out := make([]string, len(perm))
			place := map[string][]int{}
			for i, k := range perm {
				out[i] = in[k]
				place[in[k]] = append(place[in[k]], k)
			}
			assert.True(t, slices.IsSorted(place["b"]))
			if want == nil {
				want = out
			}
			assert.Equal(t, want, out)
			stands := c.Book().Orderings(out)
			require.Len(t, stands, 10)
			assert.GreaterOrEqual(t, len(decided), 6)
			for _, o := range decided {
				wish, err := c.Option(o.Unit)
				require.NoError(t, err)
				assert.Equal(t, wish, o.Option)
				assert.Contains(t, stands, o)
			}
		}
	}
	long := slices.Repeat([]string{"b", "a", "b"}, 20)
	perm, _ := toolChoices(t, 1).Order(canary.Request{}, long)
	for i := 1; i < len(perm); i++ {
		if long[perm[i]] == long[perm[i-1]] {
			assert.Greater(t, perm[i], perm[i-1], "calls of one tool keep their order")
		}
	}
	cohort, err := englishBook(t).Choose(canary.Holder("cohort", testKey(t, 1)))
	require.NoError(t, err)
	for n := range 20 {
		in := []string{"b", fmt.Sprint("a", n), "b"}
		perm, decided := cohort.Order(canary.Request{}, in)
		if cohort.Book().Orderings(in)[0].Unit.Tree != "cohort" {
			assert.Equal(t, []int{0, 1, 2}, perm, "without a decision all calls stay")
			assert.Empty(t, decided)
		}
	}
	off, err := book(t, anyHeader, carrierAB)
	require.NoError(t, err)
	assert.Empty(t, off.Orderings([]string{"a", "b"}))
}

func FuzzOrderTools(f *testing.F) {
	for _, s := range []string{fmt.Sprintf(openAI, "b", "a"), fmt.Sprintf(anthropic, "b", "a"), `{"choices":[{"message":{"tool_calls":[{"type":"function","function":{"name":"a"}},{}]}}]}`, `{"content":[]}`} {
		f.Add([]byte(s))
	}
	c := toolChoices(f, 3)
	f.Fuzz(func(t *testing.T, message []byte) {
		out, planted, err := c.OrderTools(canary.Request{}, message)
		if err != nil {
			if string(out) != string(message) || planted != nil {
				t.Fatalf("error %v, but %q became %q", err, message, out)
			}
			return
		}
		if !json.Valid(out) || sorted(out) != sorted(message) {
			t.Fatalf("%q became %q", message, out)
		}
		again, _, err := c.OrderTools(canary.Request{}, out)
		if err != nil || string(again) != string(out) {
			t.Fatalf("%q became %q", out, again)
		}
	})
}
