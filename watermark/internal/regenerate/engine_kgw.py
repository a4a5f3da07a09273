"""Vectors of the green lists of transformers, on torch's CPU generator."""

import functools
import hashlib
import types

import numpy as np
import torch

import releases
import toy
from rows import both

VERSION = "5.23.0"


def load():
    releases.require("transformers", VERSION)
    releases.require("torch", "2.15.0")
    global Detector, Processor
    from transformers.generation.logits_process import WatermarkLogitsProcessor as Processor
    from transformers.generation.watermarking import WatermarkDetector as Detector


@functools.lru_cache(maxsize=64)
def processor(scheme, key, width, vocab_size, ratio, bias=2.0):
    return Processor(vocab_size, "cpu", greenlist_ratio=ratio, bias=bias, hashing_key=key, seeding_scheme=scheme, context_width=width)


def sha256_u32(values):
    return hashlib.sha256(np.asarray(values, dtype="<u4").tobytes()).hexdigest()


def prf(row):
    key, ids = int(row["hashing_key"]), torch.tensor(row["ids"])
    p = processor(row["scheme"], key, row["context_width"], row["vocab_size"], row["greenlist_ratio"])
    green = p._get_greenlist_ids(ids).tolist()
    if row["scheme"] == "selfhash":
        window = ids[-p.context_width :]
        a, b = (p.fixed_table[x % p.table_size] + 1 for x in (window, window[-1]))
        raw = (key * a * b).min().item()
    else:
        raw = key * row["ids"][-1]
    seed = p.rng.initial_seed()
    if raw % (2**64 - 1) != seed:
        raise AssertionError("the release's seed is not the raw one modulo 2^64 - 1")
    given = {name: row[name] for name in ("scheme", "hashing_key", "context_width", "vocab_size", "greenlist_ratio", "ids")}
    return {
        **given, "raw_seed": str(raw), "rng_seed": str(seed), "greenlist_size": p.greenlist_size, "green_first16": green[:16],
        "green_sorted_sha256": sha256_u32(sorted(green)), "candidate_is_green": row["ids"][-1] in green if row["scheme"] == "selfhash" else None,
    }


def tables(row):
    table = processor("selfhash", int(row["hashing_key"]), 4, 1000, 0.25).fixed_table.tolist()
    return {"hashing_key": row["hashing_key"], "table_size": len(table), "first16": table[:16], "sha256_u32le": sha256_u32(table)}


@functools.lru_cache(maxsize=64)
def detector(config, vocab_size, bos, unique):
    model = types.SimpleNamespace(bos_token_id=bos, is_encoder_decoder=False, vocab_size=vocab_size)
    return Detector(model, "cpu", dict(config), ignore_repeated_ngrams=unique)


def detect(run, row):
    config = dict(run["detector"])
    unique = config.pop("ignore_repeated_ngrams")
    out = {"label": run["label"], "detector": run["detector"]}
    try:
        got = detector(tuple(config.items()), row["vocab_size"], row.get("bos_token_id"), unique)(torch.tensor([row["completion_ids"]], dtype=torch.int64), return_dict=True)
    except Exception as error:
        return {**out, "error": type(error).__name__}
    return {
        **out, "num_scored": int(got.num_tokens_scored[0]), "num_green": int(got.num_green_tokens[0]), **both("green_fraction", got.green_fraction[0]),
        **both("z", got.z_score[0]), **both("p", got.p_value[0]), "prediction": bool(got.prediction[0]),
    }


def texts(row):
    return {**row, "detect": [detect(run, row) for run in row["detect"]]}


FILES = {"kgw_prf": prf, "kgw_tables": tables, "kgw_texts": texts}


# New inputs.


def generate(c, model, prompt, n):
    p = processor(c["seeding_scheme"], c["hashing_key"], c["context_width"], model.vocab_size, c["greenlist_ratio"], c["bias"])
    out = []
    for _ in range(n):
        history = prompt + out
        scores = p(torch.tensor([history]), model.logits(history))
        out.append(torch.multinomial(torch.softmax(scores, -1), 1).item())
    return out


def one_of(rng, *choices):
    """Like rng.choice, which would make floats of integers above 2^63."""
    return choices[rng.integers(len(choices))]


def new(rng, texts_per_group, length):
    rows = []
    for n in range(80):
        key = one_of(rng, 0, 1, 15485863, 2**31, 2**32 + 5, 2**63, 2**64 - 1) if n % 4 == 0 else toy.key64(rng)
        vocab_size, ratio = int(rng.choice([1000, 32003, 50257, 128256])), float(rng.choice([0.1, 0.25, 0.33, 0.5, 0.7]))
        rows.append(prf({"scheme": "lefthash", "hashing_key": str(key), "context_width": 1, "vocab_size": vocab_size, "greenlist_ratio": ratio, "ids": toy.ids(rng, vocab_size, 1)}))
    for n in range(80):
        key = one_of(rng, 0, 1, 15485863, 2**31, 2**63 - 1) if n % 4 == 0 else toy.key64(rng) >> 1
        vocab_size, ratio, width = int(rng.choice([1000, 32003, 50257, 128256])), float(rng.choice([0.1, 0.25, 0.33, 0.5, 0.7])), int(rng.choice([1, 2, 3, 4, 5, 8]))
        rows.append(prf({"scheme": "selfhash", "hashing_key": str(key), "context_width": width, "vocab_size": vocab_size, "greenlist_ratio": ratio, "ids": toy.ids(rng, vocab_size, width)}))
    yield "kgw_prf", rows
    yield "kgw_tables", [tables({"hashing_key": str(k)}) for k in (0, 2**63 - 1, toy.key64(rng) >> 1, toy.key64(rng) >> 1)]

    vocab_size, bos = 32003, 1
    model = toy.Model(int(rng.integers(1 << 30)), vocab_size)
    groups = []
    for name, scheme, width, ratio, bias in (
        ("new-left", "lefthash", 1, 0.25, 3.0), ("new-left-third", "lefthash", 1, 0.33, 4.0), ("new-left-w3", "lefthash", 3, 0.5, 4.0),
        ("new-self-w2", "selfhash", 2, 0.25, 4.0), ("new-self-w5", "selfhash", 5, 0.4, 4.0),
    ):
        groups.append((name, {"greenlist_ratio": ratio, "bias": bias, "hashing_key": toy.key64(rng) >> (1 + 20 * (len(groups) % 3)), "seeding_scheme": scheme, "context_width": width}))
    out = []

    def add(text, configs):
        text["detect"] = [detect({"label": label, "detector": {**c, "ignore_repeated_ngrams": unique}}, text) for label, c, unique in configs]
        out.append(text)

    for name, c in groups:
        tags = {"engine": "transformers-kgw", "engine_version": VERSION, "config": c}
        both_ways = [("right", c, False), ("right-unique", c, True)]
        for i in range(texts_per_group):
            prompt = toy.prompt(rng, vocab_size)
            completion = generate(c, model, prompt, length)
            add({"id": f"{name}/{i}", "kind": "marked", **tags, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0, "prompt_ids": prompt, "completion_ids": completion,
                 "trace": "A" * length, "top_k": 50, "bos_token_id": bos}, both_ways + [("wrong-key", {**c, "hashing_key": c["hashing_key"] ^ 12}, False)])
        edges = {**toy.edges(completion, vocab_size), "leading-bos": [bos] + completion[:50], "bos-inside": completion[:20] + [bos] + completion[20:50]}
        for edge, ids in edges.items():
            add({"id": f"{name}/edge-{edge}", "kind": "edge", **tags, "vocab_size": vocab_size, "bos_token_id": bos, "completion_ids": ids}, both_ways)
    for i in range(texts_per_group):
        prompt, completion = toy.unmarked(model, rng, length)
        add({"id": f"unmarked/{i}", "kind": "unmarked", "engine": "none", "engine_version": "", "config": None, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0,
             "prompt_ids": prompt, "completion_ids": completion, "trace": "-" * length, "top_k": 50, "bos_token_id": bos}, [("any", c, False) for _, c in groups])
    yield "kgw_texts", out
