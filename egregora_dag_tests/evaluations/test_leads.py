import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from egregora_dag.writers import OfflineWriter
from egregora_dag_tests.conftest import SHARED
from egregora_dag_tests.evaluations.leads import dialogues, lead, main, scores

DIALOGSUM = SHARED / "data" / "dialogsum" / "dev.jsonl"


def written(path: Path) -> Path:
    dialogue = "Mara: Can you bring the ladder?\nTed Hollis: Yes, I will bring the long ladder."
    rows = [
        {"dialogue": dialogue, "summary": "Mara asks Ted Hollis to bring the ladder."},
        {"dialogue": dialogue, "summary1": "Ted Hollis has a ladder.", "summary2": "A ladder."},
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_a_dialogue_has_a_message_a_turn_and_all_its_references(tmp_path: Path) -> None:
    one, two = dialogues(written(tmp_path / "dialogues.jsonl"))
    assert [message.author for message in one.window.messages] == ["Mara", "Ted Hollis"]
    assert one.references == ("Mara asks Ted Hollis to bring the ladder.",)
    assert two.references == ("Ted Hollis has a ladder.", "A ladder.")


def test_a_lead_is_the_summary_of_the_writers_post_and_scores_by_shared_words(
    tmp_path: Path,
) -> None:
    one, two = dialogues(written(tmp_path / "dialogues.jsonl"))
    text = lead(OfflineWriter(min_messages=1), one)
    assert "Mara asks Ted Hollis to bring the ladder." in text
    close, far = scores([text, text], [one, two])
    assert close["rouge2"] > far["rouge2"] > 0
    assert scores([one.references[0]], [one])[0]["rougeL"] == 1


def test_the_evaluation_prints_dialogues_with_their_leads_and_the_scores(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(written(tmp_path / "dialogues.jsonl")), "--list", "1"])
    assert result.exit_code == 0, result.output
    assert result.output.count("Lead: ") == 1
    assert "2 dialogues, 0 of them without a lead" in result.output


@pytest.mark.skipif(not DIALOGSUM.exists(), reason="DialogSum is not here")
def test_leads_share_as_many_pairs_of_words_with_summaries_as_they_are_to() -> None:
    some = list(dialogues(DIALOGSUM))[::5]
    writer = OfflineWriter(min_messages=1)
    results = scores([lead(writer, one) for one in some], some)
    assert sum(one["rouge2"] for one in results) / len(results) >= 0.097
