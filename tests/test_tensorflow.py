"""to_tf_dataset: the batches of ``.batches()``, in the same order, as tf.data and Keras want them."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
import tensorflow as tf
from binfeed import _core, reference
from binfeed.tensorflow import generator, graph
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import Array, WriteFiles, assert_identical, random_records

RECORD = np.dtype([("label", "u1"), ("image", "u1", (3, 4, 4)), ("price", ">i8"), ("id", "<u4")])
FEATURES = {
    "image": bf.field("image").div(255).transpose(1, 2, 0),
    "price": bf.field("price").scale(1e-9),
    "label": bf.field("label").cast("int32"),
    "id": bf.field("id"),
}
LAYOUT = bf.Layout(RECORD)
COUNTS = [300, 10, 310, 380]


@pytest.fixture(params=["generator", "graph", "graph in chunks"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine, which must not show in what comes out."""
    name, *chunks = str(request.param).split(" ", 1)
    monkeypatch.setattr(graph, "MIN_CHUNKS", 5 if chunks else 1 << 62)
    return name


def elements(dataset: tf.data.Dataset) -> list[Any]:
    return list(dataset.as_numpy_iterator())


@pytest.mark.parametrize("chunk_bytes", [1, 10_000, 1 << 24])
@pytest.mark.parametrize("lanes", [1, 2, 5, None])
@pytest.mark.parametrize("drop_remainder", [False, True])
def test_the_batches_are_those_of_numpy_whatever_the_lanes_and_chunks(
    reader: bf.Reader,
    monkeypatch: pytest.MonkeyPatch,
    chunk_bytes: int,
    lanes: int | None,
    drop_remainder: bool,
    engine: str,
) -> None:
    for module in (generator, graph):
        monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    order = {"cycle_length": 3, "block_length": 4}
    expected = list(reader.batches(32, drop_remainder=drop_remainder, **order))
    dataset = reader.to_tf_dataset(32, drop_remainder=drop_remainder, num_parallel_calls=lanes, engine=engine, **order)
    assert int(dataset.cardinality()) == len(expected)
    assert_identical(elements(dataset), expected)


@settings(max_examples=25)
@given(
    count=st.integers(1, 60),
    batch_size=st.integers(1, 70),
    drop_remainder=st.booleans(),
    epochs=st.integers(1, 3),
    lanes=st.integers(1, 4),
    per_chunk=st.integers(1, 5),
)
def test_any_cut_into_batches_chunks_and_epochs(
    count: int, batch_size: int, drop_remainder: bool, epochs: int, lanes: int, per_chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        for module in (generator, graph):
            patch.setattr(module, "CHUNK_BYTES", per_chunk * batch_size * 4)
        patch.setattr(graph, "MIN_CHUNKS", 1)
        path = Path(folder) / "numbers"
        np.arange(count, dtype="<u4").tofile(path)
        reader = bf.open(path, "<u4")
        expected = list(reader.batches(batch_size, drop_remainder=drop_remainder)) * epochs
        for engine in ("generator", "graph"):
            dataset = reader.to_tf_dataset(
                batch_size, drop_remainder=drop_remainder, epochs=epochs, num_parallel_calls=lanes, engine=engine
            )
            assert int(dataset.cardinality()) == len(expected)
            assert_identical(elements(dataset), expected)


ORDERS: dict[str, dict[str, Any]] = {
    "sequential": {},
    "interleaved": {"cycle_length": 3, "block_length": 4},
    "shuffled": {"shuffle": True, "seed": 3},
    "block-shuffled": {"shuffle": bf.BlockShuffle(20, 5), "seed": 3},
}
CUTS: dict[str, dict[str, Any]] = {
    "all": {},
    "dropped": {"drop_remainder": True},
    "shard": {"shard": (1, 3)},
    "padded-shard": {"shard": (2, 3), "shard_remainder": "pad"},
    "full-batches-of-a-shard": {"shard": (0, 7), "drop_remainder": True},
    "epochs": {"epochs": 3},
    "epochs-of-a-shard": {"epochs": 2, "shard": (0, 3)},
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("order", ORDERS)
def test_every_order_is_that_of_numpy(reader: bf.Reader, order: str, cut: str, engine: str) -> None:
    options = ORDERS[order] | CUTS[cut]
    expected = list(reader.batches(32, **options))
    dataset = reader.to_tf_dataset(32, **options, engine=engine)
    assert int(dataset.cardinality()) == len(expected)
    assert_identical(elements(dataset), expected)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("given_before", [1, 11, 31])
def test_a_dataset_begins_at_a_state(reader: bf.Reader, order: str, cut: str, given_before: int, engine: str) -> None:
    options = ORDERS[order] | CUTS[cut]
    batches = reader.batches(32, **options).skip(given_before)
    dataset = reader.to_tf_dataset(32, **options, state=batches.state(), engine=engine)
    expected = list(batches)
    assert int(dataset.cardinality()) == len(expected)
    assert_identical(elements(dataset), expected)
    assert_identical(elements(dataset), expected)  # and each time again


@pytest.mark.parametrize("epochs", [1, 2])
def test_iterating_again_goes_on_with_new_orders(reader: bf.Reader, epochs: int, engine: str) -> None:
    dataset = reader.to_tf_dataset(100, shuffle=True, seed=3, epochs=epochs, engine=engine)
    batches = reader.batches(100, shuffle=True, seed=3, epochs=3 * epochs)
    for _ in range(2):
        assert_identical(elements(dataset), [next(batches) for _ in range(10 * epochs)])
    # An iteration that was given up takes its epochs with it.
    assert_identical(elements(dataset.take(3)), [next(batches) for _ in range(3)])
    assert next(iter(dataset.as_numpy_iterator()))["id"].tolist() != next(batches)["id"].tolist()


def test_iterations_at_the_same_time_do_not_mix(reader: bf.Reader, engine: str) -> None:
    dataset = reader.to_tf_dataset(50, shuffle=True, seed=3, engine=engine)
    found = list(zip(*(dataset.as_numpy_iterator() for _ in range(3)), strict=True))
    for epoch in range(3):
        ids = np.concatenate([batches[epoch]["id"] for batches in found])
        assert sorted(ids) == list(range(1000))
        assert ids.tolist() == reference.shuffled(1000, 3, epoch).tolist()


def test_an_endless_shuffle_that_is_iterated_again_is_another(reader: bf.Reader, engine: str) -> None:
    dataset = reader.to_tf_dataset(500, shuffle=True, seed=3, epochs=None, engine=engine)
    first, second = (np.concatenate([batch["id"] for batch in elements(dataset.take(4))]) for _ in range(2))
    assert first.tolist() == [*reference.shuffled(1000, 3, 0), *reference.shuffled(1000, 3, 1)]
    assert sorted(second) == sorted(first)
    assert second.tolist() != first.tolist()


def test_each_replica_of_a_strategy_reads_its_shard(reader: bf.Reader, engine: str) -> None:
    def make(context: tf.distribute.InputContext) -> tf.data.Dataset:
        return reader.to_tf_dataset(32, shuffle=True, seed=1, shard=context, engine=engine)

    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    distributed = strategy.distribute_datasets_from_function(make)
    ids = np.concatenate([batch["id"].numpy() for batch in distributed])
    assert ids.tolist() == reference.shuffled(1000, 1, 0).tolist()


def test_keras_sees_a_new_order_each_epoch(records: Array) -> None:
    import keras  # noqa: PLC0415

    class Recorder(keras.Layer):  # type: ignore[misc]
        """Keeps the first input of every batch."""

        def __init__(self) -> None:
            super().__init__()
            self.seen: list[int] = []

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            tf.py_function(lambda x: self.seen.extend(x.numpy()[:, 0].astype(int).tolist()), [inputs], [])
            return inputs

    features = {"x": bf.field("id").cast("float32").reshape(1), "y": bf.field("price").scale(0)}
    recorder = Recorder()
    model = keras.Sequential([keras.Input((1,)), recorder, keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    with bf.open(records, RECORD, features) as reader:
        dataset = reader.to_tf_dataset(100, label="y", shuffle=True, seed=5)
        model.fit(dataset, epochs=2, shuffle=False, verbose=0)
    assert recorder.seen[-2000:] == [*reference.shuffled(1000, 5, 0), *reference.shuffled(1000, 5, 1)]


def test_specs_are_static(reader: bf.Reader, engine: str) -> None:
    spec = reader.to_tf_dataset(32, engine=engine).element_spec
    assert spec["image"] == tf.TensorSpec((None, 4, 4, 3), tf.float32)
    assert spec["id"] == tf.TensorSpec((None,), tf.uint32)
    assert reader.to_tf_dataset(32, drop_remainder=True, engine=engine).element_spec["label"] == tf.TensorSpec(
        (32,), tf.int32
    )
    # 1000 samples are batches of 50 without a rest.
    assert reader.to_tf_dataset(50, engine=engine).element_spec["price"] == tf.TensorSpec((50,), tf.float32)


def test_a_label_makes_pairs(reader: bf.Reader, engine: str) -> None:
    dataset = reader.to_tf_dataset(50, label="label", engine=engine)
    features, label = dataset.element_spec
    assert set(features) == {"image", "price", "id"}
    assert label == tf.TensorSpec((50,), tf.int32)
    expected = next(reader.batches(50))
    assert isinstance(expected, dict)
    found_features, found_label = next(iter(dataset.as_numpy_iterator()))
    assert_identical(found_label, expected.pop("label"))
    assert_identical({name: found_features[name] for name in expected}, expected)


def test_a_single_remaining_feature_is_a_bare_tensor(paths: list[Path], engine: str) -> None:
    two = {name: FEATURES[name] for name in ("label", "image")}
    with bf.open(paths, RECORD, two) as reader:
        spec = reader.to_tf_dataset(50, label="label", engine=engine).element_spec
    assert spec == (tf.TensorSpec((50, 4, 4, 3), tf.float32), tf.TensorSpec((50,), tf.int32))


def test_a_label_that_is_none(reader: bf.Reader, paths: list[Path]) -> None:
    with pytest.raises(bf.FeatureError, match=r"label='lable' is not a feature; did you mean 'label'\?"):
        reader.to_tf_dataset(4, label="lable")
    with pytest.raises(bf.FeatureError, match="bare arrays"):
        bf.open(paths, RECORD, "label").to_tf_dataset(4, label="label")
    with pytest.raises(bf.FeatureError, match="the only feature"):
        bf.open(paths, RECORD, {"label": "label"}).to_tf_dataset(4, label="label")
    with pytest.raises(bf.FeatureError, match="tuples of zipped readers"):
        bf.zip(reader, reader).to_tf_dataset(4, label="label")
    labels: list[Any] = [["label", "id"], bf.field("label"), 0, True, [["x" * 100] * 9] * 9]
    for label in labels:
        with pytest.raises(TypeError, match=r"label must be the name of one feature, not .*with \.map\(\)") as caught:
            reader.to_tf_dataset(4, label=label)
        assert len(str(caught.value)) < 300


def test_zipped_readers_are_tuples(paths: list[Path], records: Array) -> None:
    pair = bf.zip(bf.open(paths, RECORD, FEATURES["image"]), bf.open(records, RECORD, "label"))
    dataset = pair.to_tf_dataset(64, cycle_length=2)
    assert dataset.element_spec == (
        tf.TensorSpec((None, 4, 4, 3), tf.float32),
        tf.TensorSpec((None,), tf.uint8),
    )
    assert_identical(elements(dataset), list(pair.batches(64, cycle_length=2)))


def test_repeat_without_end(reader: bf.Reader, engine: str) -> None:
    dataset = reader.to_tf_dataset(300, epochs=None, engine=engine)
    assert int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY
    ids = np.concatenate([batch["id"] for batch in dataset.take(9).as_numpy_iterator()])
    assert ids.tolist() == [*range(1000), *range(1000), *range(300)]


def test_no_batches_at_all(reader: bf.Reader, engine: str) -> None:
    dataset = reader.to_tf_dataset(2000, drop_remainder=True, epochs=None, engine=engine)
    assert elements(dataset) == []
    assert dataset.element_spec["id"] == tf.TensorSpec((2000,), tf.uint32)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"batch_size": 4, "epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 4, "num_parallel_calls": 0}, "num_parallel_calls must be at least 1"),
        ({"batch_size": 4, "num_parallel_calls": 2**62}, "num_parallel_calls must be at most 65536"),
        ({"batch_size": 4, "num_parallel_calls": "x"}, "num_parallel_calls must be a whole number, not 'x'"),
        ({"batch_size": 4, "num_parallel_calls": True}, "num_parallel_calls must be a whole number, not True"),
        ({"batch_size": 4, "engine": "grahp"}, "no engine 'grahp'"),
        ({"batch_size": 4, "engine": None}, "no engine None; there are 'auto', 'graph', 'generator'"),
        ({"batch_size": 4, "engine": ["graph"]}, r"no engine \['graph'\]"),
        ({"batch_size": 4, "prefetch": -3}, "prefetch must be at least 0, not -3"),
        ({"batch_size": 4, "prefetch": "x"}, "prefetch must be a whole number, not 'x'"),
        ({"batch_size": 4, "prefetch": 2.5}, "prefetch must be a whole number, not 2.5"),
        ({"batch_size": 4, "prefetch": 2**63}, r"prefetch must be at most 2\^62"),
        ({"batch_size": 4, "reshuffle_each_iteration": "no"}, "reshuffle_each_iteration must be True or False"),
        ({"batch_size": 4, "seed": 1}, "seed=1 has no effect without a shuffle"),
        ({"batch_size": 2**63}, r"batch_size must be at most 2\^62"),
        ({"batch_size": 2**62, "drop_remainder": True}, r"batch_size=.* x \d+ bytes of 'image' are more than 2\^62"),
        ({"batch_size": 4, "epochs": 2**62}, r"4611686018427387904 epochs of 250 batches are more than 2\^62"),
    ],
)
def test_arguments_out_of_range(reader: bf.Reader, arguments: dict[str, Any], words: str, engine: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        reader.to_tf_dataset(**{"engine": engine} | arguments)
    assert len(str(caught.value)) < 300


def test_epochs_without_end_have_numbers_that_fit(tmp_path: Path) -> None:
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(2**31)
    with bf.open(tmp_path / "large.bin", "u1") as reader:
        dataset = reader.to_tf_dataset(1, shuffle=True, epochs=None, engine="graph")
        for _ in range(3):  # iterations are 2^32 epochs of 2^31 batches apart
            assert len(list(dataset.take(2))) == 2


def test_what_cannot_be_read_is_passed_over(write_files: WriteFiles) -> None:
    files = write_files(*np.arange(240, dtype="<u4").reshape(6, 40))
    reader = bf.open(files, "<u4")
    dataset = reader.to_tf_dataset(4, engine="graph")
    os.truncate(files[2], 8)  # samples 80 to 119
    firsts = range(0, 240, 4)  # the first sample of each batch
    readable = [first for first in firsts if not 56 <= first < 140]  # 7 batches are a chunk

    # The iterator goes on behind each chunk that is lost.
    found, lost = [], 0
    iterator = iter(dataset)
    while True:
        try:
            found.append(int(next(iterator)[0]))
        except tf.errors.DataLossError:
            lost += 1
        except StopIteration:
            break
    assert (found, lost) == (readable, 3)
    assert [int(batch[0]) for batch in dataset.ignore_errors()] == readable
    assert [int(batch[0]) for batch in dataset.skip(30)] == [*firsts[30:]]  # without reading those before

    # The generator engine has no more to give, from the error on.
    iterator = iter(reader.to_tf_dataset(4, engine="generator"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="had 160 bytes when it was opened and has 8 now"):
        list(iterator)
    with pytest.raises(tf.errors.FailedPreconditionError):
        next(iterator)


def test_a_state_goes_on_when_the_file_is_whole_again(write_files: WriteFiles) -> None:
    files = write_files(*np.arange(240, dtype="<u4").reshape(6, 40))
    content = files[2].read_bytes()
    batches = bf.open(files, "<u4").batches(4).skip(19)
    state = batches.state()
    os.truncate(files[2], 8)
    next(batches)
    with pytest.raises(bf.DataError):
        next(batches)
    files[2].write_bytes(content)
    dataset = bf.open(files, "<u4").to_tf_dataset(4, state=state)
    assert [int(batch[0]) for batch in dataset] == list(range(76, 240, 4))


def test_bytes_and_complex_fields(write_files: WriteFiles) -> None:
    record = np.dtype([("name", "S3"), ("raw", "V2", (2,)), ("wave", ">c8")])
    records = np.array([(b"a", [b"\x00\x01", b"\x02\x00"], 1 + 2j), (b"bcd", [b"\xff\x00", b"\x00\x00"], -1j)], record)
    batch = next(iter(bf.open(write_files(records), record).to_tf_dataset(2).as_numpy_iterator()))
    assert batch["name"].tolist() == [b"a", b"bcd"]
    assert batch["raw"].tolist() == [[[0, 1], [2, 0]], [[255, 0], [0, 0]]]
    assert batch["wave"].tolist() == [1 + 2j, -1j]
    assert batch["wave"].dtype == np.complex64


def test_types_that_numpy_has_not() -> None:
    layout = bf.Layout({"wide": "<u6", "packed": "(2)<uint12", "half": "<bfloat16"})
    data = np.random.default_rng(0).bytes(64 * layout.record_bytes)
    features = {"wide": "wide", "packed": "packed", "half": "half", "back": bf.field("wide").log1p().cast("bfloat16")}
    reader = bf.open(data, layout, features)
    dataset = reader.to_tf_dataset(32)
    assert dataset.element_spec["half"] == tf.TensorSpec((32,), tf.bfloat16)
    assert_identical(elements(dataset), list(reader.batches(32)))


@pytest.mark.parametrize("per_chunk", [1, 4])
def test_what_goes_in_comes_out_at_the_same_address(monkeypatch: pytest.MonkeyPatch, per_chunk: int) -> None:
    monkeypatch.setattr(generator, "CHUNK_BYTES", per_chunk * 256 * 4)
    reader = bf.open(np.arange(1024, dtype="<u4"), "<u4", bf.field("value").scale(1))
    decoded: list[range] = []
    samples = reader._samples
    read = samples.read

    def watched(*arguments: Any) -> list[Array]:
        arrays = read(*arguments)
        decoded.extend(range(array.ctypes.data, array.ctypes.data + array.nbytes) for array in arrays)
        return arrays

    monkeypatch.setattr(samples, "read", watched)
    batches = list(reader.to_tf_dataset(256, num_parallel_calls=2))
    addresses = [np.asarray(memoryview(batch)).ctypes.data for batch in batches]
    assert len(decoded) == 4 // per_chunk
    # Lanes may decode in any order; within a chunk, batches lie one after the other.
    assert sorted(addresses) == sorted(area.start + 1024 * slot for area in decoded for slot in range(per_chunk))


def test_buffers_come_back_when_tensorflow_lets_go(reader: bf.Reader) -> None:
    gc.collect()
    held = list(reader.to_tf_dataset(100))
    assert _core.buffer_pool_bytes()[1] > 0
    del held
    gc.collect()
    # TensorFlow drops the last references to arrays when the next one passes through.
    next(iter(bf.open(bytes(1), "u1").to_tf_dataset(1)))
    gc.collect()
    assert _core.buffer_pool_bytes()[1] < 1 << 16


def test_subnormal_numbers_survive_tensorflows_threads() -> None:
    tiny = np.array([1e-45, 1e-40, -1e-42, 1.2e-38] * 16, "<f4")
    features = {"same": "value", "half": bf.field("value").scale(0.5), "double": bf.field("value").cast("float64")}
    reader = bf.open(tiny, "<f4", features)
    (batch,) = elements(reader.to_tf_dataset(64))
    assert_identical(batch, {"same": tiny, "half": tiny * np.float32(0.5), "double": tiny.astype("f8")})


def test_an_error_while_reading_reaches_the_consumer(paths: list[Path]) -> None:
    reader = bf.open(paths, RECORD, FEATURES)
    paths[2].write_bytes(b"cut")
    with pytest.raises(tf.errors.OpError, match=r"part-002.*bytes when it was opened and has 3 now"):
        elements(reader.to_tf_dataset(32))


def test_keras_trains_and_knows_the_number_of_steps(capfd: pytest.CaptureFixture[str]) -> None:
    model = tf.keras.Sequential([tf.keras.layers.Flatten(), tf.keras.layers.Dense(2)])
    model.compile("sgd", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    two = {"image": FEATURES["image"], "label": bf.field("label").scale(1 / 128).cast("int32")}
    with bf.open(random_records(RECORD, 1000, seed=3), RECORD, two) as training:
        history = model.fit(training.to_tf_dataset(64, label="label"), epochs=2, verbose=2, shuffle=False)
    assert len(history.history["loss"]) == 2
    assert "16/16" in capfd.readouterr().out


@pytest.mark.parametrize("batch_size", [4, 2**23])
@pytest.mark.parametrize("engine", ["graph", "generator"])
def test_a_tuple_of_one_is_a_tuple(write_files: WriteFiles, engine: str, batch_size: int) -> None:
    reader = bf.open(write_files(np.arange(9, dtype="<u4")), "<u4")
    for one, expected in ((bf.zip(reader), 1), (bf.zip(bf.zip(reader, reader)), 1)):
        spec = one.to_tf_dataset(batch_size, engine=engine).element_spec
        assert isinstance(spec, tuple)
        assert len(spec) == expected
        assert_identical(
            next(iter(one.to_tf_dataset(batch_size, engine=engine).as_numpy_iterator())), next(one.batches(batch_size))
        )


@pytest.mark.parametrize("engine", ["graph", "generator"])
def test_shapes_are_those_of_the_batches_that_are_left(engine: str, write_files: WriteFiles) -> None:
    reader = bf.open(write_files(np.arange(12, dtype="u1")), "u1")
    state = reader.batches(8).skip(1).state()
    assert reader.to_tf_dataset(2, state=state, engine=engine).element_spec.shape == (2,)
    assert reader.to_tf_dataset(3, state=state, engine=engine).element_spec.shape == (None,)
    assert reader.to_tf_dataset(4, state=state, engine=engine).element_spec.shape == (4,)
    state = reader.batches(7).skip(1).state()
    assert reader.to_tf_dataset(5, state=state, engine=engine).element_spec.shape == (5,)
    assert reader.to_tf_dataset(5, state=state, engine=engine, epochs=2).element_spec.shape == (None,)
