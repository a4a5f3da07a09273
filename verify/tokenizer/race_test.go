//go:build race

package tokenizer_test

// Under the race detector a pool forgets on purpose.
const poolForgets = true
