"""Writes reading.jsonl.gz: positions of a real reading test, for the tests of weighted sums.

    python3 reading.py FOLDER N > reading.jsonl.gz

FOLDER holds a distillation run: texts marked by vLLM's gumbel (width 2) in train_marked.jsonl.gz, keys.json, and in
read_sup_student.jsonl.gz what a student trained on them, and the model it started from, predict at every position: 20
ids with the natural logarithms l and r of their probabilities. Kept are the first N positions whose window occurs for
the first time, neither earlier in the text nor in its prompt: l, r and the scores s = -ln(1-u) under the key.
"""

import gzip
import json
import math
import struct
import sys

M = 0xFFFFFFFF


def philox(c, k0, k1):
    c0, c1, c2, c3 = (x & M for x in c)
    k0, k1 = k0 & M, k1 & M
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & M, (a >> 32) ^ c3 ^ k1, a & M
        k0, k1 = (k0 + 0x9E3779B9) & M, (k1 + 0xBB67AE85) & M
    return c0, c1, c2, c3


def state(key, window):
    k0, k1 = key & M, key >> 32
    last = [window[0] & M, window[1] & M, M - 2, M - 3]
    return philox([0x574D4358 ^ last[0], 2 ^ last[1], last[2], last[3]], k0, k1)


def score(key, st, token):
    k0, k1 = key & M, key >> 32
    word = philox([token >> 2, st[0], st[1], st[2]], k0 ^ st[3], k1 ^ 0x574D544B)[token & 3]
    u = struct.unpack("<f", struct.pack("<f", ((word >> 8) + 1) / 2**24))[0]
    u = struct.unpack("<f", struct.pack("<I", struct.unpack("<I", struct.pack("<f", u))[0] - 1))[0]
    return -math.log(1 - u)


def lines(folder, name):
    with gzip.open(f"{folder}/{name}.jsonl.gz", "rt") as f:
        for line in f:
            yield json.loads(line)


def rows(folder, key, texts="train_marked", answers="read_sup_student"):
    texts = {x["id"]: x for x in lines(folder, texts)}
    seen, here, at = set(), set(), None
    for x in lines(folder, answers):
        text = texts[x["t"]]
        if x["t"] != at:
            at, here = x["t"], set()
            prompt = set(zip(text["prompt_ids"], text["prompt_ids"][1:]))
        ids, p = text["completion_ids"], x["p"]
        window = (ids[p - 2] if p > 1 else -1, ids[p - 1] if p > 0 else -1)
        if window in here:
            continue
        here.add(window)
        if window in prompt or window in seen:
            continue
        seen.add(window)
        st = state(key, window)
        yield {"l": x["l"], "r": x.get("r"), "s": [round(score(key, st, v), 6) for v in x["i"]]}


def main():
    folder, n = sys.argv[1], int(sys.argv[2])
    key = int(json.load(open(f"{folder}/keys.json"))["key"])
    with gzip.GzipFile(fileobj=sys.stdout.buffer, mode="wb", mtime=0) as out:
        for i, row in enumerate(rows(folder, key, *sys.argv[3:])):
            if i == n:
                break
            out.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")


main()
