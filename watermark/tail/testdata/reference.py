"""Writes reference.jsonl: ln P(X >= x) of every law over its whole range, 25 digits.

    python3 reference.py > reference.jsonl       (needs mpmath 1.3; gmpy2 makes it minutes instead of an hour)

No formula of the Go package is used. Gamma: mpmath's own function for shapes below 200, above by quadrature of the density. Binomial and Poisson-binomial: the sum
of the terms. Dual: the mixture of Gamma(2n+k) by negative binomial weights (Moschopoulos 1985), all terms positive. Weighted: partial fractions at as many digits
as they lose. E-values: quadrature over the prior. Where two ways exist they are compared here.
"""

import json
import math
import random

from mpmath import mp, mpf

mp.dps = 60
rng = random.Random(20260101)


def row(law, value, **fields):
    print(json.dumps({"law": law, **fields, "ln_sf": mp.nstr(value, 25)}))


# ---- gamma


def integral(g, x, step, drop=130):
    """ln of the integral of e^g from x on in the direction of step (> 0 or < 0; stops at 0), in pieces that double."""
    top = g(x)
    total, at, width = mpf(0), mpf(x), mpf(step)
    while True:
        end = at + width
        if end <= 0:
            end = mpf(0)
        total += mp.quad(lambda t: mp.exp(g(t) - top), sorted([at, end]))
        if end == 0 or g(end) - top < -drop:
            return top + mp.log(total)
        at, width = end, width * mpf("1.5")


def gamma_both(a, x):
    """ln of (upper, lower) tail of Gamma(a, 1) at x."""
    a, x = mpf(a), mpf(x)
    if a < 200:
        if x > a:
            q = mp.gammainc(a, x, mp.inf, regularized=True)
            return mp.log(q), mp.log1p(-q)
        p = mp.gammainc(a, 0, x, regularized=True)
        return mp.log1p(-p), mp.log(p)
    return gamma_quadrature(a, x)


def gamma_quadrature(a, x):
    norm = mp.loggamma(a)

    def density(t):
        return (a - 1) * mp.log(t) - t - norm

    slope = abs((a - 1) / x - 1)
    scale = 1 / max(slope, 1 / mp.sqrt(a))
    if x > a:
        q = integral(density, x, scale)
        return q, mp.log1p(-mp.exp(q))
    p = integral(density, x, -scale)
    return mp.log1p(-mp.exp(p)), p


def at_deviance(target, side):
    """λ with λ − 1 − ln λ = target, above or below 1."""
    lo, hi = (1.0, 4 + 3 * target) if side > 0 else (math.exp(-1 - target), 1.0)
    for _ in range(200):
        mid = 0.5 * (lo + hi)
        if (mid - 1 - math.log(mid) > target) == (side > 0):
            hi = mid
        else:
            lo = mid
    return hi


DEPTHS = [1e-6, 0.01, 0.3, 1, 3, 5, 9, 14, 27, 60, 150, 400, 690, 1e3, 1e4, 1e5, 1e6]


def gamma_rows():
    a, x = mpf(300), mpf(330)
    q = mp.gammainc(a, x, mp.inf, regularized=True)
    assert abs(gamma_quadrature(a, x)[0] - mp.log(q)) < 1e-30
    shapes = [1e-3, 0.02, 0.5, 0.97, 1, 1.03, 2.5, 5, 11.9, 12, 12.1, 20, 64, 199.5, 1e3, 31415.9, 1e5, 1e6, 1e7]
    for a in shapes:
        x = a * (1 + 0.01 / math.sqrt(a))
        row("gamma", gamma_both(a, x)[0], shape=a, x=x)
        for d in DEPTHS:
            for side in (1, -1):
                if side < 0 and d > 690:
                    continue
                d2 = d * rng.uniform(0.8, 1.25)
                x = a * at_deviance(d2 / a, side)
                if 1e-300 < x < 1e12:
                    row("gamma", gamma_both(a, x)[0], shape=a, x=x)
    for _ in range(60):
        a = 10 ** rng.uniform(-3, 7)
        d = 10 ** rng.uniform(-3, 2.8)
        side = rng.choice([1, -1])
        x = a * at_deviance(d / a, side)
        if x > 1e-300:
            row("gamma", gamma_both(a, x)[0], shape=a, x=x)


# ---- binomial


def binomial_log(k, n, p):
    """ln P(X >= k): the terms from k away from the mean."""
    p = mpf(p)
    q = 1 - p
    upper = k > n * p
    j = k if upper else k - 1
    if j < 0:
        return mpf(0)
    first = mp.loggamma(n + 1) - mp.loggamma(j + 1) - mp.loggamma(n - j + 1) + j * mp.log(p) + (n - j) * mp.log(q)
    total, term, odds = mpf(0), mpf(1), p / q
    while term > total * mpf("1e-45"):
        total += term
        if upper:
            term *= (n - j) * odds / (j + 1)
            j += 1
        else:
            term *= j / (odds * (n - j + 1))
            j -= 1
        if j > n or j < 0:
            break
    value = first + mp.log(total)
    return value if upper else mp.log1p(-mp.exp(value))


def binomial_rows():
    exact = sum(mp.binomial(40, j) * mpf(0.3) ** j * (1 - mpf(0.3)) ** (40 - j) for j in range(15, 41))
    assert abs(binomial_log(15, 40, 0.3) - mp.log(exact)) < 1e-30
    cases = set()
    for n in [2, 3, 7, 30, 78, 79, 80, 81, 100, 333, 1000, 20000, 248200, 1000000, 10000000]:
        for p in [1e-300, 1e-12, 1e-6, 1e-3, 0.01, 0.0625, 0.25, 0.5, 0.75, 0.97, 0.999, 1 - 1e-9]:
            sd = math.sqrt(n * p * (1 - p))
            mean = n * p
            ks = [mean + z * sd for z in (-30, -9, -5, -2, -0.5, 0, 0.4, 1.5, 3, 6, 12, 35)]
            ks += [mean + f * (n - mean) for f in (0.01, 0.1, 0.5, 0.9)] + [1, 2, 5, n - 1, n]
            rng.shuffle(ks)
            kept = 0
            for k in ks:
                k = round(k)
                if not 1 <= k <= n or (n, p, k) in cases or kept >= 4:
                    continue
                cases.add((n, p, k))
                value = binomial_log(k, n, p)
                if value > mpf("-1e-290"):
                    continue
                kept += 1
                row("binomial", value, n=n, p=p, k=k)


# ---- Poisson-binomial


def poisson_binomial(k, p):
    law = [mpf(1)]
    for v in p:
        v = mpf(v)
        law = [a * (1 - v) + b * v for a, b in zip(law + [mpf(0)], [mpf(0)] + law)]
    upper, lower = mp.fsum(law[k:]), mp.fsum(law[:k])
    return mp.log(upper) if upper < 0.5 else mp.log1p(-lower)


def poisson_binomial_rows():
    for n in [2, 5, 17, 60, 150, 400]:
        for tilt in (1, 0.05, 1e-5):
            p = [rng.choice([0.5, 0.25, 0.125, 1 / 24, rng.random()]) * tilt for _ in range(n)]
            mean = sum(p)
            for k in {1, 2, round(mean), round(mean) + 1, round(mean / 2), round(1.5 * mean), (n + round(mean)) // 2, n - 1, n}:
                if 1 <= k <= n:
                    row("poisson-binomial", poisson_binomial(k, p), p=p, k=k)
    p = [rng.choice([1.0, 0.0, 0.3, 0.999]) for _ in range(30)]
    for k in (9, 15, 22):
        row("poisson-binomial", poisson_binomial(k, p), p=p, k=k)


# ---- weighted exponentials


def weighted_exponential(w, x):
    """Partial fractions; equal weights are told apart by 1e-60, unequal ones cost at most 800 digits."""
    with mp.workdps(1500):
        w = [mpf(v) * (1 + i * mpf("1e-60")) for i, v in enumerate(w)]
        x = mpf(x)
        total = mpf(0)
        for i, v in enumerate(w):
            if (v > 0) != (x >= 0):
                continue
            c = mpf(1)
            for j, u in enumerate(w):
                if j != i:
                    c *= v / (v - u)
            total += c * mp.exp(-x / v)
        if x < 0:
            total = 1 - total
        return mp.log(total) if total < 0.5 else mp.log1p(total - 1)


def weighted_exponential_rows():
    assert abs(weighted_exponential([2, 2, 2], 4) - mp.log(mp.exp(-2) * 5)) < 1e-50
    sets = [
        [0.5, 1.5],
        [1.0, 1.0],
        [1.0, 1.0000001],
        [1.0, 1e-6],
        [0.3, 0.3, 0.3],
        [0.9, 1.0, 1.1, 1.0],
        [2.0] + [0.01] * 9,
        [0.1] * 10 + [1.0],
        [1.0, -1.0],
        [0.7, -0.2, 0.1],
        [0.5, 0.25, -0.5, -0.25, 0.1, -0.1, 0.3],
        [round(rng.uniform(0.05, 2), 3) for _ in range(5)],
        [round(rng.uniform(0.05, 2), 3) for _ in range(8)],
        [round(rng.uniform(0.05, 2), 3) for _ in range(20)],
        [round(rng.uniform(-1, 1), 3) for _ in range(20)],
    ]
    for w in sets:
        mean = sum(w)
        sd = math.sqrt(sum(v * v for v in w))
        for z in (-0.97, -0.8, -0.4, -0.05, 0, 0.05, 0.5, 2, 6, 20, 80, 700):
            x = mean + z * sd if z > 0 else mean * (1 + z) if mean > 0.3 * sd else mean + z * sd * 9
            if x > 0 or min(w) < 0:
                row("weighted-exponential", weighted_exponential(w, x), weights=w, x=x)
        row("weighted-exponential", weighted_exponential(w, 1e6 * max(w)), weights=w, x=1e6 * max(w))
        if min(w) > 0:
            row("weighted-exponential", weighted_exponential(w, 1e-5 * mean), weights=w, x=1e-5 * mean)


# ---- dual key


def dual(n, alpha, x, upper):
    """ln P(S >= x): S/β is Gamma(2n + K), β = min(α, 1−α), K negative binomial (n, r = β/(1−β))."""
    alpha, x = mpf(alpha), mpf(x)
    beta = min(alpha, 1 - alpha)
    r = beta / max(alpha, 1 - alpha)
    y, s = x / beta, 1 - r
    # The largest product of weight and tail, by ternary search on a float model of it.
    fy, fs = float(y), float(s)

    def model(k):
        a = 2 * n + k
        w = math.lgamma(n + k) - math.lgamma(n) - math.lgamma(k + 1) + k * (math.log(fs) if fs > 0 else 0)
        t = 0.0
        if (fy > a) == upper:
            t = a * math.log(fy / a) - fy + a
        return w + t

    lo, hi = 0, int(100 * (n + 10) / float(r)) + 1000
    while hi - lo > 2:
        third = (hi - lo) // 3
        if model(lo + third) < model(hi - third):
            lo += third
        else:
            hi -= third
    peak, top = lo, model(lo)
    start, width = peak, 1
    while start > 0 and model(start) > top - 110:
        start, width = max(0, start - width), width * 2
    end, width = peak, 1
    while model(end) > top - 110:
        end, width = end + width, width * 2
    if upper:
        order = range(start, end)
        a = 2 * n + start
        tail = mp.exp(gamma_both(a, y)[0])
        step = mp.exp(a * mp.log(y) - y - mp.loggamma(a + 1))
    else:
        order = range(end, start - 1, -1)
        a = 2 * n + end
        tail = mp.exp(gamma_both(a, y)[1])
        step = mp.exp((a - 1) * mp.log(y) - y - mp.loggamma(a))
    k = order[0]
    weight = mp.exp(mp.loggamma(n + k) - mp.loggamma(n) - mp.loggamma(k + 1) + n * mp.log(r) + (k * mp.log(s) if k else 0))
    total = mpf(0)
    for k in order:
        total += weight * tail
        a = 2 * n + k
        if upper:
            tail += step  # Q(a+1) = Q(a) + y^a e^−y / Γ(a+1)
            step *= y / (a + 1)
            weight *= s * (n + k) / (k + 1)
        else:
            if k == 0:
                break
            tail += step  # P(a−1) = P(a) + y^(a−1) e^−y / Γ(a)
            step *= (a - 1) / y
            weight *= k / (s * (n + k - 1))
    return mp.log(total) if upper else mp.log1p(-total)


def dual_one(alpha, x):
    with mp.workdps(200):
        a, b, x = mpf(alpha), 1 - mpf(alpha), mpf(x)
        total = (b * mp.exp(-x / b) - a * mp.exp(-x / a)) / (b - a)
        return mp.log(total) if total < 0.5 else mp.log1p(total - 1)


def dual_rows():
    assert abs(dual(1, 0.1, 3, True) - dual_one(0.1, 3)) < 1e-30
    assert abs(dual(1, 0.1, 0.3, False) - dual_one(0.1, 0.3)) < 1e-30
    for alpha in (1e-9, 1e-3, 0.1, 0.3, 0.4999, 0.5 - 1e-9, 0.5 + 1e-12, 0.7, 0.999):
        for x in (1e-3, 0.3, 1.0, 1.7, 12.0, 700.0, 1e5):
            row("dual-gamma", dual_one(alpha, x), n=1, alpha=alpha, x=x)
    grid = [(n, a) for n in (2, 7, 64, 1000, 20000) for a in (0.05, 0.1, 0.25, 0.45, 0.499, 0.4999999, 0.8)]
    for n, alpha in grid + [(200000, 0.3), (1000000, 0.45)]:
        sd = math.sqrt(n * (alpha**2 + (1 - alpha) ** 2))
        for z in (-6, -3, -1, -0.02, 0, 0.02, 1, 4, 9, 40):
            x = n + z * sd
            if n > 20000 and z not in (-3, 0, 4, 9):
                continue
            if x > 0.001 * n:
                row("dual-gamma", dual(n, alpha, x, z >= 0), n=n, alpha=alpha, x=x)
    for n, alpha in ((64, 0.1), (1000, 0.45)):
        row("dual-gamma", dual(n, alpha, 30.0 * n, True), n=n, alpha=alpha, x=30.0 * n)


# ---- normal


def normal_rows():
    for x in (-30, -8.5, -5.0001, -1, -0.1, 1e-9, 0.3, 2, 4.9999, 5.0001, 6, 12.5, 100, 1414.2, 1e5):
        value = mp.log(mp.erfc(mpf(x) / mp.sqrt(2)) / 2) if x > 0 else mp.log1p(-mp.erfc(-mpf(x) / mp.sqrt(2)) / 2)
        row("normal", value, x=float(x))


# ---- e-values: ln of the likelihood ratio averaged over the prior


def peak_integral(g, lo, hi):
    """ln ∫ e^g over (lo, hi), g concave: pieces about the maximum, 1.5 times wider from one to the next."""
    a, b = mpf(lo), mpf(hi)
    for _ in range(400):
        u, v = a + (b - a) / 3, b - (b - a) / 3
        if g(u) < g(v):
            a = u
        else:
            b = v
    at = (a + b) / 2
    top = g(at)
    total = mpf(0)
    for side, end in ((1, mpf(hi)), (-1, mpf(lo))):
        width = abs(end - at)
        while width > mpf("1e-40") and g(at + side * width * mpf("0.999")) < top - 1:
            width /= 2
        x = at
        while True:
            y = x + side * width
            if (y - end) * side >= 0:
                y = end
            total += mp.quad(lambda t: mp.exp(g(t) - top), sorted([x, y]))
            if y == end or g(y) < top - 130:
                break
            x, width = y, width * mpf("1.5")
    return top + mp.log(total)


def evalue_rows():
    def gamma_e(n, s, b):
        return mp.log(b) + peak_integral(lambda l: (n + b - 1) * mp.log1p(-l) + l * mpf(s), 0, 1)

    def bernoulli_e(n, s, g, a, b):
        g, a, b = mpf(g), mpf(a), mpf(b)
        prior = mp.log(mp.beta(a, b) * mp.betainc(b, a, 0, 1 - g, regularized=True))
        like = lambda q: (s + a - 1) * mp.log(q) + (n - s + b - 1) * mp.log1p(-q) - s * mp.log(g) - (n - s) * mp.log1p(-g)
        return peak_integral(like, g, 1) - prior

    assert abs(gamma_e(100, 140, 4) - 5.06904169) < 1e-8
    assert abs(bernoulli_e(100, 40, 0.25, 1, 1) - 3.59428322) < 1e-8
    for n in (1, 10, 400, 20000, 1000000):
        for ratio in (0.05, 0.8, 0.99, 1, 1.01, 1.3, 4):
            for b in (1, 16, 1024):
                row("gamma-e", gamma_e(n, n * ratio, b), n=n, x=n * ratio, b=b)
    for n in (2, 50, 3000, 100000, 1000000):
        for g in (0.01, 0.25, 0.5, 0.9):
            for ratio in (0.3, 0.95, 1, 1.02, 1.09):
                s = round(n * g * ratio)
                for a, b in ((1, 1), (0.5, 0.5), (3, 40)):
                    if 0 <= s <= n and s + a > 1 and n - s + b > 1:
                        row("bernoulli-e", bernoulli_e(n, s, g, a, b), n=n, k=s, p=g, a=a, b=b)


for rows in (gamma_rows, binomial_rows, poisson_binomial_rows, weighted_exponential_rows, dual_rows, normal_rows, evalue_rows):
    rows()
