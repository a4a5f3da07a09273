#!/usr/bin/env python3
"""Says how far a GGUF file is from the one it was made of, tensor by tensor.

A model that finetune.py wrote after no epochs differs from its original by the rounding
to float16 only, and this says so and exits 0: names, shapes, the order of rotary halves,
the tokenizer and the chat template came through.
"""

import argparse
import pathlib
import sys

import gguf
import numpy as np

# What rightly differs: how weights are stored.
STORAGE = ("general.file_type", "general.quantization_version")


def rounding(before: np.ndarray, after: np.ndarray) -> float:
    """Returns the largest difference, in what rounding to float16 explains at most."""
    if before.size != after.size:
        return float("inf")
    before, after = before.ravel().astype(np.float64), after.ravel().astype(np.float64)
    explained = np.maximum(np.abs(before) * 2.0**-11, 2.0**-25)  # half a unit in the last place, subnormals too
    return float(np.max(np.abs(after - before) / explained))


def fields(reader: gguf.GGUFReader) -> dict[str, object]:
    """Returns the metadata that a model is read with."""
    return {n: f.contents() for n, f in reader.fields.items() if not n.startswith("GGUF.") and n not in STORAGE}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("original", type=pathlib.Path, help="GGUF file, quantised or not")
    parser.add_argument("copy", type=pathlib.Path, help="GGUF file that should say the same")
    options = parser.parse_args()
    for path in (options.original, options.copy):
        if not path.is_file():
            sys.exit(f"{path} is not a file, want GGUF")

    original, copy = gguf.GGUFReader(options.original), gguf.GGUFReader(options.copy)
    want, got = fields(original), fields(copy)
    wrong = [f"metadata {n} differs" for n in sorted(want.keys() | got.keys()) if want.get(n) != got.get(n)]
    copies, worst = {t.name: t for t in copy.tensors}, 0.0
    for tensor in original.tensors:
        other = copies.pop(tensor.name, None)
        if other is None:
            wrong.append(f"{tensor.name} is missing")
            continue
        off = rounding(gguf.dequantize(tensor.data, tensor.tensor_type), gguf.dequantize(other.data, other.tensor_type))
        worst = max(worst, off)
        if off > 1:
            wrong.append(f"{tensor.name} is {off:.3g} times off what rounding explains")
    wrong += [f"{n} is new" for n in copies]
    print("\n".join(wrong[:20] + [f"{len(original.tensors)} tensors, {len(want)} fields, largest difference {worst:.3g} of rounding's bound"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
