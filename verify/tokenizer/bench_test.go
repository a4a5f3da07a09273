package tokenizer_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/tokenizer"
)

// chinese and japanese are prose, written for this benchmark.
const (
	chinese = "老码头的管事有两本账，一本记着运进来的货，另一本记着别人告诉他运进来的货；这两本账从来没有对上过。" +
		"每年秋天，河水涨起来的时候，商人们都会聚在桥头的茶馆里，一边喝茶，一边争论今年的米价。“今年的雨太多了，”姓王的掌柜说，“南边的田有三分之一都淹了。”" +
		"没有人回答他。窗外的雾慢慢散开，露出对岸一排灰色的屋顶。孩子们在石阶上追着一只黄狗跑，卖鱼的女人把篮子放下，用袖子擦了擦额头。\n"
	japanese = "港の古い番人は帳簿を二冊つけていた。一冊には入ってきた荷を、もう一冊には入ってきたと聞かされた荷を書いた。二冊が合ったことは一度もない。" +
		"秋になって川の水かさが増すと、商人たちは橋のたもとの茶屋に集まり、お茶を飲みながら今年の米の値段について言い争った。「今年は雨が多すぎる」と王さんが言った。\n"
)

// kinds of text for benchmarks, some 500 KB each.
func benchmarkTexts(b *testing.B) map[string]string {
	b.Helper()
	source := func(names ...string) string {
		var all strings.Builder
		for _, name := range names {
			data, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src", filepath.FromSlash(name))) //lint:ignore SA1019 there is no other way to it here
			if err != nil {
				b.Skip(err)
			}
			all.Write(data)
		}
		return all.String()
	}
	return map[string]string{
		"prose":    source("testdata/Isaac.Newton-Opticks.txt"),
		"code":     source("net/http/server.go", "net/http/transport.go", "net/http/h2_bundle.go", "go/parser/parser.go", "encoding/json/decode.go"),
		"chinese":  strings.Repeat(chinese, 700),
		"japanese": strings.Repeat(japanese, 900),
		"hard":     strings.Join(hardTexts(b), ""),
	}
}

// BenchmarkEncode encodes with SmolLM2's tokenizer, or with tokenizer.json of the
// folder in DYETRACE_VECTORS.
func BenchmarkEncode(b *testing.B) {
	folder := "testdata/smollm2"
	if other := os.Getenv("DYETRACE_VECTORS"); other != "" {
		folder = other
	}
	tok := parse(b, filepath.Join(folder, "tokenizer.json"))
	texts := benchmarkTexts(b)
	for _, kind := range []string{"prose", "code", "chinese", "japanese", "hard"} {
		b.Run(kind, func(b *testing.B) {
			text := texts[kind]
			ids := tok.Encode(text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				ids = tok.AppendEncode(ids[:0], text)
			}
			b.ReportMetric(float64(len(ids)*b.N)/b.Elapsed().Seconds()/1e6, "Mtok/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func BenchmarkParse(b *testing.B) {
	data := read(b, "testdata/smollm2/tokenizer.json")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		_, err := tokenizer.Parse(data)
		require.NoError(b, err)
	}
}

// BenchmarkStable is for prose, and for the worst there is: one word of a thousand
// bytes with a token for each two.
func BenchmarkStable(b *testing.B) {
	tok := parse(b, "testdata/smollm2/tokenizer.json")
	for name, text := range map[string]string{
		"prose": benchmarkTexts(b)["prose"][:20000],
		"word":  strings.Repeat("ab", 500),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.Stable(text)
			}
		})
	}
}
