package tokenizer_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// open reads a packed tokenizer.json of the test data. A program has the file of
// its model, and calls tokenizer.ReadFile.
func open(folder string) *tokenizer.Tokenizer {
	f, err := os.Open("testdata/" + folder + "/tokenizer.json.gz")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		panic(err)
	}
	data, err := io.ReadAll(unpacked)
	if err != nil {
		panic(err)
	}
	t, err := tokenizer.Parse(data)
	if err != nil {
		panic(err)
	}
	return t
}

func ExampleTokenizer() {
	t := open("smollm2")
	ids := t.Encode("Dye in the water.<|im_end|>")
	fmt.Println(ids)
	for _, id := range ids {
		piece, _ := t.Piece(id)
		fmt.Printf("%q", piece)
	}
	text, err := t.Decode(ids)
	fmt.Printf("\n%s %v\n", text, err)
	// Output:
	// [52 6602 281 260 913 30 2]
	// "D""ye"" in"" the"" water"".""<|im_end|>"
	// Dye in the water.<|im_end|> <nil>
}

func ExampleAddedToken() {
	t := open("smollm2")
	id, _ := t.ID("<|im_end|>")
	fmt.Println(t.Added(id))
	// Output: {2 <|im_end|> true false false false false} true
}

// Indentation shows it: the last tab is a token of its own only because a letter
// follows. A model that reads the first five tokens of the whole text knows that.
func ExampleToken() {
	t := open("smollm2")
	const text = "if x {\n\t\treturn"
	tokens, stable := t.Tokens(text), t.Stable(text)
	for k, token := range tokens {
		fmt.Printf("%q %t\n", text[:token.End], stable[k+1])
	}
	fmt.Println(tokens[3].ID, tokens[4].ID, "but", t.Encode("if x {\n\t\t")[3:])
	// Output:
	// "if" true
	// "if x" true
	// "if x {" true
	// "if x {\n\t" true
	// "if x {\n\t\t" false
	// "if x {\n\t\treturn" true
	// 3354 197 but [3558]
}

// The marked model's tokens were logged; the suspect has another vocabulary. Where
// both have a boundary the suspect's prediction is looked up by its bytes.
func ExampleAlign() {
	marked, suspect := open("smollm2"), open("gpt2")
	logged := []int32{52, 6602, 281, 260, 913, 30}
	text, _ := marked.Decode(logged)
	a, _ := marked.Ends(logged)
	var b []int
	for _, token := range suspect.Tokens(text) {
		b = append(b, token.End)
	}
	stable := suspect.Stable(text)
	boundaries, err := tokenizer.Align(a, b)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, at := range boundaries {
		fmt.Println("after", at.A, "marked tokens and", at.B, "of the suspect:", stable[at.B])
	}
	fmt.Println(marked.Single(" water"))
	fmt.Println(marked.Single(" water in"))
	// Output:
	// after 0 marked tokens and 0 of the suspect: true
	// after 2 marked tokens and 2 of the suspect: true
	// after 3 marked tokens and 3 of the suspect: true
	// after 4 marked tokens and 5 of the suspect: true
	// after 5 marked tokens and 9 of the suspect: true
	// after 6 marked tokens and 10 of the suspect: true
	// 913 true
	// 0 false
}

func ExampleBoundary() {
	// "un|like|ly" and "unlike|ly"
	boundaries, err := tokenizer.Align([]int{2, 6, 8}, []int{6, 8})
	fmt.Println(boundaries, err)
	// Output: [{0 0} {2 1} {3 2}] <nil>
}
