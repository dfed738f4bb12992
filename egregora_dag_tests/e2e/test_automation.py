"""When the automation conditions ask for comparisons, told tick by tick."""

from collections.abc import Iterator

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    EvaluateAutomationConditionsResult,
    evaluate_automation_conditions,
)

from egregora_dag.definitions import defs

COMPARISONS = AssetKey("comparisons")


class Automation:
    """Ticks of the automation conditions over an instance whose assets are said to be made."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._last: EvaluateAutomationConditionsResult | None = None

    def made(self, asset: str, *, thread: str | None = None) -> None:
        self._instance.report_runless_asset_event(AssetMaterialization(asset, partition=thread))

    def asks_for_comparisons(self) -> bool:
        cursor = self._last.cursor if self._last else None
        self._last = evaluate_automation_conditions(defs, self._instance, cursor=cursor)
        return self._last.get_num_requested(COMPARISONS) > 0


@pytest.fixture
def automation() -> Iterator[Automation]:
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("threads", ["fig-lane", "tide-gauge"])
        automation = Automation(instance)
        assert not automation.asks_for_comparisons()
        yield automation


def test_documents_of_any_chat_are_compared_once(automation: Automation) -> None:
    automation.made("documents", thread="fig-lane")
    assert automation.asks_for_comparisons()
    automation.made("comparisons")
    assert not automation.asks_for_comparisons()
    assert not automation.asks_for_comparisons()


def test_documents_that_follow_the_comparisons_within_the_same_tick_are_compared_too(
    automation: Automation,
) -> None:
    automation.made("documents", thread="fig-lane")
    assert automation.asks_for_comparisons()
    automation.made("comparisons")
    automation.made("documents", thread="tide-gauge")
    assert automation.asks_for_comparisons()
    automation.made("comparisons")
    assert not automation.asks_for_comparisons()


def test_documents_that_change_while_posts_are_compared_are_compared_afterwards(
    automation: Automation,
) -> None:
    automation.made("documents", thread="fig-lane")
    assert automation.asks_for_comparisons()
    automation.made("documents", thread="tide-gauge")
    automation.made("comparisons")
    assert automation.asks_for_comparisons()
    automation.made("comparisons")
    assert not automation.asks_for_comparisons()


def test_documents_that_did_not_change_ask_for_nothing(automation: Automation) -> None:
    automation.made("comparisons")
    assert not automation.asks_for_comparisons()
