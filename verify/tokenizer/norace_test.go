//go:build !race

package tokenizer_test

const poolForgets = false
