package canary_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary"
)

const carrierAB = "carrier ab\nform for example\nform for instance\n"

func TestReadErrors(t *testing.T) {
	long := strings.Repeat("abcdefg ", 5) + "x"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", `test.txt:1: the file is empty`},
		{"header", "dyetrace canary book/2\n", `test.txt:1: first line is "dyetrace canary book/2", want "dyetrace canary book/1"`},
		{"long", "dyetrace canary book/1\nname " + strings.Repeat("x", 1<<20) + "\n", "test.txt:2: name of the book is \"" + strings.Repeat("x", 200) + "…\", want letters"},
		{"encoding", "dyetrace canary book/1\nname \xff\n", "test.txt:2: bytes at 28 are not UTF-8"},
		{"no name", strings.Replace(anyHeader, "name test\n", "", 1) + carrierAB, "the book has no name"},
		{"no parser", strings.Replace(anyHeader, "parser prose/1\n", "", 1) + carrierAB, "the book has no parser"},
		{"no mode", strings.Replace(anyHeader, "mode tilt 0.5\n", "", 1) + carrierAB, "the book has no mode"},
		{"no classifier", strings.Replace(anyHeader, "classifier none\n", "", 1) + carrierAB, "the book has no classifier"},
		{"no tree", strings.Replace(anyHeader, "tree vendor 1\n", "", 1) + carrierAB, "the book has no tree"},
		{"no carrier", anyHeader, "the book has no carrier"},
		{"no class", strings.Replace(anyHeader, "classifier none", "classifier ours/3", 1) + carrierAB, "classifier ours/3 has no classes"},
		{"unknown directive", anyHeader + "colour red\n", `test.txt:8: directive is "colour"`},
		{"no value", anyHeader + "reserve\n", `test.txt:8: "reserve" has no value`},
		{"twice", anyHeader + "name again\n", "test.txt:8: name stands twice"},
		{"name", strings.Replace(anyHeader, "name test", "name a b", 1), `test.txt:2: name of the book is "a b"`},
		{"parser", strings.Replace(anyHeader, "prose/1", "prose/2", 1), `test.txt:3: parser is "prose/2", want prose/1 or plain/1`},
		{"mode", strings.Replace(anyHeader, "tilt 0.5", "tilt 1.5", 1), `test.txt:4: tilt is "1.5", want a decimal in (0, 1)`},
		{"mode zero", strings.Replace(anyHeader, "tilt 0.5", "tilt 0", 1), `tilt is "0"`},
		{"mode word", strings.Replace(anyHeader, "tilt 0.5", "loud", 1), `mode is "loud"`},
		{"class builtin", strings.Replace(anyHeader, "none", "dyetrace/1", 1) + "class a/b\n", `class a/b stands under classifier "dyetrace/1"`},
		{"bucket", strings.Replace(anyHeader, "bucket none", "bucket moon", 1), `bucket is "moon"`},
		{"buckets", strings.Replace(anyHeader, "bucket none", "bucket paragraphs 9 sentence", 1), `has 18 values, want at most 16`},
		{"paragraphs", strings.Replace(anyHeader, "bucket none", "bucket paragraphs 17", 1), `bucket paragraphs is "17", want 2 to 16`},
		{"tree share", anyHeader + "tree epoch 0\n", `share of tree epoch is "0", want 1 to 65535`},
		{"tree twice", anyHeader + "tree vendor 2\n", `tree vendor stands twice`},
		{"reserve", anyHeader + "reserve 1\n", `reserve is "1", want a decimal in [0, 1)`},
		{"articles", anyHeader + "articles some\n", `test.txt:8: articles is "some", want english or none`},
		{"sequential", anyHeader + "sequential a\n", `sequential a stands without`},
		{"set", anyHeader + "carrier a\nafter @b\n", `test.txt:9: set @b is not known`},
		{"one form", anyHeader + "carrier a\nform for example\n", `test.txt:8: carrier a has 1 forms, want 2 to 16`},
		{"same form", anyHeader + "carrier a\nform for example\nform For example\n", `forms of carrier a cannot be told apart: "for example" and "For example"`},
		{"short form", anyHeader + "carrier a\nform to\n", `test.txt:9: form "to" has 2 bytes, want 3 to 40`},
		{"long form", anyHeader + "carrier a\nform " + long + "\n", `has 41 bytes, want 3 to 40`},
		{"spaces", anyHeader + "carrier a\nform for  example\n", `has two spaces in a row`},
		{"digit", anyHeader + "carrier a\nform top 5\n", `form "top 5" has '5'`},
		{"quote", anyHeader + "carrier a\nform so \"it\"\n", `has '"'`},
		{"mark first", anyHeader + "carrier a\nform 'tis so\n", `has '\''`},
		{"case", anyHeader + "carrier a\nform I think\nform we think\n", `want both to begin in one case`},
		{"tail", anyHeader + "carrier a\nform sure\nform certainly!\n", `want both to end in a letter or in one mark`},
		{"law sum", anyHeader + carrierAB + "law 1 2\n", `test.txt:11: law of ab sums to 3, want 2^32 = 4294967296`},
		{"law zero", anyHeader + carrierAB + "law 0 4294967296\n", `law of ab has "0", want an integer from 1 to 2^32-1`},
		{"law length", anyHeader + carrierAB + "law 4294967295 1\n" + "form for one\n", `law of ab has 2 numbers, want one for each of 3 forms`},
		{"law missing", strings.Replace(anyHeader, "tilt 0.5", "sampled", 1) + carrierAB, `carrier ab has no law`},
		{"class", anyHeader + carrierAB + "classes code/en\n", `class of carrier ab is "code/en", want one of classifier none`},
		{"carrier twice", anyHeader + carrierAB + carrierAB, `test.txt:11: carrier ab stands twice`},
		{"guard case", anyHeader + carrierAB + "after The\n", `guard is "The", want lower case`},
		{"guard form", anyHeader + carrierAB + "after a=b\n", `guard is "a=b"`},
		{"guard side", anyHeader + carrierAB + "after ^^\n", `guard is "^^"`},
		{"phrase before", anyHeader + carrierAB + "before the_time\n", `guard is "the_time"`},
		{"guard length", anyHeader + carrierAB + "before " + strings.Repeat("a", 25) + "\n", `has 25 bytes, want at most 24`},
		{"look-ahead", anyHeader + "carrier a\nform abcdefghij abcdefghij abcdefghij abcdef\nform abcdefghij abcdefghij abcdefghij xyz\nafter *ing\n", `reaches over 70 bytes, want at most 63`},
		{"shared form", anyHeader + carrierAB + "carrier cd\nform for example\nform as a case\n", `form "for example" of carrier ab and form "for example" of carrier cd overlap`},
		{"inside", anyHeader + carrierAB + "carrier cd\nform instance\nform case\n", `overlap`},
		{"end and beginning", anyHeader + carrierAB + "carrier cd\nform example of\nform case of\n", `overlap`},
		{"article", anyHeader + "carrier a\nform crucial\nform essential\ncarrier b\nform for example\nform for instance\nafter a\n", `guard of carrier b has one of "a" and "an"`},
		{"phrase changed", anyHeader + "carrier a\nform all of\nform all\nafter the_example_above\n" + "carrier b\nform the example above\nform the above example\n", `looks at what carrier b changes`},
		{"plain guards", strings.Replace(anyHeader, "prose", "plain", 1) + carrierAB + "after ,\n", `has guards, which parser plain/1 does not read`},
		{"pick", anyHeader + "pick town\nform Aldmoor\n", `pick:town has 1 forms, want at least 2`},
		{"pick twice", anyHeader + "pick town\nform A\nform A\n", `option "A" of town stands twice`},
		{"pick law", anyHeader + "pick town\nform A\nform B\nlaw 1 4294967294\n", `law of town sums to 4294967295`},
		{"twins law", anyHeader + "twins t\nform A\nform B\nlaw 2147483648 2147483648\n", `directive in t is "law"`},
	} {
		b, err := canary.Read(strings.NewReader(c.text), "test.txt")
		assert.Nil(t, b, c.name)
		if assert.Error(t, err, c.name) {
			assert.Contains(t, err.Error(), c.want, c.name)
			assert.Contains(t, err.Error(), "canary: test.txt:", c.name)
		}
	}
}

// TestReadBounds: Read compares each carrier with each, so it takes a bounded
// number of them, and fails before it compares.
func TestReadBounds(t *testing.T) {
	numbered := func(carriers, forms int) string {
		var b strings.Builder
		for i := range carriers {
			fmt.Fprintf(&b, "carrier c%d\n", i)
			for j := range forms {
				w := strings.NewReplacer("0", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "g", "7", "h", "8", "i", "9", "j").Replace(fmt.Sprintf("%05d%02d", i, j))
				fmt.Fprintf(&b, "form %s\n", w)
			}
		}
		return b.String()
	}
	_, err := book(t, anyHeader, numbered(4097, 1))
	assert.ErrorContains(t, err, "carrier c4096 is one too many, want at most 4096 carriers and items")
	_, err = book(t, anyHeader, numbered(900, 10))
	assert.ErrorContains(t, err, `of carrier c819 is one too many, want at most 8192 in a book`)
	begin := time.Now()
	b, err := book(t, anyHeader, numbered(4096, 2))
	require.NoError(t, err)
	assert.Len(t, b.Carriers(), 4096)
	t.Logf("the largest book took %v", time.Since(begin))
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.txt")
	require.NoError(t, os.WriteFile(path, []byte(anyHeader+carrierAB), 0o600))
	b, err := canary.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "test", b.Name())
	_, err = canary.ReadFile(path + ".no")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// TestHashBinds changes each thing that a book says and finds another hash, and
// changes what it does not say and finds the same.
func TestHashBinds(t *testing.T) {
	base := anyHeader + "reserve 0.5\ntools parallel\nsequential w\n" + carrierAB +
		"law 2147483649 2147483647\nbefore ^\nnot-before x\nafter ,\nnot-after y\npick p\nask which p\nform A\nform B\ntwins t\nform C\nform D\n"
	hash := func(text string) [32]byte {
		b, err := canary.Read(strings.NewReader(text), "test.txt")
		require.NoError(t, err, text)
		return b.Hash()
	}
	want := hash(base)
	seen := map[[32]byte]string{want: "base"}
	for _, c := range [][2]string{
		{"name test", "name tesu"}, {"prose/1", "plain/1"}, {"tilt 0.5", "tilt 0.50000001"}, {"tilt 0.5", "sampled"},
		{"classifier none", "classifier dyetrace/1"}, {"classifier none", "classifier own/1\nclass any"}, {"bucket none", "bucket sentence"},
		{"tree vendor 1", "tree vendor 2"}, {"tree vendor 1", "tree epoch 1"}, {"reserve 0.5", "reserve 0.25"}, {"tools parallel\nsequential w\n", ""},
		{"sequential w", "sequential v"}, {"tools parallel", "articles none\ntools parallel"}, {"carrier ab", "carrier ac"}, {"for example", "for one"}, {"law 2147483649 2147483647", "law 2147483647 2147483649"},
		{"\nbefore ^", "\nbefore ^ z"}, {"not-before x", "not-before z"}, {"after ,", "after , ;"}, {"not-after y", "not-after z"},
		{"which p", "what p"}, {"form B", "form E"}, {"twins t", "twins u"}, {"form D", "form F"},
	} {
		text := strings.Replace(base, c[0], c[1], 1)
		require.NotEqual(t, base, text, c)
		if c[1] == "plain/1" {
			for _, guard := range []string{"before ^\nnot-", "before x\n", "after ,\nnot-", "after y\n"} {
				text = strings.Replace(text, guard, "", 1)
			}
		}
		h := hash(text)
		assert.Empty(t, seen[h], "%v", c)
		seen[h] = fmt.Sprint(c)
	}
	assert.Equal(t, want, hash(strings.Replace(base, "\ncarrier", "\n\n# more\n  carrier", 1)))
	assert.Equal(t, want, hash(strings.Replace(base, "carrier ab", "set s x\ncarrier ab", 1)))
}

// TestCanonical reads back what Text wrote.
func TestCanonical(t *testing.T) {
	for _, b := range []*canary.Book{englishBook(t), pilotBook(t)} {
		again, err := canary.Read(strings.NewReader(string(b.Text())), "text")
		require.NoError(t, err)
		assert.Equal(t, b.Text(), again.Text())
		assert.Equal(t, b.Hash(), again.Hash())
		assert.Equal(t, b.Units(), again.Units())
	}
}

// TestEnglish holds the default book to what it promises.
func TestEnglish(t *testing.T) {
	b := englishBook(t)
	assert.GreaterOrEqual(t, len(b.Carriers()), 120)
	assert.True(t, b.Sampled())
	assert.Equal(t, uint64(canary.Whole), b.Lambda())
	for _, c := range b.Carriers() {
		sum := uint64(0)
		for _, n := range c.Law {
			sum += uint64(n)
			assert.GreaterOrEqual(t, float64(n)/canary.Whole, 0.03, "carrier %s", c.Name)
		}
		assert.Equal(t, uint64(canary.Whole), sum)
	}
	for _, u := range b.Units() {
		assert.True(t, strings.HasSuffix(u.Class, "/en"), u)
	}
}

// TestEnglishKeepsProhibitions: what forbids or refuses stands as it is, in the
// default book with every unit keyed.
func TestEnglishKeepsProhibitions(t *testing.T) {
	c := choices(t)
	for _, text := range []string{
		"Do not mix bleach and ammonia.", "Don't mix bleach and ammonia.", "Please do not mix them.", "Remember: do not mix them.", "Note: Do not mix them.",
		"1. Do not mix them.\n- do not mix them.\n- **Do not mix them.**\n", "Wash it, then do not mix it; do not heat it. (Do not smoke.)", "Never do that, and do not mix them.",
		strings.Repeat("So it was. ", 20) + "I cannot tell, we can't tell, I will not tell and we won't tell.",
	} {
		got, planted := plant(t, c, canary.Request{}, text)
		assert.Equal(t, text, got)
		assert.Empty(t, planted, text)
	}
	_, planted := plant(t, c, canary.Request{}, "They say that you do not mix them.")
	assert.Len(t, planted, 1)
}

// TestEnglishReadsOn: forms that a reader found worse in such places, of the
// committed sentences and of others, stay as they are.
func TestEnglishReadsOn(t *testing.T) {
	c := choices(t)
	for _, text := range []string{
		"Skip this check if the input is short.", "These checks if the file is there are slow.", "It returns a message that is a reply.",
		"To help prevent this, close it.", "Let us see how that goes, and we'll see.", "In the long term, we plan to do that.",
		"Behind it is a wall.", "In front of it is the lake.", "On top of it is a sign.", "In front of you will be a door.", "Some of you will find that odd.",
		"Before you are a lamp and a sword.", "Over there is a dog.", "Wait two days after you have submitted the form.", "Wait 30 minutes after you've eaten.",
		"It stays on long after you've left.", "How soon after the surgery may one drive?", "Apply as soon after the race as one can.", "The bread was firm and is hard to the touch.",
		"Fuji is a variety of apple.", "Each joint has a range of motion.", "The arm has a wide range of motion.", "Count the days from the start date.",
		"The distance from the start node grows.", "Get the day off to a good start by eating well.", "This lets you down.", "The moon is in orbit around the world.",
		"He hasn't a clue.", "We haven't any money.", "Though a small country, it trades.", "The heart beats regularly.",
	} {
		got, planted := plant(t, c, canary.Request{}, text)
		assert.Equal(t, text, got)
		assert.Empty(t, planted, text)
	}
}

// TestPartition finds units of all trees and halves in their shares: 5 standard
// deviations of a binomial, two-sided 6e-7 each.
func TestPartition(t *testing.T) {
	b := englishBook(t)
	units := b.Units()
	count := map[string]float64{}
	for _, u := range units {
		count[u.Tree]++
		if u.Reserve {
			count["reserve"]++
		}
		again, err := b.ParseUnit(u.String())
		require.NoError(t, err)
		require.Equal(t, u, again)
	}
	n := float64(len(units))
	for what, share := range map[string]float64{"vendor": 0.60, "epoch": 0.25, "cohort": 0.15, "reserve": 0.5} {
		assert.InDelta(t, share, count[what]/n, 5*0.5/42, what) // √n > 42
	}
	require.Greater(t, n, 42.0*42)
	for _, s := range []string{"", "vendor|for-example|code/en", "vendor|for-example|code/en|9", "vendor|for-example|code/en|x", "epochs|a|b|0", "vendor|nothing|code/en|0"} {
		_, err := b.ParseUnit(s)
		assert.Error(t, err, s)
	}
	for _, tree := range []string{"vendor", "epoch", "cohort"} { // only one tree has it
		u := units[0]
		u.Tree = tree
		_, err := b.ParseUnit(u.String())
		assert.Equal(t, tree == units[0].Tree, err == nil, tree)
	}
}

// TestShares divides units between two trees of one share each.
func TestShares(t *testing.T) {
	b, err := book(t, strings.Replace(strings.Replace(anyHeader, "bucket none", "bucket paragraphs 16", 1), "tree vendor 1", "tree a 1\ntree b 1", 1), carrierAB+"carrier cd\nform furthermore\nform moreover\n")
	require.NoError(t, err)
	trees := map[string]int{}
	for _, u := range b.Units() {
		trees[u.Tree]++
	}
	assert.Greater(t, trees["a"], 4) // of 32: binomial, 3e-6 for either
	assert.Greater(t, trees["b"], 4)
}

// TestSharedForms: two carriers may have the same forms if their guards keep them
// apart.
func TestSharedForms(t *testing.T) {
	b, err := book(t, anyHeader, "carrier first\nform usually\nform typically\nbefore ^\nafter ,\ncarrier mid\nform usually\nform typically\nbefore is are\n")
	require.NoError(t, err)
	got, err := b.Occurrences(canary.Request{}, "Usually, it is typically so, and usually not.")
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Equal(t, []string{"first", "mid"}, []string{got[0].Unit.Carrier, got[1].Unit.Carrier})
	assert.Equal(t, []int{0, 1}, []int{got[0].Option, got[1].Option})
}

func TestDraw(t *testing.T) {
	b := englishBook(t)
	reserve := 0
	for _, u := range b.Units() {
		if u.Tree == "vendor" && u.Reserve {
			reserve++
		}
	}
	one, err := b.Draw("vendor", 50, [32]byte{1})
	require.NoError(t, err)
	again, err := b.Draw("vendor", 50, [32]byte{1})
	require.NoError(t, err)
	assert.Equal(t, one, again)
	other, err := b.Draw("vendor", 50, [32]byte{2})
	require.NoError(t, err)
	assert.NotEqual(t, one, other)
	all, err := b.Draw("vendor", reserve, [32]byte{2})
	require.NoError(t, err)
	assert.Equal(t, other, all[:50])
	seen := map[canary.Unit]bool{}
	for _, u := range all {
		assert.True(t, u.Reserve && u.Tree == "vendor" && !seen[u], u)
		seen[u] = true
	}
	for _, n := range []int{0, -1, reserve + 1} {
		_, err := b.Draw("vendor", n, [32]byte{})
		assert.Error(t, err)
	}
}
