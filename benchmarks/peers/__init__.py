"""Readers that need packages or formats of their own, written like those of :mod:`binfeed.bench.peers`."""

from __future__ import annotations

from binfeed.bench import peers

PEERS = (
    *(
        f"{__name__}.{name}"
        for name in (
            "construct_generator",
            "kaitai_generator",
            "webdataset_tar",
            "litdata_chunks",
            "tfrecord",
            "saved_dataset",
            "grain_arrayrecord",
            "parquet",
            "keras_timeseries",
        )
    ),
    *peers.PEERS,
)
