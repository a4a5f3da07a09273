// Package evidence is the arithmetic of a verdict: plain numbers in, plain
// numbers out. It knows no texts, marks, keys or models.
//
//   - [Product], [Average] and [LogPOfE] combine e-values.
//   - [Family] corrects many tests at once: Holm's step-down and Bonferroni's
//     bound, with the tests that failed, were void or never ran counted.
//   - [Decoys] compares a statistic with the same statistic under keys that
//     nothing was made with, and says when the null law does not hold.
//   - [SampleSize], [Detectable] and [Power] tell tokens, effects and chances of
//     success apart; [Critical] says whether a test can reach its level at all.
//
// Every probability and every e-value is a natural logarithm, in nats. ln p = 0
// is no evidence. NaN counts against the claim.
package evidence
