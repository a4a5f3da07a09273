"""Writes ../classes.json.gz and ../normal.jsonl.gz: what the tokenizers library
takes for letters and so on, and normal forms of its normaliser NFC.

    pip install tokenizers==0.22.1
    python3 unicode.py
"""

import gzip
import json
import os
import random
import unicodedata

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

assert tokenizers.__version__ == "0.22.1", tokenizers.__version__
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
CODES = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def pack(name, data):
    with open(os.path.join(HERE, name), "wb") as f, gzip.GzipFile(filename="", mode="wb", fileobj=f, compresslevel=9, mtime=0) as g:
        g.write(data.encode())


def ranges(chars):
    out = []
    for c in sorted(map(ord, chars)):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def matched(pattern):
    split = pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True)
    return {c for i in range(0, len(CODES), 4096) for piece, _ in split.pre_tokenize_str("".join(CODES[i:i + 4096])) for c in piece}


def digits():
    split = pre_tokenizers.Digits(individual_digits=True)
    pieces = (piece for i in range(0, len(CODES), 4096) for piece, _ in split.pre_tokenize_str("a".join(CODES[i:i + 4096]) + "a"))
    return {piece for piece in pieces if len(piece) == 1 and piece != "a"}


def beside(**flags):
    """The characters after which, with these flags, an added token takes more or is not one."""
    t = Tokenizer(models.BPE(vocab={"x": 0}, merges=[], unk_token="x"))
    t.add_tokens([AddedToken("@@", **flags)])
    ids = {c: t.encode("@@" + c, add_special_tokens=False).ids for c in CODES}
    return {c for c, i in ids.items() if i == [1]} if "rstrip" in flags else {c for c, i in ids.items() if 1 not in i}


classes = {p: matched(r"\p{%s}" % p) for p in ["L", "N", "Lu", "Lt", "Ll", "Lm", "Lo", "M", "P", "S"]}
classes |= {"space": matched(r"\s"), "digit": digits(), "word": beside(single_word=True), "strip": beside(rstrip=True)}
pack("classes.json.gz", json.dumps({k: ranges(v) for k, v in classes.items()}))

normal = normalizers.NFC().normalize_str
rng = random.Random(1)
texts = [c for c in CODES if normal(c) != c]
for c in CODES:
    full = unicodedata.normalize("NFD", c)
    if full != c and not "\uac00" <= c <= "\ud7a3":
        texts += [full, full + "\u0323", full[0] + "\u0327" + full[1:], c + "\u0323\u0301"]
    if unicodedata.category(c)[0] == "M":
        texts += ["a" + c + "\u0316", "a\u0301" + c, c + "\u0334"]
marks = [c for c in CODES if unicodedata.combining(c) or unicodedata.category(c) == "Mc"] + list("\u1161\u1175\u11a8\u11c2\u11a7\u0f73\u0344\u09be")
bases = list("aAeiouqzKsw 1\u00e9\u1ea5\u0915\u0958\u1100\u1112\uac00\uac01\ud788\u2126\u212b\u1f71\u0b47\u2260\u4e2d\uf900\u2adc\u037e\u3042") + texts[:200]
for _ in range(8000):
    texts.append("".join(rng.choice(bases) + "".join(rng.choice(marks) for _ in range(rng.randrange(5))) for _ in range(rng.randrange(1, 4))))
texts.append("a" + "\u0301\u0316" * 40)
pack("normal.jsonl.gz", "".join(json.dumps([t, normal(t)]) + "\n" for t in texts))
print(len(texts), {k: len(v) for k, v in classes.items()})
