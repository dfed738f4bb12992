"""Reading a home while the pipeline writes it: the copy for readers, and backups."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

from egregora_dag import backups
from egregora_dag.database import connections, copies
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import execute, query

COMMAND = [sys.executable, "-c", "from egregora_dag.cli import main; main()"]
CHAT = "".join(
    f"{day:02d}/02/2025, 10:0{turn} - {who}: Shall we paint boat number {day} on Saturday {turn}?\n"
    for day in range(1, 9)
    for turn, who in enumerate(("Ana", "Bo", "Ana", "Bo", "Cy", "Ana"))
)


def egregora(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"EGREGORA_LOCK_TIMEOUT": "0.5"},
    )


def test_sql_and_status_read_the_copy_while_the_database_is_locked(
    tmp_path: Path, migrated: Path
) -> None:
    home = Home(tmp_path / "home")
    home.create()
    shutil.copy(migrated, home.database)
    row = "('shed', 'Shed', 'test', 'UTC', '{}', now())"
    execute(home.database, f"INSERT INTO threads VALUES {row}")
    sql = ("sql", "SELECT title FROM threads", "--home", str(home.root))
    with connections.connect(home.database) as connection:
        refused = egregora(*sql)
        assert refused.returncode == 1
        assert f"PID {os.getpid()}" in refused.stderr
        copies.publish(home)
        connection.execute("DELETE FROM threads")
        made = copies.published_at(home)
        for command in (sql, ("status", "--home", str(home.root))):
            told = egregora(*command)
            assert told.returncode == 0, told.stderr
            assert f"PID {os.getpid()}" in told.stderr
            assert f"This is the copy of {made:%Y-%m-%d %H:%M:%S} UTC." in told.stderr
            shown = "".join(told.stdout.split())
            assert ("Shed" if command == sql else str(home.published)) in shown
    told = egregora(*sql)
    assert told.returncode == 0, told.stderr
    assert told.stderr == ""
    assert "Shed" not in told.stdout


def test_who_reads_the_copy_or_backs_up_during_a_run_sees_whole_states_and_disturbs_nothing(
    published: Home, tmp_path: Path
) -> None:
    home = Home(shutil.copytree(published.root, tmp_path / "home"))
    export = tmp_path / "WhatsApp Chat with Boat.txt"
    export.write_text(CHAT, "utf-8")
    sql = (
        "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM windows), "
        "(SELECT count(*) FROM documents), (SELECT count(*) FROM bradley_terry)"
    )
    before, states, kept = query(home.database, sql), set(), 0
    with subprocess.Popen(
        [*COMMAND, "run", str(export), "--home", str(home.root)], stderr=subprocess.DEVNULL
    ) as run:
        while run.poll() is None:
            with duckdb.connect(home.published, read_only=True) as reader:
                states |= set(reader.execute(sql).fetchall())
            if kept < 3:
                backups.back_up(home, tmp_path / f"backup-{kept}")
                kept += 1
    assert run.returncode == 0
    after = query(home.database, sql)
    assert after != before
    with duckdb.connect(home.published, read_only=True) as reader:
        assert reader.execute(sql).fetchall() == after
    assert states <= {*before, *after}
    for number in range(kept):
        assert backups.restore(tmp_path / f"backup-{number}", Home(tmp_path / f"{number}")) == []
    print(f"{kept} backups during a run; states of the copy: {len(states)}")
