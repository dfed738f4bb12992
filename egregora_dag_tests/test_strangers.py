"""Nobody else learns of a chat: not from files, logs, errors and events, nor over the network."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest
from dagster import AssetsDefinition

from egregora_dag.automation import inbox_sensor, mirror_runs, work_off_queue
from egregora_dag.cli import main
from egregora_dag.definitions import defs
from egregora_dag.pipeline import Pipeline
from egregora_dag.settings import Home
from egregora_dag_tests.conftest import query
from egregora_dag_tests.e2e.deployment import others_may_use
from egregora_dag_tests.model_server import Asked, Reply, post, serving

SENTENCE = "the tortoise is called Wellington-Smythe"
AUTHOR = "Quillfeather"
WORDS = ("Wellington-Smythe", AUTHOR)
KEYS = {"EGREGORA_LLM_API_KEY": "sk-planted-7391", "OPENAI_API_KEY": "sk-planted-5520"}
MAIN = [sys.executable, "-c", "from egregora_dag.cli import main; main()"]

# Notes, in whatever Python process has this on its path, what it connects to and looks up.
WATCH = """
import os, sys

def _note(event, arguments):
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        family, address = arguments[0].family.name, arguments[1]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
        family, address = "lookup", arguments[0]
    else:
        return
    place = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(place, f"{family} {address!r}\\n".encode())
    os.close(place)

sys.addaudithook(_note)

"""


def chat(folder: Path, *, days: int = 4) -> Path:
    """An export in which somebody says something that is to be found nowhere else."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "WhatsApp Chat with Boat.txt"
    people = (AUTHOR, "Ana", "Bo", "Cy")
    path.write_text(
        "".join(
            f"{day:02d}/03/2025, 1{turn // 4}:{turn * 7 % 60:02d} - {people[turn % 4]}: "
            f"On day {day} {SENTENCE}, and who brings plank {turn}?\n"
            for day in range(1, days + 1)
            for turn in range(8)
        ),
        "utf-8",
    )
    return path


@dataclass
class Done:
    """What a process came to.

    Attributes:
        home: The home it worked on.
        code: Its exit code.
        output: What it printed.
        errors: What it printed to standard error.
        connections: What it, or a process it started, connected to or looked up.
    """

    home: Home
    code: int
    output: str
    errors: str
    connections: list[str]


def done(
    command: Iterable[str],
    folder: Path,
    *,
    isolated: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Done:
    """Run a command as a user whose files others may read, and watch whom it talks to.

    Args:
        command: The command.
        folder: Where its home is, and the list of its connections.
        isolated: In a network of its own, without a way out.
        variables: Environment variables.
    """
    watch = folder / "watch"
    watch.mkdir(parents=True, exist_ok=True)
    (watch / "sitecustomize.py").write_text(WATCH)
    home, watched = Home(folder / "home"), folder / "watched"
    watched.touch()
    paths = [str(watch), str(Path(__file__).parents[1]), *sys.path]
    finished = subprocess.run(
        [*(ISOLATED if isolated else []), *command],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")},
            **{"EGREGORA_HOME": str(home.root), "WATCHED": str(watched)},
            **{"PYTHONPATH": os.pathsep.join(paths), **variables},
        },
        cwd=folder,
        capture_output=True,
        text=True,
        umask=0o022,
        check=False,
    )
    return Done(
        home,
        finished.returncode,
        finished.stdout,
        finished.stderr,
        watched.read_text().splitlines(),
    )


ISOLATED = ["unshare", "--map-root-user", "--net"]
CAN_ISOLATE = (
    shutil.which("unshare") is not None
    and subprocess.run([*ISOLATED, "true"], capture_output=True, check=False).returncode == 0
)


def found_in(folder: Path, words: Iterable[str]) -> set[tuple[str, str]]:
    """Words that stand in files below a folder, with the file."""
    return {
        (word, str(path.relative_to(folder)))
        for path in folder.rglob("*")
        if path.is_file()
        for content in (path.read_bytes(),)
        for word in words
        if any(word.encode(coding) in content for coding in ("utf-8", "utf-16-le"))
    }


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A run whose model answers, fails, is late, and tells what it was asked."""

    def answer(asked: Asked, number: int) -> Reply:
        return (
            Reply(post()),
            Reply(status=500),
            Reply(post(), seconds=3),
            Reply(f"No: {asked.data}"),
            Reply(refusal=asked.data),
            Reply(status=401),
        )[min(number, 6) - 1]

    folder = tmp_path_factory.mktemp("asked")
    more = {f"EGREGORA_LLM_{name}": "0" for name in ("RETRIES", "OUTPUT_RETRIES", "BACKOFF")}
    more |= {"EGREGORA_LLM_CONCURRENCY": "1", "EGREGORA_LLM_REQUEST_TIMEOUT": "1"}
    with serving(answer) as server:
        command = [*MAIN, "run", str(chat(folder, days=8)), "--writer", "llm", "--model", "m"]
        run = done([*command, "--base-url", server.base_url], folder, variables=KEYS | more)
        [sent] = {one.headers["authorization"] for one in server.asked}
        assert len(server.asked) == 6
    assert run.code == 0, run.errors
    assert sent == f"Bearer {KEYS['EGREGORA_LLM_API_KEY']}"
    return run


def test_a_key_stands_in_no_file_and_is_printed_nowhere(asked: Done) -> None:
    assert found_in(asked.home.root, KEYS.values()) == set()
    assert not any(key in asked.output + asked.errors for key in KEYS.values())
    # It was told what failed, though.
    waiting = query(asked.home.database, "SELECT count(*) FROM windows")[0][0] - 1
    assert f"{waiting} wait" in asked.errors


def test_what_models_fail_at_is_told_without_what_they_were_asked(asked: Done) -> None:
    assert found_in(asked.home.dagster, WORDS) == set()
    assert not any(word in asked.errors for word in WORDS)


def test_nothing_is_connected_to_but_the_model_that_was_named(asked: Done) -> None:
    assert len(asked.connections) > 0
    elsewhere = [one for one in asked.connections if "127.0.0.1" not in one]
    assert [one for one in elsewhere if not one.startswith("AF_UNIX ")] == []


@pytest.mark.parametrize(
    "address",
    ["http://user:hunter-planted@127.0.0.1:9/v1", "http://127.0.0.1:9/v1?k=hunter-planted"],
)
def test_an_address_with_a_password_is_refused_without_telling_it(
    tmp_path: Path, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    command = ["run", str(chat(tmp_path)), "--home", str(home), "--writer", "llm", "--model", "m"]
    with pytest.raises(SystemExit, match="1"):
        main([*command, "--base-url", address])
    told = "".join(capfd.readouterr())
    assert "EGREGORA_LLM_API_KEY" in told
    assert "hunter-planted" not in told
    assert found_in(home, ["hunter-planted"]) == set()


FAILING = f"""
import sys
from pathlib import Path

import ibis

from egregora_dag import windowing
from egregora_dag.assets import conversation
from egregora_dag.pipeline import Pipeline
from egregora_dag.writers import WRITERS, OfflineWriter

class Raising(OfflineWriter):
    name = "offline"

    def write(self, window):
        if window.index == 2:
            raise KeyError(window.messages[0].content, window.messages[0].author)
        return super().write(window)

def wrong_json(*arguments, **options):
    return right(*arguments, **options).mutate(config=content.cast("json"))

def same_key(*arguments, **options):
    found = right(*arguments, **options)
    return ibis.union(found, found.mutate(signature=ibis.literal({SENTENCE!r})))

export, broken = map(Path, sys.argv[1:])
right = conversation.windows_of
content = ibis.table(dict(content="string"), name="messages").content.max().as_scalar()

def tell(what, outcome):
    for error in outcome.errors + outcome.failed_checks + outcome.warnings:
        print(what, error, sep="|")

with Pipeline.open() as pipeline:
    keys = pipeline.add([export])
    for name in ("wrong_json", "same_key"):
        conversation.windows_of = globals()[name]
        tell(name, pipeline.run(keys))
    conversation.windows_of = right
    vars(WRITERS)["_factories"]["offline"] = Raising
    tell("writer", pipeline.run(keys))
    vars(WRITERS)["_factories"]["offline"] = OfflineWriter
    for path in broken.iterdir():
        (pipeline.home.inbox / "boat" / path.name).write_bytes(path.read_bytes())
    tell("files", pipeline.run(keys))
    pipeline.sort_inbox()
"""
LINE = f"05/03/2025, 10:00 - {AUTHOR}: {SENTENCE}\n"
BROKEN = {
    "half.json": json.dumps({"messages": [{"author": AUTHOR, "text": SENTENCE}]}).encode()[:-9],
    "odd.json": json.dumps({"name": SENTENCE, "type": AUTHOR, "messages": SENTENCE}).encode(),
    "prose.txt": f"{AUTHOR} wrote that {SENTENCE}".encode(),
    "days.txt": LINE.replace("05/03", "40/40").encode() * 9,
    "bytes.txt": LINE.encode() * 9 + b"\xff\xfe\x00\xd8" * 9,
    "table.csv": f'author,content,date\n{AUTHOR},"{SENTENCE},2025-99-99\n'.encode() * 9,
    "rows.ndjson": f'{{"author": "{AUTHOR}", "content": "{SENTENCE}", "time": "x"}}\n'.encode() * 9,
    "log.parquet": b"PAR1" + SENTENCE.encode() * 99 + b"PAR1",
    "own.duckdb": b"\0" * 8 + b"DUCK" + SENTENCE.encode() * 99,
}


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Runs that fail in many ways on a chat, cut off from any network."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "broken").mkdir()
    for name, content in BROKEN.items():
        (folder / "broken" / name).write_bytes(content)
    command = [sys.executable, "-c", FAILING, str(chat(folder)), str(folder / "broken")]
    run = done(command, folder, isolated=CAN_ISOLATE)
    assert run.code == 0, run.errors
    return run


def test_what_fails_is_told_without_the_words_it_failed_on(failing: Done) -> None:
    told = {line.split("|")[0]: line for line in failing.output.splitlines() if "|" in line}
    assert told.keys() == {"wrong_json", "same_key", "writer", "files"}, told
    place = r"KeyError in <string>, line \d+, in write, called by publishing.py, line \d+, in write"
    assert re.search(place, told["writer"])
    assert not any(word in failing.output + failing.errors for word in WORDS)
    assert found_in(failing.home.dagster, WORDS) == set()


def test_every_step_and_sensor_is_discreet() -> None:
    steps = [
        *(
            one.op.compute_fn
            for one in defs.assets or ()
            if isinstance(one, AssetsDefinition) and one.is_executable
        ),
        *(one.op.compute_fn for one in defs.asset_checks or ()),
    ]
    functions = [getattr(step, "decorated_fn", step) for step in steps]
    functions += [one._raw_fn for one in (inbox_sensor, mirror_runs, work_off_queue)]
    assert len(functions) > 30
    assert [one for one in functions if not hasattr(one, "__wrapped__")] == []


def test_a_run_needs_no_network(failing: Done) -> None:
    assert [one for one in failing.connections if not one.startswith("AF_UNIX ")] == []
    assert query(failing.home.database, "SELECT count(*) FROM top_posts") != [(0,)]


def test_all_files_are_for_their_owner_alone(asked: Done, failing: Done) -> None:
    assert others_may_use(asked.home.root, failing.home.root) == []


def test_what_lies_beside_a_database_is_for_those_who_may_read_it(tmp_path: Path) -> None:
    script = """
import os, sys, threading
from pathlib import Path
from egregora_dag.database import connections

def modes():
    return [f"{path.stat().st_mode & 0o777:o}" for path in sorted(Path().glob("*.duckdb*"))]


for name, mode in (("own.duckdb", None), ("shared.duckdb", 0o640)):
    with connections.connect(Path(name)):
        if mode:
            Path(name).chmod(mode)
    with connections.connect(Path(name)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS n FROM range(1000)")
        print(name, *modes())
    Path(name).unlink()
print(f"{os.umask(0):o}")
"""
    run = done([sys.executable, "-c", script], tmp_path)
    assert run.output.split() == ["own.duckdb", "600", "600", "shared.duckdb", "640", "640", "22"]


def test_a_partition_that_is_no_chat_comes_into_no_run_of_those_around_it(tmp_path: Path) -> None:
    with Pipeline.open(Home(tmp_path / "home")) as pipeline:
        keys = pipeline.add([chat(tmp_path)])
        pipeline.instance.add_dynamic_partitions("threads", ['../it\'s\n"none"'])
        keys += pipeline.add([chat(tmp_path)], title="Kite") + pipeline.add(
            [chat(tmp_path)], title="Zoo"
        )
        assert list(pipeline._ranges(keys, pipeline.threads())) == [["boat"], ["kite", "zoo"]]


@pytest.mark.torture
@pytest.mark.skipif(not CAN_ISOLATE, reason="No network of its own is permitted here.")
def test_the_demo_needs_no_network(tmp_path: Path) -> None:
    run = done([*MAIN, "demo"], tmp_path, isolated=True)
    assert run.code == 0, run.errors
    assert [one for one in run.connections if not one.startswith("AF_UNIX ")] == []
    assert others_may_use(run.home.root) == []
    print(f"demo without a network: {len(run.output.splitlines())} lines printed")


@pytest.mark.torture
def test_dagsters_own_command_makes_files_for_their_owner_and_connects_to_nothing(
    tmp_path: Path,
) -> None:
    run = done([*MAIN, "run", str(chat(tmp_path))], tmp_path)
    assert run.code == 0, run.errors
    command = [sys.executable, "-m", "dagster", "job", "execute", "-j", "rank_posts"]
    own = done(
        [*command, "-m", "egregora_dag.definitions"],
        tmp_path,
        variables={"DAGSTER_HOME": str(run.home.dagster)},
    )
    assert own.code == 0, own.errors
    assert not any(word in own.output + own.errors for word in WORDS)
    assert found_in(run.home.dagster, WORDS) == set()
    assert [one for one in own.connections if not one.startswith("AF_UNIX ")] == []
    assert others_may_use(run.home.root) == []
