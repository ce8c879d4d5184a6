"""Writes expected.json: what the library tokenizers makes of the lines of lines_test.go, and the merges that it learns.

Run in this folder with: python3 -m venv v && v/bin/pip install tokenizers==0.23.3 && v/bin/python expected.py
"""
import bz2
import hashlib
import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

RANGES = [(0x61, 0x7A), (0x41, 0x5A), (0x30, 0x39), (0x21, 0x2F), (0x20, 0x20), (0x20, 0x20), (0x9, 0xD), (0x0, 0x1F),
          (0x7F, 0xA0), (0xA1, 0x17F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F),
          (0xE00, 0xE7F), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x2150, 0x218F), (0x2460, 0x24FF), (0x3000, 0x30FF),
          (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFE00, 0xFE0F), (0x1F300, 0x1F64F), (0x1F900, 0x1F9FF),
          (0x10000, 0x10FFFF), (0x20000, 0x2A6DF)]
PIECES = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'", " the", " light", "  ", "\n", "\r\n", "\u200d", "\ufeff",
          "<|endoftext|>", "<|end of text|>", "<|end"]


def lines(count):
    state = 1

    def draw(n):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % n

    for _ in range(count):
        line = ""
        for _ in range(1 + draw(20)):
            kind = draw(len(RANGES) + len(PIECES))
            if kind >= len(RANGES):
                line += PIECES[kind - len(RANGES)]
                continue
            first, last = RANGES[kind]
            for _ in range(1 + draw(8)):
                line += chr(first + draw(last - first + 1))
        yield line


def new(sequences, vocab):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    t.train_from_iterator(sequences, trainer)
    return t


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def encoded(t, texts):
    """One digest for each hundred lines, so that a difference has a place."""
    ids = ["%s\n" % " ".join(map(str, t.encode(s).ids)) for s in texts]
    return [sha("".join(ids[i:i + 100])) for i in range(0, len(ids), 100)]


texts = list(lines(10_000))
opticks = bz2.open("../../data/texts/opticks.txt.bz2", "rt", encoding="utf-8", newline="").read()
with_added = new([opticks], 512)
with_added.add_special_tokens(["<|endoftext|>", "<|end"])
with_added.add_tokens(["<|end of text|>"])
with_added.save("added.json", pretty=True)
expected = {
    "lines": sha("\n".join(texts)),
    "opticks-1024": encoded(Tokenizer.from_file("../../data/tokenizers/opticks-1024.json"), texts),
    "added": encoded(with_added, texts),
    "trained": {
        "opticks, whole": sha(new([opticks], 1023).to_str(pretty=True)),
        "opticks, by line": sha(new(opticks.splitlines(keepends=True), 1023).to_str(pretty=True)),
        "lines": sha(new(["\n".join(texts)], 3000).to_str(pretty=True)),
    },
}
json.dump(expected, open("expected.json", "w"), indent=1)
