// Package evidence is the arithmetic of a verdict: plain numbers in, plain
// numbers out. It knows no texts, marks, keys or models.
//
//   - [Product], [Average] and [LogPOfE] combine e-values.
//   - [Weighted] is the law of sums that weigh many tokens a position, with bets
//     that hold in reading; [Process], [Bets] and [Replay] are e-values that run
//     along and may stop at any time.
//   - [HigherCriticism] looks for a mark that few tokens carry.
//   - [Cells] is the exact test of wordings that a key decided, with [Gains];
//     [Picks], [Orders], [Ranks] and [Cohorts] are those of items, of orders, of twins
//     and of the code words of cohorts.
//   - [Family] corrects many tests at once: Holm's step-down and Bonferroni's
//     bound, with the tests that failed, were void or never ran counted;
//     Meinshausen's rule for trees of keys; e-BH for maps.
//   - [Decoys] compares a statistic with the same statistic under keys that
//     nothing was made with, and says when the null law does not hold.
//   - [Design] plans: tokens, effects, doses and chances of success from each
//     other, by [Tokens], [Detectable] and [Power]; [CellsDesign] and [PicksDesign] do so
//     for canaries; [MeasuredEffects] are those of
//     a real student. [Critical] says whether a test can reach its level at all.
//
// Every probability and every e-value is a natural logarithm, in nats. ln p = 0
// is no evidence. NaN counts against the claim.
package evidence
