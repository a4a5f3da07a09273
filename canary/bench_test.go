package canary_test

import (
	"compress/bzip2"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/dyetrace/dyetrace/canary"
)

// novel returns 1 MB of a novel.
func novel(b *testing.B) []byte {
	f, err := os.Open("../examples/quickstart/corpus/books.txt.bz2")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	text := make([]byte, 1<<20)
	if _, err := io.ReadFull(bzip2.NewReader(f), text); err != nil {
		b.Fatal(err)
	}
	return text
}

func benchmarkPlanter(b *testing.B, c *canary.Choices, text []byte, chunk int) {
	var p canary.Planter
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Reset(io.Discard, c, canary.Request{Prompt: "Tell me a story about the war."}); err != nil {
			b.Fatal(err)
		}
		for i := 0; i < len(text); i += chunk {
			if _, err := p.Write(text[i:min(len(text), i+chunk)]); err != nil {
				b.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlanter plants into text in pieces of 4 KiB, beside io.Copy's work on
// the same pieces (off). Hitless is prose of words that begin no form; tokens is
// the novel in pieces of 4 bytes, as a model streams it.
func BenchmarkPlanter(b *testing.B) {
	c := choices(b)
	text := novel(b)
	hitless := []byte(strings.Repeat("Lorem ipsum dolor sit, consectetur adipiscing elit; sed eiusmod tempor magna. ", 1<<20/78))
	b.Run("off", func(b *testing.B) { benchmarkPlanter(b, nil, text, 4096) })
	b.Run("prose", func(b *testing.B) { benchmarkPlanter(b, c, text, 4096) })
	b.Run("hitless", func(b *testing.B) { benchmarkPlanter(b, c, hitless, 4096) })
	b.Run("code", func(b *testing.B) {
		benchmarkPlanter(b, c, []byte("Here:\n\n```go\n"+strings.Repeat("func f(x int) int { return x + 1 }\n", 30000)), 4096)
	})
	b.Run("tokens", func(b *testing.B) { benchmarkPlanter(b, c, text, 4) })
}

// BenchmarkRefusal plants into answers of 2 KiB that differ in the place of six
// uses: none (hitless), behind the bytes that may say that the answer refuses (late),
// where the rule is asked once, and among them (early), where it is asked for each.
// refusal is early with an apology in front: the rest passes as it is.
func BenchmarkRefusal(b *testing.B) {
	c := choices(b)
	const uses = "For example, it is important. As a result, they do not know. Perhaps it does not matter. In general, it is not so. "
	filler := strings.Repeat("Lorem ipsum dolor sit, consectetur adipiscing elit; sed eiusmod tempor magna. ", 24)
	for _, text := range []struct{ name, text string }{
		{"hitless", filler + filler[:len(uses)]},
		{"late", filler[:234] + uses + filler[234:]},
		{"early", uses + filler},
		{"refusal", "I'm sorry, but no. " + uses + filler},
	} {
		b.Run(text.name, func(b *testing.B) { benchmarkPlanter(b, c, []byte(text.text), 4096) })
	}
}

// BenchmarkEnglish reads the default book, and draws its options.
func BenchmarkEnglish(b *testing.B) {
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			englishBook(b)
		}
	})
	b.Run("choose", func(b *testing.B) {
		book, key := englishBook(b), testKey(b, 1)
		for b.Loop() {
			if _, err := book.Choose(canary.Holder("vendor", key), canary.Holder("epoch", key), canary.Holder("cohort", key)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
