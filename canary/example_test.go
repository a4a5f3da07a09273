package canary_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/dyetrace/dyetrace/canary"
	"github.com/dyetrace/dyetrace/watermark/keys"
)

// exampleKey is for examples only: real keys come from crypto/rand.Reader.
func exampleKey() keys.Key {
	k, err := keys.New(strings.NewReader("not random: for examples only :)"))
	if err != nil {
		panic(err)
	}
	return k
}

const exampleText = `dyetrace canary book/1
name example
parser prose/1
mode tilt 0.999999
classifier none
bucket none
tree vendor 1
tools parallel

carrier for-example
form for example
form for instance
after ,

carrier crucial
form crucial
form essential
before a an
after part

pick town
ask name a fictional town
form Aldmoor
form Brackwater
form Cley

twins receipt
form The blue heron waits.
form The grey heron waits.
`

func exampleBook() *canary.Book {
	b, err := canary.Read(strings.NewReader(exampleText), "example.txt")
	if err != nil {
		panic(err)
	}
	return b
}

func exampleChoices() *canary.Choices {
	c, err := exampleBook().Choose(canary.Holder("vendor", exampleKey().Epoch("2026-11").Vendor()))
	if err != nil {
		panic(err)
	}
	return c
}

// A server makes choices once and a Planter for each answer, which it writes as
// the model produces it.
func ExamplePlanter() {
	choices := exampleChoices()

	planter, err := choices.NewPlanter(os.Stdout, canary.Request{Prompt: "What do cats need?"})
	if err != nil {
		fmt.Println(err) // the planter is off: the answer can be served all the same
	}
	for _, token := range []string{"Sleep is a cruc", "ial part of it, f", "or examp", "le, at noon.\n", "Use `for example, `.\n"} {
		if _, err := planter.Write([]byte(token)); err != nil {
			fmt.Println(err)
		}
	}
	if err := planter.Close(); err != nil {
		fmt.Println(err)
	}
	for _, p := range planter.Planted() {
		fmt.Println(p.Unit, p.Option, p.Begin, p.End, "→", p.NewBegin, p.NewEnd)
	}
	// Output:
	// Sleep is a crucial part of it, for instance, at noon.
	// Use `for example, `.
	// vendor|crucial|any|0 0 11 18 → 11 18
	// vendor|for-example|any|0 1 31 42 → 31 43
}

func ExamplePlanted() {
	var out bytes.Buffer
	planter, err := exampleChoices().NewPlanter(&out, canary.Request{})
	fmt.Println(err)
	fmt.Fprint(planter, "This is an essential part.")
	fmt.Println(planter.Close())
	p := planter.Planted()[0]
	fmt.Printf("%q %s: option %d\n", out.String()[p.NewBegin:p.NewEnd], p.Unit, p.Option)
	// Output:
	// <nil>
	// <nil>
	// "crucial" vendor|crucial|any|0: option 0
}

// A book is text, and says in its errors what is wrong with it.
func ExampleRead() {
	_, err := canary.Read(strings.NewReader(exampleText+"carrier instance\nform instance\nform case\n"), "example.txt")
	fmt.Println(err)
	// Output:
	// canary: example.txt:30: form "instance" of carrier instance and form "for instance" of carrier for-example overlap
}

func ExampleBook() {
	b, err := canary.English()
	fmt.Println(err)
	fmt.Println(len(b.Carriers()) >= 120, b.Parser(), b.Sampled())
	class, err := b.Classify(canary.Request{Prompt: "How do I bake bread?"})
	fmt.Println(class, err)
	// Output:
	// <nil>
	// true prose/1 true
	// how-to/en <nil>
}

func ExampleCarrier() {
	for _, c := range exampleBook().Carriers() {
		fmt.Println(c.Name, c.Forms, c.Law)
	}
	// Output:
	// for-example [for example for instance] [2147483648 2147483648]
	// crucial [crucial essential] [2147483648 2147483648]
}

func ExampleTree() {
	b, err := canary.English()
	fmt.Println(err)
	for _, t := range b.Trees() {
		fmt.Println(t.Name, t.Share)
	}
	// Output:
	// <nil>
	// vendor 60
	// epoch 25
	// cohort 15
}

func ExampleUnit() {
	b := exampleBook()
	u := b.Units()[0]
	fmt.Println(u)
	again, err := b.ParseUnit(u.String())
	fmt.Println(again == u, err)
	// Output:
	// vendor|for-example|any|0
	// true <nil>
}

func ExampleRequest() {
	b, err := canary.English()
	fmt.Println(err)
	fmt.Println(b.Classify(canary.Request{Prompt: "Write a haiku about rain."}))
	fmt.Println(b.Classify(canary.Request{Prompt: "Write a haiku about rain.", Tools: true}))
	// Output:
	// <nil>
	// writing/en <nil>
	// tool-use/en <nil>
}

// Occurrences reads an answer as a Planter would.
func ExampleOccurrence() {
	b := exampleBook()
	answer := "Cats, for instance, and \"for example, dogs\"."
	occurrences, err := b.Occurrences(canary.Request{}, answer)
	fmt.Println(err)
	for _, o := range occurrences {
		fmt.Printf("%s: option %d at %q\n", o.Unit, o.Option, answer[o.Begin:o.End])
	}
	// Output:
	// <nil>
	// vendor|for-example|any|0: option 1 at "for instance"
}

// A tally of a suspect's answers needs no key. A key says afterwards which option
// it would have had to be.
func ExampleTally() {
	b := exampleBook()
	t := b.NewTally()
	for _, answer := range []string{"For instance, a cat.", "A dog, for instance, or two.", "For example, a hen.", "None."} {
		if err := t.Add(canary.Request{}, answer); err != nil {
			fmt.Println(err)
		}
	}
	for _, c := range t.Counts() {
		key := exampleKey().Epoch("2026-11").Vendor().Purpose(canary.PurposeOption)
		o, err := b.Option(key, c.Unit)
		fmt.Println(c.Unit, c.Options, "key's option:", o, err)
	}
	// Output:
	// vendor|for-example|any|0 [1 2] key's option: 1 <nil>
}

func ExampleCount() {
	b := exampleBook()
	t := b.NewTally()
	fmt.Println(t.Add(canary.Request{}, "For instance, a cat."))
	c, err := t.Count(b.Units()[0])
	fmt.Println(c.N(), c.Options, c.Law, err)
	// Output:
	// <nil>
	// 1 [0 1] [2147483648 2147483648] <nil>
}

// The holder of a tree has two leaves: one for options, which a judge will see,
// and one for coins, which nobody will.
func ExampleTreeKey() {
	t := canary.Holder("cohort", exampleKey().Epoch("2026-11").Cohort("trial"))
	fmt.Println(t.Tree)
	fmt.Println(t.Option)
	fmt.Println(t.Coin)
	// Output:
	// cohort
	// redacted:dyetrace_id1_z3i7osvnlatosmfanx3poazmjbpmc2oj
	// redacted:dyetrace_id1_75lndfhgrb4qksorsift5yqfio225ncv
}

// Every account under one key gets the same choices.
func ExampleChoices() {
	c := exampleChoices()
	for _, u := range c.Book().Units() {
		o, err := c.Option(u)
		fmt.Println(u, o, err)
	}
	fmt.Println(c)
	// Output:
	// vendor|for-example|any|0 1 <nil>
	// vendor|crucial|any|0 0 <nil>
	// canary.Choices of book example
}

func ExamplePick() {
	c := exampleChoices()
	item, ok := c.Book().Asks("Please name a fictional town.")
	fmt.Println(item.Name, ok)
	pick, err := c.Pick(item.Name)
	fmt.Println(pick.Text, pick.Unit, err)
	// Output:
	// town true
	// Cley vendor|pick:town||0 <nil>
}

func ExampleItem() {
	item, err := exampleBook().Item("town")
	fmt.Println(item.Options, err)
	fmt.Println(item.Vote("I would call it Brackwater, not Cley."))
	fmt.Println(item.Vote("Springfield."))
	// Output:
	// [Aldmoor Brackwater Cley] <nil>
	// 1
	// -1
}

func ExampleOrdering() {
	c := exampleChoices()
	message := `{"content": null, "tool_calls": [
  {"id": "1", "type": "function", "function": {"name": "search", "arguments": "{\"q\": \"cats\"}"}},
  {"id": "2", "type": "function", "function": {"name": "clock", "arguments": "{}"}}]}`
	out, ordered, err := c.OrderTools(canary.Request{}, []byte(message))
	fmt.Println(string(out), err)
	for _, o := range ordered {
		fmt.Println(o.Unit, o.Option)
	}
	// Output:
	// {"content": null, "tool_calls": [
	//   {"id": "2", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
	//   {"id": "1", "type": "function", "function": {"name": "search", "arguments": "{\"q\": \"cats\"}"}}]} <nil>
	// vendor|tools:clock,search||0 0
}

func doseSample(b *canary.Book) *canary.Tally {
	t := b.NewTally()
	for i := range 100 {
		answer := "Sleep is a crucial part."
		if i%2 == 0 {
			answer = "Cats, for example, sleep."
		}
		if err := t.Add(canary.Request{}, answer); err != nil {
			panic(err)
		}
	}
	return t
}

func ExampleDose() {
	b := exampleBook()
	plan, err := b.PlanDose(canary.Dose{
		Tree: "vendor", Answers: map[string]float64{"any": 10_000}, Sample: doseSample(b),
		Share: 0.5, Queries: 400, Reference: 400,
	})
	fmt.Println(err)
	fmt.Printf("%d cells, δ = %.2f, z = %.1f\n", plan.Cells, plan.Delta, plan.Z)
	// Output:
	// <nil>
	// 2 cells, δ = 0.30, z = 1.0
}

func ExampleDosePlan() {
	b := exampleBook()
	plan, err := b.PlanDose(canary.Dose{Tree: "vendor", Answers: map[string]float64{"any": 10_000}, Sample: doseSample(b), Queries: 400})
	fmt.Println(err)
	for _, u := range plan.Units {
		fmt.Printf("%s: %.0f plantings, %.0f uses\n", u.Unit, u.Plantings, u.Uses)
	}
	// Output:
	// <nil>
	// vendor|for-example|any|0: 5000 plantings, 200 uses
	// vendor|crucial|any|0: 5000 plantings, 200 uses
}

func ExampleUnitDose() {
	u := canary.UnitDose{Unit: exampleBook().Units()[0], Plantings: 250, Uses: 12}
	fmt.Println(u.Unit.Carrier, u.Plantings >= canary.MinPlantings)
	// Output:
	// for-example true
}

func ExampleTooFewError() {
	b := exampleBook()
	_, err := b.PlanDose(canary.Dose{Tree: "vendor", Answers: map[string]float64{"any": 300}, Sample: doseSample(b), Queries: 400})
	fmt.Println(err)
	// Output:
	// canary: 2 of 2 units expect fewer than 200 plantings, such as vendor|for-example|any|0 (150), vendor|crucial|any|0 (150): leave out their carriers or classes, or have fewer buckets
}
