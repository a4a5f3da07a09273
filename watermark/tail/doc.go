// Package tail holds the null laws of watermark scores: how large a score is by chance alone.
//
// Most callers want a [Law], the null distribution of the score of one token, and ask it for LogTail, the p-value of
// a sum of n of them:
//
//	mark              law                                   its LogTail
//	Gumbel            Exponential                           Gamma with shape n
//	green list        Bernoulli; FixedLists, FixedList      Binomial; see there
//	tournament        Binomials(depth, ½)                   Binomial over n·depth bits
//	dual-key Gumbel   DualExponential(α)                    DualGamma
//
// A Law also has its cumulant function and domain, moments, and LogE, a default e-value; Joint is the cumulant function
// of weighted scores of several tokens after one window.
//
// Every tail is ln P(S >= s): the natural logarithm of an upper tail with its boundary included, so it is at most 0
// and the more negative, the rarer. It is computed as such, never as 1 − CDF, never from a normal law in place of the
// real one, and there is no floor: −1e6 is an answer like any other, and so is −1e-300.
//
//	Gamma, Binomial, DualGamma, PoissonBinomial     exact
//	WeightedExponentialExact    Σ w_i E_i           exact
//	WeightedExponential                             Chernoff bound, Lugannani–Rice approximation
//	WeightedBernoulliExact      Σ w_i B_i           exact for up to 20 terms, or equal weights
//	WeightedBernoulli                               Chernoff bound, Lugannani–Rice approximation
//	SignFlip, SignFlipBound     Σ ±t_i              exact for up to 40 terms; Hoeffding's bound
//	Normal                                          exact, for diagnostics
//
// "Exact" means that the relative error of the logarithm is below 1e-10. It is below 1e-12 in all of
// testdata/reference.jsonl (Gamma shapes from 1e-3 to 1e7, up to 1e7 trials, ln p from −1e-300 to −1e6) and mostly
// below 1e-13. Where ln p is close to 0 this is the relative error of 1−p. Between machines the last digits may
// differ.
//
// # Arguments out of range
//
// A NaN, a probability outside [0, 1], a shape that is not positive and the like are errors of the caller, stated at
// each function. They count against the claim: ln p = 0 and ln e = −Inf. Constructors of laws return errors. Nothing
// here panics, and no answer is NaN.
//
// # E-values
//
// An e-value is a number that is large when the null is implausible and has expectation at most 1 under it, so 1/e is
// a p-value, and e-values of independent or successive parts multiply. Here ln e > 0 speaks against the null.
// [GammaE] and [BernoulliE] are likelihood ratios averaged over a prior on the strength of the mark; averages of
// their defaults are what LogE returns. Not knowing the strength costs a few nats against the p-value of the same
// sum.
//
// # Cost
//
// All functions are pure and safe for concurrent use. Gamma and Binomial take 0.05 to 0.5 µs and do not allocate;
// DualGamma takes some 5 µs.
package tail
