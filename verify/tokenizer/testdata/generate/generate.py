"""Writes the folders of ../: small tokenizers of every family, and what the
tokenizers library makes of hard texts with them.

    pip install tokenizers==0.22.1
    python3 generate.py [folder ...]

SmolLM2's tokenizer.json is not written, only its encodings. Training is the
same on every run but for ties, so a later run may give other, equally good
files.
"""

import copy
import gzip
import hashlib
import json
import os
import random
import struct
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from texts import texts

assert tokenizers.__version__ == "0.22.1", tokenizers.__version__
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|begin_of_text|>", "<|start_header_id|>", "<think>", "</think>",
            "<repo_name>", "<file_sep>", "<mask>", "<wide>", "word", "caf\u00e9", "cafe\u0301", "<|", "<|im", " <left>", "<left> ", "<right>", "\u00e5", "  "]
TEXTS = texts(10000, SPECIALS)
WHOLE = 300  # texts whose ids are there in full

LLAMA = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = LLAMA.replace("{1,3}", "")
UPPER, LOWER = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = UPPER + "*" + LOWER + "+" + SUFFIX + "|" + UPPER + "+" + LOWER + "*" + SUFFIX + r"|\p{N}{1,3}|" + REST
TEKKEN = UPPER + "*" + LOWER + "+|" + UPPER + "+" + LOWER + r"*|\p{N}|" + REST

DEEPSEEK = [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
            "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"]


def pack(path, data):
    with open(path, "wb") as f, gzip.GzipFile(filename="", mode="wb", fileobj=f, compresslevel=9, mtime=0) as g:
        g.write(data)


def lines(items):
    return "".join(json.dumps(i, ensure_ascii=True) + "\n" for i in items).encode()


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), behavior="isolated"), byte_level(False)])


def train(pre, normalizer=None, size=3000, alphabet=None):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    if normalizer:
        t.normalizer = normalizer
    if alphabet is None:
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    t.train_from_iterator(TEXTS[:4000], trainers.BpeTrainer(vocab_size=size, initial_alphabet=sorted(alphabet), show_progress=False, max_token_length=40))
    return t


def special(*contents, **flags):
    return [AddedToken(c, special=True, normalized=False, **flags) for c in contents]


def plain(*contents, normalized=False, **flags):
    return [AddedToken(c, special=False, normalized=normalized, **flags) for c in contents]


def gpt2():
    t = train(byte_level(True))
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.add_tokens(special("<|endoftext|>"))
    j = json.loads(t.to_str())
    j["model"]["merges"] = [" ".join(m) for m in j["model"]["merges"]]  # as older files have them
    return j


def llama3():
    t = train(split(LLAMA))
    t.add_tokens(special("<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|im"))
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", t.token_to_id("<|begin_of_text|>"))])])
    j = json.loads(t.to_str())
    # Files made from ranked tokens have every pair that gives a token, and
    # tokens that no merge reaches, which ignore_merges is for.
    vocab, merges, rng = j["model"]["vocab"], [], random.Random(1)
    ranked = sorted((i, s) for s, i in vocab.items() if len(s) > 1)
    for _, s in ranked:
        pairs = [(s[:k], s[k:]) for k in range(1, len(s)) if s[:k] in vocab and s[k:] in vocab]
        merges += sorted(pairs, key=lambda p: (vocab[p[0]], vocab[p[1]]))
    j["model"]["merges"] = [m for m in merges if rng.random() > 0.05]
    j["model"]["ignore_merges"] = True
    return j


def qwen():
    t = train(split(QWEN), normalizers.NFC())
    t.add_tokens(special("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    t.add_tokens(plain("<think>", "</think>"))
    return json.loads(t.to_str())


def smollm():
    """Digits first; some bytes have no token, as in the published file."""
    letters = [c for c in pre_tokenizers.ByteLevel.alphabet() if c not in "\u00c0\u00c1\u00f1\u00f5\u00ff\u0104\u0106\u0113\u0114"]
    t = train(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)]), alphabet=letters)
    t.add_tokens(special("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>"))
    j = json.loads(t.to_str())
    return without(j, "\u00f0\u00e1\u0104\u0113\u00c3")


def without(j, letters):
    """j without these letters, and without what is merged from them."""
    vocab = {s: i for s, i in j["model"]["vocab"].items() if not set(s) & set(letters)}
    names = sorted(vocab, key=vocab.get)
    j["model"]["vocab"] = {s: i for i, s in enumerate(names)}
    j["model"]["merges"] = [m for m in j["model"]["merges"] if not set("".join(m)) & set(letters)]
    for i, a in enumerate(j["added_tokens"]):
        a["id"] = j["model"]["vocab"].get(a["content"], len(names) + i)
    return j


def runs():
    return json.loads(train(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), byte_level(True)]), size=1500).to_str())


def o200k():
    t = train(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(O200K), behavior="removed", invert=True), byte_level(False)]))
    t.add_tokens(special("<|endoftext|>"))
    return json.loads(t.to_str())


def tekken():
    return json.loads(train(split(TEKKEN)).to_str())


def deepseek():
    pre = [pre_tokenizers.Split(Regex(p), behavior="isolated") for p in DEEPSEEK]
    t = train(pre_tokenizers.Sequence(pre + [byte_level(False)]), normalizers.Sequence([]))
    t.add_tokens(special("<|begin\u2581of\u2581sentence|>", "<|eot_id|>") + plain("<think>", "</think>", normalized=True))
    return json.loads(t.to_str())


def added():
    """Every flag of added tokens, with a normaliser."""
    t = train(split(QWEN), normalizers.Sequence([normalizers.NFC()]), size=1500)
    t.add_tokens(special("<mask>", lstrip=True) + special("<wide>", lstrip=True, rstrip=True) + special("<right>", rstrip=True))
    t.add_tokens(plain("word", single_word=True) + plain("<|") + plain("<|im_start|>", lstrip=True, single_word=True))
    t.add_tokens(plain("caf\u00e9", "cafe\u0301 ", "\u212b", "  ", "<left> ", normalized=True))
    t.add_tokens(plain("\u0301", "<think>", normalized=True, rstrip=True) + plain("\u4e2d", normalized=True, single_word=True))
    return json.loads(t.to_str())


def strip():
    """Added tokens of white space that take the white space around them, and so of each other."""
    t = train(split(LLAMA), size=1500)
    t.add_tokens(plain("  ", "\n", lstrip=True, rstrip=True) + plain(" <left>", "\t\t", rstrip=True) + plain("<wide>", normalized=True, lstrip=True, rstrip=True))
    t.add_tokens(plain("a", normalized=True, lstrip=True) + plain(" <right>", "\r\n", normalized=True, lstrip=True, rstrip=True))
    return json.loads(t.to_str())


def fallback():
    """Bytes without a token become two of byte fallback."""
    j = without(json.loads(train(byte_level(True), size=1500).to_str()), "\u00f0\u00e1\u0104a")
    vocab = j["model"]["vocab"]
    for b in [0xC3, 0xB0, 0xA1, 0xC4, 0x84, 0x61]:
        vocab["<0x%02X>" % b] = len(vocab)
    j["model"]["byte_fallback"] = True
    return j


def unknown(fuse):
    j = without(json.loads(train(byte_level(True), size=1500).to_str()), "\u00f0\u00e1\u0104a\u0120")
    j["model"]["vocab"]["<unk>"] = len(j["model"]["vocab"])
    j["model"]["unk_token"], j["model"]["fuse_unk"] = "<unk>", fuse
    return j


def digest(ids):
    return hashlib.sha256(struct.pack("<%di" % len(ids), *ids)).digest()[:4]


def encode(name, text):
    t = Tokenizer.from_str(text)
    all_ids = [e.ids for e in t.encode_batch(TEXTS, add_special_tokens=False)]
    with open(os.path.join(HERE, name, "sums"), "wb") as f:
        f.write(b"".join(map(digest, all_ids)))
    pack(os.path.join(HERE, name, "encodings.jsonl.gz"), lines({"text": x, "ids": i} for x, i in zip(TEXTS[:WHOLE], all_ids)))


pack(os.path.join(HERE, "texts.jsonl.gz"), lines(TEXTS))
for name, make in {
    "gpt2": gpt2, "llama3": llama3, "qwen": qwen, "smollm": smollm, "o200k": o200k, "tekken": tekken, "deepseek": deepseek, "runs": runs,
    "added": added, "strip": strip, "fallback": fallback, "unknown": lambda: unknown(False), "fused": lambda: unknown(True),
}.items():
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        continue
    os.makedirs(os.path.join(HERE, name), exist_ok=True)
    text = json.dumps(make(), ensure_ascii=False)
    pack(os.path.join(HERE, name, "tokenizer.json.gz"), text.encode())
    encode(name, text)
    print(name, flush=True)
with gzip.open(os.path.join(HERE, "smollm2", "tokenizer.json.gz")) as f:
    encode("smollm2", f.read().decode())
