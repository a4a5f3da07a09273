package keys_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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

// A vendor derives a leaf for each use. Whoever holds a leaf has that leaf only.
func ExampleKey() {
	root := exampleKey()
	epoch := root.Epoch("2026-11")
	vendor := epoch.Vendor().Purpose("watermark")
	cohort := epoch.Cohort("trial").Purpose("watermark")

	fmt.Println(vendor)
	fmt.Println(vendor.Equal(cohort))
	// Output:
	// redacted:dyetrace_id1_ac2laqou72sjjow63nxgpbusad3i4dny
	// false
}

// Keys travel as text, and programs that read one say what is wrong with it.
func ExampleParse() {
	k := exampleKey()

	again, err := keys.Parse(k.Reveal())
	fmt.Println(again.Equal(k), err)

	_, err = keys.Parse(k.ID().String())
	fmt.Println(err)
	_, err = keys.Parse(k.Reveal()[:40])
	fmt.Println(err)
	// Output:
	// true <nil>
	// keys: text is a public ID, want a secret key, dyetrace_secret1_…
	// keys: secret key has 23 characters after its prefix, want 64: it was cut short
}

// A configuration that holds a key can be logged.
func ExampleKey_String() {
	config := struct {
		Width int
		Key   keys.Key
	}{3, exampleKey()}

	fmt.Printf("%+v\n", config)
	line, err := json.Marshal(config)
	fmt.Println(string(line), err)
	// Output:
	// {Width:3 Key:redacted:dyetrace_id1_6jp4x3zy7p3qu5hvvm4o53iskfjicc3i}
	// {"Width":3,"Key":"redacted:dyetrace_id1_6jp4x3zy7p3qu5hvvm4o53iskfjicc3i"} <nil>
}

// A package makes the secret bytes that it needs under a context of its own.
func ExampleKey_Expand() {
	var gate [32]byte
	err := exampleKey().Purpose("layout").Expand("dyetrace 2026-11-23 example gate/1", nil, gate[:])
	fmt.Println(len(gate), err)
	// Output:
	// 32 <nil>
}

// An ID names a key in logs, reports and JSON.
func ExampleID() {
	findings := map[keys.ID]float64{exampleKey().ID(): -27.5}
	line, err := json.Marshal(findings)
	fmt.Println(string(line), err)

	var id keys.ID
	err = id.UnmarshalText([]byte(exampleKey().ID().String()))
	fmt.Println(id == exampleKey().ID(), err)
	// Output:
	// {"dyetrace_id1_6jp4x3zy7p3qu5hvvm4o53iskfjicc3i":-27.5} <nil>
	// true <nil>
}

// A vendor commits to a key before it looks for its mark, and opens the
// commitment afterwards.
func ExampleCommitment() {
	k := exampleKey()
	nonce := [32]byte([]byte("32 bytes from crypto/rand.Read()"))

	published := k.Commit(nonce)
	fmt.Println(published)
	fmt.Println(published.Verify(k, nonce))
	fmt.Println(published.Verify(k.Vendor(), nonce))
	// Output:
	// dyetrace_commitment1_k4qreeb35yo6hlhsftex6jopgzrgwbrfcmocm2uub76anxga2p523grhxrmc6ck5
	// true
	// false
}

// A key file is for its owner's eyes.
func ExampleReadFile() {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "vendor.key")

	fmt.Println(keys.WriteFile(path, exampleKey()))
	k, err := keys.ReadFile(path)
	fmt.Println(k.Equal(exampleKey()), err)
	// Output:
	// <nil>
	// true <nil>
}
