// Package tail holds the null laws of watermark scores: how large a score is by chance alone.
//
// Every answer is ln P(S >= s), the natural logarithm of an upper tail with its boundary included, computed as such: never 1 − CDF, never a normal law in place
// of the real one, no floor. −1e6 is an answer like any other, and so is −1e-300.
//
//	Gamma                     sum of n Gumbel scores −ln(1−u): shape n            exact
//	Binomial                  green tokens, or bits of a tournament               exact
//	DualGamma                 sum of dual-key Gumbel scores                       exact
//	PoissonBinomial           successes of unlike chances                         exact
//	WeightedExponentialExact  Σ w_i E_i                                           exact
//	WeightedExponential       Σ w_i E_i                                           Chernoff bound, Lugannani–Rice approximation
//	WeightedBernoulliExact    Σ w_i B_i of up to 20 terms, or equal weights       exact
//	WeightedBernoulli         Σ w_i B_i                                           Chernoff bound, Lugannani–Rice approximation
//	SignFlip, SignFlipBound   Σ ±t_i                                              exact up to 40 terms; Hoeffding bound
//	Normal                    for diagnostics                                     exact
//
// "Exact" means that the relative error of the logarithm is below 1e-10; it is below 1e-11 over the whole range of testdata/reference.jsonl and mostly below 1e-13. Where ln p is
// close to 0 this is the relative error of 1−p. Between machines the last digits may differ.
//
// A Law bundles what the null distribution of one scored token can answer: LogTail of a sum of n tokens, the cumulant function with its domain, moments, and
// LogE, a default e-value. LogTail is exact for all laws of this package.
//
// # Arguments out of range
//
// A NaN, a probability outside [0, 1], a shape that is not positive and the like are errors of the caller, stated at each function. They count against the claim: ln p = 0
// and ln e = −Inf. Constructors of laws return errors. Nothing here panics, and no answer is NaN.
//
// # E-values
//
// An e-value has expectation at most 1 under the null, so 1/e is a p-value and e-values of independent (or sequential) parts multiply. GammaE and BernoulliE are likelihood ratios
// averaged over a prior on the strength of the mark; the averages over the defaults are what Law.LogE returns. A weak mark costs them a few nats against the p-value of the same sum.
//
// All functions are pure and safe for concurrent use. Gamma and Binomial take 0.05 to 0.5 µs and do not allocate; DualGamma takes 4 to 10 µs.
package tail
