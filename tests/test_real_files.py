"""Files that other people's programs wrote, against values that independent readers agree on."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest


def expected(real_data: Path, name: str) -> Any:
    return json.loads((real_data / "expected" / f"{name}.json").read_text())


def test_mnist_images_and_labels_belong_together(real_data: Path, tmp_path: Path) -> None:
    known = expected(real_data, "images_points")["mnist"]
    image_file = tmp_path / "t10k-images-idx3-ubyte"
    image_file.write_bytes(gzip.decompress((real_data / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes()))
    header = bf.open(image_file.read_bytes()[:16], ">u4")
    assert list(header) == known["hdr"]

    images = bf.open(image_file, bf.Layout(("u1", (28, 28)), header_bytes=16))
    labels = bf.open(real_data / "mnist" / "t10k-labels-idx1-ubyte", bf.Layout("u1", header_bytes=8))
    test_set = bf.zip(images, labels)
    assert len(test_set) == 10_000
    pixels, digits = test_set[:]
    assert hashlib.sha256(image_file.read_bytes()[:16] + pixels.tobytes()).hexdigest() == known["sha_img"]
    assert int(pixels.sum(dtype=np.int64)) == known["sum_pixels"]
    assert int(pixels[0].sum(dtype=np.int64)) == known["sum_img0"]
    assert np.bincount(digits).tolist() == known["hist"]
    assert digits[:10].tolist() == known["first10"]
    scaled = bf.open(image_file, bf.Layout(("u1", (28, 28)), header_bytes=16), bf.field("value").div(255))[:]
    assert isinstance(scaled, np.ndarray)
    assert float(scaled.mean(dtype=np.float64)) == pytest.approx(known["mean"], abs=1e-6)

    with pytest.raises(ValueError, match=r"\[10000, 9984\] samples"):
        bf.zip(images, bf.open(bytes(9984), "u1"))


def test_mnist_feeds_tensorflow(real_data: Path) -> None:
    import tensorflow as tf  # noqa: PLC0415

    raw = gzip.decompress((real_data / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
    images = bf.open(raw, bf.Layout(("u1", (28, 28)), header_bytes=16), bf.field("value").div(255))
    labels = bf.open(real_data / "mnist" / "t10k-labels-idx1-ubyte", bf.Layout("u1", header_bytes=8))
    dataset = bf.zip(images, labels).to_tf_dataset(100)
    assert dataset.element_spec == (tf.TensorSpec((100, 28, 28), tf.float32), tf.TensorSpec((100,), tf.uint8))
    total = dataset.reduce(np.int64(0), lambda total, pair: total + tf.reduce_sum(tf.cast(pair[1], tf.int64)))
    histogram = expected(real_data, "images_points")["mnist"]["hist"]
    assert int(total) == sum(digit * count for digit, count in enumerate(histogram))


def test_cifar10_images(real_data: Path) -> None:
    known = expected(real_data, "images_points")["cifar10"]
    layout = np.dtype([("label", "u1"), ("image", "u1", (3, 32, 32))])
    features = {"label": "label", "planes": "image", "image": bf.field("image").transpose(1, 2, 0)}
    batch = bf.open(real_data / "cifar10" / "cifar10_first20_test.bin", layout, features)[:]
    assert isinstance(batch, dict)
    assert batch["label"].tolist() == known["labels"]
    assert batch["image"].sum(axis=(0, 1, 2), dtype=np.int64).tolist() == known["chan_sum"]
    assert batch["planes"].sum(axis=(0, 2, 3), dtype=np.int64).tolist() == known["chan_sum"]
    assert batch["image"][0, 0, :4, 0].tolist() == known["rec0_first4_R"]


@pytest.mark.parametrize("name", ["kitti/datumaro_000001.bin", "kitti/mmdet3d_000008.bin"])
def test_kitti_points(real_data: Path, name: str) -> None:
    known = expected(real_data, "images_points")[name]
    points = bf.open(real_data / name, [(axis, "<f4") for axis in "xyzi"], bf.concat(*"xyzi"))[:]
    assert isinstance(points, np.ndarray)
    assert len(points) == known["n"]
    assert points[0].tolist() == known["row0"]
    assert points.min(axis=0).tolist() == known["min"]
    assert points.max(axis=0).tolist() == known["max"]
    assert points.sum(axis=0, dtype=np.float64).tolist() == pytest.approx(known["sum"], rel=1e-12)


def test_dukascopy_ticks_are_big_endian(real_data: Path) -> None:
    layout = [("ms", ">u4"), ("ask", ">u4"), ("bid", ">u4"), ("ask_volume", ">f4"), ("bid_volume", ">f4")]
    known = expected(real_data, "dukascopy")
    raw_files = sorted((real_data / "dukascopy" / "raw").rglob("*.bin"))
    assert len(raw_files) == 12
    for path in raw_files:
        (values,) = (known[key] for key in known if path.stem in key and key.startswith("compressed"))
        batch = bf.open(path, layout)[:]
        assert isinstance(batch, dict)
        assert len(batch["ms"]) == values["n"]
        assert [float(array[0]) for array in batch.values()] == values["first"]
        for field, key in (("ms", "sum_ms"), ("ask", "sum_ask"), ("bid", "sum_bid")):
            assert int(batch[field].sum(dtype=np.int64)) == values[key]
        assert batch["ask_volume"].sum(dtype=np.float64) == pytest.approx(values["sum_askvol"])
        assert batch["bid_volume"].sum(dtype=np.float64) == pytest.approx(values["sum_bidvol"])


def test_login_records_have_fixed_bytes(real_data: Path) -> None:
    layout = [("type", "<i2"), ("pad", "<i2"), ("pid", "<u4"), ("line", "S32"), ("id", "S4"), ("user", "S32")]
    layout += [("host", "S256"), ("exit", "<i2", (2,)), ("session", "<i4"), ("sec", "<i4"), ("usec", "<i4")]
    layout += [("address", "u1", (16,)), ("unused", "V20")]
    for name, known in expected(real_data, "utmp").items():
        batch = bf.open(real_data / "utmp" / name, layout)[:]
        assert isinstance(batch, dict)
        assert batch["type"].tolist() == known["types"]
        assert batch["pid"].tolist() == known["pids"]
        assert [user.decode() for user in batch["user"]] == known["users"]
        assert [line.decode() for line in batch["line"]] == known["lines"]
        assert [host.decode() for host in batch["host"]] == known["hosts"]
        assert batch["sec"].tolist() == known["sec"]
        assert batch["usec"].tolist() == known["usec"]


def test_fits_tables_are_rows_between_a_header_and_padding(real_data: Path) -> None:
    (table,) = expected(real_data, "tfrecord_fits")["fits/btable.fits"]
    path = real_data / "fits" / "btable.fits"
    footer = path.stat().st_size - table["off"] - table["n"] * table["row"]
    dtype = [("order", ">i2"), ("name", "S20"), ("mag", ">f4"), ("Sp", "S10")]
    reader = bf.open(path, bf.Layout(dtype, header_bytes=table["off"], footer_bytes=footer))
    assert len(reader) == table["n"]
    order, name, magnitude, spectrum = reader[0].values()
    assert [str(order), name.decode().strip(), f"{magnitude:.2f}", spectrum.decode().strip()] == table["row0"]


def test_npy_structured_rows(real_data: Path) -> None:
    known = expected(real_data, "npy")["npy/pdal/1.2-with-color.npy"]
    path = real_data / "npy" / "pdal" / "1.2-with-color.npy"
    array = np.load(path)
    layout = bf.Layout(array.dtype, header_bytes=path.stat().st_size - array.nbytes)
    batch = bf.open(path, layout)[:]
    assert isinstance(batch, dict)
    sums = {name: float(values.sum(dtype=np.float64)) for name, values in batch.items()}
    assert sums == pytest.approx(known["sums"])


def test_bdf_samples_are_integers_of_24_bits(real_data: Path) -> None:
    known = expected(real_data, "edf")["mne/test.bdf"]
    layout = bf.Layout({"samples": f"({known['ns']},2048)<i3"}, header_bytes=known["header"])
    reader = bf.open(real_data / "edf" / "mne" / "test.bdf", layout, "samples")
    assert len(reader) == known["nrec"]
    samples = reader[0]
    assert isinstance(samples, np.ndarray)
    assert samples.dtype == np.int32
    assert samples[0, :8].tolist() == known["first8"]
    assert samples[:8].sum(axis=1, dtype=np.int64).tolist() == known["sum_digital"]
    assert int(samples.sum(dtype=np.int64)) == known["sum_all"]


SEGY_TYPES = {1: "ibm32", 2: "i4", 3: "i2", 5: "f4"}


def test_seismic_traces_of_every_format(real_data: Path) -> None:
    files = {name: known for name, known in expected(real_data, "segy").items() if "format" in known}
    assert {known["format"] for known in files.values()} >= {1, 3, 5}
    for name, known in files.items():
        samples = f"({known['ns']}){known['endian']}{SEGY_TYPES[known['format']]}"
        layout = bf.Layout({"header": "V240", "samples": samples}, header_bytes=known["first_trace_off"])
        assert layout.record_bytes == known["trace_bytes"]
        traces = bf.open(real_data / "segy" / name.removeprefix("segy/"), layout, "samples")[:]
        assert isinstance(traces, np.ndarray)
        assert list(traces.shape) == known["shape"]
        assert traces[0, :4].tolist() == known["first4"]
        assert (traces.min(), traces.max()) == (known["min"], known["max"])
        assert float(traces.sum(dtype=np.float64)) == pytest.approx(known["sum"], rel=1e-6)


def test_electrocardiograms_pack_twelve_bits(real_data: Path) -> None:
    known = expected(real_data, "wfdb")["100"]
    signals = len(known["sums"])
    layout = bf.Layout({"signals": f"({signals})wfdb212"})
    samples = bf.open(real_data / "wfdb" / "sample-data" / "100.dat", layout, "signals")[:]
    assert isinstance(samples, np.ndarray)
    assert len(samples) == known["sig_len"]
    assert samples[:6].T.tolist() == known["first"]
    sums = samples.sum(axis=0, dtype=np.int64)
    assert sums.tolist() == known["sums"]
    # The header's own checksum.
    assert [int(np.int64(total).astype(np.int16)) for total in sums] == known["checksum"]


LIDAR_BITS = {"return_number": (0, 3), "number_of_returns": (3, 3), "scan_direction_flag": (6, 1)}
LIDAR_BITS |= {"edge_of_flight_line": (7, 1)}
LIDAR_CLASS_BITS = {"classification": (0, 5), "synthetic": (5, 1), "key_point": (6, 1), "withheld": (7, 1)}


def test_lidar_points_have_bit_fields_and_a_stride_from_the_header(real_data: Path) -> None:
    tested = 0
    for name, known in expected(real_data, "las").items():
        if known["pf"] > 5 or "sum_return_number" not in known:
            continue
        path = real_data / "las" / name
        points, left = divmod(path.stat().st_size - known["off"], known["reclen"])
        if points != known["n"]:
            continue
        fields = {"X": ("<i4", 0), "intensity": ("<u2", 12), "bits": ("u1", 14), "class": ("u1", 15)}
        layout = bf.Layout(fields, header_bytes=known["off"], footer_bytes=left, record_bytes=known["reclen"])
        features = {key: bf.field("bits").bits(*place) for key, place in LIDAR_BITS.items()}
        features |= {key: bf.field("class").bits(*place) for key, place in LIDAR_CLASS_BITS.items()}
        features |= {"X": bf.field("X"), "intensity": bf.field("intensity")}
        batch = bf.open(path, layout, features)[:]
        assert isinstance(batch, dict)
        for key, values in batch.items():
            if f"sum_{key}" in known:
                assert int(values.sum(dtype=np.int64)) == known[f"sum_{key}"], (name, key)
                tested += 1
    assert tested > 20


def test_order_messages_have_prices_in_billionths_and_sides(real_data: Path) -> None:
    databento_dbn = pytest.importorskip("databento_dbn", reason="the reference decoder of this format")
    path = real_data / "dbn" / "dbn" / "test_data.mbo.v3.dbn"
    raw = path.read_bytes()
    header = 8 + int.from_bytes(raw[4:8], "little")
    layout = bf.Layout(
        {"head": "V8", "time": "<u8", "order": "<u8", "price": "<i8", "size": "<u4", "flags": "u1", "channel": "u1"}
        | {"action": "S1", "side": "S1", "received": "<u8", "delta": "<i4", "sequence": "<u4"},
        header_bytes=header,
    )
    features = {
        "price": bf.field("price").scale(1e-9).cast("float64"),
        "side": bf.field("side").codes({"A": 0, "B": 1}),
        "time": bf.field("time"),
    }
    batch = bf.open(path, layout, features)[:]
    decoder = databento_dbn.DBNDecoder()
    decoder.write(raw)
    messages = [message for message in decoder.decode() if hasattr(message, "order_id")]
    assert isinstance(batch, dict)
    assert batch["price"].tolist() == [message.price * 1e-9 for message in messages]
    assert batch["time"].tolist() == [message.ts_event for message in messages]
    assert batch["side"].tolist() == [{"A": 0, "B": 1}.get(str(message.side), -1) for message in messages]
