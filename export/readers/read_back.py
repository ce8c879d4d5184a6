"""Reads an export back with readers that are not Outcrop's and compares every value with the database's.

    read_back.py DATABASE FOLDER    FOLDER holds csv/, jsonl/, parquet/ and tensorboard/

DuckDB reads the Parquet and CSV files, Python's json the JSON lines, TensorBoard's own accumulator the event files;
Python's sqlite3 reads the database.
"""

import json
import math
import sqlite3
import sys
from pathlib import Path

import duckdb
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

NAMES = "JOIN runs r ON r.id = t.run JOIN names a ON a.id = t.site JOIN names b ON b.id = t.statistic"
TABLES = {
    "runs": "SELECT r.hash AS run, config, data_digest, trainer_version, seed, device, precision, slices, steps, step, status,"
    " error, params, git_commit, go_version, kernel_path, cpu FROM runs r JOIN provenances p ON p.id = r.provenance ORDER BY run",
    "sweeps": "SELECT name, source FROM sweeps ORDER BY name",
    "arms": "SELECT sweep, name, differs, position FROM arms ORDER BY sweep, name",
    "members": "SELECT sweep, arm, seed, run, position FROM members ORDER BY sweep, arm, members.seed, run",
    "statistics": "SELECT run, site, statistic, layer, head, idx, step, value FROM statistics"
    " ORDER BY run, site, statistic, layer, head, idx, step",
    "fits": "SELECT r.hash AS run, a.name AS site, b.name AS statistic, layer, head, idx, family, t.params, n, r2, adj_r2, aic,"
    f" aicc, bic, rmse, t_peak, f_peak, regime, message, best, weight, peak_seen, rise_time, steady,"
    f" condition, intervals, undetermined FROM fits t {NAMES}"
    " ORDER BY r.hash, a.name, b.name, layer, head, idx, family",
    "timings": "SELECT r.hash AS run, name, t.step, value FROM timings t JOIN runs r ON r.id = t.run ORDER BY r.hash, name, t.step",
    "snapshots": "SELECT run, step, layer, site, sequence, file, tensor FROM snapshots ORDER BY run, step, site, layer, sequence",
    "conflicts": "SELECT run, site, statistic, layer, head, idx, step, kept, other FROM conflicts"
    " ORDER BY run, site, statistic, layer, head, idx, step, other",
    "differences": "SELECT run, git_commit, go_version, kernel_path, cpu, differing FROM differences ORDER BY 1, 2, 3, 4, 5",
}


def stored(database, table):
    """The columns and rows of a table: a seed is the unsigned number whose 64 bits are kept."""
    cursor = database.execute(TABLES[table])
    columns = [c[0] for c in cursor.description]
    rows = []
    for row in cursor:
        named = dict(zip(columns, row))
        if "seed" in named:
            named["seed"] %= 1 << 64
        for truth in ("best", "peak_seen"):
            if truth in named:
                named[truth] = bool(named[truth])
        rows.append(tuple(named.values()))
    return columns, rows


def compare(what, columns, got, want):
    if len(got) != len(want):
        sys.exit(f"{what}: {len(got)} rows, want {len(want)}")
    for number, (g, w) in enumerate(zip(got, want)):
        for column, x, y in zip(columns, g, w, strict=True):
            same = x == y and (x is None or isinstance(x, bool) == isinstance(y, bool))
            if not same:
                sys.exit(f"{what}: row {number}, {column}: {x!r}, want {y!r}")


def read_json(path, columns):
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if list(row) != columns:
            sys.exit(f"{path}: keys {list(row)}, want {columns}")
        rows.append(row)
    return rows


def main(database_path, folder):
    database = sqlite3.connect(f"file:{database_path}?mode=ro", uri=True)
    database.execute("BEGIN")
    values = 0
    for table in TABLES:
        columns, want = stored(database, table)
        values += len(want) * len(columns)

        path = folder / "parquet" / f"{table}.parquet"
        types = {c: t for c, t, *_ in duckdb.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()}
        if list(types) != columns:
            sys.exit(f"{path}: columns {list(types)}, want {columns}")
        compare(path, columns, duckdb.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall(), want)

        path = folder / "csv" / f"{table}.csv"
        spelt = ", ".join(f"'{c}': '{t}'" for c, t in types.items())
        got = duckdb.execute(f"SELECT * FROM read_csv(?, header=true, auto_detect=false, parallel=false, quote='\"', escape='\"', delim=',', columns={{{spelt}}})", [str(path)]).fetchall()
        # A text is never missing: an empty one is an empty field too.
        got = [tuple("" if x is None and types[c] == "VARCHAR" else x for c, x in zip(columns, row)) for row in got]
        compare(path, columns, got, want)

        path = folder / "jsonl" / f"{table}.jsonl"
        infinite = {"Infinity": math.inf, "-Infinity": -math.inf}
        got = [tuple(infinite.get(x, x) if types[c] == "DOUBLE" else x for c, x in row.items()) for row in read_json(path, columns)]
        compare(path, columns, got, want)

    events = 0
    for (run,) in database.execute("SELECT hash FROM runs"):
        member = database.execute("SELECT sweep, arm, seed FROM members WHERE run = ?", [run]).fetchone()
        place = Path(run) if member is None else Path(member[0]) / member[1] / f"seed-{member[2]}"
        accumulator = EventAccumulator(str(folder / "tensorboard" / place), size_guidance={"tensors": 0})
        accumulator.Reload()
        want = {}
        query = "SELECT site, statistic, layer, head, idx, step, value FROM statistics WHERE run = ? ORDER BY step"
        for site, statistic, layer, head, idx, step, value in database.execute(query, [run]):
            places = ["-" if n < 0 else str(n) for n in (layer, head, idx)]
            while places and places[-1] == "-":
                places.pop()
            want.setdefault("/".join([site, statistic, *places]), []).append((step, value))
        for name, step, value in database.execute(
            "SELECT name, t.step, value FROM timings t JOIN runs r ON r.id = t.run WHERE hash = ? ORDER BY t.step", [run]
        ):
            want.setdefault(f"timings/{name}", []).append((step, value))
        tags = accumulator.Tags()["tensors"]
        if sorted(tags) != sorted(want):
            sys.exit(f"tensorboard: run {run} has tags {sorted(tags)}, want {sorted(want)}")
        for tag in tags:
            if accumulator.SummaryMetadata(tag).plugin_data.plugin_name != "scalars":
                sys.exit(f"tensorboard: {tag} is no scalar")
            got = [(e.step, tensor_util.make_ndarray(e.tensor_proto).item()) for e in accumulator.Tensors(tag)]
            got = [(step, None if math.isnan(x) else x) for step, x in got]
            compare(f"tensorboard: run {run}, {tag}", ["step", "value"], got, want[tag])
            events += len(got)
    print(f"{values} values read back from Parquet, CSV and JSON lines each, {events} from event files")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
