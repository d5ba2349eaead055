"""Nodes: the values that a feature is made of, as a graph from the fields of a record to the steps of the core."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from binfeed._core import Combination, Packing, Program
from binfeed.element_types import OUTPUT_TYPES
from binfeed.errors import FeatureError, shown
from binfeed.layout import Field

T = TypeVar("T")

_PACKINGS = {
    "": Packing.NONE,
    "low first": Packing.LOW_FIRST,
    "high first": Packing.HIGH_FIRST,
    "wfdb212": Packing.WFDB212,
}
#: The core keeps the offsets of scattered elements in 32 bits.
_MAX_OFFSET = 2**32 - 1
#: Scattered elements are listed one by one, here and in the program, where 2^28 of them take 1 GiB.
_MAX_SCATTERED = 2**28

#: The most records that the core looks back.
MAX_HISTORY = 2**20

#: Which elements to take, by number, and in which order.
Order: TypeAlias = slice | npt.NDArray[np.int64]

#: Adds a step to a program, for the numbers of its inputs and the number of its elements; returns its own number.
Step = Callable[[Program, list[int], int], int]


class Node(ABC):
    """Values of a record, which never change.

    Attributes:
        type: the type of the values.
        elements: the number of values.
        inputs: the nodes that they are made from.
        root: the first elements of a field that they are made from; None for constants.
        validity: the bools of the record that are false where there is no value; none if there always is one.
        history: how many records before a record its values depend on.
        looks_back: whether they depend on any such record, even if others fill in for it where there is none.
        is_fixed: whether the values do not correspond to elements of fields one to one, so that none can be left out.
    """

    def __init__(self, type_: str, elements: int, inputs: Sequence[Node] = (), *, is_fixed: bool = False) -> None:
        self.type = type_
        self.elements = elements
        self.inputs = inputs
        self.root: Elements | None = next((node.root for node in inputs if node.root is not None), None)
        self.validity: tuple[Field, ...] = tuple(dict.fromkeys(each for node in inputs for each in node.validity))
        self.history: int = max((node.history for node in inputs), default=0)
        self.looks_back: bool = any(node.looks_back for node in inputs)
        self.is_fixed: bool = is_fixed or any(node.is_fixed for node in inputs)

    @property
    def core_type(self) -> str:
        """The type that the values have in the core: that of their parts if they are bytes or complex numbers."""
        return self.type if self.type in OUTPUT_TYPES or self.root is None else self.root.core_source[0]

    def select(self, order: Order) -> Node:
        """Return the values that ``order`` lists."""
        selected: dict[Node, Node] = {}
        for node in inputs_first(self, Node._aligned):
            selected[node] = node._select(order, selected)
        return selected[self]

    def add_to(self, program: Program, known: dict[Node, int]) -> int:
        """Add the steps that make the values, and return the number of the last one; ``known`` has those before."""
        for node in inputs_first(self, lambda node: () if node in known else node.inputs):
            if node not in known:
                known[node] = node._add(program, [known[each] for each in node.inputs])
        return known[self]

    def _aligned(self) -> Sequence[Node]:
        """Return the inputs of which each value goes into one value; a single value goes into all of several."""
        return [node for node in self.inputs if node.elements == self.elements]

    @abstractmethod
    def _select(self, order: Order, selected: Mapping[Node, Node]) -> Node:
        """Return the values that ``order`` lists; ``selected`` has those of the aligned inputs."""

    @abstractmethod
    def _add(self, program: Program, inputs: list[int]) -> int:
        """Add the step that makes the values of ``inputs``."""


class Elements(Node):
    """Elements of a field.

    Attributes:
        field: the field.
        positions: the positions of the elements within the field; a range has step 1.
    """

    def __init__(self, field: Field, positions: range | npt.NDArray[np.int64] | None = None) -> None:
        self.field = field
        self.positions = range(field.elements) if positions is None else positions
        super().__init__(field.type.value, len(self.positions))
        self.root = self
        self.validity = () if field.validity is None else (field.validity,)

    @property
    def core_source(self) -> tuple[str, int]:
        """The type and number of the parts of an element in the core: a ``c8`` is two float32, an ``S5`` five uint8."""
        type_ = self.field.type
        if type_.is_number:
            return type_.value if type_.packing else type_.name, 1
        dtype = np.dtype(type_.value)
        return (f"float{dtype.itemsize * 4}", 2) if dtype.kind == "c" else ("uint8", dtype.itemsize)

    def _select(self, order: Order, selected: Mapping[Node, Node]) -> Node:
        if isinstance(order, slice):
            return Elements(self.field, self.positions[order])
        if isinstance(self.positions, range):
            return Elements(self.field, order + self.positions.start)
        return Elements(self.field, self.positions[order])

    def _add(self, program: Program, inputs: list[int]) -> int:
        core_type, parts = self.core_source
        type_ = self.field.type
        first, offsets = self._place(core_type, parts)
        return program.load(
            source=self.field.source,
            type=core_type,
            is_swapped=type_.is_swapped,
            offset=self.field.offset + first,
            elements=len(self.positions) * parts,
            offsets=offsets,
            packing=_PACKINGS[type_.packing],
            packed_bits=type_.bits if type_.packing else 0,
            packed_elements=self.field.elements if type_.packing else 0,
        )

    def _place(self, core_type: str, parts: int) -> tuple[int, npt.NDArray[np.uint32]]:
        """Return where the elements begin in the field, and the offsets of all their parts from there.

        The list of offsets is empty if the parts are contiguous.
        """
        source, positions = self.field, self.positions
        is_packed = bool(source.type.packing)
        part_bytes = source.type.bytes // parts
        # Packed elements are unpacked all together, and then looked up.
        is_plain = source.is_contiguous and (not is_packed or len(positions) == source.elements)
        if is_plain and isinstance(positions, range):
            return 0 if is_packed else positions.start * source.type.bytes, np.empty(0, np.uint32)
        where = f"field {shown(source.name)}"
        require_listable(where, len(positions) * parts)
        numbers = np.arange(positions.start, positions.stop) if isinstance(positions, range) else positions
        offsets = numbers * np.dtype(core_type).itemsize if is_packed else source.offsets_of(numbers)
        if parts > 1:
            offsets = (offsets[:, np.newaxis] + np.arange(parts) * part_bytes).ravel()
        if offsets.size and offsets.max() > _MAX_OFFSET:
            raise FeatureError(f"{where}: elements that are not contiguous must lie within 4 GiB")
        return 0, offsets.astype(np.uint32)


class Constants(Node):
    """Numbers that are the same for all records, as a flat array of their type."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        super().__init__(array.dtype.name, array.size)
        self.array = array

    def _select(self, order: Order, selected: Mapping[Node, Node]) -> Node:
        return Constants(self.array[order])

    def _add(self, program: Program, inputs: list[int]) -> int:
        words = np.ascontiguousarray(self.array).view(f"u{self.array.itemsize}")
        return program.constant(self.type, words.astype(np.uint64))


class Applied(Node):
    """What a step makes of other nodes. An input with a single value takes part in all values of the others.

    Args:
        step: the step.
        inputs: the nodes that it takes.
        type_: the type of the values.
        elements: their number if it is another one than that of the inputs.
    """

    def __init__(self, step: Step, inputs: Sequence[Node], type_: str, elements: int | None = None) -> None:
        joint = next((node.elements for node in inputs if node.elements != 1), 1)
        super().__init__(type_, joint if elements is None else elements, inputs, is_fixed=elements is not None)
        self._step = step

    def _select(self, order: Order, selected: Mapping[Node, Node]) -> Node:
        return self._with_inputs([selected.get(node, node) for node in self.inputs])

    def _with_inputs(self, inputs: Sequence[Node]) -> Node:
        return Applied(self._step, inputs, self.type)

    def _add(self, program: Program, inputs: list[int]) -> int:
        return self._step(program, inputs, self.elements)


class Filled(Applied):
    """What a step makes of values that may not be there, so that they always are."""

    def __init__(self, step: Step, inputs: Sequence[Node], type_: str) -> None:
        super().__init__(step, inputs, type_)
        self.validity = ()

    def _with_inputs(self, inputs: Sequence[Node]) -> Node:
        return Filled(self._step, inputs, self.type)


class Lagged(Applied):
    """The values of the record that lies ``records`` before."""

    def __init__(self, values: Node, records: int) -> None:
        super().__init__(call(Program.lag, records), [values], values.type)
        self.records = records
        self.history += records
        self.looks_back |= records > 0

    def _with_inputs(self, inputs: Sequence[Node]) -> Node:
        return Lagged(inputs[0], self.records)


class FirstFilled(Applied):
    """Values with a word in place of those of the first ``records`` records of a file, which lack history."""

    def __init__(self, values: Node, records: int, word: int) -> None:
        super().__init__(call(Program.fill_first, records, word), [values], values.type)
        self.records = records
        self.word = word
        self.history = 0

    def _with_inputs(self, inputs: Sequence[Node]) -> Node:
        return FirstFilled(inputs[0], self.records, self.word)


def inputs_first(root: T, inputs_of: Callable[[T], Iterable[T]]) -> list[T]:
    """Return all that something is made from, once each and behind its own inputs, with the thing itself at the end.

    It takes no recursion, whose depth Python limits.
    """
    found: list[T] = []
    seen: set[int] = set()
    waiting = [(root, False)]
    while waiting:
        each, has_inputs = waiting.pop()
        if has_inputs:
            found.append(each)
        elif id(each) not in seen:
            seen.add(id(each))
            waiting.append((each, True))
            waiting.extend((node, False) for node in reversed([*inputs_of(each)]))
    return found


def call(method: Callable[..., int], *arguments: Any) -> Step:
    """Return the step that a method of :class:`Program` adds, with arguments that follow its inputs."""
    return lambda program, inputs, _: method(program, *inputs, *arguments)


def cast_to(node: Node, type_: str) -> Node:
    """Return the values of a node as another type."""
    return node if node.type == type_ else Applied(call(Program.cast, type_), [node], type_)


def loaded_validity(program: Program, validity: Sequence[Field], type_: str, elements: int) -> int:
    """Add the steps that load ``elements`` copies of whether all of some bools of a record are true."""
    numbers = [
        program.load(
            source=each.source,
            type=type_,
            is_swapped=False,
            offset=each.offset,
            elements=elements,
            offsets=np.zeros(elements if elements != 1 else 0, np.uint32),
            packing=Packing.NONE,
            packed_bits=0,
            packed_elements=0,
        )
        for each in validity
    ]
    return reduce(lambda a, b: program.combine(a, b, Combination.AND), numbers)


def require_listable(where: str, elements: int) -> None:
    """Check that elements can be listed one by one."""
    if elements > _MAX_SCATTERED:
        raise FeatureError(
            f"{where}: {elements} elements that are not contiguous have to be looked up one by one, which works for at "
            "most 2^28"
        )
