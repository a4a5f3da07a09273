"""Vectors of SGLang's mark: the CPU path of sglang/srt/sampling/watermarking."""

import types

import torch

import releases
import toy
from rows import both, f32, from_f32

VERSION = "0.5.23"


def load():
    for name in ("sglang", "sglang.srt", "sglang.srt.sampling", "sglang.kernels", "sglang.kernels.ops", "sglang.kernels.ops.sampling"):
        releases.bare(name)
    global config, detector, core
    config = releases.load("sglang.srt.sampling.watermarking.config")
    detector = releases.load("sglang.srt.sampling.watermarking.detector")
    core = releases.load("sglang.srt.sampling.watermarking.core")


def keys(row):
    try:
        key = config.parse_watermark_key(row["input"])
    except ValueError:
        return {"input": row["input"], "ok": False}
    return {"input": row["input"], "ok": True, "unsigned": str(key % 2**64), "signed": str(key)}


def prf(row):
    a, b = config.parse_watermark_key(row["key"]), config.parse_watermark_key(row["key_b"])
    context_hash = detector.hash_context(row["context"])
    token_hash = detector.watermark_hash(a, context_hash, row["token"])
    coin = detector.position_coin(a, b, context_hash)
    threshold = detector.WatermarkDetector(row["key"], mixing_probability=row["mixing_probability"])._mixing_threshold
    return {
        "key": row["key"],
        "key_int": str(a % 2**64),
        "key_b": row["key_b"],
        "context": row["context"],
        "token": row["token"],
        "context_hash": context_hash,
        "token_hash": token_hash,
        "coin": coin,
        "mixing_probability": row["mixing_probability"],
        "mixing_threshold": threshold,
        "use_key_a": coin < threshold,
        "log_u_f32": f32(core._log_uniform_from_hash_torch(torch.tensor([token_hash] * 16))[0].item()),
        **both("score", detector.WatermarkDetector._score(a, context_hash, row["token"])),
    }


def tails(row):
    return {"shape": row["shape"], "score": row["score"], **both("log_p", detector._gamma_log_survival(row["score"], row["shape"]))}


STATISTICS = ("combined", "key_a_all_positions", "key_b_all_positions", "key_a_partition", "key_b_partition")
COUNTERS = ("prefix_limit_reached", "tokens_examined", "repeated_contexts", "skipped_initial_tokens")


def statistic(s):
    if s is None:
        return None
    return {"n": s.num_contexts, **both("score", s.score), **both("z_score", s.z_score), **both("p_value", s.p_value), **both("log_p_value", s.log_p_value)}


def detect(run, prompt, completion):
    d = run["detector"]
    prompt = (prompt[-2:] if run["label"] == "right-short-prompt" else prompt) if run["prompt_known"] else []
    got = detector.WatermarkDetector(d["key"], key_b=d["key_b"], mixing_probability=d["mixing_probability"], context_window=d["context_window"],
                                     max_contexts=d["max_contexts"]).detect_tokens(completion, prompt_token_ids=prompt)
    return {
        "label": run["label"], "detector": d, "prompt_known": run["prompt_known"],
        **{name: statistic(getattr(got, name)) for name in STATISTICS},
        **{name: getattr(got, name) for name in COUNTERS},
    }


def texts(row):
    return {**row, "detect": [detect(run, row.get("prompt_ids", []), row["completion_ids"]) for run in row["detect"]]}


class Request:
    """One request of the generator: its state and its sampling parameters."""

    def __init__(self, c, history):
        self.state = core.WatermarkState(
            max_num_reqs=1, context_window=c["context_window"], max_contexts_per_req=4096, key=c["key"], device="cpu", key_b=c["key_b"],
            mixing_probability=c["mixing_probability"], max_probability=c["max_probability"], default_enabled=True)
        self.index = torch.tensor([0])
        self.state.init_from_prompt(self.index, [history[-c["context_window"]:]])
        self.info = types.SimpleNamespace(
            has_watermark_candidates=True, max_top_k=toy.CANDIDATES, temperatures=torch.ones(1, 1), top_ks=torch.tensor([toy.CANDIDATES]),
            top_ps=torch.ones(1), min_ps=torch.zeros(1), watermark_keys=None, watermark_context_windows=None, watermark_enabled=None)

    def force(self, logits):
        """The id that the mark forces, or None where it leaves the logits alone."""
        forced = logits.clone()
        self.state.force(forced, self.index, self.info)
        return None if torch.equal(forced, logits) else int(forced[0].argmax())

    def probabilities(self, logits):
        return core._truncate_probabilities(logits, self.info.temperatures, self.info.top_ks, self.info.top_ps, self.info.min_ps)

    def append(self, token):
        self.state.append(self.index, torch.tensor([token]))

    def route(self, context):
        """The key that a context's coin chooses."""
        if self.state.default_key_b is None:
            return "A"
        coin = detector.position_coin(self.state.default_key, self.state.default_key_b, detector.hash_context(context))
        return "A" if coin < self.state.mixing_threshold else "B"


def steps(row):
    request = Request(row, row["context"])
    logits = toy.dense(row["candidates"], [from_f32(b) for b in row["logits_f32"]], 49152)
    choice = request.force(logits)
    probs = request.probabilities(logits)[0, torch.tensor(row["candidates"])]
    return {
        **row,
        "context_hash": detector.hash_context(row["context"]),
        "probs_f32": [f32(x) for x in probs.tolist()],
        "forced": choice is not None,
        "route": "-" if choice is None else request.route(row["context"]),
        "choice": choice,
    }


FILES = {"sglang_keys": keys, "sglang_prf": prf, "sglang_tails": tails, "sglang_texts": texts, "sglang_steps": steps}


# New inputs.


def generate(c, model, prompt, n, seed, group, recorded):
    request, generator = Request(c, prompt), torch.Generator().manual_seed(seed)
    out, trace = [], ""
    for i in range(n):
        history = prompt + out
        context = history[-c["context_window"]:]
        ids, values = model.candidates(history)
        logits = toy.dense(ids, values, model.vocab_size)
        probs = request.probabilities(logits)
        token = request.force(logits)
        marked = token is not None
        if seed % 4 == 0 and i % 11 == 0 and (marked or probs.max().item() > c["max_probability"]):
            recorded.append(steps({"pos": i, "context": context, "context_hash": 0, "candidates": ids, "logits_f32": [f32(x) for x in values], "probs_f32": [],
                                   "forced": marked, "route": "-", "choice": None, "group": group, **c}))
        if not marked:
            token = torch.multinomial(probs, 1, generator=generator).item()
        trace += request.route(context) if marked else "-"
        request.append(token)
        out.append(token)
    return out, trace


def detector_row(c, **changes):
    d = {"key": c["key"], "key_b": c["key_b"], "mixing_probability": c["mixing_probability"], "context_window": c["context_window"], "max_contexts": 4096}
    return {**d, **changes}


def other(key):
    return f"{int(key, 16) ^ 1 << 41:x}"


def new(rng, texts_per_group, length):
    def key():
        return f"{toy.key64(rng):x}"

    inputs = [key() for _ in range(8)] + ["0x" + key().upper(), "0X" + key(), "f" * 16, "8" + "0" * 15, "00", "0" * 17, "", "0x", "x1", "-1", "+1", "1_0", " 1", "1 ", "0x0x1", "g", 7, None, True, 1.5]
    yield "sglang_keys", [keys({"input": x}) for x in inputs]

    rows = []
    for _ in range(240):
        window = int(rng.choice([1, 2, 3, 4, 5, 6, 7, 9, 13, 16, 33, 64]))
        rows.append(prf({"key": key(), "key_b": key(), "context": toy.ids(rng, 300000, window), "token": toy.ids(rng, 300000, 1)[0],
                         "mixing_probability": float(rng.choice([0.5, 0.1, 0.37, 0.81, 0.999]))}))
    yield "sglang_prf", rows

    rows = []
    for shape in (1, 2, 3, 7, 19, 60, 210, 800, 3000):
        for factor in (0.0, 0.3, 0.8, 1.0, 1.13, 1.6, 2.7):
            rows.append(tails({"shape": shape, "score": float(shape * factor * rng.uniform(0.95, 1.05))}))
    yield "sglang_tails", rows

    vocab_size = 32003
    model = toy.Model(int(rng.integers(1 << 30)), vocab_size)
    flat = toy.Model(model.seed, vocab_size, spread=2.5)
    groups = []
    for name, dual, window, mixing, gate in (
        ("new-w1", False, 1, 0.5, 1.0), ("new-w3", False, 3, 0.5, 1.0), ("new-dual-w2", True, 2, 0.5, 1.0),
        ("new-dual-p80", True, 5, 0.8, 1.0), ("new-w2-gate", False, 2, 0.5, 0.35), ("new-dual-gate", True, 1, 0.3, 0.4),
    ):
        groups.append((name, {"key": key(), "key_b": key() if dual else None, "context_window": window, "mixing_probability": mixing, "max_probability": gate}))

    out, recorded = [], []

    def add(text, runs):
        text["detect"] = [detect({"label": label, "detector": d, "prompt_known": known}, text.get("prompt_ids", []), text["completion_ids"]) for label, d, known in runs]
        out.append(text)

    for name, c in groups:
        tags = {"engine": "sglang", "engine_version": VERSION, "config": c}
        joined = []
        for i in range(texts_per_group):
            prompt = toy.prompt(rng, vocab_size)
            completion, trace = generate(c, flat if c["max_probability"] < 1 else model, prompt, length, i, name, recorded)
            joined += completion
            runs = [("right", detector_row(c), True), ("right-no-prompt", detector_row(c), False), ("wrong-key", detector_row(c, key=other(c["key"])), True),
                    ("right-short-prompt", detector_row(c), True), ("right-max50", detector_row(c, max_contexts=50), True)]
            if c["key_b"]:
                runs += [("single-key-detector", detector_row(c, key_b=None), True), ("wrong-key-b-no-prompt", detector_row(c, key_b=other(c["key_b"])), False)]
            add({"id": f"{name}/{i}", "kind": "marked", **tags, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0, "prompt_ids": prompt,
                 "completion_ids": completion, "trace": trace, "top_k": toy.CANDIDATES}, runs)
        runs = [("right", detector_row(c), True), ("right-no-prompt", detector_row(c), False)]
        for edge, ids in toy.edges(completion, vocab_size).items():
            add({"id": f"{name}/edge-{edge}", "kind": "edge", **tags, "vocab_size": vocab_size, "prompt_ids": prompt, "completion_ids": ids}, runs)
        add({"id": f"{name}/long", "kind": "long", **tags, "vocab_size": vocab_size, "prompt_ids": prompt, "completion_ids": joined}, [runs[0], ("wrong-key", detector_row(c, key=other(c["key"])), True)])
    for i in range(texts_per_group):
        prompt, completion = toy.unmarked(model, rng, length)
        add({"id": f"unmarked/{i}", "kind": "unmarked", "engine": "none", "engine_version": "", "config": None, "model": toy.MODEL, "vocab_size": vocab_size, "temperature": 1.0,
             "prompt_ids": prompt, "completion_ids": completion, "trace": "-" * length, "top_k": toy.CANDIDATES}, [("any", detector_row(c), True) for _, c in groups])
    yield "sglang_texts", out
    yield "sglang_steps", recorded
