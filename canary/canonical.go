package canary

import (
	"bytes"
	"strconv"
	"strings"
)

// canonical writes the book in the format that Read reads.
func (b *Book) canonical() []byte {
	var out bytes.Buffer
	line := func(words ...string) { out.WriteString(strings.Join(words, " ") + "\n") }
	list := func(key string, words []string) {
		if len(words) > 0 {
			line(append([]string{key}, words...)...)
		}
	}
	numbers := func(law []uint32) (words []string) {
		for _, n := range law {
			words = append(words, strconv.FormatUint(uint64(n), 10))
		}
		return words
	}
	line(header)
	line("name", b.name)
	line("parser", b.parser)
	if b.sampled {
		line("mode sampled")
	} else {
		line("mode tilt", fraction(b.lambda))
	}
	line("classifier", b.classifier)
	if b.classifier != builtinClassifier && b.classifier != noClassifier {
		list("class", b.classes)
	}
	line("bucket", b.buckets.String())
	for _, t := range b.trees {
		line("tree", t.Name, strconv.FormatUint(t.Share, 10))
	}
	line("reserve", fraction(b.reserve))
	if b.noArticles {
		line("articles none")
	}
	if b.tools {
		line("tools parallel")
		list("sequential", b.sequential)
	}
	for _, c := range b.carriers {
		line("carrier", c.Name)
		list("classes", c.Classes)
		for _, f := range c.Forms {
			line("form", f)
		}
		list("law", numbers(c.Law))
		list("before", c.Before)
		list("not-before", c.NotBefore)
		list("after", c.After)
		list("not-after", c.NotAfter)
	}
	for _, i := range b.items {
		if i.Twins {
			line("twins", i.Name)
		} else {
			line("pick", i.Name)
		}
		for _, a := range i.Ask {
			line("ask", a)
		}
		for _, o := range i.Options {
			line("form", o)
		}
		list("law", numbers(i.Law))
	}
	return out.Bytes()
}
