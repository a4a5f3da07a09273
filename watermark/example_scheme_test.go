package watermark_test

import (
	"fmt"
	"log"
	"math"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/tail"
)

// onlyGreen is a green list without mercy: where a green candidate is left, no red
// one is chosen.
type onlyGreen struct{}

func (onlyGreen) String() string { return "onlygreen" }

func (g onlyGreen) Choose(d *watermark.Draw) (watermark.Token, bool) {
	row, _, ok := d.Row()
	if !ok {
		return 0, false
	}
	red := make([]float32, len(row))
	if _, err := g.Perturb(d, red); err != nil {
		return 0, false
	}
	for i := range row {
		red[i] += row[i]
	}
	if token, ok := d.RacePlain(red); ok {
		return token, true
	}
	d.Decline() // all are red
	return d.RacePlain(row)
}

func (onlyGreen) Perturb(d *watermark.Draw, dst []float32) (watermark.Then, error) {
	for i := range dst {
		token := watermark.Token(i)
		if d.IDs() != nil {
			token = d.IDs()[i]
		}
		dst[i] = 0
		if !isGreen(d.Words(), token) {
			dst[i] = float32(math.Inf(-1))
		}
	}
	return watermark.SampleSum, nil
}

func (onlyGreen) Score(r watermark.Reader, _ watermark.Place, t watermark.Token) float64 {
	if isGreen(r, t) {
		return 1
	}
	return 0
}

func (onlyGreen) Law() (tail.Law, error) { return tail.Bernoulli(0.5) }

func isGreen(r watermark.Reader, t watermark.Token) bool { return r.Word(0, t) < 1<<63 }

// A scheme of one's own has the sessions, detectors and searches of the others.
func ExampleScheme() {
	w, err := watermark.Build(fnvSource{key: 42}, onlyGreen{}, watermark.Rules{Width: 2})
	if err != nil {
		log.Fatal(err)
	}
	answer, err := serve(w, watermark.SeedOf(1), 100)
	if err != nil {
		log.Fatal(err)
	}
	r, err := w.Detect(watermark.Text{Tokens: answer})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d scored tokens are green, p = 10^%.0f\n", int(r.Score), r.Scored, r.LogP/math.Ln10)
	// Output: 98 of 98 scored tokens are green, p = 10^-30
}
