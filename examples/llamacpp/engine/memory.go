package engine

import (
	"fmt"

	"github.com/dyetrace/dyetrace/watermark"
	"github.com/hybridgroup/yzma/pkg/llama"
)

// A memory is llama.cpp's memory of several sequences and the batch that goes
// into it next. Each sequence has room of its own, so that no request can take
// another's. It is for one goroutine.
type memory struct {
	handle     llama.Context
	cells      llama.Memory
	batch      llama.Batch
	room       int // tokens of the batch
	vocabulary int
	one        [1]llama.SeqId
	err        error // of add, which decode returns
}

// width is how many tokens llama.cpp computes at once. Below 64 its attention
// works on each token alone, in the same order whatever the company: that is why
// a sequence has bit for bit the same logits alone, among others, in chunks of
// any size, and when drafts are checked. Wider is not faster on processors.
const width = 32

func newMemory(model llama.Model, vocabulary, sequences, tokens, room, threads int) (*memory, error) {
	p := llama.ContextDefaultParams()
	p.NSeqMax = uint32(sequences)
	p.NCtx = uint32(sequences * tokens)
	p.NBatch, p.NUbatch = uint32(room), width
	p.NThreads, p.NThreadsBatch = int32(threads), int32(threads)
	p.FlashAttentionType = llama.FlashAttentionTypeEnabled
	p.KVUnified = 0
	library.log.forget()
	h, err := llama.InitFromModel(model, p)
	if err != nil {
		return nil, fmt.Errorf("no context of %d sequences of %d tokens: %w%s", sequences, tokens, err, library.log.complaint())
	}
	m := &memory{handle: h, batch: llama.BatchInit(int32(room), 0, 1), room: room, vocabulary: vocabulary}
	if m.cells, err = llama.GetMemory(h); err == nil && m.cells == 0 {
		err = fmt.Errorf("the model keeps no memory of what it read, want one that generates text")
	}
	if err == nil && int(llama.NCtxSeq(h)) < tokens {
		err = fmt.Errorf("a sequence has room for %d tokens, want %d", llama.NCtxSeq(h), tokens)
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *memory) close() {
	_ = llama.BatchFree(m.batch)
	_ = llama.Free(m.handle)
}

func (m *memory) clear() { m.batch.NTokens, m.err = 0, nil }

// size returns how many tokens the batch has.
func (m *memory) size() int { return int(m.batch.NTokens) }

// add adds a token to the batch. Requires room. wanted says that its row of
// logits will be asked for.
func (m *memory) add(t watermark.Token, position, slot int, wanted bool) {
	m.one[0] = llama.SeqId(slot)
	if err := m.batch.Add(llama.Token(t), llama.Pos(position), m.one[:], wanted); err != nil {
		m.err = err
	}
}

func (m *memory) decode() error {
	if m.err != nil {
		return fmt.Errorf("engine: batch of %d tokens: %w", m.size(), m.err)
	}
	library.log.forget()
	switch status, err := llama.Decode(m.handle, m.batch); {
	case err != nil:
		return fmt.Errorf("engine: %w", err)
	case status != 0:
		return fmt.Errorf("engine: llama.cpp decodes %d tokens with status %d%s", m.size(), status, library.log.complaint())
	}
	return nil
}

// row returns the logits after token i of the batch, which last until the next
// decode and may be changed.
func (m *memory) row(i int) ([]float32, error) {
	row, err := llama.GetLogitsIth(m.handle, int32(i), m.vocabulary)
	if err != nil || row == nil {
		return nil, fmt.Errorf("engine: llama.cpp has no logits of token %d of the batch: %v", i, err)
	}
	return row, nil
}

// cut forgets what a sequence has from a position on, and reports whether that
// can be done: recurrent models forget all or nothing.
func (m *memory) cut(slot, from int) bool {
	ok, err := llama.MemorySeqRm(m.cells, llama.SeqId(slot), llama.Pos(from), -1)
	return ok && err == nil
}

// copy makes one sequence a copy of another.
func (m *memory) copy(from, to int) {
	m.cut(to, 0)
	_ = llama.MemorySeqCp(m.cells, llama.SeqId(from), llama.SeqId(to), -1, -1)
}
