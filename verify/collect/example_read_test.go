package collect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dyetrace/dyetrace/verify/collect"
)

func ExamplePassageFrame() {
	frame, err := collect.PassageFrame([]collect.Passage{
		{Prompt: []int32{40, 2}, Tokens: []int32{7, 7, 12}, PromptText: "Why?\n", Pieces: []string{"Be", "Be", "cause"}},
		{Key: "cohort 3", Prompt: []int32{40}, Tokens: []int32{9}},
		{Tokens: []int32{5, 6}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	nonce, err := collect.ParseDigest(strings.Repeat("2a", 32))
	if err != nil {
		fmt.Println(err)
		return
	}
	lines, err := frame.Sample(nonce, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range lines {
		p, err := collect.ParsePassage(line)
		fmt.Println(line, len(p.Tokens), err)
	}
	// Output:
	// {"prompt":[40,2],"tokens":[7,7,12],"prompt_text":"Why?\n","pieces":["Be","Be","cause"]} 3 <nil>
	// {"prompt":[],"tokens":[5,6]} 2 <nil>
}

func ExamplePassage_Digest() {
	p := collect.Passage{Prompt: []int32{40, 2}, Tokens: []int32{7, 7, 12}}
	fmt.Println(p.Digest())
	// Output:
	// 850e93388de0a88675107dab40b6a5bf15180aec9adcab617f5f1d6f2ce80789 <nil>
}

// Where 20 and 21 are as likely, the smaller id comes first.
func ExamplePrediction() {
	p := collect.Prediction{Argmax: 20, Sample: collect.NoToken, IDs: []int32{20, 21, 7}, LogProbs: []float64{-1, -1, -2.5}}
	data, err := json.Marshal(p)
	fmt.Println(string(data), err)
	// Output:
	// {"a":20,"s":-1,"i":[20,21,7],"l":[-1,-1,-2.5]} <nil>
}

// The lines of readings in a transcript.
func ExampleReadingExchange() {
	p := collect.Passage{Prompt: []int32{40, 2}, Tokens: []int32{7, 7, 12}}
	d, err := p.Digest()
	if err != nil {
		fmt.Println(err)
		return
	}
	t := collect.Transcript{
		Plan: collect.Digest{31: 1}, Suspect: "bigram", Want: collect.Want{Argmax: true, Top: 2}, Reference: true, Span: 2,
		Readings: []collect.ReadingExchange{
			{N: 0, Passage: 0, Begin: 0, End: 2, Question: d, Status: collect.Complete, Asked: 1, First: 1795478400000, Last: 1795478400250,
				Predictions: []collect.Prediction{
					{Argmax: 7, Sample: collect.NoToken, IDs: []int32{7, 3}, LogProbs: []float64{-0.25, -1.75}, Reference: []float64{-0.5, -1.5}},
					{Argmax: 9, Sample: collect.NoToken, IDs: []int32{9, 7}, LogProbs: []float64{-1e-7, -20}, Reference: []float64{-0.125, -9.5}},
				}},
			{N: 1, Passage: 0, Begin: 2, End: 3, Question: d, Status: collect.Failed, Error: "collect: answer has 0 predictions, want 1, for positions [2, 3)",
				Asked: 1, First: 1795478400250, Last: 1795478400500},
		},
	}
	if _, err := t.WriteTo(os.Stdout); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%+v\n", t.ReadingCounts())
	// Output:
	// {"schema":"dyetrace/transcript/1","plan":"0000000000000000000000000000000000000000000000000000000000000001","suspect":"bigram","probes":0,"prompts":0,"readings":2,"want":{"argmax":true,"top":2},"reference":true,"span":2}
	// {"stage":"reading","n":0,"passage":0,"begin":0,"end":2,"question":"850e93388de0a88675107dab40b6a5bf15180aec9adcab617f5f1d6f2ce80789","status":"complete","asked":1,"first":1795478400000,"last":1795478400250,"predictions":[{"a":7,"s":-1,"i":[7,3],"l":[-0.25,-1.75],"r":[-0.5,-1.5]},{"a":9,"s":-1,"i":[9,7],"l":[-1e-7,-20],"r":[-0.125,-9.5]}]}
	// {"stage":"reading","n":1,"passage":0,"begin":2,"end":3,"question":"850e93388de0a88675107dab40b6a5bf15180aec9adcab617f5f1d6f2ce80789","status":"failed","error":"collect: answer has 0 predictions, want 1, for positions [2, 3)","asked":1,"first":1795478400250,"last":1795478400500}
	// {Complete:1 Refused:0 Empty:0 Failed:1 Missing:0 Unreached:0}
}

// A recorded collection is collected again, offline.
func ExampleReplay() {
	dir, err := os.MkdirTemp("", "collect")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	task := collect.Task{Plan: collect.Digest{1}, Prompts: []string{"one", "two"}}
	recorded, err := collect.Run(context.Background(), task, collect.Suspect{Name: "parrot", Text: parrot{}},
		filepath.Join(dir, "journal"), collect.Options{Clock: still{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := collect.Run(context.Background(), task, collect.Replay(recorded),
		filepath.Join(dir, "another"), collect.Options{Clock: still{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	a, errA := recorded.Digest()
	b, errB := again.Digest()
	fmt.Println(a == b, errA, errB)
	_, err = collect.Replay(recorded).Text.Answer(context.Background(), "three")
	fmt.Println(err)
	// Output:
	// true <nil> <nil>
	// collect: no such access to the suspect parrot: no answer to "three" is recorded
}
