"""Train a model on the rows of a table in a database, and validate it on those of the last week.

Each row is an advertisement that was shown: when, where on the page, in which category, on which device, at which
price, and whether it was clicked. Some prices and devices are NULL. The program makes up such rows and shows:

- two queries that divide a table by time, so that no row is trained and validated with,
- features of numbers that may be NULL, of text and of times, with a mean that the database computes,
- rows that are streamed from the database in every epoch: partitions in parallel, shuffled with a buffer,
- the same rows in a cache: the query is asked once, and each epoch has an exact shuffle,
- how many rows per second both deliver, alone and while a model trains.

Run it with ``python examples/rows_from_a_database.py``, or with ``--folder out/clicks`` to keep the database, which is
one of SQLite. It takes less than a minute on two processors. With ``--url postgresql://user:password@host/database`` it
reads from PostgreSQL instead, and writes nothing there unless ``--fill`` asks for the table to be created.
"""

from __future__ import annotations

import argparse
import datetime
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import binfeed as bf
import keras
import numpy as np
import tensorflow as tf

CATEGORIES = ("books", "games", "garden", "music", "shoes", "travel")
DEVICES = ("unknown", "phone", "tablet", "desktop")

DAY = 24 * 60 * 60 * 1_000_000  # in microseconds, as times come out of databases
DAYS = 28
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
FIRST_DAY = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
VALIDATION_DAY = FIRST_DAY + datetime.timedelta(days=DAYS - 7)

Row = tuple[Any, ...]


def microseconds(moment: datetime.datetime) -> int:
    """Return the microseconds from 1970 to a moment."""
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


def impressions(count: int) -> Iterator[Row]:
    """Yield rows, in the order of time."""
    random = np.random.default_rng(0)
    moments = np.sort(random.integers(0, DAYS * DAY, count)) + microseconds(FIRST_DAY)
    category = random.integers(len(CATEGORIES), size=count)
    device = random.choice(len(DEVICES), count, p=[0.03, 0.5, 0.12, 0.35])
    position = random.integers(1, 11, count)
    price = np.round(random.lognormal(3, 0.6, count), 2)
    is_priced = random.random(count) > 0.05

    angle = moments % DAY * (2 * np.pi / DAY)
    score = 0.8 - 0.2 * position - 0.02 * np.where(is_priced, price, 60) + np.array([0.0, 0.6, 0.3, -0.3])[device]
    score += 1.2 * np.sin(angle + category)  # each category has hours of its own
    is_clicked = random.random(count) < 1 / (1 + np.exp(-score))
    for k in range(count):
        yield (
            k,
            int(moments[k]),
            CATEGORIES[category[k]],
            DEVICES[device[k]] if device[k] else None,
            float(price[k]) if is_priced[k] else None,
            int(position[k]),
            int(is_clicked[k]),
        )


TABLE = """CREATE TABLE impressions (
    id BIGINT PRIMARY KEY, time {} NOT NULL, category TEXT NOT NULL, device TEXT, price DOUBLE PRECISION,
    position INTEGER NOT NULL, clicked INTEGER NOT NULL
)"""


def fill_sqlite(path: Path, count: int) -> str:
    """Create a database with so many rows, and return its URI. SQLite has no type for times: they are integers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(TABLE.format("INTEGER"))
        connection.executemany("INSERT INTO impressions VALUES (?, ?, ?, ?, ?, ?, ?)", impressions(count))
    return f"sqlite:///{path.absolute()}"


def fill_postgres(url: str, count: int) -> None:
    """Create a table of so many rows, which must not exist."""
    import psycopg  # noqa: PLC0415

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(TABLE.format("TIMESTAMPTZ"))
        with cursor.copy("COPY impressions FROM STDIN") as copy:
            for number, moment, *others in impressions(count):
                copy.write_row((number, EPOCH + datetime.timedelta(microseconds=moment), *others))


def opener(url: str) -> Callable[..., Any]:
    """Return a function that opens a query of rows on one side of the validation day: ``"<"``, or ``">="``.

    Drivers have placeholders and types of their own for the parameters of a query.
    """
    is_sqlite = url.startswith("sqlite:")
    placeholder, moment = ("?", microseconds(VALIDATION_DAY)) if is_sqlite else ("%s", VALIDATION_DAY)

    def open_query(columns: str, side: str, features: Any = None, **options: Any) -> Any:
        query = f"SELECT {columns} FROM impressions WHERE time {side} {placeholder}"
        return bf.from_sql(query, url, features, parameters=[moment], **options)

    return open_query


def make_features(mean: float, deviation: float) -> dict[str, Any]:
    """Return features of a row, with prices that are standardised."""
    price, position, category, device = map(bf.field, ("price", "position", "category", "device"))
    shown = bf.concat(
        price.fill(mean).standardize(mean, deviation),
        price.is_missing(),
        position.div(10),
        category.codes({name: code for code, name in enumerate(CATEGORIES)}).one_hot(len(CATEGORIES)),
        device.fill("unknown").codes({name: code for code, name in enumerate(DEVICES)}).one_hot(len(DEVICES)),
    )
    return {"shown": shown, "time": bf.field("time"), "clicked": bf.field("clicked").cast("float32")}


def with_clock(features: dict[str, tf.Tensor], clicked: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Replace the times of a batch by the direction of a clock's hand that goes round once a day."""
    angle = tf.cast(features["time"] % DAY, tf.float32) * (2 * np.pi / DAY)
    return tf.concat([features["shown"], tf.stack([tf.sin(angle), tf.cos(angle)], axis=1)], axis=1), clicked


def compiled_model(inputs: int) -> keras.Model:
    """Return a small model of the odds of a click."""
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((inputs,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(1),
    ])  # fmt: skip
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    return model


class Stopwatch(keras.callbacks.Callback):
    """Measures the seconds of each epoch, without its validation."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begin = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        self.seconds = time.perf_counter() - self.begin


def rate(dataset: tf.data.Dataset, seconds: float = 1) -> float:
    """Return how many rows a dataset delivers per second, in whole epochs: a query begins with its first batch."""
    rows = 0
    begin = time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < seconds:
        rows += sum(len(clicked) for _, clicked in dataset)
    return rows / elapsed


def log_loss(clicked: Any, share: float) -> float:
    """Return the loss of a model that gives all rows the same odds."""
    return float(-np.mean(np.where(clicked == 1, np.log(share), np.log(1 - share))))


def train(url: str, cache: Path, options: argparse.Namespace) -> dict[str, float]:
    """Train on the rows before the last week, streamed and then cached, and validate on those of the last week."""
    open_query = opener(url)
    facts = open_query("COUNT(*) AS rows, AVG(price) AS mean, AVG(price * price) AS square, AVG(clicked) AS share", "<")
    (known,) = ({name: value[0].item() for name, value in batch.items()} for batch in facts.batches(1))
    features = make_features(known["mean"], (known["square"] - known["mean"] ** 2) ** 0.5)

    streamed = open_query("*", "<", features, partition_on="id", partitions=options.partitions)
    cached = open_query("*", "<", features, cache=cache, refresh=True)  # the rows may be others than those of last time
    validation = open_query("*", ">=", features, cache=cache, refresh=True)
    print(f"{known['rows']:,} rows to train with, {len(validation):,} to validate with")

    # Nobody knows how many rows a query will give, so Keras is told after how many batches an epoch ends.
    steps = -(-known["rows"] // options.batch_size)
    found: dict[str, float] = {}
    for name, reader, shuffle in (("streamed", streamed, options.buffer), ("cached", cached, True)):
        order = {"label": "clicked", "shuffle": shuffle, "seed": 1}
        found[f"rows/s, {name}"] = rate(reader.to_tf_dataset(options.batch_size, **order).map(with_clock))
        feed = reader.to_tf_dataset(options.batch_size, epochs=options.epochs, **order).map(with_clock).prefetch(2)
        model, stopwatch = compiled_model(feed.element_spec[0].shape[1]), Stopwatch()
        history = model.fit(
            feed,
            validation_data=validation.to_tf_dataset(1024, label="clicked").map(with_clock),
            epochs=options.epochs,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=2,
            callbacks=[stopwatch],
        )
        found[f"rows/s, training, {name}"] = known["rows"] / stopwatch.seconds
        found[f"log loss, {name}"] = history.history["val_loss"][-1]
    found["log loss of the same odds for all"] = log_loss(validation[:]["clicked"], known["share"])
    return found


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Fill the table, measure, train and validate; print and return what was found."""
    parser = argparse.ArgumentParser(description="Train a model of clicks on the rows of a database.")
    parser.add_argument("--folder", type=Path, help="for the database and the cache; a temporary folder if missing")
    parser.add_argument("--url", help="the database to read; one of SQLite in the folder if missing")
    parser.add_argument("--fill", action="store_true", help="create the table of a PostgreSQL database")
    parser.add_argument("--rows", type=int, default=300_000, help="of a table that is created")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--buffer", type=int, default=50_000, help="rows that the streamed shuffle draws from")
    options = parser.parse_args(arguments)
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if options.url and options.fill:
            fill_postgres(options.url, options.rows)
        url = options.url or fill_sqlite(folder / "clicks.db", options.rows)
        found = train(url, folder / "cache", options)
    for name, value in found.items():
        print(f"{name:36} {value:12,.0f}" if name.startswith("rows") else f"{name:36} {value:12.4f}")
    return found


if __name__ == "__main__":
    main()
