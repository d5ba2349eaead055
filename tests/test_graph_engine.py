"""What the graph engine can beyond the generator's: checkpoints, other processes, and skipping without reading."""

from __future__ import annotations

import json
import os
import resource
import runpy
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
import tensorflow as tf
from binfeed import reference
from binfeed.tensorflow import dataset as engines
from binfeed.tensorflow import ops
from tensorflow.python.data.experimental.ops.data_service_ops import _distribute

from tests.helpers import ROOT, Array, assert_identical, ids, ids_by_batch, mappings

RECORD = np.dtype([("id", "<u4"), ("price", ">i8"), ("image", "u1", (3, 4, 4)), ("tag", "S5"), ("raw", "V3")])
LAYOUT = bf.Layout(RECORD)
COUNTS = [300, 10, 310, 380]
COUNT = sum(COUNTS)


def read_batch(number: int, passed_epochs: int = 0, seed: int = 0, **attributes: Any) -> Any:
    """What the op gives."""
    chunks = [number, 1, 1, 1]
    return ops.load_ops().binfeed_read(chunk=0, chunks=chunks, passed_epochs=passed_epochs, seed=seed, **attributes)


def graph(reader: bf.Reader, batch_size: int = 32, **options: Any) -> tf.data.Dataset:
    return reader.to_tf_dataset(batch_size, engine="graph", **options)


ALL_TYPES = {
    **{code: code for code in ("?", "i1", "<i2", ">i4", "i8", "u1", "u2", "u4", ">u8")},
    **{code: code for code in ("<f2", "f4", ">f8", "c8", "c16")},
    **{"S5": "S5", "S40": "S40", "V3": "V3", "bf": "<bfloat16", "u6": "<u6", "packed": "(8)<uint12"},
}  # fmt: skip


def test_every_type_is_that_of_the_generator_engine(tmp_path: Path) -> None:
    layout = bf.Layout(ALL_TYPES)
    content = np.random.default_rng(0).integers(0, 256, (100, layout.record_bytes), np.uint8)
    content[::3, layout["S5"].offset + 2 : layout["S5"].end] = 0  # trailing zeros, of short strings and of long ones
    content[::4, layout["S40"].offset + 30 : layout["S40"].end] = 0
    content[::5, layout["S40"].offset : layout["S40"].end] = 0
    content.tofile(tmp_path / "records.bin")
    reader = bf.open(tmp_path / "records.bin", layout)
    one, other = (reader.to_tf_dataset(32, engine=engine) for engine in ("graph", "generator"))
    assert one.element_spec == other.element_spec
    for found, expected in zip(one.as_numpy_iterator(), other.as_numpy_iterator(), strict=True):
        assert_identical(found, expected)


def test_the_best_engine_is_the_default(reader: bf.Reader, records: Array) -> None:
    assert type(reader.to_tf_dataset(32)) is type(graph(reader))
    in_memory = bf.open(records, RECORD)
    assert ids(in_memory.to_tf_dataset(32)) == list(range(COUNT))  # by the generator
    with pytest.raises(ValueError, match="reads files, not bytes in memory: use engine='generator'"):
        graph(in_memory)


def test_without_its_library_the_generator_takes_over_and_says_so_once(
    reader: bf.Reader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ops, "LIBRARY", tmp_path / "none.so")
    ops.load_ops.cache_clear()
    engines._warn_once.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="uses the slower generator engine: .*there is no .*none.so"):
            dataset = reader.to_tf_dataset(100)
        assert ids(dataset) == list(range(COUNT))
        reader.to_tf_dataset(100)  # warnings are errors in these tests
        with pytest.raises(ImportError, match="there is no"):
            graph(reader)
    finally:
        ops.load_ops.cache_clear()


@pytest.mark.parametrize("batch_size", [10, 1])
def test_what_is_skipped_is_not_read(paths: list[Path], reader: bf.Reader, batch_size: int) -> None:
    dataset = graph(reader, batch_size)
    paths[0].unlink()  # samples 0 to 299
    skipped = 300 // batch_size
    assert ids(dataset.skip(skipped)) == list(range(300, COUNT))
    assert ids(dataset.skip(skipped).take(3)) == list(range(300, 300 + 3 * batch_size))
    of_shard = [i for i in range(310, COUNT) if i // batch_size % 4 == 3]
    assert ids(dataset.shard(4, 3).skip(310 // (4 * batch_size))) == of_shard
    assert int(dataset.skip(skipped).cardinality()) == 700 // batch_size
    assert dataset.skip(5).element_spec == dataset.element_spec
    with pytest.raises(tf.errors.NotFoundError, match=r"part-000\.bin"):
        ids(dataset.take(1))


def test_the_reader_may_be_closed(reader: bf.Reader) -> None:
    dataset = graph(reader)
    reader.close()
    assert ids(dataset) == list(range(COUNT))


def test_files_are_mapped_once_and_unmapped_with_the_last_dataset(paths: list[Path]) -> None:
    def read() -> None:
        with bf.open(paths, RECORD) as reader:
            first, second = iter(graph(reader, 50)), iter(graph(reader, 50))
            next(first), next(second)
            assert mappings(paths[0]) == 1

    read()
    for _ in range(100):  # iterators end in their own time
        if mappings(paths[0]) == 0:
            break
        time.sleep(0.05)
    assert mappings(paths[0]) == 0


@pytest.mark.parametrize("options", [{}, {"shuffle": True, "seed": 3, "epochs": 2}, {"shuffle": "block", "seed": 3}])
@pytest.mark.parametrize(("batch_size", "taken"), [(32, 0), (32, 1), (32, 17), (32, 31), (3, 0), (3, 71), (3, 333)])
def test_a_checkpoint_in_mid_epoch_goes_on_exactly(
    reader: bf.Reader, tmp_path: Path, options: dict[str, Any], batch_size: int, taken: int
) -> None:
    expected = ids_by_batch(reader.batches(batch_size, **options))
    dataset = graph(reader, batch_size, **options)
    iterator = iter(dataset)
    for _ in range(taken):
        next(iterator)
    saved = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "checkpoint"))
    next(iterator)  # what is read after it does not count

    other = iter(graph(reader, batch_size, **options))
    tf.train.Checkpoint(iterator=other).restore(saved)
    assert ids_by_batch(other) == expected[taken:]


@pytest.mark.parametrize("options", [{"shuffle": True}, {"shuffle": "block", "epochs": 2}])
@pytest.mark.parametrize(("batch_size", "taken"), [(32, 0), (32, 17), (3, 71)])
def test_a_checkpoint_knows_the_seed(
    reader: bf.Reader, tmp_path: Path, options: dict[str, Any], batch_size: int, taken: int
) -> None:
    iterator = iter(graph(reader, batch_size, **options))
    for _ in range(taken + 1):
        next(iterator)
    saved = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "checkpoint"))
    expected = ids_by_batch(iterator)

    other = iter(graph(reader, batch_size, **options))  # which draws a seed of its own
    tf.train.Checkpoint(iterator=other).restore(saved)
    assert ids_by_batch(other) == expected


def test_a_checkpoint_knows_the_iteration(reader: bf.Reader, tmp_path: Path) -> None:
    # A pipeline that has run ahead to the end of an iteration does not count it when it is restored.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False

    def repeated() -> Iterator[Any]:
        dataset = graph(reader, 10, shuffle=True, seed=1, num_parallel_calls=1, prefetch=1)
        return iter(dataset.repeat(3).with_options(options))

    expected = ids_by_batch(repeated())
    iterator = repeated()
    for _ in range(130):
        next(iterator)
    saved = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "checkpoint"))
    other = repeated()
    tf.train.Checkpoint(iterator=other).restore(saved)
    assert ids_by_batch(other) == expected[130:]


def test_a_keras_backup_goes_on(paths: list[Path], tmp_path: Path) -> None:
    import keras  # noqa: PLC0415

    class Interrupted(Exception):
        """Training was cut off."""

    class Interrupt(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise Interrupted

    def fit(*callbacks: Any) -> Any:
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        features = {"x": bf.field("id").scale(1e-3).reshape(1), "y": bf.field("price").scale(0)}
        dataset = bf.open(paths[0], RECORD, features).to_tf_dataset(50, label="y", shuffle=True, seed=1, engine="graph")
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
        return model.fit(dataset, epochs=4, shuffle=False, verbose=0, callbacks=[backup, *callbacks])

    with pytest.raises(Interrupted):
        fit(Interrupt())
    assert len(fit().history["loss"]) == 2  # epochs 2 and 3


def test_errors_say_what_and_where(paths: list[Path], reader: bf.Reader) -> None:
    content = paths[2].read_bytes()
    dataset = graph(reader)
    assert ids(dataset) == list(range(COUNT))

    paths[2].write_bytes(content + b"more")
    with pytest.raises(
        tf.errors.DataLossError, match=r"part-002.bin' had \d+ bytes when it was opened and has \d+ now"
    ):
        ids(graph(reader, 33))
    paths[2].unlink()
    with pytest.raises(tf.errors.NotFoundError, match=r"part-002.bin': No such file"):
        ids(graph(reader, 34))
    paths[2].mkdir()
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"part-002.bin': Is a directory"):
        ids(graph(reader, 35))


def test_a_file_that_shrinks_while_it_is_read_ends_the_dataset_not_the_process(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    np.zeros(1 << 22, np.uint8).tofile(path)
    dataset = bf.open(path, "<u4").to_tf_dataset(1024, engine="graph", epochs=None, prefetch=0)
    batches = iter(dataset)
    next(batches)
    os.truncate(path, 4096)
    with pytest.raises(tf.errors.DataLossError, match=r"had 4194304 bytes when it was opened and has 4096 now"):
        list(batches)


def test_the_op_refuses_what_is_no_plan() -> None:
    for plan in (b"", b"nonsense", b"binfeed read plan 1\n", b"binfeed read plan 3\n" + b"\xff" * 100):
        with pytest.raises(tf.errors.InvalidArgumentError, match="read plan"):
            read_batch(0, plan=plan, output_types=[tf.float32])


def test_a_number_that_is_no_batch_is_an_error(reader: bf.Reader) -> None:
    dataset = graph(reader)
    (plan,) = dataset._batches._plans
    types = dataset._batches._types[0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of range"):
        read_batch(-1, plan=plan, output_types=types)


def test_memory_stays_flat_over_many_epochs(tmp_path: Path) -> None:
    path = tmp_path / "records.bin"
    np.zeros((2000, 1024), np.float32).tofile(path)
    dataset = bf.open(path, np.dtype(("<f4", 1024))).to_tf_dataset(200, engine="graph", shuffle=True, seed=1)
    peaks = []
    for _ in range(100):
        for _ in dataset:
            pass
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert peaks[-1] - peaks[19] < 4096  # KB; 80 epochs of 8 MB each


# Past one process.

servers = tf.data.experimental.service


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def distributed(dataset: tf.data.Dataset, address: str) -> tf.data.Dataset:
    """By dynamic sharding; what is public looks for tasks, and for the end, once a second."""
    return dataset.apply(_distribute(servers.ShardingPolicy.DYNAMIC, address, task_refresh_interval_hint_ms=20))


def test_a_feature_may_select_nothing(paths: list[Path]) -> None:
    features = {"none": bf.field("image")[:0], "id": "id"}
    dataset = graph(bf.open(paths, RECORD, features), 3)
    assert dataset.element_spec["none"].shape == (None, 0, 4, 4)
    assert ids(dataset) == list(range(COUNT))


def start_dispatcher() -> Any:
    # Jobs that nobody reads any more end at once: else workers would go on with them, and wait for their end.
    config = servers.DispatcherConfig(job_gc_check_interval_ms=100, job_gc_timeout_ms=100)
    return servers.DispatchServer(config)


def start_worker(dispatcher: Any) -> Any:
    address = dispatcher.target.removeprefix("grpc://")
    return servers.WorkerServer(servers.WorkerConfig(dispatcher_address=address, heartbeat_interval_ms=100))


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of a dispatcher with two workers, all within this process."""
    dispatcher = start_dispatcher()
    workers = [start_worker(dispatcher) for _ in range(2)]
    yield dispatcher.target
    for each in workers:
        each._stop()


@contextmanager
def worker_process(dispatcher: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """A worker that is ready, in a process of its own."""
    module = ["-m", "binfeed.tensorflow.worker", "--dispatcher", dispatcher.removeprefix("grpc://")]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    with subprocess.Popen([sys.executable, *module, "--port", str(port)], **pipes, env=environment) as process:
        try:
            assert process.stdout is not None
            while not (line := process.stdout.readline()).endswith("ready\n"):
                assert line, "the worker ended before it was ready"
            yield process
        finally:
            process.kill()


def test_workers_of_tf_data_service_share_an_epoch(reader: bf.Reader) -> None:
    dispatcher, port = start_dispatcher(), free_port()
    with worker_process(dispatcher.target, port) as first:
        other = start_worker(dispatcher)
        dataset = graph(reader, 10, shuffle=True, seed=4)
        for _ in range(2):
            found = ids(distributed(dataset, dispatcher.target))
            assert sorted(found) == list(range(COUNT))  # every record exactly once
        assert found[:10] in np.reshape(reference.shuffled(COUNT, 4, 0), (-1, 10)).tolist()

        # A worker is lost. Dynamic sharding visits at most once: when the worker is back, at the same address, the
        # epoch ends without the batches that it had taken, and with all others.
        batches = iter(distributed(graph(reader, 1), dispatcher.target))
        found = [int(next(batches)["id"][0]) for _ in range(50)]
        first.kill()
        first.wait()
        found += [int(next(batches)["id"][0]) for _ in range(50)]  # from the other one
        with worker_process(dispatcher.target, port):
            found += [int(batch["id"][0]) for batch in batches]
        assert len(set(found)) == len(found)
        assert len(found) > COUNT // 2
    other._stop()


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": "block"}, {"shuffle": True, "epochs": 3}])
@pytest.mark.parametrize("batch_size", [7, 10, 300])
def test_dynamic_sharding_gives_each_record_once(
    reader: bf.Reader, service: str, batch_size: int, options: dict[str, Any]
) -> None:
    dataset = graph(reader, batch_size, **options)
    next(iter(dataset))  # an iteration here is none of the workers'
    expected = sorted([*range(COUNT)] * options.get("epochs", 1))
    for _ in range(2):
        assert sorted(ids(distributed(dataset, service))) == expected
    assert sorted(ids(distributed(dataset.repeat(2), service))) == sorted(2 * expected)


def test_an_endless_dataset_is_shared_out(reader: bf.Reader, service: str) -> None:
    dataset = graph(reader, 100, shuffle=True, epochs=None)
    found = ids(distributed(dataset, service).take(1000))
    assert len(found) == 1000 * 100
    assert len(set(found)) == COUNT


@pytest.mark.parametrize("options", [{}, {"drop_remainder": True}])
@pytest.mark.parametrize("epochs", [1, 3, None])
@pytest.mark.parametrize("batch_size", [1, 7, 10, 300])
def test_any_part_of_a_dataset_is_that_of_its_batches(
    reader: bf.Reader, batch_size: int, epochs: int | None, options: dict[str, Any]
) -> None:
    options = {"shuffle": True, "seed": 5, "epochs": epochs, "reshuffle_each_iteration": False, **options}
    dataset = graph(reader, batch_size, **options).take(2000)
    batches = ids_by_batch(dataset)
    assert len(batches) == int(dataset.cardinality())
    for skipped, taken, shards, shard in [(0, 5, 1, 0), (3, 200, 1, 0), (1, -1, 3, 2), (141, 30, 2, 1), (-1, 3, 1, 0)]:
        part = dataset.skip(skipped).take(taken).shard(shards, shard)
        expected = batches[skipped if skipped >= 0 else len(batches) :]
        expected = expected[: taken if taken >= 0 else len(expected)][shard::shards]
        assert ids_by_batch(part) == expected
        assert int(part.cardinality()) == len(expected)


def test_epochs_do_not_end_where_numbers_of_batches_would(reader: bf.Reader) -> None:
    dataset = graph(reader, 1000, shuffle=True, seed=5)
    (plan,) = dataset._batches._plans
    types = dataset._batches._types[0]
    for epochs in (2**40, 2**61):
        found = read_batch(0, epochs, seed=5, plan=plan, output_types=types)[0]
        assert found.numpy().tolist() == reference.shuffled(COUNT, 5, epochs).tolist()


def test_iterations_do_not_wrap_around(reader: bf.Reader) -> None:
    dataset = graph(reader, COUNT, shuffle=True, seed=1, epochs=2**60).take(1)
    orders = [next(dataset.as_numpy_iterator())["id"].tobytes() for _ in range(5)]
    assert len(set(orders)) == 5
    with pytest.raises(tf.errors.InvalidArgumentError, match="passed_epochs must be from 0"):
        next(dataset.as_numpy_iterator())


def test_the_example_of_the_service_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "service.py"), run_name="__main__")
    assert "each once: True" in capsys.readouterr().out


def test_servers_check_their_arguments(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["worker", "--dispatcher", "localhost"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("binfeed.tensorflow.worker", run_name="__main__")
    assert ended.value.code == 2
    assert "'localhost' is not HOST:PORT" in capsys.readouterr().err


RANK = """
import json, sys
import binfeed as bf, numpy as np, tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
reader = bf.open(sys.argv[1:], np.dtype([("id", "<u4"), ("price", ">i8"), ("rest", "V56")]), "id")

def make(context):
    return reader.to_tf_dataset(32, shuffle=True, seed=1, shard=context, engine="graph")

@tf.function
def total(batch):
    # Every rank must take part in each step, or this would wait forever.
    return strategy.reduce("SUM", strategy.run(lambda ids: tf.reduce_sum(tf.cast(ids, tf.int64)), [batch]), axis=None)

seen, totals = [], []
for batch in strategy.distribute_datasets_from_function(make):
    (mine,) = strategy.experimental_local_results(batch)
    seen.append(mine.numpy().tolist())
    totals.append(int(total(batch)))
print(json.dumps({"seen": seen, "totals": totals}))
"""


def test_each_rank_of_a_multi_worker_strategy_reads_its_shard(paths: list[Path]) -> None:
    cluster = {"worker": [f"localhost:{free_port()}" for _ in range(2)]}
    ranks = []
    for index in range(2):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        environment = os.environ | {"TF_CONFIG": config, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "-c", RANK, *map(str, paths)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        ranks.append(subprocess.Popen(command, **pipes, env=environment))
    try:
        first, second = (json.loads(rank.communicate(timeout=240)[0].splitlines()[-1]) for rank in ranks)
    finally:
        for rank in ranks:
            rank.kill()
    assert len(first["seen"]) == len(second["seen"]) == 16  # 500 samples each
    assert first["totals"] == second["totals"]
    assert first["totals"] == [sum(one + other) for one, other in zip(first["seen"], second["seen"], strict=True)]
    ids_of = [[sample for batch in rank["seen"] for sample in batch] for rank in (first, second)]
    assert sorted(ids_of[0] + ids_of[1]) == list(range(COUNT))


def test_datasets_of_other_seeds_share_a_reader(paths: list[Path], reader: bf.Reader) -> None:
    iterators = [iter(graph(reader, 10, shuffle=True, seed=seed)) for seed in range(5)]
    assert len({tuple(next(iterator)["id"].numpy()) for iterator in iterators}) == 5
    assert mappings(paths[0]) <= 1


def test_strings_count_as_tensors_have_them(tmp_path: Path) -> None:
    np.zeros(1 << 20, "S1").tofile(tmp_path / "x.bin")
    dataset = graph(bf.open(tmp_path / "x.bin", "S1"), 8192)
    assert dataset._batches._chunk_size * 8192 * 24 <= 4 << 20


def test_many_batches_are_not_without_end(tmp_path: Path) -> None:
    np.zeros(4, "u1").tofile(tmp_path / "x.bin")
    reader = bf.open(tmp_path / "x.bin", "u1")
    assert int(graph(reader, 1, epochs=2**60).cardinality()) == 2**62
    assert int(graph(reader, 1, epochs=2**60).skip(1).cardinality()) == 2**62 - 1
    endless = graph(reader, 1, epochs=None)
    assert [int(part.cardinality()) for part in (endless.skip(3), endless.shard(3, 1), endless.take(7))] == [-1, -1, 7]
