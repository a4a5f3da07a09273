"""Writes unicode.txt, the data of ../tables.go.

    pip install tokenizers==0.22.1 unicodedata2==16.0.0
    python3 unicode.py > unicode.txt

Categories are those of Unicode 16.0.0, as in the regular expression engine
(Oniguruma) of that release of the tokenizers library. Canonical decompositions
and combining classes are those of Unicode 9.0.0, as in its normaliser: of the
data of 16.0.0, what the library acts on. A decomposition and a combining class
never change once the character is there (the stability policy of Unicode), so
this is the data of 9.0.0.
"""

import unicodedata2 as ud
from tokenizers import normalizers

assert ud.unidata_version == "16.0.0", ud.unidata_version

CODES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
nfc = normalizers.NFC().normalize_str


def ranges(codes):
    spans = []
    for c in sorted(codes):
        if spans and spans[-1][1] == c - 1:
            spans[-1][1] = c
        else:
            spans.append([c, c])
    return " ".join(f"{a:04X}" if a == b else f"{a:04X}-{b:04X}" for a, b in spans)


def group(key):
    groups = {}
    for c in CODES:
        groups.setdefault(key(c), []).append(c)
    return groups


def reorders(c, ccc):
    """Whether the library sorts c as a mark of its class."""
    other = "\u0301" if ccc < 230 else "\u0334"  # classes 230 and 1
    a, b = (other, chr(c)) if ccc < 230 else (chr(c), other)
    return nfc("\u0378" + a + b) == "\u0378" + b + a  # U+0378 is no character


print("# Written by unicode.py. Categories of Unicode 16.0.0.")
for name, codes in sorted(group(lambda c: ud.category(chr(c))).items()):
    if name != "Cn":
        print(name, ranges(codes))
print("# Combining classes of Unicode 9.0.0.")
for ccc, codes in sorted(group(lambda c: ud.combining(chr(c))).items()):
    codes = [c for c in codes if ccc and reorders(c, ccc)]
    if codes:
        print("ccc", ccc, ranges(codes))
print("# Canonical decompositions of Unicode 9.0.0 but for Hangul; '!' is excluded from composition.")
for c in CODES:
    parts = ud.decomposition(chr(c)).split()
    if not parts or parts[0][0] == "<":
        continue
    full = ud.normalize("NFD", chr(c))
    back = nfc(full)
    if back == full and nfc(chr(c)) == chr(c):
        continue  # the library does not know it
    print("decomposition", *([] if nfc(chr(c)) == chr(c) else ["!"]), f"{c:04X}", *parts)
