"""Makes tokenizer-golden.json: token ids of awkward texts by tiktoken, OpenAI's own (Rust) encoder.

    npm ci && pip install tiktoken==0.14.0
    python test/reference/make-tokenizer-golden.py

Only the table of tokens comes from js-tiktoken; cutting into pre-tokens and merging are tiktoken's.
"""

import base64
import json
from pathlib import Path

import tiktoken

HERE = Path(__file__).parent
# From github.com/openai/gpt-2, src/encoder.py.
PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""

TEXTS = {
    "empty": "",
    "one space": " ",
    "sentence": "Hello world! The quick brown fox jumps over the lazy dog.",
    "no space before, space after": "word word ",
    "contractions": "I'm sure they've said it's what we'd do, they'll try, don't they? You're right.",
    "contractions in capitals stay whole": "I'M SURE IT'S WHAT WE'D DO, DON'T THEY'LL",
    "apostrophe that begins a word": "'tis 'sure 'rest 'llama rock 'n' roll's''s",
    "curly quotes": "“It’s,” she said, ‘we’ve’ — it’ll… «oui»",
    "emoji": "😀🎉🔥 great 👍!!",
    "emoji with skin tone and ZWJ": "👩🏽‍🚀 👨‍👩‍👧‍👦 🏳️‍🌈 👋🏿",
    "flags and keycaps": "🇫🇷🇯🇵 1️⃣#️⃣",
    "Chinese": "你好，世界。图书馆在哪里？",
    "Japanese": "図書館はどこですか。カタカナ １２３",
    "Korean": "안녕하세요 세계",
    "Arabic": "مرحبا بالعالم ١٢٣",
    "Arabic with vowel marks": "بِسْمِ ٱللَّهِ",
    "Hebrew": "שלום עולם",
    "Devanagari": "नमस्ते दुनिया १२३",
    "Thai": "สวัสดีชาวโลก",
    "Russian and Greek": "Привет, мир! Γειά σου Κόσμε",
    "composed and decomposed": "é e\u0301 ñ n\u0303 \u212b",
    "ligatures and Roman numerals": "ﬁne ﬀ Ⅷ ½ ² ①",
    "letters beyond U+FFFF": "𝒜𝓑𝔠 𐍈 𠮷野家",
    "run of spaces": "a  b   c    d" + " " * 20 + "e",
    "spaces at both ends": "   x   ",
    "newlines": "a\nb\n\nc\n\n\n  d\n",
    "carriage returns": "a\r\nb\r\n\r\nc\rd",
    "tabs": "\tx\t\ty\n\t\tz \t w",
    "other spaces": "a\u00a0b\u00a0\u00a0c\u2003d\u3000e\u2028f\u2029g\u202fh\u1680i",
    "U+0085 is a space": "a\u0085b \u0085 c\u0085\u0085d",
    "U+FEFF is no space": "\ufeffa \ufeffb \ufeff\ufeff",
    "zero-width and directional marks": "a\u200bb\u200dc\u2060d \u202eabc\u202c",
    "control characters": "a\u0000b\u0001\u001b[31m\u001c\u001d\u007f",
    "property names": "constructor __proto__ toString hasOwnProperty valueOf",
    "constructor alone": "constructor",
    "__proto__ alone": "__proto__",
    "toString alone": "toString",
    "special token is plain text": "a<|endoftext|>b <|endoftext|>",
    "numbers": "0 7 42 007 1234567890 3.14159 1,000,000 1e-5 0xFF -12 50%",
    "letters and digits": "abc123 v1.2.3 H2O 2nd x86_64",
    "Python": "def f(x):\n    return [i ** 2 for i in range(x)]  # squares\n",
    "JSON": '{"a": [1, 2.5, null], "b": {"c": "d\\n"}}',
    "URL": "https://example.org/a/b.html?q=1&r=%20#top",
    "HTML": '<img src="x" onerror=alert(1)></script>',
    "punctuation": "!!!??? ... --- === *** ((())) ~~ `` ||",
    "formula": "∫₀^∞ e^(−x²) dx = √π/2 ≈ 0.886 ∀ε>0 ∃δ",
    "mixed scripts": "Où est la bibliothèque 図書館 مكتبة 📚, s'il vous plaît?",
    "long word": "pneumonoultramicroscopicsilicovolcanoconiosis",
    "a run of one letter": "a" * 100,
    "a run of dashes": "-" * 200,
    "a run of emoji": "🎉" * 20,
    "lone high surrogate": "a\ud83d b",
    "lone low surrogate": "\ude00x",
    "surrogates the wrong way round": "\ude00\ud83d",
    "lone surrogates in a row": "x\ud800\ud800\udbff y",
}


def tokens_of_js_tiktoken():
    module = (HERE / "../../node_modules/js-tiktoken/dist/ranks/gpt2.js").read_text("utf-8").strip()
    table = json.loads(module.removeprefix("export default ").removesuffix(";"))
    return [base64.b64decode(token) for token in table["bpe_ranks"].split(" ")[2:]]


def encoding(tokens):
    ranks = {token: rank for rank, token in enumerate(tokens)}
    return tiktoken.Encoding("gpt2", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})


tokens = tokens_of_js_tiktoken()
full, cut = encoding(tokens), encoding(tokens[:4096])
# tiktoken itself reads lone surrogates as U+FFFD.
cases = [
    {"name": name, "text": text, "gpt2": full.encode_ordinary(text), "cut4096": cut.encode_ordinary(text)}
    for name, text in TEXTS.items()
]
origin = (
    f"Made by make-tokenizer-golden.py with tiktoken {tiktoken.__version__} (MIT). gpt2: all 50,256 tokens; "
    "cut4096: the first 4,096. Lone surrogates were read as U+FFFD."
)
lines = ",\n".join("  " + json.dumps(case) for case in cases)
text = f'{{\n "origin": {json.dumps(origin)},\n "cases": [\n{lines}\n ]\n}}\n'
(HERE / "tokenizer-golden.json").write_text(text, "utf-8")
