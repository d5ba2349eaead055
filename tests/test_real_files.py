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
    order, name, magnitude, spectrum = reader[0].values()  # type: ignore[union-attr]
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
