// Package tail holds the null laws of watermark scores: their upper tails in natural logarithms, exact and without a floor, and e-values against them.
package tail
