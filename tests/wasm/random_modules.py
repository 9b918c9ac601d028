"""Modules with legacy exceptions, made at random from a seed.

Every decision that a module takes while it runs comes from a linear congruential
generator in a global, started by the argument; what it does is folded into another.
`run` gives that trace, mixed with the tag and values of an exception that came out.
"""

from __future__ import annotations

import random

_DEPTH = 5
_FUNCTIONS = 4
_LOOPS = 20

_PRELUDE = """
  (tag $number (param i32))
  (tag $pair (param i32 i32))
  (tag $plain)
  (global $state (mut i32) (i32.const 0))
  (global $trace (mut i32) (i32.const 0))
  (global $loops (mut i32) (i32.const 20))
  (func $chance (param i32) (result i32)
    global.get $state
    i32.const 1103515245
    i32.mul
    i32.const 12345
    i32.add
    global.set $state
    global.get $state
    i32.const 16
    i32.shr_u
    local.get 0
    i32.rem_u)
  (func $note (param i32)
    global.get $trace
    i32.const 31
    i32.mul
    local.get 0
    i32.add
    global.set $trace)
  (func $may_loop (result i32)
    global.get $loops
    i32.const 1
    i32.sub
    global.set $loops
    global.get $loops
    i32.const 0
    i32.gt_s)
  (func (export "run") (param i32) (result i32)
    local.get 0
    i32.const 7919
    i32.mul
    global.set $state
    try
      call $f0
      call $note
    catch $number
      call $note
      i32.const 1
      call $note
    catch $pair
      call $note
      call $note
      i32.const 2
      call $note
    catch_all
      i32.const 3
      call $note
    end
    global.get $trace)
"""
_TAGS = {"$number": 1, "$pair": 2, "$plain": 0}


def random_module(seed: int) -> str:
    """The text of a module that exports `run`."""
    generator = _Generator(random.Random(seed))
    functions = [generator.function(number) for number in range(_FUNCTIONS)]
    return f"(module {_PRELUDE}\n" + "\n".join(functions) + ")"


class _Generator:
    def __init__(self, choices: random.Random) -> None:
        self._random = choices
        self._lines: list[str] = []
        self._labels: list[tuple[str, int]] = []
        self._function = 0

    def function(self, number: int) -> str:
        self._function = number
        self._lines = [f"(func $f{number} (result i32)"]
        self._labels = [("function", 1)]
        self._body(1, _DEPTH)
        return "\n".join(self._lines) + ")"

    def _emit(self, *lines: str) -> None:
        self._lines += lines

    def _values(self, count: int) -> None:
        self._emit(*(f"i32.const {self._random.randrange(100)}" for _ in range(count)))

    def _take(self, count: int) -> None:
        self._emit(*["call $note"] * count)

    def _body(self, results: int, depth: int) -> None:
        for _ in range(self._random.randrange(1, 4)):
            self._statement(depth)
        self._values(results)

    def _statement(self, depth: int) -> None:
        simple = (self._note, self._throw, self._branch, self._rethrow, self._call, self._table)
        nested = (self._try, self._try, self._try, self._delegate, self._block, self._loop)
        if depth > 0 and self._random.random() < 0.6:
            self._random.choice(nested)(depth - 1)
        else:
            self._random.choice(simple)()

    def _open(self, keyword: str, kind: str, results: int) -> None:
        types = f" (result{' i32' * results})" if results else ""
        self._emit(f"{keyword}{types}")
        self._labels.append((kind, results))

    def _close(self, ending: str = "end") -> None:
        self._emit(ending)
        _, results = self._labels.pop()
        self._take(results)

    def _maybe(self) -> None:
        self._emit("i32.const 3", "call $chance", "i32.eqz")
        self._open("if", "if", 0)

    def _note(self) -> None:
        self._values(1)
        self._take(1)

    def _throw(self) -> None:
        tag = self._random.choice(list(_TAGS))
        self._maybe()
        self._values(_TAGS[tag])
        self._emit(f"throw {tag}")
        self._close()

    def _branch(self) -> None:
        depth = self._random.choice(self._forward_labels())
        results = self._labels[-1 - depth][1]
        self._values(results)
        self._emit("i32.const 4", "call $chance", "i32.eqz", f"br_if {depth}")
        self._take(results)

    def _table(self) -> None:
        self._maybe()
        results = self._labels[-1 - self._random.choice(self._forward_labels())][1]
        targets = [d for d in self._forward_labels() if self._labels[-1 - d][1] == results]
        chosen = [str(self._random.choice(targets)) for _ in range(4)]
        self._values(results)
        self._emit("i32.const 4", "call $chance", "br_table " + " ".join(chosen))
        self._close()

    def _forward_labels(self) -> list[int]:
        kinds = enumerate(reversed(self._labels))
        return [depth for depth, (kind, _) in kinds if kind != "loop"]

    def _rethrow(self) -> None:
        handlers = [d for d, (kind, _) in enumerate(reversed(self._labels)) if kind == "handler"]
        if not handlers:
            return self._note()
        self._maybe()
        self._emit(f"rethrow {self._random.choice(handlers) + 1}")
        return self._close()

    def _call(self) -> None:
        if self._function + 1 == _FUNCTIONS:
            return self._note()
        self._emit(f"call $f{self._random.randrange(self._function + 1, _FUNCTIONS)}")
        return self._take(1)

    def _block(self, depth: int) -> None:
        results = self._random.randrange(3)
        self._open("block", "block", results)
        self._body(results, depth)
        self._close()

    def _loop(self, depth: int) -> None:
        self._open("loop", "loop", 0)
        self._body(0, depth)
        self._emit("call $may_loop", "br_if 0")
        self._close()

    def _delegate(self, depth: int) -> None:
        results = self._random.randrange(3)
        self._open("try", "body", results)
        self._body(results, depth)
        self._close(f"delegate {self._random.randrange(len(self._labels) - 1)}")

    def _try(self, depth: int) -> None:
        results = self._random.randrange(3)
        self._open("try", "body", results)
        self._body(results, depth)
        self._labels[-1] = ("handler", results)
        for tag in self._random.sample(list(_TAGS), self._random.randrange(3)):
            self._emit(f"catch {tag}")
            self._take(_TAGS[tag])
            self._body(results, depth)
        if self._random.random() < 0.5:
            self._emit("catch_all")
            self._body(results, depth)
        self._close()
