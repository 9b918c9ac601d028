"""Modules with legacy exceptions, in the text format, and what they are to do.

Each exports `run`, which takes an i32 and gives one. Every exception that may leave a
function is caught by its caller, so that results tell all.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LegacyModule:
    """`results` says what `run` gives for an argument."""

    name: str
    text: str
    results: dict[int, int]


def _module(name: str, functions: str, results: dict[int, int]) -> LegacyModule:
    text = f"""
    (module
      (type $returns_i32 (func (param i32) (result i32)))
      (tag $number (param i32))
      (tag $pair (param i32 i64))
      (tag $plain)
      (func $throw_number (param i32) local.get 0 throw $number)
      (func $throw_by_argument (param i32)
        local.get 0
        if
          local.get 0
          i32.const 1
          i32.eq
          if
            i32.const 77
            throw $number
          end
          local.get 0
          i32.const 2
          i32.eq
          if
            i32.const 30
            i64.const 4
            throw $pair
          end
          throw $plain
        end)
      {functions})
    """
    return LegacyModule(name, text, results)


_CAUGHT_BY_CALLER = """
  (func (export "run") (param i32) (result i32)
    try (result i32)
      local.get 0
      call $inner
    catch $number
      i32.const 1000
      i32.add
    catch $pair
      i32.wrap_i64
      i32.add
      i32.const 2000
      i32.add
    catch_all
      i32.const 3000
    end)
"""

LEGACY_MODULES = [
    _module(
        "a try that nothing is thrown in gives its own result",
        """
        (func (export "run") (param i32) (result i32)
          try (result i32)
            local.get 0
          catch_all
            i32.const -1
          end)
        """,
        {5: 5},
    ),
    _module(
        "the handler of the thrown tag gets all its values",
        """
        (func (export "run") (param i32) (result i32)
          try (result i32)
            local.get 0
            call $throw_by_argument
            i32.const 9
          catch $number
          catch $pair
            i32.wrap_i64
            i32.sub
          catch_all
            i32.const 5
          end)
        """,
        {0: 9, 1: 77, 2: 26, 3: 5},
    ),
    _module(
        "an exception that no handler takes reaches the caller",
        """
        (func $inner (param i32) (result i32)
          try (result i32)
            local.get 0
            call $throw_by_argument
            i32.const 9
          catch $plain
            i32.const 6
          end)
        """
        + _CAUGHT_BY_CALLER,
        {0: 9, 1: 1077, 2: 2034, 3: 6},
    ),
    _module(
        "a try without handlers lets everything pass",
        """
        (func $inner (param i32) (result i32)
          try (result i32)
            try (result i32)
              local.get 0
              call $throw_by_argument
              i32.const 9
            end
          catch $number
            i32.const 1
            i32.add
          end)
        """
        + _CAUGHT_BY_CALLER,
        {0: 9, 1: 78, 2: 2034, 3: 3000},
    ),
    _module(
        "what a handler throws goes to the try around it, not to itself",
        """
        (func (export "run") (param i32) (result i32)
          try (result i32)
            try (result i32)
              local.get 0
              call $throw_number
              i32.const 9
            catch $number
              i32.const 1
              i32.add
              throw $number
            end
          catch $number
            i32.const 100
            i32.add
          end)
        """,
        {5: 106},
    ),
    _module(
        "rethrow throws the same exception with the same values",
        """
        (func $inner (param i32) (result i32)
          try (result i32)
            local.get 0
            call $throw_by_argument
            i32.const 9
          catch $pair
            drop
            drop
            rethrow 0
          catch_all
            rethrow 0
          end)
        """
        + _CAUGHT_BY_CALLER,
        {0: 9, 1: 1077, 2: 2034, 3: 3000},
    ),
    _module(
        "rethrow in an inner handler can name the outer handler's exception",
        """
        (func $inner (param i32) (result i32)
          try (result i32)
            local.get 0
            call $throw_by_argument
            i32.const 9
          catch $number
            try
              i32.const 5
              throw $number
            catch $number
              drop
              rethrow 1
            end
          catch_all
            try
              i32.const 5
              throw $number
            catch_all
              local.get 0
              i32.const 2
              i32.eq
              if
                rethrow 1
              end
              rethrow 1
            end
            i32.const 0
          end)
        """
        + _CAUGHT_BY_CALLER,
        {0: 9, 1: 1077, 2: 1005, 3: 3000},
    ),
    _module(
        "rethrow after a nested try has rethrown still has its own exception",
        """
        (func $inner (param i32) (result i32)
          try (result i32)
            local.get 0
            call $throw_number
            i32.const 9
          catch_all
            try
              try
                i32.const 1
                throw $number
              catch_all
                rethrow 0
              end
            catch_all
            end
            rethrow 0
          end)
        """
        + _CAUGHT_BY_CALLER,
        {5: 1005},
    ),
    _module(
        "rethrow works each time round a loop",
        """
        (func (export "run") (param i32) (result i32)
          (local $sum i32)
          loop $again
            try
              try
                local.get 0
                call $throw_number
              catch_all
                rethrow 0
              end
            catch $number
              local.get $sum
              i32.add
              local.set $sum
            end
            local.get 0
            i32.const 1
            i32.sub
            local.tee 0
            br_if $again
          end
          local.get $sum)
        """,
        {4: 10},
    ),
    _module(
        "delegate to an outer try skips the one between",
        """
        (func (export "run") (param i32) (result i32)
          try $outer (result i32)
            try (result i32)
              try (result i32)
                local.get 0
                call $throw_by_argument
                i32.const 9
              delegate $outer
            catch_all
              i32.const -1
            end
          catch $number
            i32.const 1
            i32.add
          catch_all
            i32.const 4
          end)
        """,
        {0: 9, 1: 78, 2: 4, 3: 4},
    ),
    _module(
        "delegate to the nearest try changes nothing",
        """
        (func (export "run") (param i32) (result i32)
          try $outer (result i32)
            try (result i32)
              local.get 0
              call $throw_by_argument
              i32.const 9
            delegate $outer
          catch_all
            i32.const 4
          end)
        """,
        {0: 9, 1: 4},
    ),
    _module(
        "delegate out of the function skips every try in it",
        """
        (func $inner (param i32) (result i32)
          try (result i32)
            try (result i32)
              try (result i32)
                local.get 0
                call $throw_by_argument
                i32.const 9
              delegate 2
            catch_all
              i32.const -1
            end
          catch_all
            i32.const -2
          end)
        """
        + _CAUGHT_BY_CALLER,
        {0: 9, 1: 1077, 2: 2034, 3: 3000},
    ),
    _module(
        "returning works where exceptions are delegated out of the function",
        """
        (func $inner (param i32) (result i32)
          try
            try
              local.get 0
              call $throw_by_argument
              i32.const 8
              return
            delegate 1
          catch_all
          end
          i32.const 1
          br 0)
        """
        + _CAUGHT_BY_CALLER,
        {0: 8, 3: 3000},
    ),
    _module(
        "delegate to a block goes to the try that the block is in",
        """
        (func (export "run") (param i32) (result i32)
          try (result i32)
            block $target (result i32)
              try (result i32)
                try (result i32)
                  local.get 0
                  call $throw_number
                  i32.const 9
                delegate $target
              catch_all
                i32.const -1
              end
            end
          catch $number
            i32.const 2
            i32.mul
          end)
        """,
        {5: 10},
    ),
    _module(
        "delegate to a try from its own handler goes to the try around it",
        """
        (func (export "run") (param i32) (result i32)
          try (result i32)
            try $target (result i32)
              i32.const 1
              throw $number
            catch $number
              try (result i32)
                try (result i32)
                  local.get 0
                  call $throw_number
                  i32.const 9
                delegate $target
              catch_all
                i32.const -1
              end
              i32.add
            end
          catch $number
            i32.const 2
            i32.mul
          end)
        """,
        {5: 10},
    ),
    _module(
        "delegate to a try that delegates goes where that one goes",
        """
        (func (export "run") (param i32) (result i32)
          try $last (result i32)
            try (result i32)
              try $middle (result i32)
                try (result i32)
                  try (result i32)
                    local.get 0
                    call $throw_number
                    i32.const 9
                  delegate $middle
                catch_all
                  i32.const -1
                end
              delegate $last
            catch_all
              i32.const -2
            end
          catch $number
            i32.const 3
            i32.mul
          end)
        """,
        {5: 15},
    ),
    _module(
        "a delegated exception can be rethrown by the handler that it reaches",
        """
        (func $inner (param i32) (result i32)
          try $outer (result i32)
            try (result i32)
              try (result i32)
                local.get 0
                call $throw_by_argument
                i32.const 9
              delegate $outer
            catch_all
              i32.const -1
            end
          catch_all
            rethrow $outer
          end)
        """
        + _CAUGHT_BY_CALLER,
        {0: 9, 1: 1077, 2: 2034},
    ),
    _module(
        "br_table leaves try bodies and handlers for the label meant",
        """
        (func (export "run") (param i32) (result i32)
          block $a (result i32)
            block $b (result i32)
              try $c (result i32)
                try $d (result i32)
                  i32.const 40
                  local.get 0
                  br_table $d $c $b $a 4 $d
                catch_all
                  i32.const -1
                end
                drop
                i32.const 10
                throw $number
              catch $number
                local.get 0
                i32.const 2
                i32.shr_u
                br_table $c $b $a $b
              end
              i32.const 1
              i32.add
            end
            i32.const 2
            i32.add
          end
          i32.const 4
          i32.add)
        """,
        {0: 17, 1: 47, 2: 46, 3: 44, 4: 40, 5: 16, 8: 14, 12: 16},
    ),
    _module(
        "a try can give several results",
        """
        (func (export "run") (param i32) (result i32)
          try $t (result i32 i64)
            local.get 0
            i32.const 5
            i32.eq
            if
              i32.const 500
              i64.const 55
              br $t
            end
            local.get 0
            call $throw_by_argument
            i32.const 9
            i64.const 1
          catch $pair
          catch_all
            i32.const 8
            i64.const 2
          end
          i32.wrap_i64
          i32.add)
        """,
        {0: 10, 1: 10, 2: 34, 5: 555},
    ),
    _module(
        "branches out of handlers that rethrow keep their targets",
        """
        (func (export "run") (param i32) (result i32)
          block $out (result i32)
            try $t (result i32)
              i32.const 3
              throw $number
            catch $number
              local.get 0
              br_if $t
              local.get 0
              i32.eqz
              if
                i32.const 7
                br $out
              end
              rethrow $t
            end
            i32.const 1
            i32.add
          end)
        """,
        {0: 7, 1: 4},
    ),
    _module(
        "conditions inside tries keep their else",
        """
        (func (export "run") (param i32) (result i32)
          local.get 0
          if (result i32)
            try (result i32)
              local.get 0
              i32.const 1
              i32.eq
              if (result i32)
                i32.const 11
              else
                throw $plain
              end
            catch_all
              i32.const 12
            end
          else
            try (result i32)
              i32.const 13
              throw $number
            catch $number
            end
          end)
        """,
        {0: 13, 1: 11, 2: 12},
    ),
    _module(
        "an exception passes through an indirect call and frames that do not catch",
        """
        (table funcref (elem $inner))
        (func $inner (param i32) (result i32)
          local.get 0
          call $throw_by_argument
          i32.const 9)
        (func $middle (param i32) (result i32)
          local.get 0
          i32.const 0
          call_indirect (type $returns_i32))
        (func (export "run") (param i32) (result i32)
          try (result i32)
            local.get 0
            call $middle
          catch $number
          catch_all
            i32.const 4
          end)
        """,
        {0: 9, 1: 77, 2: 4},
    ),
    _module(
        "locals keep their numbers and values across a handler that rethrows",
        """
        (func $inner (param i32) (result i32)
          (local $a i64) (local $b f64) (local $c i32)
          i32.const 6
          local.set $c
          try
            local.get 0
            call $throw_by_argument
          catch $plain
            local.get $c
            throw $number
          catch_all
            rethrow 0
          end
          local.get $c)
        """
        + _CAUGHT_BY_CALLER,
        {0: 6, 1: 1077, 3: 1006},
    ),
]
