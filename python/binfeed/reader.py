"""Reading: :func:`open` files, or :func:`zip` readers, and take samples one by one, by index or in batches."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, Union, overload

import numpy as np
import numpy.typing as npt

from binfeed import _core
from binfeed.batches import Batches, make_schedule
from binfeed.errors import FeatureError, checked_keywords, shown
from binfeed.features import Feature, as_feature, field
from binfeed.files import Buffer, PathLike, Source, explained, find_sources, warn_of_format
from binfeed.layout import UNNAMED, Layout, as_layout, is_name
from binfeed.numbers import flag, whole
from binfeed.order import Shard, Shuffle
from binfeed.planning import Output, plan_outputs
from binfeed.state import Fingerprint, State, fingerprint
from binfeed.window import Window, core_window

if TYPE_CHECKING:
    import tensorflow as tf
    from typing_extensions import Self

T = TypeVar("T")
Array = npt.NDArray[Any]

#: What a reader gives: one array, a dict of them by feature, or (zipped readers) a tuple of either.
Element = Union[Array, dict[str, Array], tuple["Element", ...]]  # noqa: UP007  (a forward reference in a union)

#: Samples that iteration over a reader decodes at a time.
_ITERATION_SAMPLES = 1024


@dataclass(frozen=True)
class ArraySpec:
    """The dtype and shape of one array of a sample, without the batch axis."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class Reader(ABC):
    """Samples by index: made by :func:`open` and :func:`zip`.

    ``len(reader)`` counts the samples. ``reader[i]`` is one of them, without a batch axis, and counts from the end if
    ``i`` is negative. ``reader[a:b:c]`` decodes that slice into one batch. All arrays that come out are copies of
    their own, which stay valid when the reader is closed. A reader is a context manager, and safe to use from many
    threads: decoding does not hold the global interpreter lock.
    """

    @abstractmethod
    def starts(self) -> Sequence[int]:
        """Number of the first sample of each file, and at the end the number of all samples."""

    @property
    @abstractmethod
    def sample_bytes(self) -> int:
        """Bytes of the files that a sample reaches over."""

    @property
    @abstractmethod
    def sample_distance(self) -> int:
        """Bytes of the files from the start of one sample to that of the next."""

    @abstractmethod
    def close(self) -> None:
        """Unmap the files. Reading on raises ValueError; arrays read before stay valid."""

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether the reader was closed."""

    @property
    @abstractmethod
    def outputs(self) -> Sequence[Output]:
        """The arrays of a batch, flat."""

    @abstractmethod
    def pack(self, values: Iterable[T]) -> Any:
        """One value for each of :attr:`outputs`, in the structure of an element."""

    @abstractmethod
    def read(self, order: _core.Order, position: int, count: int) -> list[Array]:
        """The samples at positions ``[position, position + count)`` of ``order``: :attr:`outputs`, flat."""

    @abstractmethod
    def record_readers(self) -> Sequence[RecordReader]:
        """The readers that this one is made of."""

    def expect(self, pattern: _core.AccessPattern) -> None:
        """Tell the operating system how the files are going to be read, a hint."""
        for reader in self.record_readers():
            reader.core.expect(pattern)

    def read_ahead(self, order: _core.Order, position: int, count: int) -> None:
        """Have the system fetch the bytes of these samples, without waiting for them; a hint."""
        for reader in self.record_readers():
            reader.core.read_ahead(order, position, count)

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """What a state must find again. It is made when first asked for, of the files as they were opened."""
        return fingerprint(self.record_readers())

    @property
    def spec(self) -> Any:
        """The structure of a sample, with an :class:`ArraySpec` in place of each array."""
        return self.pack(ArraySpec(output.dtype, output.shape) for output in self.outputs)

    def __len__(self) -> int:
        return self.starts()[-1]

    def __repr__(self) -> str:
        outputs = (f"{output.name}: {output.dtype.name}{list(output.shape) or ''}" for output in self.outputs)
        return f"<{'closed ' if self.closed else ''}reader of {len(self)} samples, {', '.join(outputs)}>"

    @overload
    def __getitem__(self, index: int) -> Element: ...
    @overload
    def __getitem__(self, index: slice) -> Element: ...
    def __getitem__(self, index: int | slice) -> Element:
        size = len(self)
        if isinstance(index, slice):
            begin, end, step = index.indices(size)
            if step != 1:
                return self.take(np.arange(begin, end, step))
            return self._batch(_core.Order.sequential(size), begin, max(end - begin, 0))
        try:
            number = whole("index", index)
        except TypeError:
            raise TypeError(f"a sample's index is a whole number or a slice, not {shown(index)}") from None
        if not -size <= number < size:
            raise IndexError(f"there is no sample {shown(number)}: the reader has {size}")
        arrays = self.read(_core.Order.sequential(size), number % size, 1)
        sample: Element = self.pack(array[0] for array in arrays)
        return sample

    def __iter__(self) -> Iterator[Element]:
        order = _core.Order.sequential(len(self))
        for position in range(0, len(self), _ITERATION_SAMPLES):
            arrays = self.read(order, position, min(_ITERATION_SAMPLES, len(self) - position))
            for i in range(len(arrays[0])):
                yield self.pack(array[i] for array in arrays)

    def take(self, indices: Sequence[int] | Array) -> Element:
        """The samples ``indices``, in any order and with any repeats, as one batch ``[len(indices), ...]``.

        Raises:
            IndexError: for an index outside ``[0, len(reader))``.
            TypeError: for indices that are not whole numbers in one dimension.
        """
        numbers = _as_indices(indices)
        if not np.can_cast(numbers.dtype, np.int64):  # where it can, the order finds what is outside
            outside = numbers[(numbers < 0) | (numbers >= len(self))]
            if outside.size > 0:
                raise IndexError(f"there is no sample {shown(int(outside[0]))}: the reader has {len(self)}, from 0 on")
        order = _core.Order.listed(numbers.astype(np.int64), len(self))
        return self._batch(order, 0, len(numbers))

    @checked_keywords
    def batches(
        self,
        batch_size: int,
        *,
        drop_remainder: bool = False,
        shuffle: Shuffle = False,
        seed: int | None = None,
        epochs: int | None = 1,
        shard: Shard | None = None,
        shard_remainder: str = "drop",
        cycle_length: int = 1,
        block_length: int = 1,
        state: State | None = None,
    ) -> Batches:
        """The samples in batches of NumPy arrays ``[batch_size, ...]``.

        Args:
            batch_size: samples per batch; every batch of an epoch is full except the last.
            drop_remainder: leave out a last batch that is not full.
            shuffle: True or ``"global"`` for a permutation of all samples, each epoch another one; ``"block"`` or a
                :class:`BlockShuffle` where the files are far larger than memory and the disk is slow.
            seed: of the shuffle, 0 to 2^64 - 1; None draws one, which :meth:`Batches.state` reports.
            epochs: how many in all, those before ``state`` included; None is without end.
            shard: ``(number, count)``, or a :class:`tf.distribute.InputContext`: the shards take turns, a batch each,
                so that all have the same number of batches, and no sample twice. A shuffle needs a ``seed`` then.
            shard_remainder: what becomes of the last samples of an epoch, fewer than there are shards: ``"drop"``
                leaves them out, ``"pad"`` repeats samples from the start of the epoch to give every shard one.
            cycle_length: files to take turns, as in :meth:`tf.data.Dataset.interleave`; 1 is file after file.
            block_length: consecutive samples to take from a file at its turn.
            state: what :meth:`Batches.state` gave, to go on from there. The order must be the same; batch size and
                shards may be others.

        Raises:
            ValueError: if a number is out of its range, or arguments exclude each other.
            StateError: if the state is not one of these files, features and order.
        """
        schedule = make_schedule(
            self,
            batch_size,
            drop_remainder=drop_remainder,
            shuffle=shuffle,
            seed=seed,
            epochs=epochs,
            shard=shard,
            shard_remainder=shard_remainder,
            cycle_length=cycle_length,
            block_length=block_length,
            state=state,
        )
        return Batches(self, schedule)

    @checked_keywords
    def to_tf_dataset(
        self,
        batch_size: int,
        *,
        label: str | None = None,
        drop_remainder: bool = False,
        shuffle: Shuffle = False,
        seed: int | None = None,
        epochs: int | None = 1,
        shard: Shard | None = None,
        shard_remainder: str = "drop",
        cycle_length: int = 1,
        block_length: int = 1,
        state: State | None = None,
        reshuffle_each_iteration: bool = True,
        num_parallel_calls: int | None = None,
        prefetch: int = 2,
        engine: str = "auto",
    ) -> tf.data.Dataset:
        """A :class:`tf.data.Dataset` of batches: the same batches in the same order as :meth:`batches`.

        Its cardinality is known and its shapes are static: ``[batch_size, ...]``, with an unknown batch axis only
        where the last batch of an epoch is smaller. Fixed bytes come out as ``tf.string`` (``S``, trailing zeros
        cut) or ``uint8`` ``[..., n]`` (``V``). With the generator engine, do not close the reader while the dataset is
        in use; the graph engine opens the files for itself.

        A shuffled dataset that is iterated again goes on with the epochs that follow, in a new order, as
        :meth:`tf.data.Dataset.shuffle` does; so ``model.fit(dataset, epochs=5)`` sees five orders. One that begins at
        a ``state`` gives the same each time.

        Args:
            batch_size: samples per batch; every batch is full except the last of an epoch.
            label: the feature that becomes the second half of elements ``(features, label)``, as Keras takes them;
                a single remaining feature is a bare tensor.
            drop_remainder: as in :meth:`batches`, like all that follow.
            shuffle: True, ``"global"``, ``"block"`` or a :class:`BlockShuffle`.
            seed: of the shuffle.
            epochs: how many in all; None is without end.
            shard: ``(number, count)`` or a :class:`tf.distribute.InputContext`.
            shard_remainder: ``"drop"`` or ``"pad"``.
            cycle_length: files to take turns.
            block_length: consecutive samples to take from a file at its turn.
            state: where to begin.
            reshuffle_each_iteration: as in :meth:`tf.data.Dataset.shuffle`; False gives the same order each time. On
                ``tf.data`` service every iteration gives the same: ask for ``epochs`` there.
            num_parallel_calls: batches to decode at the same time; by default what tf.data finds best (``"graph"``), or
                one per processor, up to 4 (``"generator"``). The order of the batches does not depend on it.
            prefetch: batches to keep ready; 0 for none.
            engine: ``"graph"`` reads in a TensorFlow op, without Python: it can be checkpointed, and runs in other
                processes that see the same files. ``"generator"`` goes through ``from_generator``, takes bytes in
                memory as well, and works with any TensorFlow 2. ``"auto"`` is the first one that can.

        Raises:
            ImportError: without TensorFlow, or for ``engine="graph"`` where its ops cannot be loaded.
            FeatureError: if ``label`` is not a feature.
            ValueError: if a number is out of its range, or arguments exclude each other.
            StateError: if the state is not one of these files, features and order.
        """
        from binfeed.tensorflow.dataset import make_dataset  # noqa: PLC0415  (TensorFlow is imported when used)

        reshuffles = flag("reshuffle_each_iteration", reshuffle_each_iteration)
        schedule = make_schedule(
            self,
            batch_size,
            drop_remainder=drop_remainder,
            shuffle=shuffle,
            seed=seed,
            epochs=epochs,
            shard=shard,
            shard_remainder=shard_remainder,
            cycle_length=cycle_length,
            block_length=block_length,
            state=state,
        )
        return make_dataset(
            self,
            schedule,
            label=label,
            reshuffles=reshuffles and schedule.order.shuffle is not None and state is None,
            num_parallel_calls=num_parallel_calls,
            prefetch=prefetch,
            engine=engine,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a reader cannot be copied or pickled: open() the same files where it is needed; "
            "the state() of its batches goes along"
        )

    def _batch(self, order: _core.Order, position: int, count: int) -> Element:
        batch: Element = self.pack(self.read(order, position, count))
        return batch


class RecordReader(Reader):
    """The records of files, decoded into features."""

    def __init__(
        self,
        sources: Sequence[Source],
        layout: Layout,
        features: Mapping[str, Feature] | Feature,
        window: Window | None,
        instruction_set: str,
    ) -> None:
        self.sources = sources
        self.layout = layout
        self.features = features
        self.window = window
        self._is_bare = isinstance(features, Feature)
        chains = [features] if isinstance(features, Feature) else features.values()
        has_target = any(feature.is_target for feature in chains)
        if window is not None and window.target_offset is not None and not has_target:
            raise FeatureError("the window has a target, but no feature is of it: mark one with .target()")
        self._outputs = plan_outputs(features, layout, window)
        with explained(sources):
            self.core = _core.Reader(
                sources=sources,
                record_bytes=layout.record_bytes,
                header_bytes=layout.header_bytes,
                footer_bytes=layout.footer_bytes,
                outputs=[output.spec for output in self._outputs],
                array_types=[(output.dtype, output.shape) for output in self._outputs],
                window=core_window(window),
                instruction_set=instruction_set,
            )
        self._starts = self.core.starts()
        self._sample_bytes = self.core.sample_bytes()
        self.files = self.core.files()  # as they were opened: states are asked for when the reader is closed as well

    def starts(self) -> Sequence[int]:
        return self._starts

    @property
    def sample_bytes(self) -> int:
        return self._sample_bytes

    @property
    def sample_distance(self) -> int:
        return self.layout.record_bytes * (1 if self.window is None else self.window.stride)

    def record_readers(self) -> Sequence[RecordReader]:
        return [self]

    @property
    def outputs(self) -> Sequence[Output]:
        return self._outputs

    def pack(self, values: Iterable[T]) -> Any:
        if self._is_bare:
            (value,) = values
            return value
        return {output.name: value for output, value in builtins.zip(self._outputs, values, strict=True)}

    def read(self, order: _core.Order, position: int, count: int) -> list[Array]:
        return self.core.read(order, position, count)

    def close(self) -> None:
        self.core.close()

    @property
    def closed(self) -> bool:
        return self.core.is_closed()


class ZipReader(Reader):
    """Readers side by side: sample i is the tuple of their samples i."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers
        self._outputs = [output for reader in readers for output in reader.outputs]

    def starts(self) -> Sequence[int]:
        return self._readers[0].starts()

    @property
    def sample_bytes(self) -> int:
        return sum(reader.sample_bytes for reader in self._readers)

    @property
    def sample_distance(self) -> int:
        return sum(reader.sample_distance for reader in self._readers)

    def record_readers(self) -> Sequence[RecordReader]:
        return [part for reader in self._readers for part in reader.record_readers()]

    @property
    def outputs(self) -> Sequence[Output]:
        return self._outputs

    def pack(self, values: Iterable[T]) -> Any:
        flat = iter(values)
        return tuple(reader.pack([next(flat) for _ in reader.outputs]) for reader in self._readers)

    def read(self, order: _core.Order, position: int, count: int) -> list[Array]:
        return [array for reader in self._readers for array in reader.read(order, position, count)]

    def close(self) -> None:
        for reader in self._readers:
            reader.close()

    @property
    def closed(self) -> bool:
        return any(reader.closed for reader in self._readers)


@checked_keywords
def open(
    files: PathLike | Buffer | Iterable[PathLike | Buffer],
    layout: Layout | npt.DTypeLike,
    features: Mapping[str, Feature | str] | Feature | str | None = None,
    *,
    window: Window | None = None,
) -> Reader:
    """Open binary record files.

    Args:
        files: a path, a glob (its matches sorted; ``**`` crosses folders), bytes in memory (``bytes``,
            ``memoryview``, NumPy array of bytes or of the layout's records), or a list of these, whose order is kept.
        layout: what the bytes are: a :class:`Layout`, or the dtype of one record.
        features: what comes out: features by name, or one feature for bare arrays. A string stands for the field of
            that name. Without features every field comes out as it is, in native byte order.
        window: make a sample of several consecutive records of a file instead of one: features come out as
            ``[B, window.size, ...]``.

    Nothing is read yet: the files are checked now, mapped when first used and unmapped when the reader is closed.
    Memory does not grow with their size.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: naming the path, or the pattern that nothing matches.
        TypeError, ValueError: if ``files`` is none of these, such as an open file or a URL.
        DataError: naming file and sizes, if a file is empty, shorter than its header and footer, or no whole number
            of records, or if none has as many records as a window reaches over.
        LayoutError: naming the field that cannot be decoded.
        FeatureError: naming the feature that does not fit the layout.

    Warns:
        UserWarning: if the first file looks compressed, though it is a whole number of records. A layout with a header
            says what files begin with, so that nothing is said then.
    """
    return open_with(files, layout, features, _core.default_instruction_set(), window)


def open_with(
    files: PathLike | Buffer | Iterable[PathLike | Buffer],
    layout: Layout | npt.DTypeLike,
    features: Mapping[str, Feature | str] | Feature | str | None,
    instruction_set: str,
    window: Window | None = None,
) -> Reader:
    """:func:`open` with the loops of a given instruction set."""
    if window is not None and not isinstance(window, Window):
        raise TypeError(f"window must be a Window, such as Window(64, stride=16), not {shown(window)}")
    layout = as_layout(layout)
    sources = find_sources(files, layout)
    reader = RecordReader(sources, layout, as_features(features, layout), window, instruction_set)
    if layout.header_bytes == 0:
        warn_of_format(sources[0], stacklevel=4)
    return reader


def zip(*readers: Reader) -> Reader:
    """Readers that belong together, as one: sample i is the tuple of their samples i.

    Files may be cut differently: samples are matched by number. Closing it closes them all.

    Raises:
        ValueError: if the readers do not have the same number of samples.
    """
    if not readers:
        raise ValueError("zip() needs at least one reader")
    for reader in readers:
        if isinstance(reader, list | tuple):
            raise TypeError("zip() takes readers one by one, not in a list: zip(*readers)")
        if not isinstance(reader, Reader):
            raise TypeError(f"zip() takes readers, not {shown(reader)}")
    lengths = [len(reader) for reader in readers]
    if len(set(lengths)) > 1:
        raise ValueError(f"readers that belong together have the same length, but these have {shown(lengths)} samples")
    return ZipReader(readers)


def as_features(
    features: Mapping[str, Feature | str] | Feature | str | None, layout: Layout
) -> Mapping[str, Feature] | Feature:
    """Features as :func:`open` takes them; without any, all fields of the layout."""
    if features is None:
        if layout.is_scalar:
            return field(UNNAMED)
        return {name: field(name) for name in layout.fields}
    if isinstance(features, Feature | str):
        return as_feature(features)
    if not isinstance(features, Mapping):
        raise FeatureError(f"features must be a dict of features by name, or one feature, not {shown(features)}")
    if not features:
        raise FeatureError("features is an empty dict: there is nothing to read")
    for name, feature in features.items():
        if not is_name(name):
            raise FeatureError(f"the name of a feature must be text of at least one character, not {shown(name)}")
        if not isinstance(feature, Feature | str):
            raise FeatureError(f"features must be features by name, but {shown(name)} is {shown(feature)}")
    return {name: as_feature(feature) for name, feature in features.items()}


def _as_indices(indices: Sequence[int] | Array) -> Array:
    """Whole numbers in one dimension, of whatever size; no array of NumPy's integers holds all of them."""
    numbers = np.asarray(indices)
    if numbers.size == 0:
        numbers = numbers.astype(np.int64)
    if numbers.dtype.kind in "fO" and not isinstance(indices, np.ndarray):  # what no integer of NumPy's holds
        numbers = np.array(indices, object)
    is_whole = numbers.dtype.kind in "iu" or all(type(number) is int for number in numbers.flat)
    if numbers.ndim != 1 or not is_whole:
        raise TypeError(f"indices must be whole numbers in one dimension, not {numbers.dtype} of shape {numbers.shape}")
    return numbers
