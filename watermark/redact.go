package watermark

import "fmt"

// What is made with a key holds its words or a request's text: printing shows
// neither, whatever the verb.

// Format implements [fmt.Formatter]: it prints the mark's ID.
func (w *Watermark) Format(f fmt.State, _ rune) { fmt.Fprint(f, w.ID()) }

// Format implements [fmt.Formatter]: it prints the names of the layers.
func (l *Layers) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "watermark.Layers%q", l.names) }

// Format implements [fmt.Formatter]: it prints how many tokens the session holds.
func (s *Session) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "watermark.Session(%d tokens)", len(s.history))
}

// Format implements [fmt.Formatter]: it prints the ID of the detector's mark.
func (d *Detector) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "watermark.Detector(%v)", d.mark) }

// Format implements [fmt.Formatter]: it prints the ID of the scorer's mark.
func (s *Scorer) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "watermark.Scorer(%v)", s.mark) }
