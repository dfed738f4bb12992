"""A chat of millions of messages goes through the whole pipeline in little memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from egregora_dag.settings import Home
from egregora_dag_tests import crashing
from egregora_dag_tests.conftest import SHARED, query

GENERATOR = SHARED / "tools" / "make_chat.py"
RUN = "import sys; from egregora_dag.cli import main; main(sys.argv[1:])"


@pytest.mark.torture
@pytest.mark.skipif(not GENERATOR.exists(), reason="its generator of chats is not here")
@pytest.mark.parametrize("count", [400_000, 4_000_000])
def test_a_run_completes_with_a_gigabyte_for_duckdb(
    tmp_path: Path, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    export = tmp_path / "WhatsApp Chat with Load.txt"
    subprocess.run([sys.executable, str(GENERATOR), str(count), str(export)], check=True)
    home = Home(tmp_path / "home")
    command = [sys.executable, "-c", RUN, "run", str(export), "--home", str(home.root)]
    environment = {**os.environ, "EGREGORA_MEMORY_LIMIT": "1GB"}
    with (tmp_path / "output.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, (tmp_path / "output.log").read_text()
    # The generator adds a line by the application.
    assert query(home.database, "SELECT count(*) FROM messages") == [(count + 1,)]
    crashing.check_sound(home.database)
    [[documents]] = query(home.database, "SELECT count(*) FROM documents")
    seconds, megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    with capsys.disabled():
        told = f"{count:,} messages, {documents:,} documents: {seconds:,.0f} s of CPU"
        print(f"\n{told}, {megabytes:,.0f} MB at most")
