"""Operations on the type and the shape of a record's values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from binfeed.chain import Chain, Numbered
from binfeed.errors import shortened, shown
from binfeed.operations.base import Operation
from binfeed.values import Value, cast


@dataclass(frozen=True, eq=False)
class Cast(Operation):
    """``x`` as another dtype, by its name."""

    dtype: str
    name = "cast"

    def __repr__(self) -> str:
        return f"cast({self.dtype!r})"

    def reference(self, value: Value) -> Value:
        return replace(value, array=cast(value.array, self.dtype), is_computed=False, result=self._result)

    def plan(self, chain: Chain) -> None:
        chain.cast(self.dtype)
        chain.result = self._result

    @property
    def _result(self) -> str:
        """The dtype that later arithmetic is rounded to."""
        return self.dtype if "float" in self.dtype else "float32"


@dataclass(frozen=True)
class Reshape(Operation):
    """The elements of a record in another shape, in the same order."""

    shape: tuple[int, ...]
    name = "reshape"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"reshape{shown(self.shape)}"

    def reference(self, value: Value) -> Value:
        return value.rearranged(lambda array: array.reshape(len(array), *self.shape))

    def plan(self, chain: Chain) -> None:
        chain.reshape(self.shape)


@dataclass(frozen=True)
class Transpose(Operation):
    """The axes of a record in another order; ``None`` reverses them."""

    axes: tuple[int, ...] | None
    name = "transpose"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"transpose{shown(self.axes or ())}"

    def reference(self, value: Value) -> Value:
        count = value.array.ndim - 1
        order = self.axes if self.axes is not None else tuple(reversed(range(count)))
        return value.rearranged(lambda array: array.transpose(0, *(axis % count + 1 for axis in order)))

    def plan(self, chain: Chain) -> None:
        hint = "; the batch axis is not counted"
        chain.rearrange(f".{self!r}", lambda elements: elements.transpose(self.axes), hint)


@dataclass(frozen=True)
class Select(Operation):
    """Some elements of a record's array, as NumPy's basic indexing takes them."""

    index: tuple[Any, ...]
    name = "[]"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"[{shortened(', '.join(map(_show_index, self.index)), 200)}]"

    def reference(self, value: Value) -> Value:
        of_every_record = (slice(None), *self.index)
        return value.rearranged(lambda array: array[of_every_record])

    def plan(self, chain: Chain) -> None:
        # An ellipsis makes a view of a single element as well.
        index = self.index if Ellipsis in self.index else (*self.index, Ellipsis)

        def view(elements: Numbered) -> Numbered:
            taken: Numbered = elements[index]
            return taken

        chain.rearrange(repr(self), view)


def _show_index(part: Any) -> str:
    if part is Ellipsis:
        return "..."
    if not isinstance(part, slice):
        return shown(part)
    bounds = ":".join("" if bound is None else shown(bound) for bound in (part.start, part.stop))
    return bounds if part.step is None else f"{bounds}:{shown(part.step)}"
