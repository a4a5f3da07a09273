"""Vectors of SynthID-Text: transformers, the released synthid-text, and the repository's table-free hash.

The repository calls itself by the number of the released package, so its code cannot be
had from the registry: a checkout's src folder is given with --synthid-head. Without it
the fields and runs of that hash are left as they are in the file.
"""

import functools
import hashlib
import importlib.util

import numpy as np
import torch

import releases
import toy
from rows import both, f32, from_f32

VERSION = "5.23.0"
PACKAGE_VERSION = "0.2.1"
VOCAB_SIZE = 49152  # of the rows of steps, which do not say it: sums in float32 depend on it
WRONG_KEY = 1  # added to every key in runs labelled wrong-key


def load(head=None):
    releases.require("transformers", VERSION)
    releases.require("torch", "2.15.0")
    releases.bare("synthid_text")
    global Transformers, State, Package, Head, means, watermarking
    from transformers.generation import logits_process, watermarking

    Transformers, State = logits_process.SynthIDTextWatermarkLogitsProcessor, logits_process.SynthIDTextWatermarkState
    Package = releases.load("synthid_text.logits_processing").SynthIDLogitsProcessor
    means = releases.load("synthid_text.detector_mean")
    Head = None
    if head is not None:
        spec = importlib.util.spec_from_file_location("synthid_head", head / "synthid_text" / "logits_processing.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        Head = module.SynthIDLogitsProcessor
    else:
        print("note: no --synthid-head: what the table-free hash gives is not recomputed")


@functools.lru_cache(maxsize=64)
def processor(kind, ngram_len, keys, history, seed, size, skip=False, leaves=2):
    common = {"ngram_len": ngram_len, "keys": list(keys), "context_history_size": history, "device": torch.device("cpu"), "skip_first_ngram_calls": skip}
    if kind == "transformers":
        return Transformers(sampling_table_size=size, sampling_table_seed=seed, **common)
    common |= {"temperature": 1.0, "top_k": toy.CANDIDATES, "num_leaves": leaves}
    if kind == "head":
        return Head(**common)
    return Package(sampling_table_size=size, sampling_table_seed=seed, **common)


def processor_of(kind, config, offset=0):
    keys = tuple(int(k) + offset for k in config["keys"])
    return processor(kind, config["ngram_len"], keys, config["context_history_size"], config.get("sampling_table_seed", 0), config.get("sampling_table_size", 65536),
                     config["skip_first_ngram_calls"], config.get("num_leaves", 2))


def bits(g):
    return "".join(str(int(x)) for x in g)


def prf(row):
    def words(kind):
        p = processor(kind, row["ngram_len"], tuple(map(int, row["keys"])), 1024, int(row["sampling_table_seed"]), row["sampling_table_size"])
        keys, context = p._compute_keys(torch.tensor([row["ngram"][:-1]]), torch.tensor([row["ngram"][-1:]]))
        g = p.compute_g_values(torch.tensor([row["ngram"]]))[0, 0].tolist()
        return p, str(context.item()), [str(k) for k in keys[0, 0].tolist()], bits(g)

    given = {name: row[name] for name in ("ngram_len", "keys", "sampling_table_seed", "sampling_table_size", "ngram")}
    _, context, keys, g = words("transformers")
    if words("package")[1:] != (context, keys, g):
        raise AssertionError("transformers and synthid-text disagree")
    out = {**given, "context_hash": context, "ngram_keys": keys, "g": g}
    if Head is None:
        return {**out, **{name: row[name] for name in row if name.startswith("head_")}}
    p, context, keys, g = words("head")
    return {**out, "head_iv": str(p.hash_iv), "head_context_hash": context, "head_ngram_keys": keys, "head_g": g}


def tables(row):
    table = processor("transformers", 5, (1,), 1024, int(row["seed"]), row["size"]).sampling_table.tolist()
    return {"seed": row["seed"], "size": row["size"], "ones": sum(table), "first64": bits(table[:64]), "sha256_bytes": hashlib.sha256(bytes(table)).hexdigest()}


def masks(p, ids, eos):
    repetition = p.compute_context_repetition_mask(ids)
    return repetition, repetition * p.compute_eos_token_mask(ids, eos)[:, p.ngram_len - 1 :]


def detect(run, config, engine, ids, eos):
    if run["hash"] == "sha256-iv" and Head is None:
        return run
    kind = "head" if run["hash"] == "sha256-iv" else "package" if engine == "synthid_text" else "transformers"
    p = processor_of(kind, config, WRONG_KEY if run["label"] == "wrong-key" else 0)
    out = {"label": run["label"], "hash": run["hash"], "num_positions": max(0, len(ids) - p.ngram_len + 1)}
    index = {"config_index": run["config_index"]} if "config_index" in run else {}
    try:
        ids = torch.tensor([ids], dtype=torch.int64)
        g = p.compute_g_values(ids)
        repetition, mask = masks(p, ids, eos)
    except Exception as error:
        return {**out, "error": type(error).__name__, **index}
    depth, unmasked = g.shape[2], int(mask.sum())
    counted = g[0] * mask[0, :, None]
    out |= {
        "depth": depth, "num_unmasked": unmasked, "num_repeated": int((repetition == 0).sum()), "sum_g_unmasked": int(counted.sum()), "mask": bits(mask[0].tolist()),
        "g_sha256": hashlib.sha256(bytes(g[0].flatten().tolist())).hexdigest(),
    }
    if run["label"] == "right":
        out["g_first3"] = [bits(x) for x in g[0, :3].tolist()]
    if unmasked > 0:
        mean = float(means.mean_score(g.numpy(), mask.numpy())[0])
        weighted = float(means.weighted_mean_score(g.numpy(), mask.numpy())[0])
        weights = np.linspace(10, 1, depth)
        weights *= depth / weights.sum()
        columns = counted.sum(dim=0).numpy()
        out |= {"mean_f32": f32(mean), "mean": mean, "weighted_mean_f32": f32(weighted), "weighted_mean": weighted}
        out |= {**both("mean64", columns.sum() / (depth * unmasked)), **both("weighted_mean64", (columns * weights).sum() / (depth * unmasked))}
    return {**out, **index}


configs = []  # of transformers, in the order of the file: what config_index means


def prepare(name, rows):
    """Looks at a whole file before its rows are recomputed."""
    if name == "synthid_texts":
        configs.clear()
        for row in rows:
            if row["engine"] == "transformers-synthid" and row["config"] not in configs:
                configs.append(row["config"])


def texts(row):
    runs = [detect(run, configs[run["config_index"]] if row["config"] is None else row["config"], row["engine"], row["completion_ids"], row["eos_token_id"]) for run in row["detect"]]
    return {**row, "detect": runs}


def steps(row):
    """Puts a processor into the row's state: its context, and a history that has it or has not."""
    c = row["config"]
    p = processor_of("transformers", c)
    context = torch.tensor([row["context"]])
    _, context_hash = p._compute_keys(context, torch.tensor([[0]]))
    p.state = State(batch_size=1, ngram_len=c["ngram_len"], context_history_size=c["context_history_size"], device=p.device)
    p.state.context = torch.cat([torch.zeros(1, 1, dtype=torch.int64), context[:, :-1]], dim=1)
    p.state.num_calls = row["pos"]
    skipped = c["skip_first_ngram_calls"] and row["pos"] + 1 < c["ngram_len"]
    if not row["marked"] and not skipped:
        p.state.context_history[0, 0] = context_hash
    logits = toy.dense(row["candidates"], [from_f32(b) for b in row["logits_f32"]], VOCAB_SIZE)
    scores = p(context, logits)
    return {
        "pos": row["pos"], "context": row["context"], "context_hash": str(context_hash.item()), "marked": not torch.equal(scores, logits), "candidates": row["candidates"],
        "logits_f32": row["logits_f32"], "out_scores_f32": [f32(x) for x in scores[0, torch.tensor(row["candidates"])].tolist()], "group": row["group"], "config": c,
    }


bayes_model = {}


def bayes(row):
    """Text rows are read by the model row before them."""
    if row["row"] == "model":
        model = watermarking.BayesianDetectorModel(watermarking.BayesianDetectorConfig(watermarking_depth=row["depth"], base_rate=from_f32(row["prior_f32"])))
        likelihood = model.likelihood_model_watermarked
        likelihood.beta.data = torch.tensor([from_f32(b) for b in row["beta_f32"]]).reshape(likelihood.beta.shape)
        likelihood.delta.data = torch.tensor([from_f32(b) for b in row["delta_f32"]]).reshape(likelihood.delta.shape)
        bayes_model.update(model=model.float(), config=row["config"])
        return row
    p, model = processor_of("transformers", bayes_model["config"]), bayes_model["model"]
    ids = torch.tensor([row["completion_ids"]])
    g, (_, mask) = p.compute_g_values(ids), masks(p, ids, 2)
    with torch.no_grad():
        single = model.float()(g, mask)[0].item()
        double = model.double()(g.double(), mask)[0].item()
    model.float()
    given = {name: row[name] for name in ("row", "group", "tokens", "completion_ids")}
    return {**given, "posterior_f32": f32(single), **both("posterior_double", double)}


FILES = {"synthid_prf": prf, "synthid_tables": tables, "synthid_texts": texts, "synthid_steps": steps, "synthid_bayes": bayes}


# New inputs.


def generate(engine, c, model, prompt, n, seed, name, recorded):
    """A marked answer and its trace; every few positions become rows of steps."""
    kind = {"transformers-synthid": "transformers", "synthid_text": "package", "synthid_head": "head"}[engine]
    p, generator, out, trace = processor_of(kind, c), torch.Generator().manual_seed(seed), [], ""
    p.state = None
    for i in range(n):
        history = torch.tensor([prompt + out])
        ids, values = model.candidates(prompt + out)
        logits = toy.dense(ids, values, model.vocab_size)
        if kind == "transformers":
            scores, kept = p(history, logits), torch.arange(model.vocab_size)[None]
            before = logits
            if recorded is not None and i % 12 == 0:
                context = ([0] * (c["ngram_len"] - 1) + out)[-(c["ngram_len"] - 1):]
                recorded.append({"pos": i, "context": context, "marked": not torch.equal(scores, logits), "candidates": ids, "logits_f32": [f32(x) for x in values], "group": name, "config": c})
        else:
            scores, kept, before = p.watermarked_call(history, logits)
        trace += "-" if torch.equal(scores, before) else "A"
        out.append(kept[0, torch.multinomial(torch.softmax(scores, -1), 1, generator=generator).item()].item())
    return out, trace


def new(rng, texts_per_group, length):
    if Head is None:
        raise SystemExit("new vectors of synthid need --synthid-head")

    def keys(n):
        return [str(int(k)) for k in rng.integers(-(2**62), 2**62, n)]

    rows = []
    for ngram_len, depth, seed, size in ((3, 11, "5", 65536), (6, 3, "0", 2048), (9, 40, "99", 65536)):
        own = keys(depth)
        rows += [prf({"ngram_len": ngram_len, "keys": own, "sampling_table_seed": seed, "sampling_table_size": size, "ngram": toy.ids(rng, 300000, ngram_len)}) for _ in range(50)]
    yield "synthid_prf", rows
    yield "synthid_tables", [tables({"seed": str(seed), "size": size}) for seed, size in ((1, 65536), (123456789, 4096), (2**32 + 3, 65536))]

    vocab_size, eos = 20011, 2
    model = toy.Model(int(rng.integers(1 << 30)), vocab_size)
    table = {"sampling_table_seed": 3, "sampling_table_size": 65536}
    groups = [
        ("new-hf", "transformers-synthid", {"ngram_len": 3, "keys": keys(25), "context_history_size": 1024, **table, "skip_first_ngram_calls": False}),
        ("new-hf-skip", "transformers-synthid", {"ngram_len": 4, "keys": keys(18), "context_history_size": 16, "sampling_table_seed": 0, "sampling_table_size": 4096, "skip_first_ngram_calls": True}),
        ("new-dm", "synthid_text", {"ngram_len": 4, "keys": keys(22), "context_history_size": 512, **table, "skip_first_ngram_calls": False, "num_leaves": 3}),
        ("new-head", "synthid_head", {"ngram_len": 3, "keys": keys(28), "context_history_size": 1024, "skip_first_ngram_calls": False, "num_leaves": 2}),
    ]
    configs[:] = [c for _, engine, c in groups if engine == "transformers-synthid"]
    out, recorded = [], []

    def add(text, runs):
        out.append(texts({**text, "detect": runs}))

    for name, engine, c in groups:
        tags = {"engine": engine, "engine_version": VERSION if engine == "transformers-synthid" else PACKAGE_VERSION, "config": c}
        own, other = ("sha256-iv", "table") if engine == "synthid_head" else ("table", "sha256-iv")
        right = [{"label": "right", "hash": own}]
        for i in range(texts_per_group):
            prompt = toy.prompt(rng, vocab_size)
            completion, trace = generate(engine, c, model, prompt, length, i, name, recorded if i == 0 else None)
            add({"id": f"{name}/{i}", "kind": "marked", **tags, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0, "prompt_ids": prompt, "completion_ids": completion,
                 "trace": trace, "top_k": toy.CANDIDATES, "eos_token_id": eos}, right + [{"label": "wrong-key", "hash": own}, {"label": "other-hash", "hash": other}])
        edges = {**toy.edges(completion, vocab_size), "eos-inside": completion[:30] + [eos] + completion[30:60], "starts-zero": [0] * 6 + completion[:40]}
        for edge, ids in edges.items():
            add({"id": f"{name}/edge-{edge}", "kind": "edge", **tags, "vocab_size": vocab_size, "eos_token_id": eos, "completion_ids": ids}, right)
    plain = []
    for i in range(texts_per_group):
        prompt, completion = toy.unmarked(model, rng, length)
        plain.append(completion)
        add({"id": f"unmarked/{i}", "kind": "unmarked", "engine": "none", "engine_version": "", "config": None, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0,
             "prompt_ids": prompt, "completion_ids": completion, "trace": "-" * length, "top_k": toy.CANDIDATES, "eos_token_id": eos},
            [{"label": "any", "hash": h, "config_index": j} for j in range(len(configs)) for h in ("table", "sha256-iv")])
    yield "synthid_texts", out
    yield "synthid_steps", [steps(row) for row in recorded]

    c = configs[0]
    depth = len(c["keys"])
    rows = [bayes({"row": "model", "depth": depth, "config": c, "prior_f32": f32(0.3), "beta_f32": [f32(x) for x in rng.normal(-1.5, 0.8, depth)],
                   "delta_f32": [f32(x) for x in rng.normal(0, 0.3, depth * depth)]})]
    named = [("new-hf", row["completion_ids"]) for row in out if row["kind"] == "marked" and row["config"] is c] + [("unmarked", ids) for ids in plain]
    rows += [bayes({"row": "text", "group": group, "tokens": n, "completion_ids": ids[:n]}) for group, ids in named for n in (9, 33, length)]
    yield "synthid_bayes", rows
