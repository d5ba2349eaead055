"""The public face: :func:`open` files, or :func:`zip` readers, and take samples by index or in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, cast, overload

import numpy as np

from binfeed._core import Order, default_instruction_set
from binfeed.batches import Batches, E_co
from binfeed.errors import checked_keywords, options_of, shown
from binfeed.feature_sets import FeaturesLike, as_features
from binfeed.features import Feature
from binfeed.files import Buffer, PathLike, find_sources, warn_of_format
from binfeed.layout import LayoutLike, as_layout
from binfeed.numbers import flag, whole
from binfeed.planning import ArraySpec
from binfeed.records import RecordSamples
from binfeed.samples import Array, Samples, ZippedSamples
from binfeed.schedule import OrderOptions, make_schedule
from binfeed.window import Window

if TYPE_CHECKING:
    import tensorflow as tf
    from typing_extensions import Self, Unpack

A = TypeVar("A")
B = TypeVar("B")

#: Samples that iteration over a reader decodes at a time.
_ITERATION_SAMPLES = 1024


class Reader(Generic[E_co]):
    """Samples by index. :func:`open` and :func:`zip` make readers.

    ``len(reader)`` counts the samples. ``reader[i]`` is one of them, without a batch axis; a negative ``i`` counts from
    the end. ``reader[a:b:c]`` decodes that slice into one batch. Iteration gives one sample after the other. All arrays
    are copies, which stay valid when the reader is closed. A reader is a context manager, and safe to use from many
    threads: decoding does not hold the global interpreter lock.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    @property
    def spec(self) -> Any:
        """The structure of a sample, with the dtype and shape of each array: without the batch axis."""
        return self._samples.unflatten(ArraySpec(output.dtype, output.shape) for output in self._samples.outputs)

    @property
    def plan(self) -> str:
        """How records become features, step by step: what features have in common is computed once. Print it."""
        return self._samples.listing

    def __len__(self) -> int:
        return len(self._samples)

    def __repr__(self) -> str:
        outputs = ", ".join(map(str, self._samples.outputs))
        return f"<{'closed ' if self.closed else ''}reader of {len(self)} samples, {outputs}>"

    def __getitem__(self, index: int | slice) -> E_co:
        size = len(self)
        if isinstance(index, slice):
            begin, end, step = index.indices(size)
            if step != 1:
                return self.take(np.arange(begin, end, step))
            return self._batch(Order.sequential(size), begin, max(end - begin, 0))
        try:
            number = whole("index", index)
        except TypeError:
            raise TypeError(f"a sample's index is a whole number or a slice, not {shown(index)}") from None
        if not -size <= number < size:
            raise IndexError(f"there is no sample {shown(number)}: the reader has {size}")
        arrays = self._samples.read(Order.sequential(size), number % size, 1)
        return cast("E_co", self._samples.unflatten(array[0] for array in arrays))

    def __iter__(self) -> Iterator[E_co]:
        order = Order.sequential(len(self))
        for position in range(0, len(self), _ITERATION_SAMPLES):
            arrays = self._samples.read(order, position, min(_ITERATION_SAMPLES, len(self) - position))
            for i in range(len(arrays[0])):
                yield self._samples.unflatten(array[i] for array in arrays)

    def take(self, indices: Sequence[int] | Array) -> E_co:
        """Read the samples ``indices``, in any order and with any repeats, as one batch ``[len(indices), ...]``.

        Raises:
            IndexError: for an index outside ``[0, len(reader))``.
            TypeError: for indices that are not whole numbers in one dimension.
        """
        numbers = _as_indices(indices)
        if not np.can_cast(numbers.dtype, np.int64):  # where it can, the order finds what is outside
            outside = numbers[(numbers < 0) | (numbers >= len(self))]
            if outside.size > 0:
                raise IndexError(
                    f"there is no sample {shown(int(outside[0]))}: the reader has {len(self)} samples, numbered from 0"
                )
        return self._batch(Order.listed(numbers.astype(np.int64), len(self)), 0, len(numbers))

    @checked_keywords
    @options_of(make_schedule)
    def batches(self, batch_size: int, **order: Unpack[OrderOptions]) -> Batches[E_co]:
        """Give the samples in batches of NumPy arrays ``[batch_size, ...]``.

        Args:
            batch_size: samples per batch. Every batch of an epoch is full except the last.
            drop_remainder: leave out a last batch that is not full.
            shuffle: True or ``"global"`` for a permutation of all samples, a new one each epoch; ``"block"`` or a
                :class:`BlockShuffle` if the files are far larger than memory and the disk is slow.
            seed: the seed of the shuffle, 0 to 2^64 - 1. None draws one, which :meth:`Batches.state` reports.
            epochs: the number of epochs, including those before ``state``. None never ends.
            shard: ``(number, count)`` or a :class:`tf.distribute.InputContext`. The shards take turns, a batch each,
                so that all have equally many batches and no sample comes twice. A shuffle then needs a ``seed``.
            shard_remainder: what happens to the last samples of an epoch if there are fewer than shards: ``"drop"``
                leaves them out, ``"pad"`` repeats samples from the start of the epoch to give every shard one.
            cycle_length: the number of files that take turns, as in :meth:`tf.data.Dataset.interleave`. 1 reads file
                after file.
            block_length: consecutive samples to take from a file in its turn.
            state: what :meth:`Batches.state` gave, to go on from there. The order must be the same; batch size and
                shards may differ.

        Raises:
            ValueError: if a number is out of range, or arguments exclude each other.
            StateError: if the state does not belong to these files, features and order.
        """
        return Batches(self._samples, make_schedule(self._samples, batch_size, **order))

    @checked_keywords
    @options_of(make_schedule)
    def to_tf_dataset(
        self,
        batch_size: int,
        *,
        label: str | None = None,
        reshuffle_each_iteration: bool = True,
        num_parallel_calls: int | None = None,
        prefetch: int = 2,
        engine: Literal["auto", "graph", "generator"] = "auto",
        **order: Unpack[OrderOptions],
    ) -> tf.data.Dataset:
        """Give a :class:`tf.data.Dataset` of the batches that :meth:`batches` gives, in the same order.

        Its cardinality is known and its shapes are static: ``[batch_size, ...]``, with an unknown batch axis only
        if the last batch of an epoch is smaller. Fixed bytes come out as ``tf.string`` (``S``, without trailing zeros)
        or as ``uint8`` ``[..., n]`` (``V``). With the generator engine, do not close the reader while the dataset is
        in use; the graph engine opens the files itself.

        A shuffled dataset that is iterated again goes on with the epochs that follow, in a new order, as
        :meth:`tf.data.Dataset.shuffle` does, so ``model.fit(dataset, epochs=5)`` sees five orders. A dataset that
        begins at a ``state`` gives the same batches each time.

        Args:
            batch_size: samples per batch. Every batch of an epoch is full except the last.
            label: the feature that becomes the second half of elements ``(features, label)``, as Keras takes them.
                A single remaining feature is a bare tensor.
            reshuffle_each_iteration: as in :meth:`tf.data.Dataset.shuffle`. False gives the same order each time. On
                ``tf.data`` service every iteration gives the same order: ask for ``epochs`` there.
            num_parallel_calls: batches to decode at the same time. The default is what tf.data finds best
                (``"graph"``), or one per processor, up to 4 (``"generator"``). It does not change the order.
            prefetch: batches to keep ready; 0 for none.
            engine: ``"graph"`` reads in a TensorFlow op, without Python. It can be checkpointed, and runs in other
                processes that see the same files. ``"generator"`` goes through ``from_generator``, also takes bytes in
                memory, and works with any TensorFlow 2. ``"auto"`` is the first of them that can read the samples.
            order: any other argument of :meth:`batches`: ``shuffle``, ``seed``, ``epochs``, ``shard``, ``state``...

        Raises:
            ImportError: without TensorFlow, or for ``engine="graph"`` if its ops cannot be loaded.
            FeatureError: if ``label`` is not a feature.
            ValueError: if a number is out of range, or arguments exclude each other.
            StateError: if the state does not belong to these files, features and order.
        """
        from binfeed.tensorflow.dataset import make_dataset  # noqa: PLC0415  (TensorFlow is imported when used)

        reshuffles = flag("reshuffle_each_iteration", reshuffle_each_iteration)
        schedule = make_schedule(self._samples, batch_size, **order)
        return make_dataset(
            self._samples,
            schedule,
            label=label,
            reshuffles=reshuffles and schedule.order.shuffle is not None and order.get("state") is None,
            num_parallel_calls=num_parallel_calls,
            prefetch=prefetch,
            engine=engine,
        )

    def close(self) -> None:
        """Unmap the files. Reading then raises ValueError; arrays that were read stay valid."""
        self._samples.close()

    @property
    def closed(self) -> bool:
        """Whether the reader was closed."""
        return self._samples.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a reader cannot be copied or pickled: open() the same files where it is needed; "
            "the state() of its batches goes along"
        )

    def _batch(self, order: Order, position: int, count: int) -> E_co:
        return cast("E_co", self._samples.unflatten(self._samples.read(order, position, count)))


@overload
def open(
    files: PathLike | Buffer | Iterable[PathLike | Buffer],
    layout: LayoutLike,
    features: Mapping[str, Feature | str] | list[Feature | str] | list[Feature] | list[str],
    *,
    window: Window | None = None,
) -> Reader[dict[str, Array]]: ...
@overload
def open(
    files: PathLike | Buffer | Iterable[PathLike | Buffer],
    layout: LayoutLike,
    features: Feature | str,
    *,
    window: Window | None = None,
) -> Reader[Array]: ...
@overload
def open(
    files: PathLike | Buffer | Iterable[PathLike | Buffer],
    layout: LayoutLike,
    features: FeaturesLike = None,
    *,
    window: Window | None = None,
) -> Reader[Any]: ...
@checked_keywords
def open(
    files: PathLike | Buffer | Iterable[PathLike | Buffer],
    layout: LayoutLike,
    features: FeaturesLike = None,
    *,
    window: Window | None = None,
) -> Reader[Any]:
    """Open binary record files.

    Nothing is read yet: the files are checked now, mapped when first used, and unmapped when the reader is closed.
    Memory does not grow with their size.

    Args:
        files: a path, a glob (matches are sorted; ``**`` crosses folders), bytes in memory (``bytes``,
            ``memoryview``, a NumPy array of bytes or of the layout's records), or a list of these, whose order is kept.
        layout: what the bytes are: a :class:`Layout`, or the dtype of one record.
        features: what comes out: features by name, a list of features that have a name (that of their field, or of
            :meth:`Feature.alias`), or one feature for bare arrays. A string stands for the field of that name, or in a
            list for all that match it. Without features, every field comes out as it is, in native byte order.
        window: make each sample of several consecutive records of a file instead of one: features come out as
            ``[B, window.size, ...]``.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: naming the path, or the pattern that nothing matches.
        TypeError, ValueError: if ``files`` is none of these, such as an open file or a URL.
        DataError: naming file and sizes, if a file is empty, shorter than its header and footer, or not a whole number
            of records, or if no file has as many records as a window spans.
        LayoutError: naming the field that cannot be decoded.
        FeatureError: naming the feature that does not fit the layout.

    Warns:
        UserWarning: if the first file looks compressed although it is a whole number of records. Nothing is said for a
            layout with a header, which describes what files begin with.
    """
    return open_with(files, layout, features, default_instruction_set(), window)


def open_with(
    files: PathLike | Buffer | Iterable[PathLike | Buffer],
    layout: LayoutLike,
    features: FeaturesLike,
    instruction_set: str,
    window: Window | None = None,
) -> Reader[Any]:
    """Do as :func:`open` does, with the loops of a given instruction set."""
    if window is not None and not isinstance(window, Window):
        raise TypeError(f"window must be a Window, such as Window(64, stride=16), not {shown(window)}")
    layout = as_layout(layout)
    sources = find_sources(files, layout)
    samples = RecordSamples(sources, layout, as_features(features, layout), window, instruction_set)
    if layout.header_bytes == 0:
        warn_of_format(sources[0], stacklevel=4)
    return Reader(samples)


@overload
def zip(first: Reader[A], second: Reader[B], /) -> Reader[tuple[A, B]]: ...
@overload
def zip(*readers: Reader[Any]) -> Reader[tuple[Any, ...]]: ...
def zip(*readers: Reader[Any]) -> Reader[Any]:
    """Make one reader of several that belong together: sample i is the tuple of their samples i.

    Their files may be cut differently: samples are matched by number. Closing the reader closes them all.

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
    return Reader(ZippedSamples([reader._samples for reader in readers]))


def _as_indices(indices: Sequence[int] | Array) -> Array:
    """Make an array of whole numbers, of whatever size: of objects if none of NumPy's integers holds all of them."""
    numbers = np.asarray(indices)
    if numbers.size == 0:
        numbers = numbers.astype(np.int64)
    if numbers.dtype.kind in "fO" and not isinstance(indices, np.ndarray):  # what no integer of NumPy's holds
        numbers = np.array(indices, object)
    is_whole = numbers.dtype.kind in "iu" or all(type(number) is int for number in numbers.flat)
    if numbers.ndim != 1 or not is_whole:
        raise TypeError(f"indices must be whole numbers in one dimension, not {numbers.dtype} of shape {numbers.shape}")
    return numbers
