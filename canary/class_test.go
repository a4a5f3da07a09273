package canary_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

// TestClassify freezes the classes of some requests: the classifier is bound in
// books by its version, so none of these may change under it.
func TestClassify(t *testing.T) {
	b := englishBook(t)
	for prompt, want := range map[string]string{
		"Write a Python function that reverses a string.":                    "code/en",
		"Why does this crash?\n```go\npanic(1)\n```":                         "code/en",
		"Solve the equation x^2 = 4 and prove that there are two solutions.": "mathematics/en",
		"What is the probability of two sixes?":                              "mathematics/en",
		"Turn this list into a CSV table with three columns.":                "data/en",
		"Why do cats purr?": "reasoning/en",
		"Solve this riddle, step by step: what has keys and no locks?": "reasoning/en",
		"How do I change a tyre?":                                      "how-to/en",
		"Give me a recipe for pancakes":                                "how-to/en",
		"Write a short story about a lighthouse.":                      "writing/en",
		"Summarize this article for me.":                               "writing/en",
		"Hello!":                                                       "chat/en",
		"":                                                             "chat/en",
		"Schreibe bitte ein Gedicht über die See und das Meer.": "chat/de",
		"Écris une lettre pour mon voisin, avec des excuses.":   "chat/fr",
		"¿Cómo puedo cambiar una rueda de mi coche?":            "chat/es",
		"Come posso cambiare una gomma della macchina?":         "chat/it",
		"Como posso trocar o pneu do carro para você?":          "chat/pt",
		"Hoe kan ik een band van mijn auto verwisselen?":        "chat/nl",
		"Расскажи мне о море":                                   "chat/ru",
		"海について教えてください":                                          "chat/ja",
		"给我讲讲大海":                                                "chat/zh",
		"바다에 대해 말해줘":                                            "chat/ko",
		"أخبرني عن البحر":                                       "chat/ar",
		"मुझे समुद्र के बारे में बताओ":                          "chat/hi",
		"Žluťoučký kůň":                                         "chat/other",
	} {
		got, err := b.Classify(canary.Request{Prompt: prompt})
		require.NoError(t, err)
		assert.Equal(t, want, got, prompt)
		got, err = b.Classify(canary.Request{Prompt: prompt, Class: want})
		require.NoError(t, err)
		assert.Equal(t, want, got)
		got, err = b.Classify(canary.Request{Prompt: prompt, Tools: true})
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(got, "tool-use/"))
		assert.Contains(t, b.Classes(), want)
	}
	_, err := b.Classify(canary.Request{Prompt: "Hello!", Class: "code/en"})
	assert.ErrorContains(t, err, `class is "code/en", want "chat/en" of classifier dyetrace/1`)
}

// TestOwnClassifier replaces the classifier in the book.
func TestOwnClassifier(t *testing.T) {
	b, err := book(t, strings.Replace(anyHeader, "classifier none", "classifier desk/4\nclass billing/en billing/de\nclass sales/en", 1),
		carrierAB+"classes */en\n")
	require.NoError(t, err)
	assert.Equal(t, []string{"billing/en", "billing/de", "sales/en"}, b.Classes())
	assert.Len(t, b.Units(), 2)
	for class, want := range map[string]int{"billing/en": 1, "billing/de": 0} {
		got, err := b.Occurrences(canary.Request{Class: class}, "For example, this.")
		require.NoError(t, err)
		assert.Len(t, got, want, class)
	}
	_, err = b.Occurrences(canary.Request{}, "")
	assert.ErrorContains(t, err, `class is "", want one of classifier desk/4, such as "billing/en"`)
	none, err := book(t, anyHeader, carrierAB)
	require.NoError(t, err)
	_, err = none.Classify(canary.Request{Class: "chat"})
	assert.ErrorContains(t, err, "has no classifier")
}

// TestBuckets looks at what stands before a carrier.
func TestBuckets(t *testing.T) {
	b, err := book(t, strings.Replace(anyHeader, "bucket none", "bucket paragraphs 3 sentence list", 1), carrierAB)
	require.NoError(t, err)
	assert.Len(t, b.Units(), 12)
	for text, want := range map[string]int{
		"So, for example, a.":                           0,
		"For example, a.":                               2,
		"So it is. For example, a.":                     2,
		"So:\n- For example, a.":                        3,
		"So:\n- and, for example, a.":                   1,
		"A.\n\nFor example, b.":                         6,
		"A.\n\n\n \n\nFor example, b.":                  6,
		"A.\n\n```\nx\n\ny\n```\n\nSo, for example, b.": 8,
		"A.\n\nB.\n\nC.\n\nD.\n\nFor example, e.":       10,
	} {
		got, err := b.Occurrences(canary.Request{}, text)
		require.NoError(t, err)
		if assert.Len(t, got, 1, text) {
			assert.Equal(t, want, got[0].Unit.Bucket, text)
		}
	}
}
