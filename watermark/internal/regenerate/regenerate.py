"""Checks vectors against the engines' released code, and makes new ones.

    python regenerate.py check vllm --vectors DIR [--releases DIR]
    python regenerate.py new vllm --out DIR [--seed N] [--releases DIR]

See README.md beside this file.
"""

import argparse
import importlib
import pathlib
import sys
import time
import warnings

import numpy as np
import torch

import releases
import rows

ENGINES = ("vllm", "sglang", "kgw", "synthid", "textseal", "markllm")


def check(engine, folder, limit):
    """Recomputes each row of the engine's files from its own inputs; counts what differs."""
    bad, tolerances = 0, rows.TOLERANCES | getattr(engine, "TOLERANCES", {})
    for name, recompute in engine.FILES.items():
        path = folder / (name + ".jsonl")
        if not path.exists():
            print(f"{name}: absent, skipped")
            continue
        begin, near, different, shown = time.time(), 0, 0, 0
        given = rows.read(path)
        if hasattr(engine, "prepare"):
            engine.prepare(name, given)
        for i, row in enumerate(given):
            found = list(rows.compare(row, recompute(row), tolerances))
            worse = [d for d in found if not d[3]]
            near += bool(found) and not worse
            different += bool(worse)
            for where, want, got, _ in worse:
                if shown < limit:
                    print(f"{name} row {i} {row.get('id', '')} {where[1:]}: file has {want!r}, the release gives {got!r}")
                    shown += 1
        print(f"{name}: {len(given)} rows, {len(given) - near - different} equal, {near} within tolerance, {different} different ({time.time() - begin:.1f} s)")
        bad += different
    return bad


def new(engine, folder, seed, texts, length):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    for name, made in engine.new(rng, texts, length):
        rows.write(folder / (name + ".jsonl"), made)
        print(f"{name}: {len(made)} rows", flush=True)


def round_logarithms():
    """Rounds torch's float32 logarithm correctly: its own depends on the processor by one ulp."""
    own = torch.log

    def log(x, *args, **kwargs):
        return own(x.double()).float() if x.dtype == torch.float32 else own(x, *args, **kwargs)

    torch.log = torch.Tensor.log = log


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("mode", choices=("check", "new"))
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--vectors", type=pathlib.Path, help="check: folder of the files to check")
    parser.add_argument("--out", type=pathlib.Path, help="new: folder for the new files")
    parser.add_argument("--releases", type=pathlib.Path, default=pathlib.Path("releases"), help="folder of the unpacked wheels")
    parser.add_argument("--synthid-head", type=pathlib.Path, help="synthid: src folder of the repository's checkout that has the table-free hash")
    parser.add_argument("--rounded-log", action="store_true", help="take correctly rounded float32 logarithms instead of torch's own")
    parser.add_argument("--seed", type=int, default=1, help="new: seed of all inputs")
    parser.add_argument("--texts", type=int, default=4, help="new: marked texts per group")
    parser.add_argument("--length", type=int, default=160, help="new: ids per text, at least 80")
    parser.add_argument("--limit", type=int, default=20, help="check: differences to print per file")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", message="context_width values greater than 16")
    torch.set_num_threads(1)
    if args.rounded_log:
        round_logarithms()
    releases.add(args.releases)
    engine = importlib.import_module("engine_" + args.engine)
    if args.engine == "synthid":
        engine.load(args.synthid_head)
    else:
        engine.load()
    if args.mode == "new":
        if args.out is None or args.length < 80:
            parser.error("new needs --out and a --length of at least 80")
        new(engine, args.out, args.seed, args.texts, args.length)
        return
    if args.vectors is None:
        parser.error("check needs --vectors")
    different = check(engine, args.vectors, args.limit)
    print("no difference" if different == 0 else f"{different} rows differ")
    sys.exit(different != 0)


if __name__ == "__main__":
    main()
