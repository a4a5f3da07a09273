package ledger_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/dyetrace/dyetrace/canary/ledger"
)

// TestMain lets a test start this binary again as a process that appends.
func TestMain(m *testing.M) {
	if mode := os.Getenv("DYETRACE_TEST_LEDGER"); mode != "" {
		if err := children[mode](os.Getenv("DYETRACE_TEST_DIR")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Keys of tests, which nobody should trust.
const (
	logSecret     = "PRIVATE+KEY+example.com/planted+1667c149+AWQL+aGq1c6dNEEdUp/6sU5Y9AGKxE9KP6Yym9bsexGV"
	logPublic     = "example.com/planted+1667c149+AYgtiUyWYdjD+13NIsjm5S4xMrSsqwKMR0vTelE42+lA"
	witnessSecret = "PRIVATE+KEY+witness.example/w1+a831f069+AS8q9UG2AVhcVhBI7E+CcpOqsxUHP+HZTmzLOSTP5NMa"
	witnessPublic = "witness.example/w1+a831f069+AUSwINtSh/EyiATb744gEDIQdHHYVZ+Jhc29yNobFY+v"
)

func signer(text string) note.Signer {
	s, err := note.NewSigner(text)
	if err != nil {
		panic(err)
	}
	return s
}

func verifier(text string) note.Verifier {
	v, err := note.NewVerifier(text)
	if err != nil {
		panic(err)
	}
	return v
}

// options are those of tests: what is random is a function of the seed, and it
// is 2026-11-25 02:40.
func options(seed uint64) ledger.Options {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return ledger.Options{
		Signer:   signer(logSecret),
		Verifier: verifier(logPublic),
		Clock:    func() time.Time { return time.Date(2026, 11, 25, 2, 40, 7, 0, time.UTC) },
		Random:   rand.NewChaCha8(key),
	}
}

const hour = ledger.Minutes(29926200) // 2026-11-25 02:00

var (
	bg     = context.Background()
	public = verifier(logPublic)
	keyID  = ledger.KeyID{0: 0x1d, 15: 1}
)

const epoch = "2026-11"

// nonce returns a nonce that says n.
func nonce(n uint64) (out ledger.Nonce) {
	binary.BigEndian.PutUint64(out[8:], n+1)
	return out
}

func digest(b byte) (d ledger.Digest) {
	for i := range d {
		d[i] = b
	}
	return d
}

// bindings are what must be in a log before a planting.
func bindings() []ledger.Leaf {
	out := make([]ledger.Leaf, 3)
	for i, k := range []ledger.Kind{ledger.KindCommitment, ledger.KindBook, ledger.KindPolicy} {
		out[i] = ledger.Leaf{Kind: k, Nonce: nonce(1<<60 + uint64(i)), Epoch: epoch, KeyID: keyID, Digest: digest(byte(i + 1))}
	}
	return out
}

// planting returns a leaf that n decides.
func planting(n uint64) ledger.Leaf {
	rng := rand.New(rand.NewPCG(n, 1))
	l := ledger.Leaf{Kind: ledger.KindPlanting, Nonce: nonce(n), Epoch: epoch, KeyID: keyID, Mode: ledger.ModeSampled, Output: digest(byte(n) | 1)}
	l.Cohort = ledger.Pseudonym{1, byte(n % 5)}
	binary.LittleEndian.PutUint64(l.Account[:], n%97+1)
	unit := uint64(0)
	for range 1 + rng.IntN(8) {
		unit += 1 + uint64(rng.Uint32N(50))
		l.Units = append(l.Units, ledger.Unit{Unit: unit, Option: rng.Uint32N(4)})
	}
	return l
}

// open opens a log and closes it when the test ends, if nobody did.
func open(t testing.TB, dir string, o ledger.Options) *ledger.Log {
	t.Helper()
	l, err := ledger.Open(dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// started returns a new log in which the epoch's key is bound.
func started(t testing.TB, dir string, o ledger.Options) *ledger.Log {
	t.Helper()
	l := open(t, dir, o)
	_, err := l.AppendBatch(bg, bindings())
	require.NoError(t, err)
	return l
}

// grown makes a ledger of the three bindings and n plantings, in frames of up to
// 5 leaves, and closes it.
func grown(t testing.TB, dir string, o ledger.Options, n int) {
	t.Helper()
	l := started(t, dir, o)
	rng := rand.New(rand.NewPCG(uint64(n), 2))
	for i := 0; i < n; {
		var batch []ledger.Leaf
		for range min(n-i, 1+rng.IntN(5)) {
			batch = append(batch, planting(uint64(i)))
			i++
		}
		_, err := l.AppendBatch(bg, batch)
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())
}

// copied copies a ledger's folder into a new one, also while a log is open in it.
func copied(t testing.TB, dir string) string {
	t.Helper()
	for {
		out := filepath.Join(t.TempDir(), "copy")
		err := os.CopyFS(out, os.DirFS(dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a file that was being replaced
		}
		require.NoError(t, err)
		return out
	}
}
