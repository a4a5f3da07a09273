package keys_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark/keys"
)

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// formats returns every verb that a letter can spell, under flags that change
// how fmt walks a value.
func formats() []string {
	var all []string
	for _, flags := range []string{"", "+", "#", "+#", " ", "# ", "0", "-100", "2.3"} {
		for _, verb := range letters {
			all = append(all, "%"+flags+string(verb))
		}
	}
	return all
}

// pieces returns what four neighbouring bytes of secret, or eight characters of
// its text, look like in each format and encoding: none may turn up in an output.
func pieces(secret []byte, text string) []string {
	var all []string
	for i := range len(secret) - 3 {
		piece := secret[i : i+4]
		all = append(all, string(piece), strings.Trim(fmt.Sprintf("%v", piece), "[]"))
		all = append(all, strings.Trim(strings.ReplaceAll(fmt.Sprint(piece), " ", ","), "[]"))
		for _, format := range []string{"%x", "%X", "% x", "% X", "%#x", "% #x", "%q", "%+q"} {
			all = append(all, strings.Trim(fmt.Sprintf(format, piece), `"`))
		}
		for _, format := range []string{"%b", "%o", "%O", "%c", "%U", "%#x", "%q"} { // number by number
			all = append(all, strings.Trim(fmt.Sprintf(format, [4]int{int(piece[0]), int(piece[1]), int(piece[2]), int(piece[3])}), "[]"))
		}
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", piece), "[]byte{"), "}"))
	}
	for i := 0; i+6 <= len(secret); i++ { // every alignment of base64
		all = append(all, base64.StdEncoding.EncodeToString(secret[i:i+6]), base64.URLEncoding.EncodeToString(secret[i:i+6]))
	}
	body := strings.TrimPrefix(text, secretPrefix)
	for i := 0; i+8 <= len(body); i++ {
		all = append(all, body[i:i+8])
	}
	return all
}

func leak(output string, pieces []string) string {
	for _, piece := range pieces {
		if strings.Contains(output, piece) {
			return piece
		}
	}
	return ""
}

// loudSecret has distinct bytes, none of them a letter or a digit, so that no
// piece of it turns up by accident.
func loudSecret() []byte {
	secret := make([]byte, keys.Size)
	for i := range secret {
		secret[i] = byte(0x80 + (i*37+11)%128)
	}
	return secret
}

type exported struct {
	Width int
	Key   keys.Key
	Ref   *keys.Key
}

type unexported struct {
	width int
	key   keys.Key
	ref   *keys.Key
	list  []keys.Key
	table map[string]keys.Key
	any   any
	deep  *unexported
}

type embedded struct{ keys.Key }

// holders puts k in every place where a printer could come upon it.
func holders(k keys.Key) map[string]any {
	hidden := unexported{1, k, &k, []keys.Key{k}, map[string]keys.Key{"k": k}, k, nil}
	return map[string]any{
		"value":          k,
		"pointer":        &k,
		"pointer twice":  func() any { p := &k; return &p }(),
		"slice":          []keys.Key{k},
		"pointers":       []*keys.Key{&k},
		"array":          [2]keys.Key{k, k},
		"map":            map[string]keys.Key{"k": k},
		"map by ID":      map[keys.ID]*keys.Key{k.ID(): &k},
		"any":            []any{k, &k},
		"exported":       exported{1, k, &k},
		"to exported":    &exported{1, k, &k},
		"unexported":     hidden,
		"to unexported":  &hidden,
		"deep":           unexported{deep: &hidden, any: hidden},
		"embedded":       embedded{k},
		"to embedded":    &embedded{k},
		"error":          fmt.Errorf("cannot use %v", k),
		"error of #v":    fmt.Errorf("cannot use %#v", exported{1, k, &k}),
		"joined errors":  errors.Join(fmt.Errorf("%d", k), fmt.Errorf("%v", &hidden)),
		"reflect":        reflect.ValueOf(k),
		"reflected":      reflect.ValueOf(hidden),
		"reflect field":  reflect.ValueOf(k).Field(0),
		"method value":   k.Reveal,
		"bound function": k.Purpose,
	}
}

func TestPrintingIsRedacted(t *testing.T) {
	secret := loudSecret()
	k := keyOf(t, secret)
	forbidden := pieces(secret, k.Reveal())
	for where, v := range holders(k) {
		for _, format := range formats() {
			out := fmt.Sprintf(format, v)
			require.Empty(t, leak(out, forbidden), "%s under %s: %s", where, format, out)
		}
		for _, out := range []string{fmt.Sprint(v), fmt.Sprintln(v, v), fmt.Errorf("%w", errors.New(fmt.Sprint(v))).Error()} {
			require.Empty(t, leak(out, forbidden), "%s: %s", where, out)
		}
	}
}

// TestLeaksAreNoticed: the search above finds the same secret in a struct that
// does not protect it. Without this the other tests could not fail.
func TestLeaksAreNoticed(t *testing.T) {
	secret := loudSecret()
	k := keyOf(t, secret)
	forbidden := pieces(secret, k.Reveal())
	type open struct{ secret [keys.Size]byte }
	for _, format := range []string{"%v", "%+v", "%#v", "%d", "%x", "%X", "%q", "%s", "%c", "%U", "%b", "%o", "%O", "% x", "%#x", "%p"} {
		out := fmt.Sprintf(format, open{[keys.Size]byte(secret)})
		assert.NotEmpty(t, leak(out, forbidden), "%s: %s", format, out)
	}
	line, err := json.Marshal(struct{ S []byte }{secret})
	require.NoError(t, err)
	assert.NotEmpty(t, leak(string(line), forbidden))
	line, err = json.Marshal(struct{ S [keys.Size]byte }{[keys.Size]byte(secret)})
	require.NoError(t, err)
	assert.NotEmpty(t, leak(string(line), forbidden))
	assert.NotEmpty(t, leak("oops: "+k.Reveal(), forbidden))
	var failure recorder
	assert.Equal(&failure, open{[keys.Size]byte(secret)}, open{})
	assert.NotEmpty(t, leak(string(failure), forbidden))
}

// TestRedactedForm: what is shown instead says which key it was.
func TestRedactedForm(t *testing.T) {
	k := testKey(t, 1)
	want := "redacted:" + k.ID().String()
	assert.Equal(t, want, k.String())
	for _, verb := range strings.NewReplacer("p", "", "T", "", "w", "").Replace(letters) {
		assert.Equal(t, want, fmt.Sprintf("%"+string(verb), k))
		assert.Equal(t, want, fmt.Sprintf("%#+"+string(verb), k))
	}
	assert.Equal(t, "["+want+"]", fmt.Sprint([]keys.Key{k}))
	assert.Equal(t, "{3 "+want+" <nil>}", fmt.Sprint(exported{3, k, nil}))
	assert.Equal(t, "redacted:none", fmt.Sprint(keys.Key{}))
	assert.Equal(t, "redacted:none", fmt.Sprintf("%#v", keys.Key{}))
}

func TestEncodersAreRedacted(t *testing.T) {
	secret := loudSecret()
	k := keyOf(t, secret)
	forbidden := pieces(secret, k.Reveal())
	for where, v := range holders(k) {
		outputs := map[string]string{}
		line, err := json.Marshal(v)
		outputs["json"] = string(line) + fmt.Sprint(err)
		line, err = xml.Marshal(v)
		outputs["xml"] = string(line) + fmt.Sprint(err)
		var b strings.Builder
		err = gob.NewEncoder(&b).Encode(v)
		outputs["gob"] = b.String() + fmt.Sprint(err)
		b.Reset()
		err = template.Must(template.New("").Parse(`{{.}} {{printf "%#v" .}} {{. | js}}`)).Execute(&b, v)
		outputs["template"] = b.String() + fmt.Sprint(err)
		for encoder, out := range outputs {
			require.Empty(t, leak(out, forbidden), "%s, %s: %s", where, encoder, out)
		}
	}

	line, err := json.Marshal(exported{3, k, &k})
	require.NoError(t, err)
	assert.JSONEq(t, fmt.Sprintf(`{"Width":3,"Key":"%s","Ref":"%[1]s"}`, k), string(line))
	line, err = xml.Marshal(exported{3, k, nil})
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("<exported><Width>3</Width><Key>%s</Key></exported>", k), string(line))
	assert.Error(t, gob.NewEncoder(new(bytes.Buffer)).Encode(exported{3, k, &k}))
}

// TestRedactedIsNotReadBack: a configuration that was saved through an encoder
// fails when it is loaded instead of yielding a key that is not one.
func TestRedactedIsNotReadBack(t *testing.T) {
	line, err := json.Marshal(exported{3, testKey(t, 1), nil})
	require.NoError(t, err)
	var back exported
	assert.ErrorContains(t, json.Unmarshal(line, &back), "cannot unmarshal string")
	assert.True(t, back.Key.IsZero())
}

func TestLoggersAreRedacted(t *testing.T) {
	secret := loudSecret()
	k := keyOf(t, secret)
	forbidden := pieces(secret, k.Reveal())
	var b strings.Builder
	for _, handler := range []slog.Handler{
		slog.NewTextHandler(&b, nil),
		slog.NewJSONHandler(&b, nil),
		slog.NewJSONHandler(&b, &slog.HandlerOptions{AddSource: true}).WithAttrs([]slog.Attr{slog.Any("with", k)}).WithGroup("g"),
	} {
		b.Reset()
		logger := slog.New(handler)
		logger.Info("key", "key", k)
		assert.Contains(t, b.String(), k.String())
		for where, v := range holders(k) {
			b.Reset()
			logger.Info(where, "v", v, slog.Group("group", "v", v), "nested", slog.AnyValue([]any{v}))
			require.Empty(t, leak(b.String(), forbidden), "%s: %s", where, b.String())
		}
	}
}

// A recorder is a test that fails into a string.
type recorder string

func (r *recorder) Errorf(format string, args ...any) { *r += recorder(fmt.Sprintf(format, args...)) }

// TestTestFailuresAreRedacted: testify prints values without their methods and
// through unexported fields.
func TestTestFailuresAreRedacted(t *testing.T) {
	secret := loudSecret()
	k := keyOf(t, secret)
	forbidden := pieces(secret, k.Reveal())
	for where, v := range holders(k) {
		var failure recorder
		assert.Equal(&failure, v, "something else")
		assert.Equal(&failure, struct{ V any }{v}, struct{ V any }{})
		assert.Nil(&failure, v)
		require.NotEmpty(t, failure)
		require.Empty(t, leak(string(failure), forbidden), "%s: %s", where, failure)
	}
}
