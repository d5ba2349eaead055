"""``keras.utils.timeseries_dataset_from_array`` over an array that was decoded before, in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from binfeed.bench.in_numpy import batch_of
from binfeed.bench.workload import NotApplicable, Workload

from benchmarks.peers._convert import records_of

title = "keras timeseries_dataset_from_array, in memory"


def batches(workload: Workload, threads: int, folder: Path) -> Any:
    window = workload.window
    if window is None:
        raise NotApplicable("windows alone")
    (source,) = workload.sources
    datasets = []
    for number in range(len(source.files)):
        (array,) = batch_of(source, records_of(workload, number)[0])
        datasets.append(
            keras.utils.timeseries_dataset_from_array(
                np.asarray(array),
                None,
                window.size,
                sequence_stride=window.stride,
                sampling_rate=window.dilation,
                batch_size=workload.batch_size,
                shuffle=workload.shuffled,
            )
        )
    dataset = datasets[0]
    for other in datasets[1:]:
        dataset = dataset.concatenate(other)
    return dataset.repeat().prefetch(2)
