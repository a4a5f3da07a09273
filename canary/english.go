package canary

import (
	_ "embed"
	"strings"
)

//go:embed english.txt
var english string

// English returns the default book: choices of English prose that are equally
// good where their guards hold, with the laws of real text. It is public: a book
// of one's own costs somebody who looks for canaries more.
func English() (*Book, error) { return Read(strings.NewReader(english), "english.txt") }
