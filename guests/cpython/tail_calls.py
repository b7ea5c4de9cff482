"""Makes CPython's interpreter loop into functions that call one another.

    tail_calls.py PYTHON OUT

PYTHON is CPython's folder Python; OUT/ceval.c is its ceval.c in which each operator of the interpreter is a function, and
so is each place that operators jump to. What an operator ends with, a jump to the next one's beginning, is a tail call
whose arguments are what the loop keeps in variables. CPython has this itself from 3.14 on.

What it looks for must be there, or it fails: another version of CPython is another shape.
"""

import pathlib
import re
import sys

STATE = "frame, stack_pointer, tstate, next_instr, oparg"

TYPE = """
typedef PyObject* tail_function(
    _PyInterpreterFrame* frame, PyObject** stack_pointer, PyThreadState* tstate, _Py_CODEUNIT* next_instr, int oparg);
"""

HEAD = """
#define TAIL_FUNCTION(name) static PyObject* name( \\
    _PyInterpreterFrame* frame, PyObject** stack_pointer, PyThreadState* tstate, _Py_CODEUNIT* next_instr, int oparg)
#define TAIL_CALL(name) __attribute__((musttail)) return name(frame, stack_pointer, tstate, next_instr, oparg)

#undef DISPATCH_GOTO
#define DISPATCH_GOTO() TAIL_CALL(((tail_function*)((uintptr_t)TARGET_CACHE + (uint8_t)opcode)))
#undef GO_TO_INSTRUCTION
#define GO_TO_INSTRUCTION(op) do { next_instr = this_one; TAIL_CALL(TARGET_##op); } while (0)
#undef DEOPT_IF
#define DEOPT_IF(condition, op) if (condition) { next_instr = this_one; TAIL_CALL(TARGET_##op); }
#undef PREDICTED
#define PREDICTED(op)
#undef GOTO_ERROR
#define GOTO_ERROR(label) TAIL_CALL(label)
#undef DISPATCH_INLINED
#define DISPATCH_INLINED(NEW_FRAME) \\
    do { \\
        _PyFrame_SetStackPointer(frame, stack_pointer); \\
        (NEW_FRAME)->previous = frame; \\
        frame = tstate->current_frame = (NEW_FRAME); \\
        TAIL_CALL(start_frame); \\
    } while (0)
#undef INSTRUMENTED_JUMP
#define INSTRUMENTED_JUMP(src, dest, event) \\
    do { \\
        if (tstate->tracing) { \\
            next_instr = dest; \\
        } else { \\
            _PyFrame_SetStackPointer(frame, stack_pointer); \\
            next_instr = _Py_call_instrumentation_jump(tstate, event, frame, src, dest); \\
            stack_pointer = _PyFrame_GetStackPointer(frame); \\
            if (next_instr == NULL) { \\
                next_instr = (dest) + 1; \\
                TAIL_CALL(error); \\
            } \\
        } \\
    } while (0)
#undef SKIP_OVER
#define SKIP_OVER(x) (next_instr += (x))
"""

# A function's address is its place in the module's table, and the linker gives places in the order in which addresses
# are first taken: here, before all other functions of the file, as a compiler that knows from a profile which operators
# follow one another compares the next one's address with theirs. So the next operator's is the first's and its number,
# and needs no table in memory.
ORDER_HEAD = """
#define IS_NEXT(name) \\
    do { \\
        at = name; \\
        if ((uintptr_t)at != ++place) { \\
            __builtin_trap(); \\
        } \\
    } while (0)

__attribute__((constructor)) static void tail_order(void)
{
    tail_function* volatile at = FIRST;
    uintptr_t place = (uintptr_t)at;
"""

# The places that are jumped to, in ceval.c's order: each ends by falling into the next one, or says that it does not.
LABELS = [
    "start_frame", "resume_frame", "pop_4_error", "pop_3_error", "pop_2_error", "pop_1_error", "error",
    "exception_unwind", "exit_unwind", "resume_with_error",
]  # fmt: skip


def once(pattern, text):
    """The one place of a pattern."""
    found = list(re.finditer(pattern, text, re.MULTILINE | re.DOTALL))
    if len(found) != 1:
        sys.exit(f"tail_calls.py: ceval.c has {len(found)} places like {pattern}")
    return found[0]


def without_jumps(body):
    """A body whose jumps are calls."""
    return re.sub(r"\bgoto (\w+);", r"TAIL_CALL(\1);", body)


def function(name, body, operator):
    head = "    uint8_t opcode;\n    (void)opcode;\n"
    if operator:
        head += "    _Py_CODEUNIT* const this_one = next_instr;\n    (void)this_one;\n"
    return f"TAIL_FUNCTION({name})\n{{\n{head}{without_jumps(body)}\n}}\n\n"


def operators(cases):
    """(name, body) of each operator."""
    parts = re.split(r"^        TARGET\((\w+)\) \{\n", cases, flags=re.MULTILINE)[1:]
    for name, rest in zip(parts[::2], parts[1::2]):
        body, end, _ = rest.partition("\n        }\n")
        if not end:
            sys.exit(f"tail_calls.py: {name} has no end")
        yield name, body


def main(folder, out):
    folder = pathlib.Path(folder)
    ceval = (folder / "ceval.c").read_text()
    cases = (folder / "generated_cases.c.h").read_text()
    targets = (folder / "opcode_targets.h").read_text()

    top = once(r"^#include <stdbool.h> .*?\n", ceval)
    begin = once(r"^PyObject\* _Py_HOT_FUNCTION\n_PyEval_EvalFrameDefault\([^)]*\)\n\{\n", ceval)
    end = once(r"\n#endif // _Py_TIER2\n\n\}\n", ceval)
    loop = ceval[begin.end() : end.start()]
    setup = loop[: once(r"^    /\* Local \"register\" variables\.", loop).start()]
    setup = setup.replace('#include "opcode_targets.h"', "")
    line = once(r"^        TARGET_INSTRUMENTED_LINE:\n.*?^    \{\n(.*?)\n    \}\n", loop)[1]
    unknown = once(r"^        _unknown_opcode:\n.*?^#endif\n(.*?)\n        \} /\* End instructions \*/", loop)[1]

    made = {}
    places = [once(rf"^{label}:\n", loop) for label in LABELS]
    stops = [place.start() for place in places[1:]] + [once(r"^#ifdef _Py_TIER2\n\n// Tier 2 is also", loop).start()]
    for label, place, stop in zip(LABELS, places, stops):
        made[label] = loop[place.end() : stop]
    resume, _, _ = made["resume_frame"].partition("    {\n    /* Start instructions */")
    made["resume_frame"] = resume
    made["exception_unwind"] = once(r"^(        \{\n.*^        \}\n)    \}\n", made["exception_unwind"])[1]
    # The frame of the caller in C is known by its owner.
    made["exit_unwind"] = made["exit_unwind"].replace("frame == &entry_frame", "frame->owner == FRAME_OWNED_BY_CSTACK")
    ends = {"resume_frame", "exception_unwind"}
    for label, following in zip(LABELS, LABELS[1:]):
        if label not in ends:
            made[label] += f"    TAIL_CALL({following});\n"

    names = re.findall(r"&&(\w+)", targets)
    if len(names) != 256:
        sys.exit(f"tail_calls.py: there are {len(names)} operators")
    # Each has a function of its own.
    extra = {}
    for at, name in enumerate(names):
        if name in names[:at]:
            names[at] = f"{name}_{at}"
            extra[names[at]] = name
    bodies = dict(operators(cases))
    if not set(names) - set(extra) <= {f"TARGET_{name}" for name in bodies} | {"_unknown_opcode", "TARGET_INSTRUMENTED_LINE"}:
        sys.exit("tail_calls.py: not all operators are there")

    order = TYPE
    order += "".join(f"static tail_function {name};\n" for name in sorted({*names, *(f"TARGET_{n}" for n in bodies)}))
    order += ORDER_HEAD.replace("FIRST", names[0])
    order += "".join(f"    IS_NEXT({name});\n" for name in names[1:]) + "}\n\n"

    text = HEAD
    text += "".join(f"static tail_function {label};\n" for label in LABELS)
    text += "#define TIER_ONE 1\n"
    for name, body in bodies.items():
        text += function(f"TARGET_{name}", body, True)
    text += function("TARGET_INSTRUMENTED_LINE", line, True)
    text += function("_unknown_opcode", unknown, True)
    for name, same in extra.items():
        text += f"TAIL_FUNCTION({name})\n{{\n    TAIL_CALL({same});\n}}\n\n"
    for label in LABELS:
        text += function(label, made[label], False)
    text += "#undef TIER_ONE\n"

    # The function itself sets up its frame, and calls the first.
    start = without_jumps(setup) + f"    TAIL_CALL_FIRST(start_frame);\n}}\n"
    start = re.sub(r"TAIL_CALL(?:_FIRST)?\((\w+)\);", r"return \1(frame, NULL, tstate, NULL, 0);", start)
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    before = ceval[: top.end()] + order + ceval[top.end() : begin.start()]
    (out / "ceval.c").write_text(before + text + begin[0] + start + ceval[end.end() :])


if __name__ == "__main__":
    main(*sys.argv[1:])
