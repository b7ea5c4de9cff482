"""Makes CPython's decimal numbers of words of 64 bits, on a machine whose addresses have 32.

    decimal_words.py DECIMAL OUT

DECIMAL is CPython's folder Modules/_decimal; OUT is a copy of it in which the configuration of 64 bits has an own type of
sizes, and the limits that a Python of 32 bits has to have (`decimal.MAX_PREC` and the like). With them no size of a
number's words exceeds an address.

What it looks for must be there, or it fails.
"""

import pathlib
import shutil
import sys

# (file, what it has, how often, what it has instead).
CHANGES = [
    ("libmpdec/mpdecimal.h", "#define MPD_SIZE_MAX SIZE_MAX\ntypedef size_t mpd_size_t; /* unsigned size type */\n\n"
     "/* type for exp, digits, len, prec */", 1,
     "#define MPD_SIZE_MAX UINT64_MAX\ntypedef uint64_t mpd_size_t;\n\n"),
    ("libmpdec/mpdecimal.h", "#define MPD_EXPDIGITS 19 ", 1, "#define MPD_EXPDIGITS 10 "),
    ("libmpdec/mpdecimal.h", "#define MPD_MAX_PREC 999999999999999999LL", 1, "#define MPD_MAX_PREC 425000000LL"),
    ("libmpdec/mpdecimal.h", "#define MPD_MAX_PREC_LOG2 64", 1, "#define MPD_MAX_PREC_LOG2 32"),
    ("libmpdec/mpdecimal.h", "#define MPD_ELIMIT  1000000000000000000LL", 1, "#define MPD_ELIMIT 425000001LL"),
    ("libmpdec/mpdecimal.h", "#define MPD_MAX_EMAX   999999999999999999LL", 1, "#define MPD_MAX_EMAX 425000000LL"),
    ("libmpdec/mpdecimal.h", "#define MPD_MIN_EMIN  (-999999999999999999LL)", 1, "#define MPD_MIN_EMIN (-425000000LL)"),
    ("libmpdec/mpdecimal.h", "#define MPD_EXP_INF 2000000000000000001LL", 1, "#define MPD_EXP_INF 1000000001LL"),
    ("libmpdec/mpdecimal.h", "#define MPD_EXP_CLAMP (-4000000000000000001LL)", 1, "#define MPD_EXP_CLAMP (-2000000001LL)"),
    # All digits of two numbers of the largest precision.
    ("libmpdec/mpdecimal.h", "#define MPD_MAXIMPORT 105263157894736842L", 1, "#define MPD_MAXIMPORT 44736843L"),
    ("libmpdec/mpdecimal.h", "#define MPD_IEEE_CONTEXT_MAX_BITS 512 ", 1, "#define MPD_IEEE_CONTEXT_MAX_BITS 256 "),
    ("libmpdec/mpdecimal.c", "#define MPD_EXP_MAX_T 19", 1, "#define MPD_EXP_MAX_T 10"),
    # The functions that come with these limits, for its tests.
    ("_decimal.c", "#ifdef CONFIG_32\n", 2, "#if MPD_MAX_PREC == 425000000\n"),
    # What is passed as `n` or `%zd` has to be a size of Python's.
    ("_decimal.c", "ctx->prec, mpd_round_string[ctx->round], ctx->emin, ctx->emax,", 2,
     "(Py_ssize_t)ctx->prec, mpd_round_string[ctx->round], (Py_ssize_t)ctx->emin, (Py_ssize_t)ctx->emax,"),
    # Hashes are modulo 2**31 - 1, and so is the inverse of 10.
    ("_decimal.c", "#if defined(CONFIG_64) && _PyHASH_BITS == 61\n", 1,
     "#if defined(CONFIG_64) && _PyHASH_BITS == 31\n"
     "    mpd_uint_t p_data[1] = {2147483647};\n"
     "    mpd_t p = {MPD_POS|MPD_STATIC|MPD_CONST_DATA, 0, 10, 1, 1, p_data};\n"
     "    mpd_uint_t inv10_p_data[1] = {1503238553};\n"
     "    mpd_t inv10_p = {MPD_POS|MPD_STATIC|MPD_CONST_DATA, 0, 10, 1, 1, inv10_p_data};\n"
     "#elif defined(CONFIG_64) && _PyHASH_BITS == 61\n"),
]  # fmt: skip


def main(folder, out):
    out = pathlib.Path(out)
    shutil.copytree(folder, out, dirs_exist_ok=True)
    for name, old, n, new in CHANGES:
        path = out / name
        text = path.read_text()
        if text.count(old) != n:
            sys.exit(f"decimal_words.py: {name} has {text.count(old)} places, not {n}, like {old}")
        path.write_text(text.replace(old, new))


if __name__ == "__main__":
    main(*sys.argv[1:])
