package main

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// BenchmarkOverhead compares answers that carry the mark and canaries, whose leaves
// are in the ledger, with answers that carry nothing, of one server in one run: 8
// connections stream 64 tokens each, plain and marked by turns, in the order ABBA so
// that a machine that slows down slows both. It reports tokens a second of both, by
// how much the marked ones are slower, and the standard error of that over the
// rounds, in percent.
func BenchmarkOverhead(b *testing.B) {
	const clients, tokens = 8, 64
	p := theServer(b)
	round := 0
	measure := func(marked bool) (seconds, cpu float64) {
		round++
		key, header := admin, []string{headerName, "off", markName, "off"}
		if marked {
			key, header = alice, nil
		}
		var all sync.WaitGroup
		began, spent := time.Now(), p.processor()
		for c := range clients {
			all.Go(func() {
				// No prompt is like another from its first words on: none is read from memory.
				prompt := fmt.Sprintf("%03d%03d. Write about gardens, soil and rain.", round%1000, c)
				resp, raw := p.post(b, key, chatPath, M{"model": testName, "messages": user(prompt), "stream": true, "max_tokens": tokens, "temperature": 1, "logit_bias": M{"0": -100, "2": -100}}, header...)
				assert.Equal(b, http.StatusOK, resp.StatusCode, string(raw))
			})
		}
		all.Wait()
		return time.Since(began).Seconds(), p.processor() - spent
	}
	measure(true)
	measure(false)
	var plain, marked, plainCPU, markedCPU, sum, squares float64
	for i := 0; b.Loop(); i++ {
		var on, off, onCPU, offCPU float64
		if i%2 == 0 {
			off, offCPU = measure(false)
		}
		on, onCPU = measure(true)
		if i%2 == 1 {
			off, offCPU = measure(false)
		}
		plain, marked, plainCPU, markedCPU = plain+off, marked+on, plainCPU+offCPU, markedCPU+onCPU
		r := math.Log(on / off)
		sum, squares = sum+r, squares+r*r
	}
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(n*clients*tokens/plain, "plain-tokens/s")
	b.ReportMetric(n*clients*tokens/marked, "marked-tokens/s")
	b.ReportMetric(100*(math.Exp(sum/n)-1), "%slower")
	if n > 1 {
		b.ReportMetric(100*math.Sqrt((squares-sum*sum/n)/(n-1)/n), "%error")
	}
	if plainCPU > 0 {
		b.ReportMetric(100*(markedCPU/plainCPU-1), "%more-cpu")
	}
}

// processor returns the seconds of processor time that the server took, as Linux
// says it, or 0 elsewhere.
func (p *process) processor() float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may have spaces
	fields := strings.Fields(rest)
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return (user + system) / 100 // USER_HZ
}
