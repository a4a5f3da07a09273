"""Vectors of textseal: pseudorandom function, detectors, and the Gumbel-max generator."""

import dataclasses
import types

import numpy as np
import torch

import releases
import toy
from rows import both, f32, from_f32

VERSION = "0.0.5"

# Scores are float32 logarithms, which depend on the processor by one ulp; p of a
# Gamma law moves by at most the difference of the sums, times its hazard below 1.
TOLERANCES = {"score": (1.2e-7, 0.0), "p": (1e-4, 0.0)}


def load():
    for name in ("textseal", "textseal.common", "textseal.posthoc"):
        releases.bare(name)
    global marks, words, detectors, generators
    marks = releases.load("textseal.common.watermark.core")
    words = releases.load("textseal.common.watermark.pseudorandom")
    detectors = releases.load("textseal.posthoc.detector")
    generators = releases.load("textseal.posthoc.generator")


class Tokenizer:
    """Texts are lists of ids already."""

    vocab_size = 49152

    def encode(self, ids, add_special_tokens):
        return list(ids)

    decode = add_special_tokens = None


def config_of(fields):
    names = {f.name for f in dataclasses.fields(marks.WatermarkConfig)}
    return marks.WatermarkConfig(**{name: value for name, value in fields.items() if name in names})


def prf(row):
    key, window, target = int(row["secret_key"]), torch.tensor([row["window"]]), torch.tensor([row["token"]])
    config = marks.WatermarkConfig(secret_key=key, ngram=len(row["window"]))
    r = words.prf_uniform(window, target, key)
    detector = detectors.build_detector(Tokenizer(), config)
    return {
        **{name: row[name] for name in ("secret_key", "window", "token")},
        "k": words._hash(words._weighted_sum(window), target, key, "cpu").item(),
        "r_f32": f32(r.item()),
        "score_f32": f32(detector.score_tok(row["window"], row["token"])),
        "green_gamma05": words.prf_binary(window, target, key, 0.5).item(),
        "green_gamma025": words.prf_binary(window, target, key, 0.25).item(),
    }


def table(row):
    r = torch.tensor([row["k"]]).float() / words._M
    return {"k": row["k"], "r_f32": f32(r.item()), "score_f32": f32((-(1 - r[0]).log()).item())}


def detect(run, completion):
    fields = dict(run["detector"])
    seen = None if fields["scoring_method"] == "v2-noset" else set()
    method = fields["scoring_method"].removesuffix("-noset")
    d = detectors.build_detector(Tokenizer(), config_of(fields))
    scores, masks = d.get_scores_by_t([completion], scoring_method=method, return_aux=True, seen_windows=seen)
    total = float(np.sum(scores[0]))
    with np.errstate(all="ignore"):
        p = d.get_pvalue(total, len(scores[0]), 1e-200)
    return {
        "label": run["label"], "detector": run["detector"], "num_scored": len(scores[0]), "mask": "".join(map(str, masks[0])), **both("score", total), **both("p", p),
    }


def texts(row):
    return {**row, "detect": [detect(run, row["completion_ids"]) for run in row["detect"]]}


class Choice:
    """The generator of a configuration, without a model."""

    def __init__(self, fields):
        model = types.SimpleNamespace(config=types.SimpleNamespace(max_position_embeddings=4096, pad_token_id=0, eos_token_id=2, _name_or_path="toy"))
        kinds = {"gumbelmax": generators.GumbelmaxGenerator, "greenlist": generators.GreenlistGenerator, "synthid": generators.SynthidGenerator}
        kind = kinds[fields["watermark_type"].removesuffix("-weighted")]
        self.generator = kind(model, types.SimpleNamespace(eos_token_id=2), config_of(fields))
        self.top_p = fields["top_p"]

    def next(self, logits, context):
        return self.generator.sample_next(logits, torch.tensor([context]), temperature=1.0, top_p=self.top_p).item()


def steps(row):
    """Candidates are given with their probabilities after top-p: nothing is left to cut off."""
    choice = Choice({**row, "top_p": 1.0})
    logits = toy.dense(row["candidates"], np.log(np.array([from_f32(p) for p in row["probs_f32"]], dtype=np.float64)), max(row["candidates"]) + 1)
    return {**row, "choice": choice.next(logits, row["context"])}


FILES = {"textseal_prf": prf, "textseal_table": table, "textseal_texts": texts, "textseal_steps": steps}


# New inputs.


def truncate(logits, top_p):
    """The kept candidates in descending probability and their probabilities, as sample_next makes them."""
    probs, ids = torch.sort(torch.softmax(logits, dim=-1), dim=-1, descending=True)
    probs[torch.cumsum(probs, dim=-1) - probs > top_p] = 0.0
    probs.div_(probs.sum(dim=-1, keepdim=True))
    kept = int((probs > 0).sum())
    return ids[0, :kept].tolist(), probs[0, :kept].tolist()


def generate(c, model, prompt, n, name, recorded):
    choice, out = Choice(c), []
    for i in range(n):
        history = prompt + out
        context, logits = history[-c["ngram"]:], model.logits(history)
        token = choice.next(logits.clone(), context)
        if c["watermark_type"] == "gumbelmax" and i % 9 == 0:
            ids, probs = truncate(logits, c["top_p"])
            recorded.append({"pos": i, "context": context, "candidates": ids, "probs_f32": [f32(p) for p in probs], "choice": token, "group": name, **c})
        out.append(token)
    return out


def detector_row(c, method, **changes):
    d = {name: value for name, value in c.items() if name != "top_p"}
    return {**d, "scoring_method": method, **changes}


def new(rng, texts_per_group, length):
    rows = []
    for n in range(240):
        key = int(rng.choice([0, 1, 42, 2**31, 2**40, 2**62])) if n % 5 == 0 else int(rng.integers(0, 2**62))
        rows.append(prf({"secret_key": str(key), "window": toy.ids(rng, 300000, int(rng.integers(1, 11))), "token": toy.ids(rng, 300000, 1)[0]}))
    yield "textseal_prf", rows
    yield "textseal_table", [table({"k": k}) for k in range(words._M)]

    vocab_size = 49152
    model = toy.Model(int(rng.integers(1 << 30)), vocab_size)
    groups = []
    for name, kind, ngram, more in (
        ("new-g2", "gumbelmax", 2, {}), ("new-g7", "gumbelmax", 7, {}), ("new-green1", "greenlist", 1, {"gamma": 0.25, "delta": 3.0}),
        ("new-green5", "greenlist", 5, {"gamma": 0.6, "delta": 3.0}), ("new-synthid2", "synthid", 2, {"gamma": 0.5, "depth": 17}),
    ):
        groups.append((name, {"watermark_type": kind, "method": "uniform" if kind == "gumbelmax" else "binary", "secret_key": int(rng.integers(0, 2**40)), "ngram": ngram, "top_p": 0.95, **more}))
    out, recorded = [], []

    def add(text, runs):
        text["detect"] = [detect({"label": label, "detector": d}, text["completion_ids"]) for label, d in runs]
        out.append(text)

    for name, c in groups:
        tags = {"engine": "textseal", "engine_version": VERSION, "config": c}
        three = [("right", detector_row(c, m)) for m in ("v2", "v1", "none")]
        for i in range(texts_per_group):
            prompt = toy.prompt(rng, vocab_size)
            completion = generate(c, model, prompt, length, name, recorded if i == 0 else [])
            runs = three + [("wrong-key", detector_row(c, "v2", secret_key=c["secret_key"] + 3)), ("v2-without-a-seen-set", detector_row(c, "v2-noset"))]
            if c["watermark_type"] == "synthid":
                runs.append(("other-weighting", detector_row(c, "v2", watermark_type="synthid-weighted")))
            add({"id": f"{name}/{i}", "kind": "marked", **tags, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0, "prompt_ids": prompt, "completion_ids": completion,
                 "trace": "A" * length}, runs)
        for edge, ids in toy.edges(completion, vocab_size).items():
            add({"id": f"{name}/edge-{edge}", "kind": "edge", **tags, "vocab_size": vocab_size, "completion_ids": ids}, three)
    for i in range(texts_per_group):
        prompt, completion = toy.unmarked(model, rng, length)
        add({"id": f"unmarked/{i}", "kind": "unmarked", "engine": "none", "engine_version": "", "config": None, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0,
             "prompt_ids": prompt, "completion_ids": completion, "trace": "-" * length, "top_k": 50}, [("any", detector_row(c, m)) for _, c in groups for m in ("v2", "v1")])
    yield "textseal_texts", out
    yield "textseal_steps", recorded
