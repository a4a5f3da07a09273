"""Prints the Taylor coefficients in ../coefficients.go. Needs mpmath 1.3."""

from mpmath import mp, mpf, rgamma, taylor

mp.dps = 50


def eta_over_lambda(count):
    """f(η) = η/(λ−1), ½η² = λ − 1 − ln λ, from f − ηf' = f³ + ηf²."""
    f = [mpf(1)] + [mpf(0)] * (count - 1)
    for n in range(1, count):
        square = [sum(f[i] * f[m - i] for i in range(m + 1)) for m in range(n + 1)]
        cube = sum(f[i] * square[n - i] for i in range(n + 1))
        f[n] = -(cube + square[n - 1]) / (n + 2)
    return f


print("gammaCoefficients")
for c in eta_over_lambda(34):
    print(f"\t{mp.nstr(c, 20)},")
print("reciprocalGammaCoefficients")
for c in taylor(lambda a: rgamma(1 + a), 0, 30)[1:27]:
    print(f"\t{mp.nstr(c, 20)},")
