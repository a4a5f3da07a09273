package canary

import (
	"strings"
	"unicode/utf8"
)

// A rendering is a form as it is written in one case, and whether it takes "an".
type rendering struct {
	text, curly []byte // with ' and with ’
	an          bool
}

// first returns the first letter.
func (r rendering) first() []byte {
	_, n := utf8.DecodeRune(r.text)
	return r.text[:n]
}

func render(form string) rendering {
	return rendering{[]byte(form), []byte(strings.ReplaceAll(form, "'", "’")), takesAn(form)}
}

// Words whose first letter and first sound differ, by their beginnings.
var (
	vowelSpelled = []string{"eu", "one ", "once", "ubiq", "uni", "usa", "use", "usu", "util"}
	consonants   = []string{"heir", "honest", "honor", "honour", "hour"}
)

// takesAn reports whether the article before form is "an".
func takesAn(form string) bool {
	s := strings.ToLower(form) + " "
	vowel := strings.IndexByte("aeiou", s[0]) >= 0
	exceptions := consonants
	if vowel {
		exceptions = vowelSpelled
	}
	if strings.HasPrefix(s, "unin") || strings.HasPrefix(s, "unim") {
		return true
	}
	for _, e := range exceptions {
		if strings.HasPrefix(s, e) {
			return !vowel
		}
	}
	return vowel
}
