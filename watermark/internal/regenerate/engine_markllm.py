"""Vectors of MarkLLM's KGW, Unigram and EXP, on torch's and numpy's CPU generators."""

import functools
import json
import os
import tempfile
import types

import numpy as np
import torch

import releases
import toy
from rows import both, f32

VERSION = "0.1.5"
VOCAB_SIZE = 49152


def load():
    for name in ("markllm", "markllm.watermark", "markllm.utils", "markllm.exceptions", "markllm.visualize"):
        releases.bare(name)
    global ALGORITHMS
    ALGORITHMS = {name: getattr(releases.load("markllm.watermark." + name.lower()), name) for name in ("KGW", "Unigram", "EXP")}
    global folder
    folder = os.path.dirname(releases.load("markllm.utils.utils").__file__) + "/../config/"


class Tokenizer:
    """Texts are lists of ids already."""

    def __call__(self, ids, **kwargs):
        return {"input_ids": self.encode(ids)}

    def encode(self, ids, **kwargs):
        return torch.tensor([ids], dtype=torch.int64)


def algorithm(config, vocab_size):
    return made(json.dumps(config), vocab_size)


@functools.lru_cache(maxsize=64)
def made(text, vocab_size):
    """The release's own class; what the row does not say is as in the release's own file."""
    config = json.loads(text)
    name = config.pop("algorithm")
    with open(folder + name + ".json") as own:
        config = {**json.load(own), **config}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        return ALGORITHMS[name](file.name, types.SimpleNamespace(model=None, tokenizer=Tokenizer(), vocab_size=vocab_size, device="cpu", gen_kwargs={}))


def prf(row):
    if row["scheme"] == "Unigram":
        config = {"algorithm": "Unigram", "hash_key": row["hash_key"], "gamma": row["gamma"]}
        u = algorithm(config, 4 * len(row.get("mask_bits_lsb_first_hex", "x" * (VOCAB_SIZE // 4)))).utils
        bits = np.packbits(u.mask, bitorder="little").tobytes()
        return {"scheme": "Unigram", "hash_key": row["hash_key"], "gamma": row["gamma"], "seed": u._hash_fn(row["hash_key"]), "ones": int(u.mask.sum()), "mask_bits_lsb_first_hex": bits.hex()}
    u, ids = algorithm({"algorithm": row["scheme"], **row["config"]}, VOCAB_SIZE).utils, torch.tensor(row["ids"])
    given = {name: row[name] for name in ("scheme", "config", "ids")}
    if row["scheme"] == "EXP":
        u.seed_rng(ids)
        drawn = torch.rand(VOCAB_SIZE, generator=u.rng)
        return {**given, "rng_seed": str(u.rng.initial_seed()), "tokens": row["tokens"], "u_f32": [f32(drawn[t].item()) for t in row["tokens"]]}
    from engine_kgw import sha256_u32

    green = u.get_greenlist_ids(ids).tolist()
    return {
        **given, "prf_first8": u.prf[:8].tolist(), "f": u._f(ids), "rng_seed": u.rng.initial_seed(), "greenlist_size": len(green), "green_first16": green[:16],
        "green_sorted_sha256": sha256_u32(sorted(green)),
    }


def detect(run, row):
    d, ids = run["detector"], row["completion_ids"]
    mark, out = algorithm(d, row["vocab_size"]), {"label": run["label"], "detector": run["detector"]}
    try:
        with np.errstate(all="ignore"):
            got = mark.detect_watermark(ids)
        if d["algorithm"] == "EXP":
            return {**out, **both("p", got["score"]), "num_scored": len(ids) - d["prefix_length"], "is_watermarked": bool(got["is_watermarked"])}
        _, flags = mark.utils.score_sequence(torch.tensor(ids, dtype=torch.int64))
    except Exception as error:
        return {**out, "error": type(error).__name__}
    return {**out, **both("z", got["score"]), "num_green": flags.count(1), "num_scored": len(flags) - flags.count(-1)}


def texts(row):
    return {**row, "detect": [detect(run, row) for run in row["detect"]]}


FILES = {"markllm_prf": prf, "markllm_texts": texts}


# New inputs.


def generate(c, model, prompt, n):
    mark, out = algorithm(c, model.vocab_size), []
    for _ in range(n):
        history = torch.tensor([prompt + out])
        logits = model.logits(prompt + out)
        if c["algorithm"] == "EXP":
            mark.utils.seed_rng(history[0])
            u = torch.rand(model.vocab_size, generator=mark.utils.rng)
            out.append(mark.utils.exp_sampling(torch.softmax(logits, -1), u).item())
        else:
            scores = mark.logits_processor(history, logits)
            out.append(torch.multinomial(torch.softmax(scores, -1), 1).item())
    return out


def new(rng, texts_per_group, length):
    rows = []
    for n in range(60):
        config = {"gamma": float(rng.choice([0.1, 0.25, 0.5, 0.7])), "delta": 2.0, "hash_key": int(rng.integers(0, 2**47)), "prefix_length": int(rng.integers(1, 6)),
                  "f_scheme": str(rng.choice(["time", "additive", "skip", "min"])), "window_scheme": "left"}
        rows.append(prf({"scheme": "KGW", "config": config, "ids": toy.ids(rng, VOCAB_SIZE, 6)}))
    for n in range(60):
        config = {"prefix_length": int(rng.integers(1, 7)), "hash_key": int(rng.integers(0, 2**47)), "top_k": 0}
        rows.append(prf({"scheme": "EXP", "config": config, "ids": toy.ids(rng, VOCAB_SIZE, 6), "tokens": [0, 1, 16, 49151] + toy.ids(rng, VOCAB_SIZE, 8)}))
    for n in range(6):
        rows.append(prf({"scheme": "Unigram", "hash_key": toy.key64(rng) >> 1, "gamma": float(rng.choice([0.1, 0.25, 0.5, 0.7]))}))
    yield "markllm_prf", rows

    vocab_size = VOCAB_SIZE
    model = toy.Model(int(rng.integers(1 << 30)), vocab_size)
    groups = [
        ("new-kgw-time2", {"algorithm": "KGW", "gamma": 0.4, "delta": 4.0, "hash_key": int(rng.integers(0, 2**40)), "prefix_length": 2, "f_scheme": "time", "window_scheme": "left"}),
        ("new-kgw-min3", {"algorithm": "KGW", "gamma": 0.5, "delta": 4.0, "hash_key": int(rng.integers(0, 2**40)), "prefix_length": 3, "f_scheme": "min", "window_scheme": "left"}),
        ("new-exp2", {"algorithm": "EXP", "prefix_length": 2, "hash_key": int(rng.integers(0, 2**40)), "top_k": 0}),
        ("new-unigram", {"algorithm": "Unigram", "gamma": 0.3, "delta": 3.0, "hash_key": toy.key64(rng) >> 1}),
    ]
    out = []

    def add(text, runs):
        text["detect"] = [detect({"label": label, "detector": d}, text) for label, d in runs]
        out.append(text)

    for name, c in groups:
        tags = {"engine": "markllm", "engine_version": VERSION, "config": c}
        for i in range(texts_per_group):
            prompt = toy.prompt(rng, vocab_size)
            completion = generate(c, model, prompt, length)
            add({"id": f"{name}/{i}", "kind": "marked", **tags, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0, "prompt_ids": prompt, "completion_ids": completion,
                 "trace": "A" * length}, [("right", c), ("wrong-key", {**c, "hash_key": c["hash_key"] ^ 6})])
        for edge, ids in toy.edges(completion, vocab_size).items():
            add({"id": f"{name}/edge-{edge}", "kind": "edge", **tags, "vocab_size": vocab_size, "completion_ids": ids}, [("right", c)])
    for i in range(texts_per_group):
        prompt, completion = toy.unmarked(model, rng, length)
        add({"id": f"unmarked/{i}", "kind": "unmarked", "engine": "none", "engine_version": "", "config": None, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0,
             "prompt_ids": prompt, "completion_ids": completion, "trace": "-" * length}, [("any", c) for _, c in groups])
    yield "markllm_texts", out
