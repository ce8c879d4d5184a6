"""Writes classes.txt: the letters, numbers and blanks of the splitting of tokenizers.

Run with: python3 -m venv v && v/bin/pip install tokenizers==0.23.3 && v/bin/python classes.py > ../classes.txt

The class of each code point is read off the words into which the library splits a short text.
"""
from tokenizers import pre_tokenizers, __version__

split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str


def one_word(text):
    return len(split(text)) == 1


def classify(char):
    for name, neighbour in (("letter", "a"), ("number", "1"), ("other", ".")):
        if one_word(neighbour + char):
            return name
    return "space"


print(f"# Letters, numbers and blanks of Unicode 16.0, as tokenizers {__version__} splits; by testdata/classes.py.")
begin, name = 0, "other"
for code in range(0x110001):
    surrogate = 0xD800 <= code < 0xE000
    now = "other" if code == 0x110000 or surrogate else classify(chr(code))
    if now != name:
        if name != "other":
            print(f"{name} {begin:04X} {code - 1:04X}")
        begin, name = code, now
