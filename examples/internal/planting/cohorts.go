package planting

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// An Account is who asks: known by the SHA-256 of an API key, never by the key.
type Account struct {
	Hash    string // in hexadecimal; empty if there was no key
	Cohort  string // empty for none
	Trusted bool   // may ask for an answer in which nothing is planted
}

// Cohorts say which API keys belong together. The file has a line for each key,
//
//	<SHA-256 of the key in hexadecimal> <cohort, or - for none> [trusted]
//
// and empty lines and lines that begin with # say nothing. A key's line is made
// with
//
//	printf %s "$API_KEY" | sha256sum
type Cohorts map[string]Account

// ReadCohorts reads the file at path; without one there are none.
func ReadCohorts(path string) (Cohorts, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("planting: cohorts: %w", err)
	}
	defer f.Close()
	c, err := ParseCohorts(f, path)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ParseCohorts reads a file of cohorts, which errors call name. They quote no key.
func ParseCohorts(r io.Reader, name string) (Cohorts, error) {
	c := Cohorts{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		// What stands in the first column may be a key by mistake: it is not quoted.
		fields := strings.Fields(text)
		if hash, err := hex.DecodeString(fields[0]); err != nil || len(hash) != sha256.Size || strings.ToLower(fields[0]) != fields[0] {
			return nil, fmt.Errorf("planting: %s:%d: first column has %d characters, want 64 of lower-case hexadecimal: the SHA-256 of an API key", name, n, len(fields[0]))
		}
		switch {
		case len(fields) < 2 || len(fields) > 3:
			return nil, fmt.Errorf("planting: %s:%d: line has %d columns, want a hash, a cohort and perhaps the word trusted", name, n, len(fields))
		case len(fields) == 3 && fields[2] != "trusted":
			return nil, fmt.Errorf("planting: %s:%d: third column is %q, want trusted or nothing", name, n, fields[2])
		}
		if _, twice := c[fields[0]]; twice {
			return nil, fmt.Errorf("planting: %s:%d: hash %s is there twice", name, n, fields[0])
		}
		a := Account{Hash: fields[0], Cohort: fields[1], Trusted: len(fields) == 3}
		if a.Cohort == "-" {
			a.Cohort = ""
		}
		c[a.Hash] = a
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("planting: %s: %w", name, err)
	}
	return c, nil
}

// Of returns whose request it is: of one whose key has no line its hash alone, of
// one without a key nothing.
func (c Cohorts) Of(h http.Header) Account {
	key := h.Get("Authorization")
	if scheme, token, ok := strings.Cut(key, " "); ok && strings.EqualFold(scheme, "bearer") {
		key = strings.TrimSpace(token)
	}
	for _, name := range []string{"api-key", "x-api-key"} { // Azure; several gateways
		if key == "" {
			key = h.Get(name)
		}
	}
	if key == "" {
		return Account{}
	}
	sum := sha256.Sum256([]byte(key))
	hash := hex.EncodeToString(sum[:])
	if a, ok := c[hash]; ok {
		return a
	}
	return Account{Hash: hash}
}
