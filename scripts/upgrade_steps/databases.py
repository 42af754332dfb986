"""The two databases: where judged keeps its rows, and how they are backed up and restored."""

import os
import pathlib
import re
import shutil
import sqlite3
import urllib.parse

from .common import ROOT, run


class Sqlite:
    name = "SQLite"

    def __init__(self, folder):
        self.file = folder / "judged.db"
        self.url = f"sqlite://{self.file}"

    def bodies(self, trace_id):
        with sqlite3.connect(self.file) as connection:
            return connection.execute("SELECT body FROM spans WHERE trace_id = ?", [bytes.fromhex(trace_id)]).fetchall()

    def back_up(self, folder):
        with sqlite3.connect(self.file) as connection:
            connection.execute("VACUUM INTO ?", [str(folder / "backup.db")])

    def as_sql(self):
        with sqlite3.connect(self.file) as connection:
            return "\n".join(connection.iterdump()) + "\n"

    def restored(self, folder):
        home = folder / "restored"
        home.mkdir()
        shutil.copy(folder / "backup.db", home / "judged.db")
        return Sqlite(home)

    def drop(self):
        pass


class Postgres:
    name = "PostgreSQL"

    def __init__(self, server, database):
        self.server, self.database = server, database
        parts = urllib.parse.urlsplit(server)
        self.url = urllib.parse.urlunsplit(parts._replace(path=f"/{database}"))
        self.statement(server, f"CREATE DATABASE {database}")

    @staticmethod
    def statement(url, sql):
        return run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", url, "-c", sql])

    def bodies(self, trace_id):
        text = self.statement(self.url, f"SELECT encode(body, 'hex') FROM spans WHERE trace_id = '\\x{trace_id}'")
        return [(bytes.fromhex(line),) for line in text.split()]

    def back_up(self, folder):
        run(["pg_dump", "--format=custom", f"--file={folder / 'backup.dump'}", self.url])

    def as_sql(self):
        """Without the name of the schema, so that it can be put into any; `\\` begins what only psql understands."""
        dump = run(["pg_dump", "--inserts", "--no-owner", "--no-privileges", "--no-comments", self.url])
        # Texts in rows have empty lines and lines of dashes of their own.
        skipped = re.compile(r"--$|-- |SET \w+ = |\\|SELECT pg_catalog\.set_config|CREATE SCHEMA")
        lines = [line for line in dump.splitlines() if not skipped.match(line)]
        return "\n".join(lines).replace("public.", "") + "\n"

    def restored(self, folder):
        copy = Postgres(self.server, f"{self.database}_restored")
        run(["pg_restore", "--no-owner", f"--dbname={copy.url}", folder / "backup.dump"])
        return copy

    def drop(self):
        self.statement(self.server, f"DROP DATABASE {self.database} WITH (FORCE)")


def servers(folder):
    """The URL of a PostgreSQL server, started when there is none."""
    started = run([ROOT / "scripts" / "services", "start", folder], cwd=ROOT)
    exported = dict(re.findall(r"^export (\w+)=(.*)$", started, re.MULTILINE))
    return exported["JUDGED_TEST_POSTGRES_URL"]
