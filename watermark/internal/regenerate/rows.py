"""Rows of the vector files: number formats, and the comparison of two rows."""

import json
import math
import struct


def f64(x):
    """Bits of a binary64, big-endian, 16 hex digits."""
    return struct.pack(">d", float(x)).hex()


def f32(x):
    """Bits of a binary32, 8 hex digits."""
    return struct.pack(">f", float(x)).hex()


def from_f32(text):
    return struct.unpack(">f", bytes.fromhex(text))[0]


def from_f64(text):
    return struct.unpack(">d", bytes.fromhex(text))[0]


def plain(x):
    """A float that JSON can hold: non-finite values are strings."""
    x = float(x)
    return x if math.isfinite(x) else str(x)


def both(name, x):
    """A value for reading and its bits."""
    return {name: plain(x), name + "_f64": f64(x)}


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write(path, rows):
    with open(path, "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n")


# Relative tolerances by the name of a field without its format; 0 is exact.
# (value, absolute): a difference passes if it is within either.
TOLERANCES = {
    "p": (1e-8, 0.0),
    "p_value": (1e-8, 0.0),
    "log_p": (1e-9, 1e-11),
    "log_p_value": (1e-9, 1e-11),
    "score": (1e-12, 0.0),
    "z": (1e-12, 0.0),
    "z_score": (1e-12, 1e-12),
    "green_fraction": (1e-12, 0.0),
    "mean64": (1e-12, 0.0),
    "weighted_mean64": (1e-12, 0.0),
    "weighted_mean": (1e-6, 0.0),
    "out_scores": (1e-5, 1e-5),
    # torch's float32 logarithm depends on the processor by one ulp.
    "log_u": (1.2e-7, 0.0),
    "probs": (1e-6, 0.0),
    "posterior": (1e-4, 0.0),
    "posterior_double": (1e-11, 0.0),
}


def number(name, value):
    """The field's name without its format, and its value as a float, or None."""
    if name.endswith("_f32") and isinstance(value, str):
        return name[:-4], from_f32(value)
    if name.endswith("_f64") and isinstance(value, str):
        return name[:-4], from_f64(value)
    if isinstance(value, float):
        return name, value
    if value in ("nan", "inf", "-inf"):
        return name, float(value)
    return name, None


def compare(want, got, tolerances=TOLERANCES, name="", path=""):
    """Yields (path, want, got, within tolerance) for each leaf that differs."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key in want.keys() | got.keys():
            yield from compare(want.get(key, "absent"), got.get(key, "absent"), tolerances, key, path + "." + key)
        return
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for i, (a, b) in enumerate(zip(want, got)):
            yield from compare(a, b, tolerances, name, f"{path}[{i}]")
        return
    if type(want) is type(got) and want == got:
        return
    base, a = number(name, want)
    _, b = number(name, got)
    if a is None or b is None:
        yield path, want, got, False
        return
    if a == b and f64(a) == f64(b):
        return
    relative, absolute = tolerances.get(base, (0.0, 0.0))
    if base == "out_scores" and a < -14:
        # Below a millionth the score is what rounding left of 1 - m: processors differ, and
        # some are left with nothing, which the engine writes as the lowest float32.
        relative = math.inf if b < -1e30 else 0.02
    near = math.isfinite(a) and math.isfinite(b) and abs(a - b) <= max(relative * abs(a), absolute)
    yield path, want, got, near or (math.isnan(a) and math.isnan(b))
