"""The types of single values: those of NumPy, and others that only occur in binary files, each with a spelling."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from binfeed.errors import shortened
from binfeed.extras import require

#: The dtypes of numbers that come out.
OUTPUT_TYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "bfloat16", "float32", "float64"),
)

_NATIVE = "<" if sys.byteorder == "little" else ">"
_WIDE_BYTES = (3, 5, 6, 7)
# No array has a side of more digits.
_SPELLING = re.compile(
    r"(\((?P<shape>|\s*\d{1,19}\s*(,\s*\d{1,19}\s*)*,?\s*)\)|(?P<count>\d{1,19}))?"
    r"(?P<order>[<>=|]?)(?P<name>[A-Za-z?]\w*)",
    re.ASCII,
)
#: The list of types in errors.
_KNOWN = (
    "types are '?', 'i1' to 'i8', 'u1' to 'u8', 'f2', 'f4', 'f8', 'c8', 'c16', 'bfloat16', 'ibm32', 'wfdb212', 'S5', "
    "'V5', 'int1' to 'int15', 'uint1' to 'uint15', and with a byte order and a shape, such as '(3,32)<u2'"
)


@dataclass(frozen=True)
class ElementType:
    """How one value lies in a record, and what it becomes.

    Attributes:
        spelling: the string that stands for the type in layouts: ``"<u6"``, ``"S5"``, ``">ibm32"``.
        name: the name of the type, without a byte order: ``"uint48"``.
        order: the byte order: ``"<"``, ``">"``, or ``"|"`` for types without one.
        bits: the size of a value in the record, in bits.
        value: the type of the values that come out: ``"uint64"``; a dtype string for bytes and complex numbers.
        packing: how numbers that share bytes are packed: ``"low first"``, ``"high first"`` or ``"wfdb212"``; ``""`` for
            all other types.
    """

    spelling: str
    name: str
    order: str
    bits: int
    value: str
    packing: str = ""

    @property
    def is_swapped(self) -> bool:
        """Whether the byte order of a value is not the one of this machine."""
        return not self.packing and self.order not in ("|", _NATIVE)

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers that arithmetic takes, rather than bytes or complex numbers."""
        return self.value in OUTPUT_TYPES

    @property
    def bytes(self) -> int:
        """The size of a value in the record, in bytes, for types that are not packed."""
        return self.bits // 8


def parse(spelling: str) -> tuple[ElementType, tuple[int, ...]]:
    """Return the type and shape that a string stands for: as in NumPy, ``"(3,32)<u2"`` is an array of 3 by 32.

    Raises:
        TypeError: listing the types, if the string stands for none.
    """
    matched = _SPELLING.fullmatch(spelling.strip())
    try:
        if not matched:
            return from_dtype(as_dtype(spelling)), ()
        shape = tuple(map(int, re.findall(r"\d+", matched["shape"] or matched["count"] or "")))
        special = _special(matched["name"], matched["order"])
        order: Any = matched["order"] or "="
        return special or from_dtype(as_dtype(matched["name"]).newbyteorder(order)), shape
    except NoDtype:
        raise TypeError(_KNOWN) from None


def is_struct(spelling: str) -> bool:
    """Whether a string stands for several fields, as ``"u1,(2,3)f4"`` does for NumPy."""
    return "," in re.sub(r"\([^()]*\)", "", spelling)


class NoDtype(TypeError):
    """Raised for what is not a dtype."""


def as_dtype(spec: Any) -> np.dtype[Any]:
    """Return the dtype that NumPy makes of ``spec``, which may also be a dtype of TensorFlow.

    Raises:
        NoDtype: if ``spec`` is not a dtype, or is or contains None, which NumPy takes for float64.
    """
    if _holds_none(spec):
        raise NoDtype("None is not a type")
    try:
        dtype: np.dtype[Any] = np.dtype(getattr(spec, "as_numpy_dtype", spec))
    except (TypeError, ValueError, OverflowError, MemoryError, SyntaxError) as error:
        raise NoDtype(shortened(str(error), 100) or type(error).__name__) from None
    return dtype


def _holds_none(spec: Any) -> bool:
    if isinstance(spec, dict):
        return _holds_none(spec.get("formats", list(spec.values())))
    return spec is None or (isinstance(spec, list | tuple) and any(map(_holds_none, spec)))


def from_dtype(dtype: np.dtype[Any]) -> ElementType:
    """Return the type of the elements that a scalar dtype describes.

    Raises:
        TypeError: saying why there is no such type.
    """
    if dtype.name == "bfloat16":
        return ElementType("<bfloat16", "bfloat16", "<", 16, "bfloat16")
    if dtype.kind in "Mm":
        whole = dtype.str.replace("M8", "i8").replace("m8", "i8").split("[")[0]
        raise TypeError(f"there is no rule for how a date becomes a number; declare it as '{whole}' and scale it")
    if dtype.kind not in "biufcSV" or dtype.str[1:] in ("f16", "c32", "f12", "c24") or dtype.names is not None:
        raise TypeError("bytes cannot be decoded as that")
    if dtype.itemsize == 0:
        raise TypeError("it has no bytes")
    order = dtype.str[0]
    if dtype.kind in "SV":
        return ElementType(dtype.str[1:], dtype.str[1:], "|", dtype.itemsize * 8, dtype.str[1:])
    return ElementType(dtype.str.lstrip("|"), dtype.name, order, dtype.itemsize * 8, dtype.name)


def value_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype of values of a type that comes out.

    Raises:
        ImportError: for bfloat16 without the package ml_dtypes.
    """
    if name != "bfloat16":
        return np.dtype(name)
    ml_dtypes = require("ml_dtypes", "ml_dtypes", "bfloat16", "bfloat16 arrays")
    dtype: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return dtype


def _special(name: str, order: str) -> ElementType | None:
    """Return a type that NumPy lacks, or None if ``name`` is not one."""
    order = _NATIVE if order in ("", "=") else order
    if name == "wfdb212":
        return ElementType(name, name, "|", 12, "int16", "wfdb212")
    if name == "ibm32":
        return ElementType(order + name, name, order, 32, "float32")
    if name == "bfloat16":
        return ElementType(order + name, name, order, 16, name)
    # NumPy's codes count bytes ("u4"), its names bits ("uint32"); so do these.
    matched = re.fullmatch(r"(?P<code>[ui])(?P<bytes>\d)|(?P<sign>u?)int(?P<bits>\d{1,3})", name)
    if not matched:
        return None
    bits = int(matched["bits"] or 0) or 8 * int(matched["bytes"])
    sign = "u" if "u" in (matched["code"], matched["sign"]) else ""
    if bits in (8 * wide for wide in _WIDE_BYTES):
        code = f"{order}{sign or 'i'}{bits // 8}"
        return ElementType(code, f"{sign}int{bits}", order, bits, f"{sign}int{32 if bits == 24 else 64}")
    if matched["bits"] and 0 < bits < 16 and bits != 8:
        packing = "low first" if order == "<" else "high first"
        return ElementType(f"{order}{name}", name, order, bits, f"{sign}int{8 if bits < 8 else 16}", packing)
    return None
