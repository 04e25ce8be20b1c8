"""Makes own-tokenizer/: a small byte-level BPE trained by Hugging Face's tokenizers, saved in both of the layouts that
model folders have, and the ids that transformers' own tokenizer gives for awkward texts.

    pip install transformers==5.* tokenizers
    python test/reference/make-own-tokenizer.py
"""

import json
import random
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2TokenizerFast

HERE = Path(__file__).parent
OUT = HERE / "own-tokenizer"
GOLDEN = json.loads((HERE / "tokenizer-golden.json").read_text())["cases"]
ADDED = ["<think>", "cat s", "cat sat"]


def main():
    (OUT / "vocab-and-merges").mkdir(parents=True, exist_ok=True)
    trained = ByteLevelBPETokenizer()
    corpus = [
        "the cat sat on the mat, and it's 12 o'clock; they've said: don't!\n\n    for i in range(10):\n        print(i)",
        "a naïve café, ‘quoted’ “text” — 日本の図書館 привет мир 😀🎉 the theory of them, other weather",
    ]
    trained.train_from_iterator(corpus * 20, vocab_size=420, min_frequency=2, special_tokens=["<|endoftext|>"])
    trained.save_model(str(OUT / "vocab-and-merges"))
    slow = OUT / "vocab-and-merges"
    tokenizer = GPT2TokenizerFast(vocab=str(slow / "vocab.json"), merges=str(slow / "merges.txt"))
    tokenizer.save_pretrained(OUT / "plain")
    plain = GPT2TokenizerFast.from_pretrained(OUT / "plain")
    tokenizer.add_tokens(ADDED)
    tokenizer.save_pretrained(OUT / "with-added")
    added = GPT2TokenizerFast.from_pretrained(OUT / "with-added")

    draw = random.Random(7)
    alphabet = list("the cats'‘’ 1\n\t日本é🎉<>|_-") + [" the", "'ve", "  ", *ADDED, "<|endoftext|>"]
    texts = [case["text"] for case in GOLDEN] + [
        "".join(draw.choice(alphabet) for _ in range(draw.randrange(1, 40))) for _ in range(300)
    ]

    def ids(tokenizer, text, **options):
        return tokenizer(text, add_special_tokens=False, **options)["input_ids"]

    cases = []
    for text in texts:
        if any(0xD800 <= ord(character) < 0xE000 for character in text):
            continue  # half of a surrogate pair, which tokenizers refuses
        case = {"text": text, "plain": ids(plain, text, split_special_tokens=True)}
        if "<|endoftext|>" not in text:  # that option would leave added tokens apart, too
            case["added"] = ids(added, text)
        cases.append(case)
    for case in cases:
        assert plain.decode(case["plain"]) == case["text"], case
    (OUT / "golden.json").write_text(json.dumps({"cases": cases}, ensure_ascii=False) + "\n")
    for folder in (OUT / "plain", OUT / "with-added"):
        for extra in folder.iterdir():
            if extra.name not in ("tokenizer.json", "tokenizer_config.json"):
                extra.unlink()


if __name__ == "__main__":
    main()
