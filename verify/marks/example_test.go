package marks_test

import (
	"encoding/json"
	"fmt"
	"log"
	"strings"

	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/keys"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// exampleKey is for examples only: real keys come from crypto/rand.Reader.
func exampleKey() keys.Key {
	k, err := keys.New(strings.NewReader("not random: for examples only :)"))
	if err != nil {
		log.Fatal(err)
	}
	return k
}

// A vendor that serves with vLLM describes its mark, and opens it later.
func ExampleSpec() {
	spec, err := marks.Of(vllm.Config{Key: vllm.NewKey(0x5EC12E7C0FFEE), ContextWidth: 3})
	if err != nil {
		log.Fatal(err)
	}
	line, err := spec.Encode()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(line))

	read, err := marks.Parse(line)
	if err != nil {
		log.Fatal(err)
	}
	_, err = read.Build(marks.IntegerSecret(42))
	fmt.Println(err)
	mark, err := read.Build(marks.IntegerSecret[int64](0x5EC12E7C0FFEE))
	name, _, _ := strings.Cut(mark.ID(), " rules=")
	fmt.Println(name, err)
	// Output:
	// {"schema":"dyetrace/mark/1","engine":"vllm","key_id":"c7e8eb76f8a739b3","config":{"algorithm":"gumbel","alpha":0.1,"context_width":3,"deduplicate_contexts":"single_turn","deduplicate_contexts_max_history":8192,"allow_target_only_watermarking":false}}
	// marks: secret is of key 704f9c7ab6f1b3ac, want c7e8eb76f8a739b3 as the spec says
	// vllm philox width=3 gumbel key=c7e8eb76f8a739b3 <nil>
}

// A secret is a file of its own, and prints as its public name.
func ExampleSecret() {
	secret := marks.KeySecret(exampleKey(), keys.Key{})
	fmt.Println(secret)

	line, err := secret.Reveal()
	if err != nil {
		log.Fatal(err)
	}
	again, err := marks.ParseSecret(line)
	fmt.Println(len(line), again, err)
	// Output:
	// redacted:dyetrace_id1_6jp4x3zy7p3qu5hvvm4o53iskfjicc3i
	// 126 redacted:dyetrace_id1_6jp4x3zy7p3qu5hvvm4o53iskfjicc3i <nil>
}

// In a bundle the secret is meant to be seen.
func ExampleRevealed() {
	type opened struct {
		Mark   marks.Spec     `json:"mark"`
		Secret marks.Revealed `json:"secret"`
	}
	spec, err := marks.Of(marks.Native{Key: exampleKey(), Scheme: watermark.Gumbel{}})
	if err != nil {
		log.Fatal(err)
	}
	bundle, err := json.Marshal(opened{spec, marks.Revealed{Secret: marks.KeySecret(exampleKey(), keys.Key{})}})
	if err != nil {
		log.Fatal(err)
	}
	var read opened
	if err := json.Unmarshal(bundle, &read); err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.Secret)
	mark, err := read.Mark.Build(read.Secret.Secret)
	fmt.Println(mark, err)
	// Output:
	// redacted:dyetrace_id1_6jp4x3zy7p3qu5hvvm4o53iskfjicc3i
	// dyetrace/1 width=3 gumbel key=dyetrace_id1_6jp4x3zy7p3qu5hvvm4o53iskfjicc3i <nil>
}

// A layer goes into a file with the windows that are its own, and needs no key of
// the other layers.
func ExampleNative() {
	root := exampleKey()
	vendor := marks.Native{Key: root.Vendor(), Scheme: watermark.Gumbel{}}
	wide, err := watermark.New(vendor.Key, vendor.Scheme, watermark.Options{})
	if err != nil {
		log.Fatal(err)
	}
	narrow, err := watermark.New(root.Cohort("trial"), watermark.Gumbel{}, watermark.Options{Width: 2})
	if err != nil {
		log.Fatal(err)
	}
	shares := watermark.Shares(70, 30)
	layers, err := watermark.NewLayers(root.Purpose("layout"),
		watermark.Layer{Name: "vendor", Share: shares[0], Mark: wide}, watermark.Layer{Name: "trial", Share: shares[1], Mark: narrow})
	if err != nil {
		log.Fatal(err)
	}

	vendor.Layout = root.Purpose("layout")
	vendor.Part, _ = layers.Mark("vendor").Part()
	spec, err := marks.Of(vendor)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(spec)
	mark, err := spec.Build(vendor.Secret())
	fmt.Println(mark.ID() == layers.Mark("vendor").ID(), err)
	// Output:
	// marks.Spec(dyetrace/1 key=dyetrace_id1_25xlqrhabga5vpll2u2ogpvc5vllptbh {"scheme":"gumbel","width":3,"part":{"begin":0,"end":3006477107,"width":2}})
	// true <nil>
}
