"""What new vectors are made of: a toy language model, prompts and edge texts.

The model has 50 candidates a step whose logits depend on the last two ids. Ids are
Zipf-distributed, so that contexts come back as they do in ordinary text; logits are
multiples of 1/8, so that ties occur as with models in bfloat16.
"""

import numpy as np
import torch

MODEL = "toy"
CANDIDATES = 50


class Model:
    def __init__(self, seed, vocab_size, spread=1.5):
        self.seed, self.vocab_size, self.spread = seed, vocab_size, spread

    def candidates(self, history):
        """Ascending ids and float32 logits after a list of ids."""
        rng = np.random.default_rng([self.seed, *history[-2:]])
        ids = set()
        while len(ids) < CANDIDATES:
            ids.update(17 + (rng.pareto(0.7, CANDIDATES) * 20).astype(np.int64) % (self.vocab_size - 17))
        ids = sorted(int(x) for x in rng.permutation(sorted(ids))[:CANDIDATES])
        logits = np.round(rng.normal(18, self.spread, CANDIDATES) * 8) / 8
        return ids, logits.astype(np.float32)

    def logits(self, history):
        """A dense row of shape (1, vocab_size); all but the candidates are -inf."""
        return dense(*self.candidates(history), self.vocab_size)


def dense(ids, logits, vocab_size):
    row = torch.full((1, vocab_size), -torch.inf)
    row[0, torch.tensor(ids)] = torch.tensor(np.asarray(logits, dtype=np.float32))
    return row


def prompt(rng, vocab_size, n=24):
    return [1] + [int(x) for x in rng.integers(17, vocab_size, n - 1)]


def ids(rng, vocab_size, n):
    """Random ids, a third of them small, now and then the smallest or the largest."""
    out = []
    for _ in range(n):
        kind = rng.integers(0, 12)
        if kind == 0:
            out.append(int(rng.choice([0, 1, 2, 3, 15, 16, vocab_size - 1])))
        else:
            out.append(int(rng.integers(0, 300 if kind < 4 else vocab_size)))
    return out


def key64(rng):
    return int(rng.integers(0, 2**64, dtype=np.uint64))


def edges(marked, vocab_size):
    """The edge texts of every engine's *_texts file, from one marked text."""
    return {
        "empty": [],
        "one": marked[:1],
        "two": marked[:2],
        "three": marked[:3],
        "five": marked[:5],
        "zeros": [0] * 40,
        "last-id": [vocab_size - 1] * 40,
        "zero-last": [0, vocab_size - 1] * 20,
        "repeat9": marked[:9] * 12,
        "one-to-forty": list(range(1, 41)),
        "marked-then-repeat": marked[:60] * 2,
        "cut-front-37": marked[37:],
        "drop-every-10th": [x for i, x in enumerate(marked) if i % 10 != 9],
    }


def unmarked(model, rng, n):
    """An ordinary answer of n ids with its prompt."""
    start = prompt(rng, model.vocab_size)
    out = []
    while len(out) < n:
        ids, logits = model.candidates(start + out)
        p = np.exp(logits.astype(np.float64) - logits.max())
        out.append(int(rng.choice(ids, p=p / p.sum())))
    return start, out
