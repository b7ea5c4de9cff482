"""Patterns counted and replaced in a long made-up sequence: the regular expression engine."""
import re


def sequence(n):
    letters, seed, out = "acgtacgtacgta", 42, []
    for i in range(n):
        seed = (seed * 3877 + 29573) % 139968
        out.append(letters[seed * len(letters) // 139968])
        if i % 60 == 59:
            out.append("\n")
    return "".join(out)


VARIANTS = (
    "agggtaaa|tttaccct",
    "[cgt]gggtaaa|tttaccc[acg]",
    "a[act]ggtaaa|tttacc[agt]t",
    "ag[act]gtaaa|tttac[agt]ct",
    "agg[act]taaa|ttta[agt]cct",
    "aggg[acg]aaa|ttt[cgt]ccct",
    "agggt[cgt]aa|tt[acg]accct",
    "agggta[cgt]a|t[acg]taccct",
    "agggtaa[cgt]|[acg]ttaccct",
)
REPLACED = (
    ("tHa[Nt]", "<4>"),
    ("aND|caN|Ha[DS]|WaS", "<3>"),
    ("a[NSt]|BY", "<2>"),
    ("\\|[^|][^|]*\\|", "|"),
    ("tg(c|a)", r"<\1>"),
)

text = sequence(900000)
length = len(text)
text = re.sub("\n", "", text)
print(length, len(text))
for variant in VARIANTS:
    print(variant, len(re.findall(variant, text)))
for pattern, by in REPLACED:
    text = re.sub(pattern, by, text)
print(len(text))
