"""Puts rows into a database that judged has made, in bulk."""

import sqlite3
import subprocess
import uuid

from upgrade_steps.common import fail, run

from .rows import COLUMNS

# SQLite keeps ids of judged's own as 16 bytes; PostgreSQL as uuid.
AT_ONCE = 20_000


def sqlite(file, rows):
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    sqlite3.register_adapter(uuid.UUID, lambda value: value.bytes)
    insert = {
        table: f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        for table, names in COLUMNS.items()
    }
    connection.execute("BEGIN")
    for table, chunk in chunks(rows):
        connection.executemany(insert[table], chunk)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def postgres(url, rows):
    for table, chunk in chunks(rows):
        text = "".join("\t".join(map(written, row)) + "\n" for row in chunk)
        copy = f"COPY {table} ({', '.join(COLUMNS[table])}) FROM STDIN"
        done = subprocess.run(["psql", "-qAtX", url, "-c", copy], input=text, text=True, capture_output=True)
        if done.returncode != 0:
            fail(f"COPY into {table}: {done.stderr.strip()}")
    run(["psql", "-qAtX", url, "-c", "VACUUM ANALYZE"])


def written(value):
    """A value in COPY's text format. The texts that are made here hold no tabs, line ends or backslashes."""
    if value is None:
        return r"\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return r"\\x" + value.hex()
    return str(value)


def chunks(rows):
    """Rows of one table together, in the order in which they come."""
    waiting = {table: [] for table in COLUMNS}
    for table, row in rows:
        waiting[table].append(row)
        if len(waiting[table]) == AT_ONCE:
            yield table, waiting[table]
            waiting[table] = []
    yield from ((table, rows) for table, rows in waiting.items() if rows)
