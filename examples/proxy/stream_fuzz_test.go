package main

import (
	"bytes"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// Any bytes of an upstream, in any pieces, come out in the same way, and bytes
// that are no stream at all come out as they are, but for text that a planter
// rewrites. Nothing panics.
func FuzzStream(f *testing.F) {
	rng := rand.New(rand.NewPCG(41, 1))
	for i, d := range dialects {
		f.Add([]byte(d.stream([][]string{pieces(rng, 9, prose(rng, 2)), pieces(rng, 9, prose(rng, 2))})), byte(i*9))
	}
	for _, form := range []string{"OpenAI", "vLLM", "all at once"} {
		f.Add([]byte(toolStream(form, "Maybe often.", toolset("d", "c", "a"))), byte(1))
	}
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":3},[]]}}]}\n\n"), byte(1))
	f.Add([]byte("data: {\"choices\":[3,null,{\"delta\":null,\"text\":\"x\",\"index\":1,\"delta\":[]}]}\n\n"), byte(1))
	o := testOptions(f)
	s, err := newService(o, log.New(io.Discard, "", 0))
	require.NoError(f, err)
	f.Cleanup(func() { _ = s.close() })
	x := &exchange{ask: parseAsk(true, []byte(`{"messages":[],"tools":[{},{}]}`))}
	f.Fuzz(func(t *testing.T, text []byte, seed byte) {
		through := func(r io.Reader) string {
			a, reason := s.proxy.answer(x)
			require.Empty(t, reason)
			stream := newStream(io.NopCloser(r), a, http.Header{})
			out, err := io.ReadAll(stream)
			require.NoError(t, err)
			require.NoError(t, stream.Close())
			return string(out)
		}
		want := through(bytes.NewReader(text))
		require.Equal(t, want, through(iotest.OneByteReader(bytes.NewReader(text))))
		if seed%16 == 0 && !bytes.Contains(text, []byte("choices")) {
			require.Equal(t, string(text), want)
		}
	})
}

// Any body of an answer that is not streamed comes out, planted or as it was.
func FuzzWhole(f *testing.F) {
	f.Add([]byte(`{"choices":[{"index":0,"message":{"content":"They often buy \ud83e big.","tool_calls":[{"index":0,"function":{"name":"b"}},{"index":1,"function":{"name":"a","arguments":"{}"}}]}}]}`))
	f.Add([]byte(`{"choices":[{"text":"often","message":3},[],null,{"index":2,"message":{"content":[]}}],"choices":[{"text":"often"}]}`))
	o := testOptions(f)
	s, err := newService(o, log.New(io.Discard, "", 0))
	require.NoError(f, err)
	f.Cleanup(func() { _ = s.close() })
	x := &exchange{ask: parseAsk(true, []byte(`{"messages":[],"tools":[{},{}]}`))}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, reason := s.proxy.answer(x)
		require.Empty(t, reason)
		out, ok := a.plantWhole(bytes.Clone(body))
		if !ok {
			return
		}
		_, still := readChunk(out)
		require.True(t, still)
		if a.Units() == 0 {
			require.Equal(t, string(body), string(out))
		}
	})
}
