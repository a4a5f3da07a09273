package report_test

import (
	"bytes"
	"fmt"
	"log"
	"regexp"

	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/cmd/dyetrace/report"
)

// A page of a report alone. What FromBundle returns has more to show.
func ExampleWrite() {
	r := &verify.Report{Suspect: "a <b>bold</b> model", Alpha: 1e-3, Family: 2, Findings: []verify.Finding{
		{Key: "vendor", Test: verify.G1, Mark: "a mark", Tail: verify.Exact, LogP: -27.6, Adjusted: -26.9, Rejected: true},
	}}
	var page bytes.Buffer
	if err := report.Write(&page, report.Source{Report: r}); err != nil {
		log.Fatal(err)
	}
	for _, of := range []string{"headline", "odds"} {
		text := regexp.MustCompile(`<p class="` + of + `">(?:<bdi>)?(.*?)(?:</bdi>)?</p>`).FindSubmatch(page.Bytes())
		fmt.Printf("%s\n", text[1])
	}
	// Output:
	// “a &lt;b&gt;bold&lt;/b&gt; model” shows use of outputs made under the key “vendor”.
	// Were it independent of the key, so strong a result would come up at most 1 time in 480 billion, counting all 2 tests that could have found something.
}

// A Source of a bundle comes from FromBundle; where its tokens end makes sample texts.
func ExampleSource() {
	s := report.Source{Report: &verify.Report{}, Texts: 3}
	s.Ends = func(text string) []int { // a tokenizer whose tokens are bytes
		var ends []int
		for i := range len(text) {
			ends = append(ends, i+1)
		}
		return ends
	}
	fmt.Println(s.Ends("abc"))
	// Output: [1 2 3]
}
