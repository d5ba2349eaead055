"""Plans as people read them: the steps by which the fields of a record become features."""

from __future__ import annotations

from collections.abc import Sequence

from binfeed.layout import Field, Fields
from binfeed.planning import Plan

_OPERATORS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "floor_divide": "//",
    "remainder": "%",
    "power": "**",
    "equal": "==",
    "less": "<",
    "less_equal": "<=",
    "and": "&",
    "or": "|",
    "xor": "^",
}


def listed(plan: Plan, layout: Fields) -> str:
    """Return the steps of a plan, each on a line with its type, and then what each feature is made of.

    Steps refer to earlier ones by number. What features have in common is there once, as it is computed.
    """
    steps = plan.program.listed_steps()
    constants = {
        number: f"[{argument}]" if "," in argument else argument
        for number, name, argument, *_ in steps
        if name == "constant"
    }
    numbers = [number for number, name, *_ in steps if name != "constant"]
    names = {number: f"#{k}" for k, number in enumerate(numbers, 1)} | constants
    lines = []
    for number, name, argument, inputs, type_, elements in steps:
        if number in constants:
            continue
        if name == "load":
            text = _loaded(argument, elements, layout)
        else:
            text = _step(name, argument, [names[each] for each in inputs], type_)
        size = f"[{elements}]" if elements != 1 else ""
        lines.append((names[number], text, f"{type_}{size}"))
    width = max((len(text) for _, text, _ in lines), default=0)
    made = [f"{name:>4}  {text:<{width}}  {type_}" for name, text, type_ in lines]
    for output, values in zip(plan.outputs, plan.program.listed_outputs(), strict=True):
        made.append(f"{output} = {', '.join(names[value] for value in values)}")
    if plan.history:
        made.append(f"with {plan.history} record{'' if plan.history == 1 else 's'} before each")
    return "\n".join(made)


def _step(name: str, argument: str, inputs: Sequence[str], type_: str) -> str:
    if name == "cast":
        return f"{inputs[0]} as {type_}"
    if name == "combine" and argument in _OPERATORS:
        return f"{inputs[0]} {_OPERATORS[argument]} {inputs[1]}"
    if name == "lag":
        return f"{inputs[0]} of {argument} record{'' if argument == '1' else 's'} before"
    if name in ("map", "combine"):
        return f"{argument}({', '.join(inputs)})"
    return f"{name}({', '.join([*inputs, *([argument] if argument else [])])})"


def _loaded(argument: str, elements: int, layout: Fields) -> str:
    """Return the name of the field that is loaded, with an index if only some of its elements are."""
    source, offset = map(int, argument.split(":"))

    def holds(field: Field) -> bool:
        return field.source == source and field.offset <= offset < max(field.end, field.offset + 1)

    field = next(filter(holds, layout.fields.values()), None)
    if field is None:
        return f"bytes from {offset}"
    return f"{field.name or 'value'}{'[...]' if elements < field.elements else ''}"
