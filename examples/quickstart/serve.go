package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// How the vendor serves.
const (
	requests     = 3650 // some 165 tokens each
	accounts     = 120  // who made them
	answerTokens = 250  // the longest answer
	teacherTop   = 64   // candidates at each step
	thisEpoch    = "2026-11"
	lastEpoch    = "2026-10" // nothing was served then
)

// The layers of each answer.
const (
	vendorLayer  = "vendor"
	epochLayer   = "epoch"
	accountLayer = "account"
	wrongEpoch   = "wrong epoch" // the key of lastEpoch: a negative control
)

// The canaries of each answer.
const (
	canaryTree    = "vendor"
	canaryKey     = "canaries"
	wrongCanaries = "wrong canaries" // of lastEpoch
)

// canaryBook is the book of choices that the vendor wrote for such prose.
//
//go:embed corpus/canaries.txt
var canaryBook []byte

// A marking says whether answers carry the mark.
type marking bool

const (
	markOn  marking = true
	markOff marking = false
)

// A vendor serves a model and marks what it serves.
type vendor struct {
	model    *model
	tok      *tokenizer
	root     keys.Key
	book     *canary.Book
	canaries *canary.Choices // what its key decided
}

// newVendor makes a key and trains the vendor's model.
func newVendor(s *shelf, l luck, p *progress) (*vendor, error) {
	root, err := keys.New(l)
	if err != nil {
		return nil, err
	}
	p.begin("teach")
	v := &vendor{model: train(s.tok.encodeAll(s.teacher), s.tok.size()), tok: s.tok, root: root}
	if v.book, err = canary.Read(bytes.NewReader(canaryBook), "canaries.txt"); err != nil {
		return nil, err
	}
	if v.canaries, err = v.book.Choose(v.tree(thisEpoch)); err != nil {
		return nil, err
	}
	p.end("a %d-gram model of %s bytes of books, %s words", order, grouped(size(s.teacher)), grouped(s.tok.size()-firstWord))
	return v, nil
}

// layers returns what the answers to one account carry in one epoch: half of
// the windows the vendor's mark, 30 % that of the epoch, and the rest the
// account's own, which also keeps answers to different accounts apart.
func (v *vendor) layers(epoch, account string) (*watermark.Layers, error) {
	shares := watermark.Shares(50, 30, 20)
	layers := []watermark.Layer{
		{Name: vendorLayer, Share: shares[0]},
		{Name: epochLayer, Share: shares[1]},
		{Name: accountLayer, Share: shares[2]},
	}
	for i, key := range []keys.Key{v.vendorKey(), v.epochKey(epoch), v.root.Epoch(epoch).Account(account).Purpose("watermark")} {
		mark, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{})
		if err != nil {
			return nil, err
		}
		layers[i].Mark = mark
	}
	return watermark.NewLayers(v.root.Purpose("layout"), layers...)
}

// tree is the key that decides the canaries of one epoch.
func (v *vendor) tree(epoch string) canary.TreeKey {
	return canary.Holder(canaryTree, v.root.Epoch(epoch).Vendor())
}

func (v *vendor) vendorKey() keys.Key            { return v.root.Vendor().Purpose("watermark") }
func (v *vendor) epochKey(epoch string) keys.Key { return v.root.Epoch(epoch).Purpose("watermark") }

// marks returns what suspects are tested for, each key with the secret nonce of
// its commitment.
func (v *vendor) marks(l luck) ([]verify.Opened, error) {
	now, err := v.layers(thisEpoch, "")
	if err != nil {
		return nil, err
	}
	before, err := v.layers(lastEpoch, "")
	if err != nil {
		return nil, err
	}
	return []verify.Opened{
		{Name: vendorLayer, Mark: now.Mark(vendorLayer), Key: v.vendorKey(), Nonce: l.bytes()},
		{Name: epochLayer, Mark: now.Mark(epochLayer), Key: v.epochKey(thisEpoch), Nonce: l.bytes()},
		{Name: wrongEpoch, Mark: before.Mark(epochLayer), Key: v.epochKey(lastEpoch), Nonce: l.bytes()},
		{Name: canaryKey, Key: v.tree(thisEpoch).Option, Nonce: l.bytes()},
		{Name: wrongCanaries, Key: v.tree(lastEpoch).Option, Nonce: l.bytes()},
	}, nil
}

// serve answers n requests for continuations of the prompts, on all cores. The
// answers follow from the luck, whatever the number of cores.
func (v *vendor) serve(ctx context.Context, prompts []string, n int, on marking, l luck, p *progress) ([]string, error) {
	byAccount := make([]*watermark.Layers, accounts)
	for i := range byAccount {
		var err error
		if byAccount[i], err = v.layers(thisEpoch, fmt.Sprintf("account %d", i)); err != nil {
			return nil, err
		}
	}
	p.begin("serve")
	seed := l.Uint64()
	answers := make([]string, n)
	var tokens atomic.Int64
	err := inParallel(ctx, n, p.at, func() func(int) error {
		predictor := v.model.newPredictor(teacherTop)
		return func(i int) error {
			session, err := byAccount[i%accounts].NewSession(watermark.SessionOptions{
				Seed:   watermark.SeedOf(seed, uint64(i)),
				Off:    on == markOff,
				Tokens: answerTokens,
			})
			if err != nil {
				return err
			}
			ids, err := answer(predictor, session, v.tok.encode(prompts[i%len(prompts)]))
			if err != nil {
				return err
			}
			tokens.Add(int64(len(ids)))
			answers[i], err = v.plant(v.tok.decode(ids), prompts[i%len(prompts)], on)
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	p.end("%s answers, %s tokens, %s", grouped(n), grouped(int(tokens.Load())), on)
	return answers, nil
}

// plant passes an answer on as its reader gets it: with the canaries in it.
func (v *vendor) plant(answer, prompt string, on marking) (string, error) {
	if on == markOff {
		return answer, nil
	}
	var served strings.Builder
	planter, err := v.canaries.NewPlanter(&served, canary.Request{Prompt: prompt})
	if err != nil {
		return "", err
	}
	if _, err := io.WriteString(planter, answer); err != nil { // a server writes token by token
		return "", err
	}
	err = planter.Close()
	return served.String(), err
}

// answer is the loop of an inference server: the model offers candidates, the
// session draws one of them, and both go on from there.
func answer(predictor *predictor, session *watermark.Session, prompt []int32) ([]int32, error) {
	text := slices.Clone(prompt)
	for len(text) < len(prompt)+answerTokens {
		ids, logits := predictor.candidates(text)
		token, err := session.Sample(ids, logits)
		if err != nil {
			return nil, err
		}
		if token == endOfText {
			break
		}
		if err := session.Accept(token); err != nil {
			return nil, err
		}
		text = append(text, token)
	}
	return text[len(prompt):], nil
}

func (m marking) String() string {
	if m {
		return "marked"
	}
	return "not marked (for the control)"
}
