"""One /reward per group: retried while it may help, given up clearly, and never turned into a number."""

import asyncio
import socket
import time

import pytest

from rlmr.adapters.refusals import WrongSettings
from rlmr.adapters.settings import Settings
from tests.trainer.grpo.faulty_aggregator import FaultyAggregator, serving
from trainer.grpo.group_reward import GroupReward, GroupRewardClient


async def ask(
    *behaviours: str, timeout: float = 10.0, attempt_timeout: float = 5.0
) -> tuple[GroupReward, FaultyAggregator]:
    faulty = FaultyAggregator(*behaviours)
    async with serving(faulty) as url:
        client = GroupRewardClient(
            Settings(url=url, api_key="k", timeout=timeout, attempt_timeout=attempt_timeout, strategy={"name": "rlmr"})
        )
        try:
            return await client.reward("g1", "a prompt", [], ["a", "b", "c"]), faulty
        finally:
            await client.close()


async def test_a_group_is_one_request_with_key_id_and_strategy() -> None:
    group, faulty = await ask()
    assert (group.kept, group.rewards, group.attempts) == (True, [0.0, 1.0, 2.0], 1)
    (call,) = faulty.calls
    assert call["headers"]["Authorization"] == "Bearer k"
    assert call["headers"]["X-Request-ID"] == "g1"
    assert call["body"]["strategy"] == {"name": "rlmr"}
    assert call["body"]["groups"][0]["responses"] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "failure", ["500", "502", "503", "429", "reset", "truncated", "wrong_length", "array", "missing_fields"]
)
async def test_a_passing_failure_is_retried(failure: str) -> None:
    group, faulty = await ask(failure)
    assert (group.kept, group.attempts, len(faulty.calls)) == (True, 2, 2)


async def test_a_hanging_attempt_is_given_up_and_retried() -> None:
    group, _ = await ask("hang", attempt_timeout=0.3)
    assert (group.kept, group.attempts) == (True, 2)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [("401", "RLMR_API_KEY"), ("404", "address"), ("409", "another run"), ("422", "correct"), ("424", "key")],
)
async def test_what_no_group_could_get_past_ends_the_run_with_the_remedy(status: str, remedy: str) -> None:
    started = time.monotonic()
    with pytest.raises(WrongSettings, match=f"HTTP {status}.*as asked.*Remedy: .*{remedy}"):
        await ask(status)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("lost", ["unavailable", "too_few_valid"])
async def test_a_group_without_its_answers_is_asked_about_again(lost: str) -> None:
    group, faulty = await ask(lost, lost)
    assert (group.kept, group.attempts) == (True, 3)
    left = [float(call["headers"]["X-RLMR-Deadline"]) for call in faulty.calls]
    assert all(4.0 < seconds <= 5.0 for seconds in left)  # of each attempt


async def test_what_it_said_last_stands_when_patience_ends() -> None:
    group, faulty = await ask(*["too_few_valid"] * 100, timeout=1.0)
    assert (group.decision, group.reason, group.writing) == ("drop", "too_few_valid", [0.0, 1.0, 2.0])
    assert len(faulty.calls) > 1


async def test_filter_and_expected_revisions_go_with_each_request_and_revisions_come_back() -> None:
    faulty = FaultyAggregator()
    async with serving(faulty) as url:
        client = GroupRewardClient(Settings(url=url, filter={"all_high": None}, expect={"verifier": "v1"}))
        group = await client.reward("g", "p", [], ["a", "b"])
        await client.close()
    assert faulty.calls[0]["body"]["filter"] == {"all_high": None}
    assert faulty.calls[0]["body"]["expect"] == {"verifier": "v1"}
    assert group.revisions == {"writing_rm": "r1", "verifier": "v1"}


@pytest.mark.parametrize("status", ["400", "413", "422_group"])
async def test_a_refusal_of_the_group_is_not_retried_and_names_its_reason(status: str) -> None:
    group, faulty = await ask(status)
    status = status[:3]
    assert (group.decision, group.reason, len(faulty.calls)) == ("drop", "unavailable", 1)
    assert group.error is not None
    assert status in group.error
    assert "as asked" in group.error


async def test_a_lasting_failure_drops_the_group_with_null_rewards() -> None:
    group, _ = await ask(*["503"] * 200, timeout=1.0)
    assert (group.decision, group.reason, group.rewards, group.valid) == (
        "drop",
        "unavailable",
        [None] * 3,
        [False] * 3,
    )


async def test_a_service_that_is_down_drops_the_group() -> None:
    client = GroupRewardClient(Settings(url="http://127.0.0.1:9", timeout=0.5))
    group = await client.reward("g", "p", [], ["a", "b"])
    await client.close()
    assert (group.reason, group.rewards) == ("unavailable", [None, None])


async def test_a_service_that_comes_back_is_used_again() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    client = GroupRewardClient(Settings(url=f"http://127.0.0.1:{port}", timeout=30))
    asked = asyncio.create_task(client.reward("g", "p", [], ["a", "b"]))
    await asyncio.sleep(0.5)
    assert not asked.done()
    async with serving(FaultyAggregator(), port):
        group = await asked
        await client.close()
    assert group.kept
    assert group.attempts > 1


async def test_a_prompt_id_that_no_header_may_hold_is_still_sent() -> None:
    faulty = FaultyAggregator()
    async with serving(faulty) as url:
        client = GroupRewardClient(Settings(url=url))
        group = await client.reward("line\nbreak ünd more", "p", [], ["a"])
        await client.close()
    assert group.kept
    assert faulty.calls[0]["headers"]["X-Request-ID"] == "line_break__nd_more"
    assert faulty.calls[0]["body"]["groups"][0]["id"] == "line\nbreak ünd more"
