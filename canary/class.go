package canary

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed classes.txt
var classRules string

const (
	builtinClassifier = "dyetrace/1"
	noClassifier      = "none"
	anyClass          = "any" // the only class of a book without a classifier
)

var (
	tasks     = []string{"reasoning", "mathematics", "code", "data", "writing", "how-to", "chat", "tool-use"}
	languages = []string{"en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "ru", "ar", "hi", "zh", "ja", "ko", "other"}
)

func builtinClasses() []string {
	var all []string
	for _, t := range tasks {
		for _, l := range languages {
			all = append(all, t+"/"+l)
		}
	}
	return all
}

// A Request is what is known before an answer begins.
type Request struct {
	// Prompt is all text that the answer may repeat: the messages of the user and
	// of the system, in order. What it contains is never rewritten.
	Prompt string

	// Class is required if the book names a classifier of its own, and must be
	// one of its classes. With the classifier dyetrace/1 it must be empty, or what
	// Book.Classify returned for this request.
	Class string

	// Tools says that tools are offered to the model.
	Tools bool

	// Structured says that the form of the answer is fixed by a response format,
	// a grammar or the schema of a tool: nothing is rewritten.
	Structured bool
}

// Classify returns the class of a request. It reads nothing but the request, so a
// retry and a test months later get the same class. The classifier dyetrace/1
// gives "task/language", with tasks reasoning, mathematics, code, data, writing,
// how-to, chat and tool-use; a book whose classifier is none has the class "any".
// Where the book names a classifier of its own, Class is required.
func (b *Book) Classify(r Request) (string, error) {
	switch b.classifier {
	case noClassifier:
		if r.Class != "" && r.Class != anyClass {
			return "", fmt.Errorf("canary: class is %q, want none: book %s has no classifier", r.Class, b.name)
		}
		return anyClass, nil
	case builtinClassifier:
		class := classify(r)
		if r.Class != "" && r.Class != class {
			return "", fmt.Errorf("canary: class is %q, want %q of classifier %s", r.Class, class, builtinClassifier)
		}
		return class, nil
	}
	if _, ok := b.classIndex[r.Class]; !ok {
		return "", fmt.Errorf("canary: class is %q, want one of classifier %s, such as %q", r.Class, b.classifier, b.classes[0])
	}
	return r.Class, nil
}

type taskRule struct {
	task   string
	weight int
	words  []string // with a space on both sides
}

type languageRule struct {
	language string
	words    []string
}

var taskRules, languageRules = parseRules(classRules)

func parseRules(text string) (ts []taskRule, ls []languageRule) {
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) > 3 && f[0] == "task":
			r := taskRule{task: f[1], weight: int(f[2][0] - '0')}
			for _, w := range f[3:] {
				r.words = append(r.words, " "+strings.ReplaceAll(w, "_", " ")+" ")
			}
			ts = append(ts, r)
		case len(f) > 2 && f[0] == "language":
			ls = append(ls, languageRule{f[1], f[2:]})
		}
	}
	return ts, ls
}

// maxClassified is how much of a request the classifier reads, in bytes from
// either end.
const maxClassified = 4096

func classify(r Request) string {
	text := r.Prompt
	if len(text) > 2*maxClassified {
		text = text[:maxClassified] + " " + text[len(text)-maxClassified:]
	}
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+#'-", r)
	})
	return taskOf(r, text, words) + "/" + languageOf(text, words)
}

func taskOf(r Request, text string, words []string) string {
	if r.Tools {
		return "tool-use"
	}
	joined := " " + strings.Join(words, " ") + " "
	scores := map[string]int{}
	best, most := "chat", 0
	if strings.Contains(text, "```") {
		scores["code"], best, most = 8, "code", 8
	}
	for _, rule := range taskRules {
		for _, w := range rule.words {
			if strings.Contains(joined, w) {
				scores[rule.task] += rule.weight
			}
		}
	}
	for _, rule := range taskRules {
		if scores[rule.task] > most {
			best, most = rule.task, scores[rule.task]
		}
	}
	return best
}

func languageOf(text string, words []string) string {
	scripts := []struct {
		language string
		table    *unicode.RangeTable
	}{{"ja", unicode.Hiragana}, {"ja", unicode.Katakana}, {"ko", unicode.Hangul}, {"zh", unicode.Han}, {"ru", unicode.Cyrillic}, {"ar", unicode.Arabic}, {"hi", unicode.Devanagari}}
	counts, letters := make([]int, len(scripts)), 0
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		for i, s := range scripts {
			if unicode.Is(s.table, r) {
				counts[i]++
				break
			}
		}
	}
	for i, n := range counts {
		if n*4 > letters || n > 0 && n*20 > letters && scripts[i].language == "ja" {
			return scripts[i].language
		}
	}
	best, most := "en", 0
	if len(text) > 0 && strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf && unicode.IsLetter(r) }) {
		best = "other"
	}
	words = words[:min(len(words), 200)]
	for _, rule := range languageRules {
		n := 0
		for _, w := range words {
			if slices.Contains(rule.words, w) {
				n++
			}
		}
		if n > most {
			best, most = rule.language, n
		}
	}
	return best
}
