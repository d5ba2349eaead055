"""Inputs that fuzzers found, and small changes of them, end in errors or in what was asked for.

What may crash runs in a process of its own.
"""

from __future__ import annotations

import textwrap

import pytest

from tests.helpers import ROOT, run_program, run_python

PLANS = ROOT / "tests" / "corpus" / "plans"

# Counts plans by what becomes of them; an error other than ValueError ends it.
VALIDATE = """
    import sys
    from pathlib import Path
    from binfeed import _core

    accepted = refused = 0

    def validate(plan):
        global accepted, refused
        try:
            _core.validate_plan(plan)
            accepted += 1
        except ValueError as error:
            assert 0 < len(str(error)) < 1000, error
            refused += 1

    plans = [path.read_bytes() for path in sorted(Path(sys.argv[1]).iterdir())]
"""


def count_plans(program: str) -> tuple[int, int]:
    """How many plans a program found valid, and how many not."""
    source = textwrap.dedent(VALIDATE) + textwrap.dedent(program) + "\nprint(accepted, refused)\n"
    result = run_program(source, PLANS)
    assert result.returncode == 0, result.stderr
    accepted, refused = map(int, result.stdout.split())
    return accepted, refused


def test_plans_that_a_fuzzer_found() -> None:
    accepted, refused = count_plans("for plan in plans: validate(plan)")
    # If all are refused, the format has changed: tests/corpus/README.md says how to make them anew.
    assert accepted >= 20
    assert accepted + refused == len(list(PLANS.iterdir()))


def test_plans_cut_anywhere_are_refused() -> None:
    accepted, refused = count_plans("""
        for plan in [plan for plan in sorted(plans, key=len) if len(plan) > 300][:2]:
            for size in range(len(plan)):
                validate(plan[:size])
    """)
    assert accepted == 0
    assert refused > 100


def test_plans_with_any_bit_flipped() -> None:
    accepted, refused = count_plans("""
        for plan in [plan for plan in sorted(plans, key=len) if len(plan) > 300][:2]:
            for bit in range(8 * len(plan)):
                flipped = bytearray(plan)
                flipped[bit // 8] ^= 1 << bit % 8
                validate(bytes(flipped))
    """)
    assert accepted > 0  # such as one with another seed
    assert refused > 1000


@pytest.mark.parametrize("seed", [1, 2])
def test_any_text_is_a_layout_or_a_layout_error(seed: int) -> None:
    result = run_python("-m", "tests.corpus.try_layouts", "--count", 200, "--seed", seed, cwd=ROOT)
    assert result.stdout.endswith(" 200 mutations, 0 of them went wrong\n"), result.stdout + result.stderr
