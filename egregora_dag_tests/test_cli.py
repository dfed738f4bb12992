"""The command line: what it prints, what it refuses, and its exit codes."""

import csv
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import click
import duckdb
import pytest

from egregora_dag import settings
from egregora_dag.cli import cli, main
from egregora_dag.database import connections
from egregora_dag.database.migrations import all_migrations, migrate_one
from egregora_dag.settings import Home

SCREEN_CONTROL = "\x1b[2J"
CHAT = "".join(
    f"{day:02d}/01/2025, 10:0{turn} - {who}: Shall we paint shed number {day} on Saturday {turn}?\n"
    for day in range(1, 5)
    for turn, who in enumerate(("Ana", "Bo", "Ana", "Bo", "Cy", "Ana"))
)


def egregora(home: Path, *arguments: str, code: int = 0) -> str:
    """Run a command; returns what it prints, errors too if it is to fail."""
    output, errors = io.StringIO(), io.StringIO()
    environment, mask = dict(os.environ), os.umask(0o022)
    try:
        with redirect_stdout(output), redirect_stderr(errors), pytest.raises(SystemExit) as ended:
            main([*arguments, "--home", str(home)])
    finally:
        os.umask(mask)
        os.environ.clear()
        os.environ.update(environment)
    assert ended.value.code == code, output.getvalue() + errors.getvalue()
    return output.getvalue() if code == 0 else output.getvalue() + errors.getvalue()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The home that the demo leaves, to be read only, and what it printed."""
    home = tmp_path_factory.mktemp("demo") / "home"
    command = [sys.executable, "-c", "from egregora_dag.cli import main; main()", "demo"]
    finished = subprocess.run(
        [*command, "--home", str(home)], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return home, finished.stdout


def test_help_tells_of_each_command_without_loading_any() -> None:
    code = "import sys\nfrom egregora_dag.cli import main\ntry:\n    main(['--help'])\n"
    code += "finally:\n    assert 'dagster' not in sys.modules"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(30).removesuffix("...") in told.stdout


def test_the_demo_ends_with_a_summary_and_a_ranked_post(demo: tuple[Path, str]) -> None:
    home, printed = demo
    for expected in ("messages", "2,081", "Top posts", "Moments", str(home)):
        assert expected in printed


def test_sql_prints_tables_csv_and_json(demo: tuple[Path, str]) -> None:
    home, _ = demo
    assert "2081" in egregora(home, "sql", "SELECT count(*) FROM messages")
    query = (
        "SELECT author, count(*) AS n FROM messages WHERE author IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    rows = list(csv.DictReader(io.StringIO(egregora(home, "sql", query, "--format", "csv"))))
    lines = egregora(home, "sql", query, "--format", "json").splitlines()
    assert [row["author"] for row in rows] == [json.loads(line)["author"] for line in lines]
    assert "João" in {row["author"] for row in rows}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM messages",
        "CREATE TABLE x (a INTEGER)",
        "COPY messages TO 'stolen.csv'",
        "SELECT * FROM read_text('/etc/hostname')",
        "ATTACH 'other.duckdb'",
        "SET enable_external_access = true",
        "SELEC 1",
    ],
)
def test_sql_changes_nothing_and_reads_no_other_file(
    demo: tuple[Path, str], statement: str
) -> None:
    printed = egregora(demo[0], "sql", statement, code=1)
    assert printed.startswith("Error: ")
    assert "Traceback" not in printed


def test_status_tells_rows_times_and_checks(demo: tuple[Path, str]) -> None:
    printed = egregora(demo[0], "status")
    assert "top_posts (view)" in printed
    assert "2,081" in printed
    assert "6 of 6 passed" in printed
    assert "failed" not in printed


def test_what_a_chat_says_does_not_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Shed.txt"
    path.write_text(CHAT + f"05/01/2025, 10:00 - Ana: {SCREEN_CONTROL}[bold]gone[/bold]\n", "utf-8")
    egregora(tmp_path / "home", "run", str(path))
    printed = egregora(
        tmp_path / "home", "sql", "SELECT content FROM messages ORDER BY position DESC LIMIT 1"
    )
    assert SCREEN_CONTROL not in printed
    assert "[bold]gone[/bold]" in printed


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("missing.txt", None, "No such file"),
        ("empty.txt", b"", "empty"),
        ("photo.jpg", b"\xff\xd8\xff\xe0" * 100, "no chat that is known"),
        ("chat.zip", b"PK\x03\x04" + b"\x00" * 500, "damaged"),
        ("channel.log", b"[10:00] <ana> hello\n", "date"),
    ],
)
def test_a_file_that_cannot_be_read_gets_one_error_that_names_it(
    tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    code = 3 if name == "channel.log" else 1
    printed = egregora(tmp_path / "home", "run", str(path), code=code)
    [line] = [line for line in printed.splitlines() if line.startswith("Error: ")]
    assert name in line
    assert told in line
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["run", "{chat}", "--timezone", "Mars/Olympus"], 1, "not a time zone"),
        (["run", "{chat}", "--step-unit", "weeks"], 2, "weeks"),
        (["run", "{chat}", "--step-size", "0"], 1, "step_size"),
        (["run", "{chat}", "--source", "telepathy"], 1, "telepathy"),
        (["forget"], 2, "--thread"),
        (["sql", "SELECT 1"], 1, "holds no database yet"),
        (["threads", "list"], 1, "holds no database yet"),
    ],
)
def test_wrong_usage_is_told_in_one_line(
    tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    chat = tmp_path / "WhatsApp Chat with Shed.txt"
    chat.write_text(CHAT, "utf-8")
    filled = [argument.format(chat=chat) for argument in arguments]
    printed = egregora(tmp_path / "home", *filled, code=code)
    assert told in printed
    assert "Traceback" not in printed


def test_threads_are_listed_corrected_and_forgotten(tmp_path: Path) -> None:
    home, chat = tmp_path / "home", tmp_path / "WhatsApp Chat with Shed.txt"
    chat.write_text(CHAT, "utf-8")
    egregora(home, "run", str(chat), "--timezone", "Europe/Lisbon")
    assert "Europe/Lisbon" in egregora(home, "threads", "list")
    egregora(home, "threads", "rename", "shed", "The Shed")
    assert "The Shed" in egregora(home, "threads", "list")
    assert "24 messages moved" in egregora(home, "threads", "set-timezone", "shed", "Asia/Tokyo")
    assert "WhatsApp Chat with Shed.txt" in egregora(home, "threads", "imports", "shed")
    assert "no chat 'boat'" in egregora(home, "threads", "imports", "boat", code=1)
    assert "24" in egregora(home, "forget", "--thread", "shed", "--yes")
    with duckdb.connect(home / "pipeline.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)


def test_state_is_private_and_lives_in_one_home(demo: tuple[Path, str]) -> None:
    home, _ = demo
    assert home.stat().st_mode & 0o077 == 0
    assert (home / "secret").stat().st_mode & 0o777 == 0o600
    assert (home / "pipeline.duckdb").stat().st_mode & 0o077 == 0
    assert {path.name for path in home.iterdir()} == {
        "dagster",
        "inbox",
        "pipeline.duckdb",
        "published",
        "secret",
    }


def test_the_home_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(settings.HOME_VARIABLE, str(tmp_path / "elsewhere"))
    with pytest.raises(SystemExit) as ended:
        main(["sql", "SELECT 1"])
    assert ended.value.code == 1
    assert "elsewhere" in capsys.readouterr().err


def test_migrate_shows_what_is_pending_and_applies_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    with connections.transaction(home.database) as connection:
        assert migrate_one(connection, home.database)
    told = egregora(home.root, "run", code=1)
    assert "schema version 1" in told
    assert "egregora-dag migrate" in told
    names = [f"{m.version:04d} {m.name.replace('_', ' ')}" for m in all_migrations()[1:]]
    assert egregora(home.root, "migrate", "--dry-run").splitlines() == names
    printed = egregora(home.root, "migrate").splitlines()
    assert printed[:-1] == names
    assert f"Applied {len(names)} to {home.database}" in printed[-1]
    assert egregora(home.root, "migrate") == "Up to date.\n"
    assert "no database yet" in egregora(tmp_path / "nowhere", "migrate", code=1)


def test_runs_prints_what_ran_and_with_an_id_its_tasks(demo: tuple[Path, str]) -> None:
    home, _ = demo
    listed = egregora(home, "runs", "--limit", "2")
    assert "import_chats" in listed
    assert "rank_posts" in listed
    assert listed.count("completed") == 2
    found = egregora(
        home, "sql", "SELECT run_id FROM runs WHERE job_name = 'import_chats'", "--format", "csv"
    )
    run_id = found.split()[1]
    tasks = egregora(home, "runs", run_id[:8])
    for told in (run_id, "read_exports", "documents", "materialize", "check", "completed"):
        assert told in tasks
    assert "no run begins with 'zz'" in egregora(home, "runs", "zz", code=1)
    assert "more than one run" in egregora(home, "runs", "", code=1)
