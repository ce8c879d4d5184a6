"""Encodes a text with the library tokenizers, once for each line on standard input, and answers with a line of JSON.

usage: peer.py TOKENIZER TEXT. RAYON_NUM_THREADS is the number of threads. The text is cut at ends of lines into pieces of
some 64 kB, which the threads share: one text alone would be encoded by one thread.
"""

import json
import sys
import time

import tokenizers

tokenizer = tokenizers.Tokenizer.from_file(sys.argv[1])
with open(sys.argv[2], encoding="utf-8", newline="") as f:
    text = f.read()
pieces, start = [], 0
while start < len(text):
    end = text.find("\n", min(len(text), start + 65536)) + 1 or len(text)
    pieces.append(text[start:end])
    start = end
for _ in sys.stdin:
    begin = time.perf_counter()
    tokens = 0
    for i in range(0, len(pieces), 256):  # what is encoded is dropped, as it would fill memory
        tokens += sum(len(e.ids) for e in tokenizer.encode_batch(pieces[i : i + 256], add_special_tokens=False))
    print(json.dumps({"seconds": time.perf_counter() - begin, "tokens": tokens, "version": tokenizers.__version__}), flush=True)
