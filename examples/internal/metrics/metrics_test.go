package metrics_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/dyetrace/dyetrace/examples/internal/metrics"
)

func ExampleCounters() {
	var c metrics.Counters
	c.Add("planted", 2)
	c.Add("nothing", 1)
	metrics.Head(os.Stdout, "answers_total", "counter", "Answers by what was decided.")
	c.Write(os.Stdout, "answers_total", "decision")
	// Output:
	// # HELP answers_total Answers by what was decided.
	// # TYPE answers_total counter
	// answers_total{decision="nothing"} 1
	// answers_total{decision="planted"} 2
}

// A duration is in the first bucket whose bound it does not exceed, and in all after.
func TestHistogram(t *testing.T) {
	var h metrics.Histogram
	for _, d := range []time.Duration{0, time.Millisecond, 3 * time.Second} {
		h.Observe(d)
	}
	var b strings.Builder
	h.Write(&b, "x")
	for _, line := range []string{`x_bucket{le="0.0005"} 1`, `x_bucket{le="0.001"} 2`, `x_bucket{le="2"} 2`, `x_bucket{le="+Inf"} 3`, "x_sum 3.001", "x_count 3"} {
		assert.Contains(t, b.String(), line+"\n")
	}
	b.Reset()
	metrics.One(&b, "y", "gauge", "Y.", 0.5)
	assert.Equal(t, "# HELP y Y.\n# TYPE y gauge\ny 0.5\n", b.String())
}
