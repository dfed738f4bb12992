import json
import subprocess
import sys
from pathlib import Path

import pytest

from egregora_dag.writers import OfflineWriter
from egregora_dag_tests.conftest import SHARED
from egregora_dag_tests.evaluations.leads import dialogues, first_turns, half, lead

DIALOGSUM = SHARED / "data" / "dialogsum" / "dev.jsonl"
DIALOGUE = "Mara: Can you bring the ladder?\nTed Hollis: Yes, I will bring the long ladder."


def written(path: Path, *references: dict[str, str]) -> Path:
    rows = [{"dialogue": DIALOGUE, **summaries} for summaries in references]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def printed(path: Path, listed: int) -> str:
    command = [sys.executable, "-m", "egregora_dag_tests.evaluations.leads", str(path)]
    result = subprocess.run(
        [*command, "--list", str(listed)], check=True, capture_output=True, text=True
    )
    return result.stdout


def rouge_2(output: str) -> float:
    [row] = [line for line in output.splitlines() if line.startswith("leads")]
    return float(row.split()[2])


def test_a_dialogue_has_a_message_a_turn_and_all_its_references(tmp_path: Path) -> None:
    path = written(tmp_path / "two.jsonl", {"summary": "A."}, {"summary1": "B.", "summary2": "C."})
    one, two = dialogues(path)
    assert [message.author for message in one.window.messages] == ["Mara", "Ted Hollis"]
    assert (one.references, two.references) == (("A.",), ("B.", "C."))
    assert first_turns(one) == DIALOGUE.replace("\n", " ")


def test_a_lead_is_the_summary_of_the_writers_post(tmp_path: Path) -> None:
    [one] = dialogues(written(tmp_path / "one.jsonl", {"summary": "A."}))
    told = lead(OfflineWriter(min_messages=1), one)
    assert "Mara asks Ted Hollis to bring the ladder." in told


def test_two_halves_hold_every_dialogue_once(tmp_path: Path) -> None:
    all_ = list(dialogues(written(tmp_path / "many.jsonl", *[{"summary": "A."}] * 9)))
    halves = [*half(all_, "first"), *half(all_, "second")]
    numbers = sorted(int(one.window.window_id) for one in halves)
    assert numbers == list(range(9))


def test_the_evaluation_prints_dialogues_with_leads_and_averages_over_references(
    tmp_path: Path,
) -> None:
    close = {"summary": "Mara asks Ted Hollis to bring the ladder."}
    both = {"summary1": close["summary"], "summary2": "Nothing at all."}
    output = printed(written(tmp_path / "close.jsonl", close), 1)
    assert output.count("Lead: ") == 1
    assert "1 dialogues, 0 of them without a lead" in output
    averaged = printed(written(tmp_path / "both.jsonl", both), 0)
    assert rouge_2(averaged) == pytest.approx(rouge_2(output) / 2, abs=0.001)


@pytest.mark.skipif(not DIALOGSUM.exists(), reason="DialogSum is not here")
def test_leads_share_as_many_pairs_of_words_with_summaries_as_they_are_to(tmp_path: Path) -> None:
    some = tmp_path / "some.jsonl"
    some.write_text("\n".join(DIALOGSUM.read_text("utf-8").splitlines()[::5]), encoding="utf-8")
    assert rouge_2(printed(some, 0)) >= 0.097
