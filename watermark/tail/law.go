package tail

// A Law is the null distribution of the score of one unit, which is one scored token: what the score does when the
// text has nothing to do with the key. Laws are immutable, comparable with == and safe for concurrent use.
type Law interface {
	// String names the law and its parameters, as "Binomial(30,0.5)".
	String() string
	// Moments are those of one unit.
	Moments() Moments
	// Cumulant returns ln E exp(θX) of one unit: 0 at θ = 0, +Inf outside Domain and for NaN.
	Cumulant(theta float64) float64
	// Domain is the open interval of θ on which Cumulant is finite.
	Domain() (lo, hi float64)
	// Joint returns ln E exp(θ Σ_v w[v]·X_v) for the scores X_v of different tokens after one window, or an upper bound
	// where the law says so: the sum of Cumulant(θ·w[v]) where words are independent. 0 at θ = 0 and for no token, +Inf
	// outside the domain, for NaN, and for every other θ of laws whose words different windows share, of which no bound
	// is known: with them weighted sums are no test.
	Joint(theta float64, w []float64) float64
	// LogTail returns ln P(S >= sum) for the sum S of n independent units, exact unless the law says that it is an
	// upper bound. n <= 0 or a NaN sum gives 0: no evidence.
	LogTail(sum float64, n int64) float64
	// LogE returns the logarithm of an e-value against the law: E exp(LogE(S, n)) <= 1 under it, and it grows with
	// the sum. n <= 0 gives 0; NaN, or a sum below all that the law can have, gives −Inf.
	LogE(sum float64, n int64) float64
}

// Moments of the score of one unit, one scored token.
type Moments struct {
	Mean, Variance float64
	// Excess is the excess kurtosis κ₄/σ⁴; a sum of n units has Excess/n.
	Excess float64
	// Correlation is that of the scores of two tokens after one window: 0 where words are independent, −1/(V−1) where a
	// list holds a fixed number of V tokens. FixedList's is that of any two tokens.
	Correlation float64
}
