package watermark_test

import (
	"errors"
	"fmt"
	"log"
	"math"
	"strings"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// exampleKey is for examples only: real keys come from crypto/rand.Reader.
func exampleKey() keys.Key {
	k, err := keys.New(strings.NewReader("not random: for examples only :)"))
	if err != nil {
		log.Fatal(err)
	}
	return k
}

// exampleMark is the mark of a vendor's key.
func exampleMark(scheme watermark.Scheme) *watermark.Watermark {
	w, err := watermark.New(exampleKey().Vendor().Purpose("watermark"), scheme, watermark.Options{})
	if err != nil {
		log.Fatal(err)
	}
	return w
}

// serve answers one request with a toy model.
func serve(mark *watermark.Watermark, seed watermark.Seed, n int) (answer []watermark.Token, err error) {
	model := newToyModel(1)
	// snippet: serve
	session, err := mark.NewSession(watermark.SessionOptions{Seed: seed}) // one request
	if err != nil {
		return nil, err
	}
	for range n {
		ids, logits := model.next()               // after temperature, top-p and grammar
		token, err := session.Sample(ids, logits) // in place of the sampler
		if err != nil {
			return nil, err
		}
		if err := session.Accept(token); err != nil {
			return nil, err
		}
		model.read(token)
	}
	// end
	return model.history, nil
}

// exampleAnswer is an answer of serve.
func exampleAnswer(w *watermark.Watermark, request uint64, n int) []watermark.Token {
	answer, err := serve(w, watermark.SeedOf(request), n)
	if err != nil {
		log.Fatal(err)
	}
	return answer
}

// A key and a scheme make a mark. It opens the sessions that write and the
// detectors that read.
func Example() {
	key := exampleKey().Vendor().Purpose("watermark")
	mark, err := watermark.New(key, watermark.Gumbel{}, watermark.Options{})
	if err != nil {
		log.Fatal(err)
	}
	answer, err := serve(mark, watermark.SeedOf(1), 200)
	if err != nil {
		log.Fatal(err)
	}
	// snippet: detect
	result, err := mark.Detect(watermark.Text{Tokens: answer})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d tokens scored, p = 10^%.0f\n", result.Scored, result.Raw, result.LogP/math.Ln10)
	// end

	// Output: 197 of 200 tokens scored, p = 10^-112
}

// Marks are named without secrets. A decoy is the same mark under a key that
// nobody wrote with.
func ExampleWatermark() {
	w := exampleMark(watermark.Gumbel{})
	text := watermark.Text{Tokens: exampleAnswer(w, 1, 200)}
	for _, mark := range []*watermark.Watermark{w, w.Decoy([32]byte{1}, 0)} {
		r, err := mark.Detect(text)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: found %v\n", mark, r.LogP < math.Log(1e-6))
	}
	fmt.Println(w.Law(), w.Info().Kind)
	// Output:
	// dyetrace/1 width=3 gumbel key=dyetrace_id1_hcpbprxjfp644yyorgsyhyr5cbltqofn: found true
	// dyetrace/1 width=3 gumbel key=decoy 27fd676704ad1632: found false
	// Exponential(1) cryptographic
}

// A narrow window survives edits better, a wide one is less visible.
func ExampleOptions() {
	_, err := watermark.New(exampleKey(), watermark.Gumbel{}, watermark.Options{Width: 40})
	fmt.Println(err)
	w, err := watermark.New(exampleKey(), watermark.Gumbel{}, watermark.Options{Width: 2})
	fmt.Println(w.Rules().Width, err)
	// Output:
	// watermark: window is 40 tokens, want 1 to 16
	// 2 <nil>
}

// Sample does not advance, so that a server may reject a token, force another or
// ask again; Accept does.
func ExampleSession() {
	s, err := exampleMark(watermark.Gumbel{}).NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	if err != nil {
		log.Fatal(err)
	}
	for _, forced := range []watermark.Token{5, 6, 7} { // a tool call's first tokens
		if err := s.Accept(forced); err != nil {
			log.Fatal(err)
		}
	}
	logits := []float32{1.5, 2, 0.5, 1}
	token, err := s.Sample(nil, logits) // dense: candidate i is token i
	fmt.Println(token, err, s.Marked(), s.Len())
	logits[token] = float32(math.Inf(-1)) // a grammar says no
	token, err = s.Sample(nil, logits)
	fmt.Println(token, err, s.Accept(token), s.Len())
	_, err = s.Sample(nil, nil)
	fmt.Println(errors.Is(err, watermark.ErrNoToken))
	// Output:
	// 1 <nil> true 3
	// 3 <nil> <nil> 4
	// true
}

// A conversation's earlier answers are not marked again; a request that has opted
// out is drawn plainly.
func ExampleSessionOptions() {
	w := exampleMark(watermark.Gumbel{})
	first := exampleAnswer(w, 1, 50)
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(2), Turns: [][]watermark.Token{first}})
	if err != nil {
		log.Fatal(err)
	}
	for _, token := range first[:10] { // the model repeats itself
		if err := s.Accept(token); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(s.Marked())
	err = s.Reset(watermark.SessionOptions{Seed: watermark.SeedOf(3), Off: true})
	fmt.Println(s.Marked(), err)
	// Output:
	// false
	// false <nil>
}

// With a seed from a client's parameter a request repeats.
func ExampleSeed() {
	w := exampleMark(watermark.Gumbel{})
	a := exampleAnswer(w, 42, 50)
	b := exampleAnswer(w, 42, 50)
	c := exampleAnswer(w, 43, 50)
	fmt.Println(fmt.Sprint(a) == fmt.Sprint(b), fmt.Sprint(a) == fmt.Sprint(c))
	// Output: true false
}

// Further answers to one request: siblings differ, and the mark is in each.
func ExampleSession_Fork() {
	w := exampleMark(watermark.Gumbel{})
	parent, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 3 {
		s, err := parent.Fork(i, 3)
		if err != nil {
			log.Fatal(err)
		}
		model := newToyModel(1)
		for range 400 {
			token, err := s.Sample(model.next())
			if err != nil {
				log.Fatal(err)
			}
			if err := s.Accept(token); err != nil {
				log.Fatal(err)
			}
			model.read(token)
		}
		r, err := w.Detect(watermark.Text{Tokens: model.history})
		fmt.Println(model.history[:3], r.LogP < math.Log(1e-6), err)
	}
	// Output:
	// [2991 1320 2990] true <nil>
	// [3538 3206 3519] true <nil>
	// [434 3180 3492] true <nil>
}

// Speculative decoding by comparison: a small model drafts in the session itself
// and is taken back; the large model draws at the same positions with the same
// words, so that it often agrees, and its text is what it would have been.
func ExampleSession_Rewind() {
	w := exampleMark(watermark.Gumbel{})
	s, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	if err != nil {
		log.Fatal(err)
	}
	large := toy(1)
	draft := small(large, 0.3)
	var answer []watermark.Token
	kept := 0
	for len(answer) < 100 {
		begin, drafts := s.Len(), answer
		for range 4 {
			token, err := s.Sample(draft(drafts))
			if err != nil {
				log.Fatal(err)
			}
			if err := s.Accept(token); err != nil {
				log.Fatal(err)
			}
			drafts = append(drafts[:len(drafts):len(drafts)], token)
		}
		if err := s.Rewind(begin); err != nil {
			log.Fatal(err)
		}
		for _, d := range drafts[begin:] { // one pass of the large model
			token, err := s.Sample(large(answer))
			if err != nil {
				log.Fatal(err)
			}
			if err := s.Accept(token); err != nil {
				log.Fatal(err)
			}
			answer = append(answer, token)
			if token != d {
				break
			}
			kept++
		}
	}
	fmt.Println("drafts kept:", kept)
	fmt.Println(fmt.Sprint(answer[:100]) == fmt.Sprint(exampleAnswer(w, 1, 100)))
	// Output:
	// drafts kept: 94
	// true
}

// A corpus is read by as many detectors as there are cores or machines, and merged.
func ExampleDetector() {
	w := exampleMark(watermark.Gumbel{})
	shards := []*watermark.Detector{w.NewDetector(), w.NewDetector()}
	for request := range uint64(6) {
		text := watermark.Text{Tokens: exampleAnswer(w, request, 30)}
		if err := shards[request%2].Add(text); err != nil {
			log.Fatal(err)
		}
	}
	bytes, err := shards[1].MarshalBinary() // from another machine
	if err != nil {
		log.Fatal(err)
	}
	arrived := w.NewDetector()
	if err := arrived.UnmarshalBinary(bytes); err != nil {
		log.Fatal(err)
	}
	if err := shards[0].Merge(arrived); err != nil {
		log.Fatal(err)
	}
	r := shards[0].Result()
	fmt.Printf("%d tokens, %d scored, p = 10^%.0f\n", r.Raw, r.Scored, r.LogP/math.Ln10)
	// Output: 180 tokens, 162 scored, p = 10^-95
}

// What a user quoted, the answer may have copied: leave it out.
func ExampleDetector_Skip() {
	w := exampleMark(watermark.Gumbel{})
	quoted := exampleAnswer(w, 1, 60)
	d := w.NewDetector()
	if err := d.Add(watermark.Text{Tokens: quoted}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Result().LogP < math.Log(1e-6))
	if err := d.Skip(quoted); err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Result().LogP, d.Result().Dropped.Skipped)
	// Output:
	// true
	// 0 57
}

// Every token is accounted for: here a loop, of which windows count once.
func ExampleResult() {
	w := exampleMark(watermark.Gumbel{})
	r, err := w.Detect(watermark.Text{Tokens: []watermark.Token{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("raw %d, scored %d, %+v\n", r.Raw, r.Scored, r.Dropped)
	fmt.Printf("score %.3f, ln p %.3f\n", r.Score, r.LogP)
	// Output:
	// raw 12, scored 4, {Head:3 Gated:0 Repeat:5 Skipped:0 Duplicate:0}
	// score 4.555, ln p -1.099
}

// One answer carries a mark of the vendor and one of the epoch, each on windows of
// its own, so that either can be opened without the other.
func ExampleLayers() {
	root := exampleKey()
	epoch := root.Epoch("2026-11")
	vendor, err := watermark.New(root.Vendor().Purpose("watermark"), watermark.Gumbel{}, watermark.Options{})
	if err != nil {
		log.Fatal(err)
	}
	season, err := watermark.New(epoch.Vendor().Purpose("watermark"), watermark.Gumbel{}, watermark.Options{Width: 4})
	if err != nil {
		log.Fatal(err)
	}
	// snippet: layers
	shares := watermark.Shares(70, 30)
	layout, err := watermark.NewLayers(root.Purpose("layout"),
		watermark.Layer{Name: "vendor", Share: shares[0], Mark: vendor},
		watermark.Layer{Name: "epoch", Share: shares[1], Mark: season})
	if err != nil {
		log.Fatal(err)
	}
	session, err := layout.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	// end
	if err != nil {
		log.Fatal(err)
	}
	model := newToyModel(1)
	for range 300 {
		token, err := session.Sample(model.next())
		if err != nil {
			log.Fatal(err)
		}
		if err := session.Accept(token); err != nil {
			log.Fatal(err)
		}
		model.read(token)
	}
	for _, name := range layout.Names() {
		r, err := layout.Mark(name).Detect(watermark.Text{Tokens: model.history})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %d scored, p = 10^%.0f\n", name, r.Scored, r.LogP/math.Ln10)
	}
	// Output:
	// vendor: 201 scored, p = 10^-121
	// epoch: 95 scored, p = 10^-56
}

// found writes and reads an answer under a scheme.
func found(scheme watermark.Scheme) {
	w := exampleMark(scheme)
	r, err := w.Detect(watermark.Text{Tokens: exampleAnswer(w, 1, 200)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: null law %s, p = 10^%.0f\n", scheme, w.Law(), r.LogP/math.Ln10)
}

// The default leaves the model's distribution as it is.
func ExampleGumbel() {
	found(watermark.Gumbel{})
	// Output: gumbel: null law Exponential(1), p = 10^-112
}

// A green list changes the distribution, by a strength that is chosen.
func ExampleGreenList() {
	found(watermark.GreenList{Gamma: 0.25, Delta: 1})
	found(watermark.GreenList{Gamma: 0.25, Delta: 3})
	// Output:
	// greenlist(gamma=0.25,delta=1): null law Bernoulli(0.25), p = 10^-13
	// greenlist(gamma=0.25,delta=3): null law Bernoulli(0.25), p = 10^-65
}

// The scheme of SynthID-Text, with independent words.
func ExampleTournament() {
	found(watermark.Tournament{Depth: 30})
	// Output: tournament(depth=30): null law Binomial(30,0.5), p = 10^-116
}

// With two keys a draft that is rejected says nothing of what replaces it.
func ExampleDualGumbel() {
	found(watermark.DualGumbel{Alpha: 0.1})
	// Output: dualgumbel(alpha=0.1): null law DualExponential(0.1), p = 10^-101
}

// Speculative decoding with rejection: the session says which model draws, and
// why.
func ExampleRole() {
	w := exampleMark(watermark.DualGumbel{Alpha: 0.1})
	target, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1)})
	if err != nil {
		log.Fatal(err)
	}
	drafter, err := w.NewSession(watermark.SessionOptions{Seed: watermark.SeedOf(1), Role: watermark.Draft})
	if err != nil {
		log.Fatal(err)
	}
	draft, err := drafter.Sample(nil, []float32{0, 0, 0, 3})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("draft:", draft)
	// The target gives token 3 half of what the draft model gave it, and the
	// server's coin says no: draw from what is left of the target.
	if err := target.SetRole(watermark.Recovery); err != nil {
		log.Fatal(err)
	}
	token, err := target.Sample([]watermark.Token{0, 1, 2}, []float32{-1, -2, -1})
	fmt.Println("token:", token, err)
	// Output:
	// draft: 3
	// token: 0 <nil>
}

// Which passages of a page come from the model?
func ExampleWatermark_Localize() {
	w := exampleMark(watermark.Gumbel{})
	var page []watermark.Token
	for i := range int32(300) {
		page = append(page, 7*i%1000) // somebody's own words
	}
	page = append(page, exampleAnswer(w, 1, 120)...)
	for i := range int32(200) {
		page = append(page, 11*i%1000)
	}
	spans, err := w.Localize(watermark.Text{Tokens: page}, 1e-3)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range spans {
		fmt.Printf("tokens [%d, %d), corrected p = 10^%.0f\n", s.Begin, s.End, s.LogPFamily/math.Ln10)
	}
	// Output: tokens [303, 420), corrected p = 10^-60
}

// Which of our keys made this text?
func ExampleSearch() {
	root := exampleKey()
	var candidates []watermark.Candidate
	for _, epoch := range []string{"2026-09", "2026-10", "2026-11"} {
		w, err := watermark.New(root.Epoch(epoch).Vendor().Purpose("watermark"), watermark.Gumbel{}, watermark.Options{})
		if err != nil {
			log.Fatal(err)
		}
		candidates = append(candidates, watermark.Candidate{Name: epoch, Mark: w})
	}
	text := watermark.Text{Tokens: exampleAnswer(candidates[1].Mark, 1, 100)}
	matches, err := watermark.Search([]watermark.Text{text}, candidates)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range matches {
		fmt.Printf("%s: corrected p = %.1g\n", m.Name, math.Exp(m.LogPFamily))
	}
	// Output:
	// 2026-10: corrected p = 3e-60
	// 2026-09: corrected p = 0.7
	// 2026-11: corrected p = 0.7
}

// A thousand decoys read a corpus that is walked through once.
func ExampleWatermark_Units() {
	w := exampleMark(watermark.Gumbel{})
	texts := []watermark.Text{{Tokens: exampleAnswer(w, 1, 60)}, {Tokens: exampleAnswer(w, 2, 60)}}
	units, err := w.Units(texts, nil)
	if err != nil {
		log.Fatal(err)
	}
	scores := make([]uint64, len(units))
	sum := func(w *watermark.Watermark) (s uint64) {
		w.NewScorer().Units(units, scores)
		for _, x := range scores {
			s += x
		}
		return s
	}
	own, higher := sum(w), 0
	for j := range 1000 {
		if sum(w.Decoy([32]byte{1}, j)) >= own {
			higher++
		}
	}
	fmt.Println(len(units), "units; decoys that score higher:", higher)
	// Output: 114 units; decoys that score higher: 0
}

// How much does each candidate of a model's prediction testify to the mark?
func ExampleScorer() {
	sc := exampleMark(watermark.Gumbel{}).NewScorer()
	ids, scores := []watermark.Token{10, 11, 12}, make([]float64, 3)
	ok := sc.Scores([]watermark.Token{1, 2, 3}, ids, scores)
	fmt.Printf("%v %.3f\n", ok, scores)
	ok = sc.Scores([]watermark.Token{3}, ids, scores) // too short a window
	fmt.Println(ok)
	// Output:
	// true [0.695 1.611 3.085]
	// false
}

// Temperature 0 is the server's choice: it takes the best token and accepts it.
func ExampleArgmax() {
	best, err := watermark.Argmax([]watermark.Token{271, 12, 40}, []float32{1.5, 3, 3})
	fmt.Println(best, err)
	// Output: 12 <nil>
}

// Rules say what an engine marks at the head of an answer, after repeats and after
// a prompt. The native mark's are all zero but for the width.
func ExampleRules() {
	fmt.Printf("%+v\n", exampleMark(watermark.Gumbel{}).Rules())
	engine := watermark.Rules{
		Width:  4,
		Prompt: true,
		Write:  watermark.WriteRules{Head: watermark.HeadPadded, History: 1024},
		Read:   watermark.ReadRules{Head: watermark.HeadPlain},
	}
	w, err := watermark.Build(fnvSource{key: 42}, watermark.Tournament{Depth: 30}, engine)
	fmt.Println(w.Rules() == engine, err)
	// Output:
	// {Width:3 Pad:0 Prompt:false Write:{Head:0 Repeats:false History:0 MarkedOnly:false PromptSeen:false Limit:0} Read:{Head:0 OnePerSeed:false}}
	// true <nil>
}

// Words that all seeds share, such as a table, make scores depend on each other: a
// joint law then says what their sum is worth. This one doubts everything.
func ExampleJoint() {
	w := exampleMark(watermark.Gumbel{})
	text := watermark.Text{Tokens: exampleAnswer(w, 1, 100)}
	doubt := func(scored []watermark.Scored, score float64) float64 { return 0 }
	r, err := w.WithJoint(doubt).Detect(text)
	fmt.Println(r.Scored, r.LogP, err)
	// Output: 97 0 <nil>
}
