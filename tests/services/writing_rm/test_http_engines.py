"""sglang and vLLM over HTTP: an engine is believed only once proven, and every failure becomes a status, never a score."""

import asyncio
from pathlib import Path

import pytest

from rlmr.wire import Status
from services.writing_rm.engines.base import Failure, Lost, Outcome, Text
from services.writing_rm.engines.torch_engine import TorchModel
from tests.services.writing_rm.fake_engine import BAD_TOKEN, NAN_TOKEN, FakeEngine
from tests.services.writing_rm.pools import pool_for, running, served, until

TEXTS = [Text((5, 6, 7, 8), "p"), Text((5, 6, 9, 10, 11), "p"), Text((5, 6, 12), "p")]


@pytest.fixture(scope="module")
def torch_model(model_dir: Path) -> TorchModel:
    return TorchModel.load(model_dir, dtype="float32", device="cpu", max_batch_tokens=4096)


def assert_right(outcomes: list[Outcome], model: TorchModel, texts: list[Text] = TEXTS) -> None:
    assert outcomes == pytest.approx(model.score(texts), abs=1e-5)


@pytest.mark.parametrize("kind", ["sglang", "vllm"])
async def test_raw_scores_in_order(kind: str, model_dir: Path, torch_model: TorchModel) -> None:
    async with FakeEngine(torch_model, kind) as engine, running(pool_for(model_dir, [engine])) as pool:
        assert_right(await pool.score(TEXTS), torch_model)
        assert pool.max_tokens == (511 if kind == "sglang" else 512)
        assert pool.identity.startswith(kind)


@pytest.mark.parametrize("mode", ["bias", "softmax", "sigmoid", "nan", "embedding", "nonsense", "500", "busy"])
async def test_an_engine_with_wrong_scores_is_never_asked(mode: str, model_dir: Path, torch_model: TorchModel) -> None:
    async with FakeEngine(torch_model) as engine:
        engine.mode = mode
        pool = pool_for(model_dir, [engine])
        start = asyncio.create_task(pool.start())
        try:
            await until(lambda: bool(pool.servers) and pool.servers[0].problem not in (None, "not asked yet"))
            assert not start.done()
            (problem,) = pool.problems()
            assert engine.url in problem
            if mode in ("bias", "softmax", "sigmoid"):
                assert "standard deviations off" in problem
            engine.mode = "right"
            await asyncio.wait_for(start, 20)
            assert pool.problems() == []
        finally:
            start.cancel()
            await pool.stop()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"allow_auto_truncate": True}, "allow-auto-truncate"),
        ({"is_embedding": False}, "--is-embedding"),
        ({"max_req_input_len": None, "max_total_num_tokens": None}, "no length limit"),
    ],
)
async def test_settings_that_spoil_scores_are_named(
    change: dict, reason: str, model_dir: Path, torch_model: TorchModel
) -> None:
    async with FakeEngine(torch_model) as engine:
        engine.info |= change
        pool = pool_for(model_dir, [engine])
        start = asyncio.create_task(pool.start())
        await until(lambda: bool(pool.problems()) and reason in pool.problems()[0])
        start.cancel()
        await pool.stop()


async def test_the_key_value_pool_bounds_the_length(model_dir: Path, torch_model: TorchModel) -> None:
    """A text longer than the pool, though shorter than the context, would block the whole server."""
    async with FakeEngine(torch_model) as engine:
        engine.info["internal_states"] = [{"max_total_num_tokens": 300}]
        async with running(pool_for(model_dir, [engine])) as pool:
            assert pool.max_tokens == 299


async def test_a_wrong_key_is_told(model_dir: Path, torch_model: TorchModel) -> None:
    async with FakeEngine(torch_model) as engine:
        engine.api_key = "right"
        pool = pool_for(model_dir, [engine], engine_api_key="wrong")
        start = asyncio.create_task(pool.start())
        await until(lambda: bool(pool.problems()) and "401" in pool.problems()[0])
        start.cancel()
        await pool.stop()
        async with running(pool_for(model_dir, [engine], engine_api_key="right")) as pool:
            assert_right(await pool.score(TEXTS), torch_model)


async def test_one_bad_text_fails_alone(model_dir: Path, torch_model: TorchModel) -> None:
    async with FakeEngine(torch_model) as engine, running(pool_for(model_dir, [engine])) as pool:
        bad = Text((5, BAD_TOKEN, 6), "p")
        outcomes = await pool.score([TEXTS[0], bad, TEXTS[1]])
        assert isinstance(outcomes[1], Failure)
        assert outcomes[1].status == Status.INVALID_INPUT
        assert_right([outcomes[0], outcomes[2]], torch_model, [TEXTS[0], TEXTS[1]])
        assert pool.problems() == []


@pytest.mark.parametrize("mode", ["500", "nonsense", "nan", "embedding", "refuse"])
async def test_an_engine_that_gives_no_score_any_more_loses_its_texts_and_is_not_asked(
    mode: str, model_dir: Path, torch_model: TorchModel
) -> None:
    """The golden texts are asked at once, not at the next check: it is the engine's fault, so the texts are put back."""
    async with FakeEngine(torch_model) as engine, running(pool_for(model_dir, [engine])) as pool:
        engine.mode = mode
        for outcome in await pool.score(TEXTS):
            assert isinstance(outcome, Lost)
            assert outcome.status == Status.UNAVAILABLE
        assert pool.usable.problem is not None
        engine.mode = "right"
        await until(lambda: not pool.problems())
        assert_right(await pool.score(TEXTS), torch_model)


async def test_one_text_whose_number_is_none_fails_alone(model_dir: Path, torch_model: TorchModel) -> None:
    """JSON has no NaN, so it makes the whole reply unreadable; the golden texts clear the engine, and each text goes alone."""
    async with FakeEngine(torch_model) as engine, running(pool_for(model_dir, [engine])) as pool:
        outcomes = await pool.score([TEXTS[0], Text((5, NAN_TOKEN, 6), "p"), TEXTS[1]])
        assert isinstance(outcomes[1], Failure)
        assert not isinstance(outcomes[1], Lost)
        assert outcomes[1].status == Status.UNPARSEABLE
        assert_right([outcomes[0], outcomes[2]], torch_model, [TEXTS[0], TEXTS[1]])
        assert pool.problems() == []


async def test_an_unexpected_answer_of_an_engine_does_not_end_its_watch(
    model_dir: Path, torch_model: TorchModel
) -> None:
    async with FakeEngine(torch_model) as engine:
        right, engine.info = engine.info, [1]  # type: ignore[assignment]
        pool = pool_for(model_dir, [engine])
        start = asyncio.create_task(pool.start())
        await until(lambda: bool(pool.problems()) and "attribute" in pool.problems()[0])
        engine.info = right
        await asyncio.wait_for(start, 20)
        await pool.stop()


async def test_an_engine_that_is_busy_at_its_golden_check_stays_in_use(
    model_dir: Path, torch_model: TorchModel
) -> None:
    async with served(model_dir, torch_model, golden_check_seconds=0.05) as (pool, (engine,)):
        asked = engine.asked
        engine.mode = "busy"
        await until(lambda: engine.asked > asked + 4)
        assert pool.problems() == []


async def test_a_hanging_engine_is_a_timeout_and_must_prove_itself_again(
    model_dir: Path, torch_model: TorchModel
) -> None:
    async with served(model_dir, torch_model, engine_timeout_seconds=0.5) as (pool, (engine,)):
        engine.mode = "hang"
        outcomes = await pool.score(TEXTS)
        assert {o.status for o in outcomes if isinstance(o, Failure)} == {Status.TIMEOUT}
        assert len(pool.problems()) == 1
        engine.mode = "right"
        await until(lambda: not pool.problems())
        assert_right(await pool.score(TEXTS), torch_model)


async def test_a_dead_engine_is_replaced_by_a_living_one(model_dir: Path, torch_model: TorchModel) -> None:
    async with served(model_dir, torch_model, count=2) as (pool, (first, _)):
        await first.stop()
        outcomes = await asyncio.gather(
            *(pool.score([Text((5, 6, i), f"p{i}"), Text((5, 7, i), f"p{i}")]) for i in range(10, 30))
        )
        assert all(isinstance(o, float) for batch in outcomes for o in batch)
        assert pool.problems() == []


async def test_a_restarted_engine_with_another_bias_gives_no_score(model_dir: Path, torch_model: TorchModel) -> None:
    async with FakeEngine(torch_model) as engine, running(pool_for(model_dir, [engine])) as pool:
        await engine.stop()
        await until(lambda: bool(pool.problems()))
        assert all(isinstance(o, Failure) and o.status == Status.UNAVAILABLE for o in await pool.score(TEXTS))
        engine.mode = "bias"
        await engine.start()
        await until(lambda: "standard deviations off" in "".join(pool.problems()))
        assert all(isinstance(o, Failure) for o in await pool.score(TEXTS))
        engine.mode = "right"
        await until(lambda: not pool.problems())
        assert_right(await pool.score(TEXTS), torch_model)


async def test_a_bias_that_appears_without_a_restart_is_found(model_dir: Path, torch_model: TorchModel) -> None:
    async with served(model_dir, torch_model, golden_check_seconds=0.1) as (pool, (engine,)):
        engine.mode = "bias"
        await until(lambda: "standard deviations off" in "".join(pool.problems()))


async def test_a_prompt_stays_on_one_engine_and_prompts_spread(model_dir: Path, torch_model: TorchModel) -> None:
    async with served(model_dir, torch_model, count=2) as (pool, (first, second)):
        first.calls.clear()
        second.calls.clear()
        for i in range(10, 42):
            for _ in range(2):
                await pool.score([Text((5, 6, i), f"prompt {i}")])
        for engine in (first, second):
            met = [call[0][2] for call in engine.calls]
            assert len(met) >= 10
            assert all(met.count(i) == 2 for i in met)


async def test_an_overloaded_engine_passes_groups_on(model_dir: Path, torch_model: TorchModel) -> None:
    async with served(model_dir, torch_model, count=2) as (pool, _):
        home = pool.endpoints.choose(b"p")
        assert home is not None
        home.outstanding = 100
        other = pool.endpoints.choose(b"p")
        assert other is not None
        assert other is not home


async def test_engines_that_differ_are_told(model_dir: Path, torch_model: TorchModel) -> None:
    """Both give the golden scores, so both are used; but a text may meet either, and somebody should know."""
    async with FakeEngine(torch_model) as one, FakeEngine(torch_model) as two:
        two.info |= {"version": "0.5.24", "served_model_name": "other"}
        async with running(pool_for(model_dir, [one, two])) as pool:
            await until(lambda: all(s.problem is None for s in pool.servers))
            assert pool.problems() == []
            assert [r.partition(":")[0] for r in pool.remarks()] == [
                "the engines differ in version",
                "the engines differ in model",
            ]
            assert pool.identity == "sglang 0.5.23 float32 cpu or sglang 0.5.24 float32 cpu"
            assert [e["model"] for e in pool.details()["engines"]] == ["m", "other"]
            assert pool.metrics.engines_disagree._value.get() == 1


async def test_an_engine_that_takes_less_than_the_others_is_not_used_and_told(
    model_dir: Path, torch_model: TorchModel
) -> None:
    async with FakeEngine(torch_model) as one, FakeEngine(torch_model) as two:
        await two.stop()  # known by its port, and comes later
        async with running(pool_for(model_dir, [one, two])) as pool:
            two.info["max_req_input_len"] = 200
            await two.start()
            await until(lambda: any("511 are needed" in remark for remark in pool.remarks()))
            assert any("longest text in tokens: 511 at" in remark for remark in pool.remarks())
            assert pool.problems() == []
