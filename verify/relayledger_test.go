package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/canary/ledger"
	"github.com/dyetrace/dyetrace/verify"
	"github.com/dyetrace/dyetrace/verify/collect"
)

// What the service sent, at once or as a stream that was hashed when it ended, is
// found among the answers of a suspect that passes them on; a letter changed, a short
// answer and somebody else's pseudonyms are not.
func TestRelayedByLedger(t *testing.T) {
	s := server{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}
	dir := filepath.Join(t.TempDir(), "ledger")
	log, err := ledger.Open(dir, ledger.Options{Signer: s, Verifier: s, Random: rand.NewChaCha8([32]byte{1}),
		Clock: func() time.Time { return time.Date(2026, 11, 25, 2, 40, 0, 0, time.UTC) }})
	require.NoError(t, err)
	names, err := ledger.NewPseudonyms(rand.NewChaCha8([32]byte{2}))
	require.NoError(t, err)
	whole, streamed := strings.Repeat("what was sent at once ", 3), strings.Repeat("what was streamed ", 3)
	output := func(text string) ledger.Digest {
		d, err := names.Output([]byte(text))
		require.NoError(t, err)
		return d
	}
	id := ledger.KeyID{1}
	leaves := []ledger.Leaf{
		{Kind: ledger.KindCommitment, Epoch: "e", KeyID: id, Digest: ledger.Digest{1}},
		{Kind: ledger.KindBook, Epoch: "e", KeyID: id, Digest: ledger.Digest{2}},
		{Kind: ledger.KindPolicy, Epoch: "e", KeyID: id, Digest: ledger.Digest{3}},
		{Kind: ledger.KindPlanting, Epoch: "e", KeyID: id, Mode: ledger.ModeTilt, Units: []ledger.Unit{{Unit: 5}}, Output: output(whole)},
		{Kind: ledger.KindPlanting, Epoch: "e", KeyID: id, Mode: ledger.ModeTilt, Units: []ledger.Unit{{Unit: 5}}, Nonce: ledger.Nonce{9}},
		{Kind: ledger.KindOutput, Of: ledger.Nonce{9}, Digest: output(streamed)},
		{Kind: ledger.KindOutput, Of: ledger.Nonce{9}, Digest: output("Yes.")},
	}
	_, err = log.AppendBatch(context.Background(), leaves)
	require.NoError(t, err)
	_, err = log.Checkpoint()
	require.NoError(t, err)
	defer log.Close()

	transcript := &collect.Transcript{Suspect: "s"}
	for i, text := range []string{"an answer of its own, longer than a few words", streamed, whole + "!", "Yes.", whole} {
		transcript.Prompts = append(transcript.Prompts, collect.Exchange{Stage: collect.Prompts, N: i, Status: collect.Complete, Text: text})
	}
	found, err := verify.RelayedBy(context.Background(), transcript, log.Reader(), names)
	require.NoError(t, err)
	assert.Equal(t, []verify.RelayedAnswer{{Prompt: 4, Leaf: 3}, {Prompt: 1, Leaf: 5}}, found)

	others, err := ledger.NewPseudonyms(rand.NewChaCha8([32]byte{3}))
	require.NoError(t, err)
	found, err = verify.RelayedBy(context.Background(), transcript, log.Reader(), others)
	require.NoError(t, err)
	assert.Empty(t, found)
	_, err = verify.RelayedBy(context.Background(), nil, log.Reader(), names)
	assert.ErrorContains(t, err, "needs a transcript, a ledger and its pseudonyms")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = verify.RelayedBy(ended, transcript, log.Reader(), names)
	assert.ErrorIs(t, err, context.Canceled)
}
