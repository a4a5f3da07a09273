package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

func TestJudgeRefuses(t *testing.T) {
	for want, spoil := range map[string]func(c *trialCase){
		"verify: there is no plan":             func(c *trialCase) { c.Plan = nil },
		"verify: there is no transcript":       func(c *trialCase) { c.Transcript = nil },
		"verify: there is no tokenizer":        func(c *trialCase) { c.Tokenizer.Encode = nil },
		"verify: there is no frame of prompts": func(c *trialCase) { c.Frames.Prompts = nil },
		"verify: number of workers is -1, want at least 1, or 0 for the number of processors": func(c *trialCase) { c.Workers = -1 },
		"verify: plan has 5 decoy keys":                  func(c *trialCase) { c.Plan.Decoys = 5 },
		"verify: transcript is of plan ":                 func(c *trialCase) { c.Plan.Alpha = 0.5 }, // changed after collecting
		`verify: transcript is of suspect "t", want "s"`: func(c *trialCase) { c.Transcript.Suspect = "t" },
		"verify: transcript has 9 prompts, want 10":      func(c *trialCase) { c.Transcript.Prompts = c.Transcript.Prompts[:9] },
		"verify: transcript has 1 answers to probes, want 0": func(c *trialCase) {
			c.Transcript.Probes = []collect.Exchange{{Stage: collect.Start}}
		},
		`verify: prompt 3 of the transcript is "another", want `:               func(c *trialCase) { c.Transcript.Prompts[3].Question = "another" },
		"collect: seal is of transcript ":                                      func(c *trialCase) { c.Transcript.Prompts[3].Text += "!" }, // changed after sealing
		"collect: seal has digest ":                                            func(c *trialCase) { c.Seal.Digest[0] ^= 1 },
		"verify: tokenizer is words with digest ":                              func(c *trialCase) { c.Tokenizer.Name = "words" },
		"verify: there are 9 served answers with digest ":                      func(c *trialCase) { c.Served = c.Served[1:] },
		"verify: there are 10 served answers with digest ":                     func(c *trialCase) { c.Served[0], c.Served[1] = c.Served[1], c.Served[0] },
		`verify: opened key is "cohort", want each of the plan's at most once`: func(c *trialCase) { c.Keys[0].Name = "cohort" },
		`verify: opened key is "epoch", want each of the plan's at most once`:  func(c *trialCase) { c.Keys = append(c.Keys, c.Keys[1]) },
		`verify: opened key "vendor" has no mark`:                              func(c *trialCase) { c.Keys[0].Mark = nil },
		`verify: opened key "vendor" has mark `:                                func(c *trialCase) { c.Keys[0].Mark = c.Keys[1].Mark },
		`verify: key "vendor" does not open the commitment `:                   func(c *trialCase) { c.Keys[0].Nonce[5]++ },
		`verify: key "epoch" does not open the commitment `:                    func(c *trialCase) { c.Keys[1].Key = c.Keys[0].Key },
		`verify: key "other epoch" does not open the commitment `:              func(c *trialCase) { c.Keys[2].Key = keys.Key{} },
		"watermark: token 0 of the prompt is -1": func(c *trialCase) {
			c.Tokenizer.Encode = func(string) []token { return []token{-1} }
		},
	} {
		c := twoLayers(t, 0, 0)
		c.seal(t)
		spoil(c)
		r, err := verify.Judge(context.Background(), c.Case)
		assert.Nil(t, r)
		if strings.HasPrefix(want, "watermark: ") {
			want = "token 0 of" // whichever list the mark looks at first
		}
		assert.ErrorContains(t, err, want)
	}
}

// A commitment opened by the right key, but the mark was made with another: the
// plan says one thing and tests another.
func TestJudgeRefusesAMarkOfAnotherKey(t *testing.T) {
	key, other := newKey(t, 1), newKey(t, 2)
	c := newCase(t, []string{"x"}, nil)
	c.key(t, "vendor", newMark(t, key, watermark.Gumbel{}, 3), key)
	c.Plan.Tests = []verify.Test{{Name: verify.G1}}
	c.Plan.Keys[0].Commitment = other.Commit(c.Keys[0].Nonce)
	c.Keys[0].Key = other
	c.seal(t)
	_, err := verify.Judge(context.Background(), c.Case)
	assert.EqualError(t, err, `verify: key "vendor" is `+other.ID().String()+", its mark was made with "+key.ID().String())
	c.Plan.Keys[0].Kind = watermark.Statistical
	c.seal(t)
	_, err = verify.Judge(context.Background(), c.Case)
	assert.EqualError(t, err, `verify: words of key "vendor" are cryptographic, the plan says statistical`)
}

// A plan that lies about who made a mark could multiply marks of one key.
func TestJudgeRefusesAnotherKeyID(t *testing.T) {
	c := twoLayers(t, 0, 0)
	c.Plan.Keys[0].KeyID = "somebody"
	c.seal(t)
	_, err := verify.Judge(context.Background(), c.Case)
	assert.EqualError(t, err, fmt.Sprintf(`verify: mark of key "vendor" was made with key %q, want "somebody" as the plan says`, newKey(t, 1).ID().String()))
}

func TestOpenedIsRedacted(t *testing.T) {
	c := twoLayers(t, 0, 0)
	o := c.Keys[0]
	for i := range o.Nonce {
		o.Nonce[i] = 0xab
	}
	secret := strings.TrimPrefix(o.Key.Reveal(), "dyetrace")
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, o), fmt.Sprintf(verb, &o), fmt.Sprintf(verb, verify.Case{Keys: []verify.Opened{o}}))
	}
	data, err := json.Marshal(o.Nonce)
	require.NoError(t, err)
	whole, err := json.Marshal(verify.Opened{Name: o.Name, Nonce: o.Nonce})
	require.NoError(t, err)
	assert.NotContains(t, string(whole), string(data))
	for _, text := range texts {
		for _, leak := range []string{secret, "171", "abab", "0xab", `\xab`, "\xab"} {
			assert.NotContains(t, strings.ToLower(text), leak)
		}
	}
	assert.Contains(t, texts[0], `{Name:"vendor" Mark:"dyetrace/1`)
}

// Who asks the suspect cannot reach a key or a mark; evidence knows neither.
func TestImports(t *testing.T) {
	const module = "github.com/dyetrace/dyetrace/"
	for pkg, allowed := range map[string][]string{
		"collect":  {"verify/internal/canon", "verify/internal/portable"},
		"evidence": {"watermark/tail"},
	} {
		out, err := exec.Command("go", "list", "-deps", "./"+pkg).CombinedOutput()
		require.NoError(t, err, "%s", out)
		own := []string{"verify/" + pkg}
		for _, dep := range strings.Fields(string(out)) {
			if rest, ok := strings.CutPrefix(dep, module); ok && rest != own[0] {
				assert.Contains(t, allowed, rest, "%s reaches %s", pkg, rest)
			}
		}
	}
}
