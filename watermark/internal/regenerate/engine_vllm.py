"""Vectors of vLLM's mark: the CPU reference path of vllm/v1/watermarking."""

import logging

import torch

import releases
import toy
from rows import both, f32, from_f32

VERSION = "0.33.0"


def load():
    for name in ("vllm", "vllm.config", "vllm.v1", "vllm.v1.worker", "vllm.v1.worker.gpu", "vllm.v1.worker.gpu.sample"):
        releases.bare(name)

    class Logger(logging.Logger):
        def warning_once(self, *args, **kwargs):
            pass

    releases.stand_in("vllm.logger", init_logger=Logger)
    releases.stand_in("vllm.config.utils", config=lambda cls: cls)
    import triton
    import triton.language as tl

    releases.stand_in("vllm.triton_utils", triton=triton, tl=tl, HAS_TRITON=True)
    global marks, philox, gumbel, repeated_context_mask
    marks = releases.load("vllm.v1.watermarking")
    philox = releases.load("vllm.v1.watermarking.prfs.philox")
    gumbel = releases.load("vllm.v1.watermarking.gumbel")
    repeated_context_mask = releases.load("vllm.v1.worker.gpu.sample.watermark").repeated_context_mask


def keys(row):
    key = int(row["key"])
    return {
        "key": row["key"],
        "key_a": str(marks.derive_watermark_key(key, b"key_a")),
        "key_b": str(marks.derive_watermark_key(key, b"key_b")),
    }


def prf(row):
    key, contexts = int(row["key"]), torch.tensor([row["context"]])
    targets = torch.tensor([row["token"]])
    detector = marks.GumbelWatermarkDetector(key, len(row["context"]))
    score = detector._aggregate_scores(detector._score_tokens(contexts, targets))
    u = detector.prf.uniform(contexts, targets.unsqueeze(-1)).item()
    whole, philox.uint32_to_uniform = philox.uint32_to_uniform, lambda word: word
    word = detector.prf.uniform(contexts, targets.unsqueeze(-1)).item()
    philox.uint32_to_uniform = whole
    given = {name: row[name] for name in ("key", "context", "token")}
    return {**given, "word": word, "u_f32": f32(u), **both("score", score)}


def tails(row):
    if row["fn"] == "gamma_survival_integer_shape":
        p = gumbel._gamma_survival_integer_shape(row["score"], row["shape"])
    else:
        p = marks.DualKeyGumbelWatermarkDetector(1, alpha=row["alpha"])._get_p_value(row["score"], row["num_scored"])
    given = {name: row[name] for name in ("fn", "score", "shape", "num_scored", "alpha") if name in row}
    return {**given, **both("p", p)}


def detector_of(d):
    kwargs = {"context_width": d["context_width"], "deduplicate_contexts": d["deduplicate_contexts"]}
    if d["algorithm"] == "gumbel":
        return marks.GumbelWatermarkDetector(int(d["key"]), **kwargs)
    return marks.DualKeyGumbelWatermarkDetector(int(d["key"]), alpha=d["alpha"], **kwargs)


def detect(run, ids):
    got = detector_of(run["detector"]).detect(ids)
    return {
        "label": run["label"],
        "detector": run["detector"],
        "num_scored": got.num_scored_tokens,
        **both("score", got.score),
        **both("p", got.p_value),
        "is_watermarked": got.is_watermarked,
    }


def texts(row):
    """Recomputes the detections, and of a marked text's trace where it was skipped."""
    out = {**row, "detect": [detect(run, row["completion_ids"]) for run in row["detect"]]}
    if row["kind"] == "marked":
        skipped = skips(row["config"], row["prompt_ids"], row["completion_ids"])
        out["trace"] = "".join("-" if s else ("A" if c == "-" else c) for s, c in zip(skipped, row["trace"]))
    return out


def repeated(config, prompt, before):
    """Whether the generator skips the position after these ids."""
    scope = config["deduplicate_contexts"]
    if scope == "none":
        return False
    width = config["context_width"]
    context = ([-1] * width + before)[-width:]
    return repeated_context_mask(
        torch.tensor([prompt + before]),
        torch.tensor([0]),
        torch.tensor([len(prompt)]),
        torch.tensor([len(prompt) + len(before)]),
        torch.tensor([context]),
        config["deduplicate_contexts_max_history"],
        include_prompt=scope == "all",
        skip_partial_context=scope == "all",
    ).item()


def skips(config, prompt, completion):
    return [repeated(config, prompt, completion[:i]) for i in range(len(completion))]


def steps(row):
    """Recomputes uniforms and choices; `repeated` depends on the text before, which rows lack."""
    out = {name: value for name, value in row.items() if name not in ("u_b_f32", "choice_b")}
    key = int(row["key"])
    subkeys = {"a": key}
    if row["algorithm"] == "dual_key_gumbel":
        subkeys = {side: marks.derive_watermark_key(key, b"key_" + side.encode()) for side in "ab"}
    contexts, logits = torch.tensor([row["context"]]), toy.dense(row["candidates"], [from_f32(b) for b in row["logits_f32"]], max(row["candidates"]) + 1)
    for side, subkey in subkeys.items():
        marker = marks.GumbelWatermarker(subkey, row["context_width"])
        u = marker.prf.uniform(contexts, torch.tensor([row["candidates"]]))[0]
        out[f"u_{side}_f32"] = [f32(x) for x in u.tolist()]
        out[f"choice_{side}"] = marker.sample(logits, contexts).token_ids.item()
    return out


FILES = {"vllm_keys": keys, "vllm_prf": prf, "vllm_tails": tails, "vllm_texts": texts, "vllm_steps": steps}


# New inputs.


class Ordinary:
    """The request's own draws: of a token where a position is skipped, else of the route."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.route = None

    def __call__(self, logits):
        chosen = torch.multinomial(torch.softmax(logits, -1), 1, generator=self.generator)[:, 0]
        if logits.shape[-1] == 2:
            self.route = "AB"[chosen.item()]
        return chosen


def marker_of(config):
    key, width = int(config["key"]), config["context_width"]
    if config["algorithm"] == "gumbel":
        return marks.GumbelWatermarker(key, width)
    return marks.DualKeyGumbelWatermarker(key, width, alpha=config["alpha"])


def generate(config, model, prompt, n, seed, group, recorded):
    """A marked answer, its trace; every few positions become rows of steps."""
    marker, ordinary = marker_of(config), Ordinary(seed)
    width, out, trace = config["context_width"], [], ""
    for i in range(n):
        context = ([-1] * width + out)[-width:]
        skip = repeated(config, prompt, out)
        if seed % 4 == 0 and i % 17 == 0 or skip and i % 5 == 0:
            ids, logits = model.candidates(prompt + out)
            recorded.append(steps({
                "pos": i, "context": context, "repeated": skip, "candidates": ids, "logits_f32": [f32(x) for x in logits],
                "group": group, "algorithm": config["algorithm"], "key": config["key"], "context_width": width,
            }))
        ordinary.route = "A"
        token = marker.sample(model.logits(prompt + out), torch.tensor([context]), ordinary, torch.tensor([skip])).token_ids.item()
        trace += "-" if skip else ordinary.route
        out.append(token)
    return out, trace


def detector_row(config, key=None, width=None, dedup=True, alpha=None):
    d = {"key": key or config["key"], "context_width": width or config["context_width"], "deduplicate_contexts": dedup, "algorithm": config["algorithm"]}
    if config["algorithm"] != "gumbel":
        d["alpha"] = config["alpha"] if alpha is None else alpha
    return d


def new(rng, texts_per_group, length):
    """Yields a file's name and its rows."""
    all_keys = [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1] + [toy.key64(rng) for _ in range(20)]
    yield "vllm_keys", [keys({"key": str(k)}) for k in all_keys]

    rows = []
    for n in range(240):
        key, width = int(rng.choice(len(all_keys))), int(rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 17, 31, 32, 33, 40]))
        context = toy.ids(rng, 300000, width)
        padding = int(rng.integers(0, width + 1)) if n % 3 == 0 else 0
        context[:padding] = [-1] * padding
        rows.append(prf({"key": str(all_keys[key]), "context": context, "token": toy.ids(rng, 300000, 1)[0]}))
    yield "vllm_prf", rows

    rows = []
    for shape in (1, 2, 3, 7, 19, 60, 210, 800, 3000):
        for factor in (0.3, 0.8, 1.0, 1.13, 1.6, 2.7):
            rows.append(tails({"fn": "gamma_survival_integer_shape", "score": float(shape * factor * rng.uniform(0.95, 1.05)), "shape": shape}))
    for alpha in (0.0, 0.07, 0.13, 0.25, 0.5, 0.66, 0.9, 1.0):
        for n in (1, 4, 30, 150, 700):
            rows.append(tails({"fn": "dual_gammaincc", "score": float(n * rng.uniform(0.7, 1.7)), "num_scored": n, "alpha": alpha}))
    yield "vllm_tails", rows

    vocab_size = 20011
    model = toy.Model(int(rng.integers(1 << 30)), vocab_size)
    groups = []
    for name, algorithm, width, scope, history, alpha in (
        ("new-w3", "gumbel", 3, "single_turn", 8192, None),
        ("new-w1", "gumbel", 1, "single_turn", 8192, None),
        ("new-w11-none", "gumbel", 11, "none", 8192, None),
        ("new-w2-all", "gumbel", 2, "all", 8192, None),
        ("new-w2-h40", "gumbel", 2, "single_turn", 40, None),
        ("new-dual-a02", "dual_key_gumbel", 2, "single_turn", 8192, 0.2),
        ("new-dual-a09", "dual_key_gumbel", 6, "all", 8192, 0.9),
    ):
        config = {"algorithm": algorithm, "key": str(toy.key64(rng)), "context_width": width, "prf": "philox", "deduplicate_contexts": scope, "deduplicate_contexts_max_history": history}
        if alpha is not None:
            config["alpha"] = alpha
        groups.append((name, config))

    out, recorded = [], []

    def add(text, runs):
        text["detect"] = [detect({"label": label, "detector": d}, text["completion_ids"]) for label, d in runs]
        out.append(text)

    for name, config in groups:
        tags = {"engine": "vllm", "engine_version": VERSION, "config": config}
        joined = []
        for i in range(texts_per_group):
            prompt = toy.prompt(rng, vocab_size)
            completion, trace = generate(config, model, prompt, length, i, name, recorded)
            joined += completion
            runs = [
                ("right", detector_row(config)),
                ("right-nodedup", detector_row(config, dedup=False)),
                ("wrong-key", detector_row(config, key=str(int(config["key"]) ^ 1 << 40))),
                ("wrong-width", detector_row(config, width=config["context_width"] + 1)),
            ]
            if config["algorithm"] != "gumbel":
                runs += [("default-alpha", detector_row(config, alpha=0.1))]
                runs += [(f"alpha-{a:g}", detector_row(config, alpha=a)) for a in (0, 1, 0.5, 0.35)]
            add({"id": f"{name}/{i}", "kind": "marked", **tags, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0,
                 "prompt_ids": prompt, "completion_ids": completion, "trace": trace, "top_k": 50}, runs)
        runs = [("right", detector_row(config)), ("right-nodedup", detector_row(config, dedup=False))]
        for edge, ids in toy.edges(completion, vocab_size).items():
            add({"id": f"{name}/edge-{edge}", "kind": "edge", **tags, "vocab_size": vocab_size, "completion_ids": ids}, runs)
        add({"id": f"{name}/long", "kind": "long", **tags, "vocab_size": vocab_size, "completion_ids": joined}, runs[:1])
    for i in range(texts_per_group):
        prompt, completion = toy.unmarked(model, rng, length)
        add({"id": f"unmarked/{i}", "kind": "unmarked", "engine": "none", "engine_version": "", "config": None, "model": toy.MODEL, "vocab_size": vocab_size,
             "temperature": 1.0, "prompt_ids": prompt, "completion_ids": completion, "trace": "-" * length, "top_k": 50},
            [("any", detector_row(config)) for _, config in groups])
    yield "vllm_texts", out
    yield "vllm_steps", recorded
