"""Decodes features from the columns of a table: numbers by a program of the core, text of any length in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

import numpy as np

from binfeed import element_types
from binfeed._core import ColumnDecoder, default_instruction_set
from binfeed.combinations import Combination
from binfeed.errors import DataError, FeatureError, LayoutError, shown
from binfeed.features import Feature, features_in
from binfeed.layout import Field
from binfeed.operations.base import Operation
from binfeed.operations.comparisons import Fill, IsMissing
from binfeed.operations.encodings import Codes, Hash, IsIn
from binfeed.planning import Output, Plan, name_of, plan_features
from binfeed.tables.columns import Array, Block, Column, null_error, rows_of
from binfeed.tables.schema import Schema

T = TypeVar("T")

#: What makes numbers of text.
_OfText: TypeAlias = Codes | IsMissing | IsIn | Hash


@dataclass(frozen=True)
class _Text:
    """A column of text, or what one operation makes of it.

    Attributes:
        number: the number of the column.
        fill: what stands for NULL; None for nothing.
        operation: what makes numbers of the text; None for the text itself.
    """

    number: int
    fill: bytes | None
    operation: _OfText | None

    @property
    def dtype(self) -> np.dtype[Any]:
        match self.operation:
            case None:
                return np.dtype(object)
            case Codes():
                return np.dtype(np.int32)
            case Hash():
                return np.dtype(np.int64)
            case _:
                return np.dtype(bool)

    def read(self, block: Block) -> Column:
        column = block[self.number]
        if self.fill is not None and column.valid is not None:
            values = column.values.copy()
            values[~column.valid] = self.fill
            column = Column(values)
        if self.operation is None:
            return column
        if isinstance(self.operation, IsMissing):
            return Column(~column.is_valid())
        made = np.fromiter(map(_function_of(self.operation), column.values), self.dtype, len(column))
        return Column(made, column.valid)


def _function_of(operation: Codes | IsIn | Hash) -> Callable[[bytes | None], int]:
    """Return what an operation makes of text; of None, which stands for NULL, it makes any number."""
    if isinstance(operation, Codes):
        codes, default = dict(operation.codes), operation.default
        return lambda text: codes.get(text or b"", default)
    if isinstance(operation, IsIn):
        keys = set(operation.keys)
        return lambda text: text in keys
    return lambda text: operation.bin_of(text or b"")


class _FieldsWithText:
    """The fields of a schema, and one for each column of numbers that is made of text."""

    is_scalar = False

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.fields = dict(schema.fields)
        self.made: list[_Text] = []

    def add(self, text: _Text, name: str) -> str:
        """Add a column that is made of text, and return the name of its field."""
        source = 2 * (len(self._schema.columns) + len(self.made))
        self.made.append(text)
        validity = Field(name, element_types.from_dtype(np.dtype(bool)), (), 0, (), source + 1)
        key = f"{name}\0{source}"  # no column of a database has such a name
        self.fields[key] = Field(name, element_types.from_dtype(text.dtype), (), 0, (), source, validity)
        return key

    def __getitem__(self, name: str) -> Field:
        return self.fields[name] if name in self.fields else self._schema[name]


class TableDecoder:
    """Makes features of blocks of rows.

    Attributes:
        features: what they are.
        outputs: the arrays of a batch, flat.
        looking_back: the features that depend on rows before, as errors name them. Only files have these, so that a
            decoder of such features decodes nothing.
    """

    def __init__(self, features: Mapping[str, Feature] | Feature, schema: Schema, source: str) -> None:
        self.features = features
        self._schema = schema
        self._source = source
        fields = _FieldsWithText(schema)
        self._texts: dict[int, _Text] = {}  # by number of the output
        numeric: dict[Any, Feature] = {}
        outputs: list[Output | None] = []
        named: Mapping[Any, Feature] = {None: features} if isinstance(features, Feature) else features
        for name, feature in named.items():
            if feature.is_target:
                raise FeatureError(f"{name_of(name)} is a target, but tables have no windows")
            made = _without_text(name_of(name), feature, fields, schema)
            if isinstance(made, _Text):
                self._texts[len(outputs)] = made
                outputs.append(Output("feature" if name is None else name, made.dtype, ()))
            else:
                numeric[name] = made
                outputs.append(None)
        plan = plan_features(numeric.get(None, numeric), fields)
        self.looking_back = plan.looking_back
        self._made = fields.made
        self._never_null = {field.source // 2: where for field, where in plan.never_null}
        names = list(named)
        for k, text in self._texts.items():
            if text.fill is None:
                self._never_null[text.number] = name_of(names[k])
        planned = iter(plan.outputs)
        self.outputs: Sequence[Output] = [output or next(planned) for output in outputs]
        self._widths = [schema.source_bytes(k) for k in range(len(schema.columns))]
        self._widths += [text.dtype.itemsize for text in self._made]
        self._used = {field.source // 2 for field in _fields_of(numeric.values(), fields)}
        self._decoder = None if plan.looking_back else self._made_decoder(plan)

    def _made_decoder(self, plan: Plan) -> ColumnDecoder:
        return ColumnDecoder(
            source_bytes=[width for each in self._widths for width in (each, 1)],
            program=plan.program,
            array_types=[(output.dtype, output.shape) for output in plan.outputs],
            instruction_set=default_instruction_set(),
        )

    def unflatten(self, values: Iterable[T]) -> Any:
        """Put one value for each of :attr:`outputs` into the structure of an element."""
        if isinstance(self.features, Feature):
            (value,) = values
            return value
        return {output.name: value for output, value in zip(self.outputs, values, strict=True)}

    def decode(self, block: Block, first_row: int) -> list[Array]:
        """Make the outputs, flat, of the rows of ``block``, of which the first has the number ``first_row``.

        Raises:
            DataError: naming column and row, if a value is NULL that no feature replaces, or does not have the size of
                its layout.
        """
        assert self._decoder is not None  # from_sql() streams no features that look back
        columns = [*block, *(text.read(block) for text in self._made)]
        for number, where in self._never_null.items():
            self._require_values(columns[number], number, where, first_row)
        rows = rows_of(block)
        sources: list[Array] = []
        for number, width in enumerate(self._widths):
            if number in self._used:
                column = columns[number]
                sources += [self._rows(column, number, width, first_row), column.is_valid()]
            else:
                sources += [np.broadcast_to(np.zeros(width, np.uint8), (rows, width)), np.broadcast_to(np.True_, rows)]
        decoded = iter(self._decoder.decode(sources, rows))
        # Text is copied, since several features may be of one column.
        return [
            self._texts[k].read(block).values.copy() if k in self._texts else next(decoded)
            for k in range(len(self.outputs))
        ]

    def _name(self, number: int) -> str:
        columns = self._schema.columns
        return columns[number if number < len(columns) else self._made[number - len(columns)].number].name

    def _require_values(self, column: Column, number: int, where: str, first_row: int) -> None:
        if column.valid is None or column.valid.all():
            return
        raise null_error(self._name(number), first_row + int(np.argmin(column.valid)), where, self._source)

    def _rows(self, column: Column, number: int, width: int, first_row: int) -> Array:
        if column.values.dtype != object:
            return np.ascontiguousarray(column.values)
        blank = bytes(width)
        parts = [blank if value is None else value for value in column.values]
        sizes = np.fromiter(map(len, parts), np.int64, len(parts))
        wrong = np.flatnonzero(sizes != width)
        if wrong.size:
            row = int(wrong[0])
            raise DataError(
                f"column {shown(self._name(number))} has {sizes[row]} bytes in row {first_row + row}, but its layout "
                f"has {width}",
                self._source,
                first_row + row,
            )
        return np.frombuffer(b"".join(parts), np.uint8).reshape(len(parts), width)


def for_cache(features: Mapping[str, Feature] | Feature) -> Mapping[str, Feature] | Feature:
    """Return features that read text as fixed bytes, which may be too short for what fills in for NULL.

    So what is made of it takes its place: ``fill(b"x").codes({b"x": 1})`` becomes ``codes({b"x": 1}).fill(1)``.
    """
    if isinstance(features, Feature):
        return _filled_later(features)
    return {name: _filled_later(feature) for name, feature in features.items()}


def _filled_later(feature: Feature) -> Feature:
    made: dict[int, Feature] = {}
    for each in features_in(feature):
        source, operations = each.source, each.operations
        if isinstance(source, Combination):
            source = source.with_parts(made.get(id(part), part) for part in source.parts)
        match operations:
            case [Fill(value=bytes() as value), (Codes() | IsIn() | Hash()) as operation, *rest]:
                operations = (operation, Fill(_function_of(operation)(value), None), *rest)
        made[id(each)] = replace(each, source=source, operations=operations)
    return made[id(feature)]


def _without_text(where: str, feature: Feature, fields: _FieldsWithText, schema: Schema) -> Feature | _Text:
    """Return a feature that reads no text, or the text that the feature is."""
    made: dict[int, Feature | _Text] = {}
    for each in features_in(feature):
        if isinstance(each.source, Combination):
            made[id(each)] = _of_parts(where, each, each.source, made)
        else:
            made[id(each)] = _of_column(where, each, each.source, fields, schema)
    return made[id(feature)]


def _of_parts(where: str, feature: Feature, source: Combination, made: Mapping[int, Feature | _Text]) -> Feature:
    parts = []
    for part in source.parts:
        found = made.get(id(part), part)
        if isinstance(found, _Text):
            raise FeatureError(
                f"{where}: column {shown(part.source)} is text, which {source.written} does not take; "
                ".codes({...}) makes numbers of it"
            )
        parts.append(found)
    return replace(feature, source=source.with_parts(parts))


def _of_column(where: str, feature: Feature, source: str, fields: _FieldsWithText, schema: Schema) -> Feature | _Text:
    try:
        if not schema.is_text(source):
            return feature
        number = schema.number_of(source)
    except LayoutError as error:
        raise FeatureError(f"{where}: {error}") from None
    fill: bytes | None = None
    for k, operation in enumerate(feature.operations):
        if isinstance(operation, Fill):
            if not isinstance(operation.value, bytes):
                raise FeatureError(f"{where}: column {shown(source)} is text: .{operation!r} must give text")
            fill = operation.value if fill is None else fill
        elif isinstance(operation, Codes | IsMissing | IsIn | Hash):
            _check_text(where, source, operation)
            made = fields.add(_Text(number, fill, operation), source)
            return replace(feature, source=made, operations=feature.operations[k + 1 :])
        else:
            raise FeatureError(
                f"{where}: column {shown(source)} is text, which .{operation.name}() does not take; "
                ".codes({...}) makes numbers of it"
            )
    return _Text(number, fill, None)


def _check_text(where: str, column: str, operation: Operation) -> None:
    if isinstance(operation, IsMissing) and operation.missing is not None:
        raise FeatureError(f"{where}: column {shown(column)} is text: .{operation!r} has a number")
    keys = [key for key, _ in operation.codes] if isinstance(operation, Codes) else []
    numbers = [key for key in getattr(operation, "keys", keys) if not isinstance(key, bytes)]
    if numbers:
        raise FeatureError(
            f"{where}: {shown(numbers[0])} in .{operation.name}() is not text, but column {shown(column)} is"
        )


def _fields_of(features: Iterable[Feature], fields: _FieldsWithText) -> Iterable[Field]:
    for feature in features:
        for each in features_in(feature):
            if isinstance(each.source, str):
                yield fields[each.source]
