package collect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dyetrace/dyetrace/verify/internal/canon"
)

const journalSchema = "dyetrace/journal/1"

// The kinds of events of a journal.
const (
	asked     = "ask"       // the question is about to be sent
	unreached = "unreached" // no byte of an answer arrived
	predicted = "read"      // the suspect's predictions, which the reference is to score
	answered  = "answer"    // the question is settled
)

type journalHeader struct {
	Schema    string `json:"schema"`
	Plan      Digest `json:"plan"`
	Suspect   string `json:"suspect"`
	Questions Digest `json:"questions"`
}

type event struct {
	At          int64        `json:"at"`
	Kind        string       `json:"kind"`
	Stage       Stage        `json:"stage"`
	N           int          `json:"n"`
	Passage     *int         `json:"passage,omitempty"`
	Begin       *int         `json:"begin,omitempty"`
	End         *int         `json:"end,omitempty"`
	Status      Status       `json:"status,omitempty"`
	Text        canon.Text   `json:"text,omitempty"`
	Model       string       `json:"model,omitempty"`
	Error       string       `json:"error,omitempty"`
	Predictions []Prediction `json:"predictions,omitempty"`
	Reference   [][]float64  `json:"reference,omitempty"`
}

// reads reports whether the event has parts that only those of readings have.
func (e *event) reads() bool {
	return e.Passage != nil || e.Begin != nil || e.End != nil || e.Predictions != nil || e.Reference != nil
}

// answers reports whether the event has parts of an answer.
func (e *event) answers() bool {
	return e.reads() || e.Status != "" || e.Text != "" || e.Model != ""
}

// A journal is the file that a collection appends to. It is no safer for
// several goroutines than a file.
type journal struct {
	f    *os.File
	size int64 // of what is known to be whole
	err  error // after which nothing is written
}

// openJournal opens or creates the journal at path and calls replay for every
// event in it. A torn last line, the work of a killed process, is cut off.
func openJournal(path string, h journalHeader, replay func(event) error) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("collect: journal: %w", err)
	}
	j := &journal{f: f}
	if err := j.load(h, replay); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

func (j *journal) load(h journalHeader, replay func(event) error) error {
	b := bufio.NewReaderSize(j.f, 1<<16)
	var torn []byte
	for n := 1; ; n++ {
		line, err := b.ReadBytes('\n')
		if err == io.EOF {
			torn = line
			break
		}
		if err != nil {
			return fmt.Errorf("collect: journal: %w", err)
		}
		j.size += int64(len(line))
		if err := j.take(n, line[:len(line)-1], h, replay); err != nil {
			return err
		}
	}
	if j.size == 0 {
		// A file of something else that ends without a newline is not ours to cut.
		if first, err := canon.Encode(h); err != nil || !bytes.HasPrefix(first, torn) {
			return errors.Join(err, fmt.Errorf("collect: journal: file begins with %.20q, want a journal or nothing", torn))
		}
	}
	if len(torn) > 0 {
		if err := j.f.Truncate(j.size); err != nil {
			return fmt.Errorf("collect: journal: %w", err)
		}
	}
	if _, err := j.f.Seek(j.size, io.SeekStart); err != nil {
		return fmt.Errorf("collect: journal: %w", err)
	}
	if j.size == 0 {
		if err := j.append(h, true); err != nil {
			return err
		}
		syncDir(filepath.Dir(j.f.Name()))
	}
	return nil
}

// take takes in line n, the first of which is the header.
func (j *journal) take(n int, line []byte, h journalHeader, replay func(event) error) error {
	if n == 1 {
		return sameHeader(line, h)
	}
	var e event
	err := canon.Decode(line, &e)
	if err == nil {
		err = replay(e)
	}
	if err != nil {
		return fmt.Errorf("collect: line %d of the journal: %w", n, err)
	}
	return nil
}

func sameHeader(line []byte, want journalHeader) error {
	var h journalHeader
	if err := canon.Decode(line, &h); err != nil {
		return fmt.Errorf("collect: journal header: %w", err)
	}
	switch {
	case h.Schema != want.Schema:
		return fmt.Errorf("collect: journal has schema %q, want %q", h.Schema, want.Schema)
	case h.Plan != want.Plan:
		return fmt.Errorf("collect: journal is of plan %v, want %v", h.Plan, want.Plan)
	case h.Suspect != want.Suspect:
		return fmt.Errorf("collect: journal is of suspect %q, want %q", h.Suspect, want.Suspect)
	case h.Questions != want.Questions:
		return errors.New("collect: journal is of other prompts, probes or passages, or of another order")
	}
	return nil
}

// append writes v as a line; durable says that it must survive a power cut
// before append returns. A killed process loses nothing that was written.
func (j *journal) append(v any, durable bool) error {
	if j.err != nil {
		return j.err
	}
	line, err := canon.Encode(v)
	if err == nil {
		err = j.write(append(line, '\n'), durable)
	}
	if err != nil {
		j.err = fmt.Errorf("collect: journal: %w; what is recorded stays, run again to go on", err)
	}
	return j.err
}

func (j *journal) write(line []byte, durable bool) error {
	info, err := j.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != j.size {
		return fmt.Errorf("file has %d bytes, want %d: another process writes to it", info.Size(), j.size)
	}
	if _, err := j.f.Write(line); err != nil {
		return err
	}
	if durable {
		if err := j.f.Sync(); err != nil {
			return err
		}
	}
	j.size += int64(len(line))
	return nil
}

func (j *journal) close() error { return j.f.Close() }

// syncDir makes a new file's name durable where the system can: some cannot
// open a folder, and there the file system orders names itself.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
