"""Layouts as YAML, restricted to mappings, lists, strings and whole numbers; anything else is an error."""

from __future__ import annotations

import re
from typing import Any

from binfeed.errors import LayoutError, shortened, shown
from binfeed.extras import require

require("yaml", "PyYAML", "yaml", "layouts in YAML")

import yaml  # noqa: E402  (or say what is missing)

#: PyYAML takes too long to parse larger files.
_MAX_BYTES = 1 << 17
_MAX_DEPTH = 32
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,19}|0x[0-9a-fA-F]{1,16})")


class _Loader(yaml.BaseLoader):  # type: ignore[misc]
    """Keeps scalars as strings, so that fields may be called ``off`` or ``2001-01-01``, and ignores tags."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if event.anchor is not None:
            raise _error(event, "anchors and aliases are not allowed, since a few can stand for any number of fields")
        if self.depth > _MAX_DEPTH:
            raise _error(event, f"it is nested more than {_MAX_DEPTH} levels deep")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _error(key, "a key must be a string")
            if key.value in keys:
                raise _error(key, f"the key {shown(key.value)} appears twice")
            keys.add(key.value)
        return super().construct_mapping(node, deep)


def parse(data: bytes) -> Any:
    """Return the content of a YAML file, given its bytes: mappings, lists, strings and whole numbers.

    Raises:
        LayoutError: naming the line if possible, if the file is too large or has anything else in it.
    """
    if len(data) > _MAX_BYTES:
        raise LayoutError(f"it has {len(data)} bytes, more than the {_MAX_BYTES} that a layout may have")
    try:
        text = data.decode()
        return _with_numbers(yaml.load(text, _Loader))
    except UnicodeDecodeError as error:
        raise LayoutError(f"byte {error.start} is not UTF-8") from None
    except yaml.reader.ReaderError as error:
        raise LayoutError(f"line {text.count(chr(10), 0, error.position) + 1}: {error.reason}") from None
    except yaml.MarkedYAMLError as error:
        raise LayoutError(f"line {error.problem_mark.line + 1}: {shortened(error.problem, 200)}") from None
    except (ValueError, OverflowError) as error:  # escapes and directives with numbers too large for PyYAML
        raise LayoutError(f"it is not YAML: {error}") from None


def dump(content: dict[str, Any]) -> bytes:
    """Return the bytes of a YAML file with ``content``.

    Raises:
        LayoutError: if they are more than :func:`parse` takes.
    """
    text: str = yaml.safe_dump(content, sort_keys=False, default_flow_style=None)
    data = text.encode()
    if len(data) > _MAX_BYTES:
        raise LayoutError(f"the layout takes {len(data)} bytes as YAML, more than the {_MAX_BYTES} that it may have")
    return data


def _error(place: Any, problem: str) -> Exception:
    error: Exception = yaml.MarkedYAMLError(None, None, problem, place.start_mark)
    return error


def _with_numbers(value: Any) -> Any:
    """Return ``value`` with strings that spell whole numbers turned into ints, except keys."""
    match value:
        case dict():
            return {name: _with_numbers(member) for name, member in value.items()}
        case list():
            return [_with_numbers(member) for member in value]
        case str() if _NUMBER.fullmatch(value):
            return int(value, 0)
    return value
