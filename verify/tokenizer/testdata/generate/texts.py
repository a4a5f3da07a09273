"""Hard texts for tokenizers, the same on every run: texts(count, specials)."""

import random
import unicodedata

PROSE = """The old harbour master kept two ledgers, one for what came in and one for what he'd been told had come in; they've
never agreed. "It's 3:45 a.m.," she said, "and I'll not wait 10,000 hours for y'all!" We're sure they'd've known: O'Brien's
co-operation wasn't free. In 1984, E=mc² cost $1,299.99 (about £1,050 / €1.180,50), i.e. ~12% more than in 1979–80.
Naïve façades, coöperation, Ærøskøbing, Łódź, İstanbul, Straße, Ελλάδα, Москва, Київ, עברית, العربية, हिन्दी, ไทย, 中文,
日本語, 한국어, Tiếng Việt, ქართული, Հայերեն, አማርኛ, မြန်မာ, ខ្មែរ, தமிழ், ᏣᎳᎩ, ⵜⵉⴼⵉⵏⴰⵖ.""".split()

CODE = ["def f(x):\n    return x**2 + 1\n", "for (int i = 0; i < n; ++i) {\n\t\ta[i] += b[i];\n\t}\n", "SELECT * FROM t WHERE id IN (1,2,3);",
        "if err != nil {\r\n\treturn fmt.Errorf(\"%w\", err)\r\n}\r\n", "<div class=\"a\">&nbsp;</div>", "#include <stdio.h>\n\n\n", "x = {'a': [1, 2.5e-10, None]}",
        "https://example.org/a/b?c=d&e=%20#f", "user@example.org", "camelCaseHTTPServer snake_case_name SCREAMING_CASE", "0xDEADBEEF 0b1010 1_000_000",
        "a->b::c()...;;;", "// comment\n/* more */\n", "\\frac{a}{b} \\alpha^{2}", "$x_1 \\leq y$", "```python\nprint('hi')\n```", "| a | b |\n|---|---|\n", "- [ ] item\n  * sub\n"]

EMOJI = ["😀", "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "👍🏽", "❤️", "☕", "🏳️‍🌈", "1️⃣", "©", "™", "‼️", "🧑🏿‍🚀", "𝔘𝔫𝔦", "𝟙𝟚", "→", "∑∫√", "█▓▒░", "─│┌", "•", "…", "“”‘’", "—–‐", "\ufeff", "\u200b", "\u200d", "\u00ad", "\ufffd"]

CJK = ["中文分词很难。", "日本語のテキスト、カタカナとひらがな。", "한국어 텍스트입니다", "漢字かな交じり文", "「引用」『二重』", "ＡＢＣ１２３", "㈱㍿①②", "全角　空白", "龍馬𠮷野家", "조선말 가각간", "〇一二三"]

NUMBERS = ["0", "7", "42", "123", "1234", "12345", "3.14159", "1e-10", "-17", "+5%", "１２３", "٣٤٥", "Ⅷ", "½", "x²", "१२३", "𝟗𝟘", "1,234,567.89", "2026-11-25T02:23:12Z", "00", "000000", "١٢٣٤٥٦"]

SPACES = [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\r", "\t", "\t\t", "\u00a0", "\u3000", "\u2003", "\u2028", "\u0085", " \n", "\n ", " \r\n ", "\x0b", "\x0c", "    \n    ", "\u200a\u200a", "\u1680", "        "]

MARKS = ["e\u0301", "a\u0308\u0304", "a\u0304\u0308", "o\u0302\u0323", "o\u0323\u0302", "\u0301", "\u1100\u1161\u11a8", "\u1100\u1161", "\uac00\u11a8", "\u0915\u093c", "\u0958", "\u212b", "\u2126", "\u1e9b\u0323", "q\u0307\u0323",
         "\u0d4a", "\u0d46\u0d3e", "\u0344", "\u0340", "z\u0335\u0327\u0324\u0301", "\u1112\u1161\u11ab\u1100\u1173\u11af", "\u2adc", "\ufb1d", "\u0f71\u0f72", "\u3099", "か\u3099", "\u1ea5", "A\u030a", "ſ\u0323\u0307", "\u0ccb", "\u0cc6\u0cd5\u0cc2"]

CONTRACTIONS = [a + b for a in ["", " ", "I", "we", "O", "'", "1", "É", "中", "A", "iPhone"] for b in ["'s", "'S", "'ſ", "'t", "'T", "'re", "'RE", "'rE", "'ve", "'Ve", "'m", "'M", "'ll", "'LL", "'lL", "'d", "'D", "'", "''", "'x", "'r", "'l", "’s", "'sſ", "'llama", "'verse"]]

CASES = ["iPhone", "McDonald's", "HTTPServer", "ǅungla", "ÀÉÎ", "straßE", "ALLCAPSthenlow", "aBcDeF", "ΑΒΓαβγ", "ЖЗИжзи", "ʰʷ", "ªº", "中A", "A中a", "aA中", "A\u0301b", "\u0301A", "\u0301a", "HELLO's", "HELLO'S", "X/Y/Z", "a//\n//b", "/\r\n/"]


def assigned(rng):
    while True:
        c = rng.choice([rng.randrange(0x300), rng.randrange(0x3000), rng.randrange(0x10000), rng.randrange(0x20000), rng.randrange(0x110000)])
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def one(rng, specials):
    kind = rng.randrange(16)
    pick = rng.choice
    if kind == 0:
        return " ".join(pick(PROSE) for _ in range(rng.randrange(1, 60)))
    if kind == 1:
        return "".join(pick(CODE) for _ in range(rng.randrange(1, 5)))
    if kind == 2:
        return "".join(pick(EMOJI) + pick(["", " ", pick(PROSE)]) for _ in range(rng.randrange(1, 12)))
    if kind == 3:
        return "".join(pick(CJK) for _ in range(rng.randrange(1, 12)))
    if kind == 4:
        return "".join(pick(NUMBERS) + pick(["", " ", "a", ",", pick(SPACES)]) for _ in range(rng.randrange(1, 12)))
    if kind == 5:
        return "".join(pick(SPACES) + pick(["", "", "a", "1", ".", "'", "é", "中"]) for _ in range(rng.randrange(1, 16)))
    if kind == 6:
        return "".join(pick(MARKS) + pick(["", "", "a", " ", "1", "\u0301"]) for _ in range(rng.randrange(1, 12)))
    if kind == 7:
        return "".join(pick(CONTRACTIONS) + pick(["", " ", "\n"]) for _ in range(rng.randrange(1, 8)))
    if kind == 8:
        return "".join(pick([pick(specials), pick(specials), pick(PROSE), pick(SPACES), pick(specials)[:rng.randrange(1, 9)], "<", "<|", "|>", "\u0301"]) for _ in range(rng.randrange(1, 8)))
    if kind == 9:
        return pick(["a", "ab", " ", "\n", "=", "-", "0", "12", "é", "中", "😀", "!?", "\t", "A", "aA", "\u0301", "ha", ".", "/", "' ", "\r\n", "e\u0301", "한"]) * rng.choice([1, 2, 3, 5, 17, 63, 64, 65, 100, 101, 127, 300, 1000])
    if kind == 10:
        return "".join(assigned(rng) for _ in range(rng.randrange(1, 40)))
    if kind == 11:  # what a lenient decoder makes of random bytes
        return bytes(rng.randrange(256) for _ in range(rng.randrange(1, 60))).decode("utf-8", "replace")
    if kind == 12:
        return "".join(chr(rng.randrange(128)) for _ in range(rng.randrange(1, 80)))
    if kind == 13:
        return "".join(pick(CASES) + pick(["", " ", "'s", "\n"]) for _ in range(rng.randrange(1, 10)))
    if kind == 14:
        return "".join(pick("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/ \n=") for _ in range(rng.randrange(1, 200)))
    return "".join(pick(pick([PROSE, CODE, EMOJI, CJK, NUMBERS, SPACES, MARKS, CONTRACTIONS, CASES, specials])) for _ in range(rng.randrange(2, 30)))


def texts(count, specials, seed=20261125):
    rng = random.Random(seed)
    out = ["", " ", "\n", "a", "'", "'s", "\ufffd"]
    known = set(out)
    while len(out) < count:
        t = one(rng, specials)
        if t not in known:
            known.add(t)
            out.append(t)
    return out
