"""A reward manager for verl's reward loop (read and run with verl 0.9.1, the v1 trainer).

    reward.num_workers=1 reward.reward_manager.source=importlib
    reward.reward_manager.module.path=pkg://rlmr.adapters.verl reward.reward_manager.name=RlmrRewardManager
    +reward.reward_kwargs.rlmr.url=http://127.0.0.1:8000

verl's RewardLoopWorker builds one manager and awaits `run_single` once per sample (experimental/reward_loop/reward_loop.py). Samples
of one prompt share `non_tensor_batch["uid"]`; the last one to come asks for all. verl wants a number per sample and puts it at the
response's last token, so an invalid sample is filled (filling.py) and a dropped group is 0 throughout: its advantages are 0, and
`algorithm.filter_groups` with metric reward takes it out for a new prompt (trainer/ppo/v1/replay_buffer.py drops a group whose
metric has standard deviation 0).
"""

import asyncio
import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from rlmr.adapters.asking import Aggregator
from rlmr.adapters.columns import group_of
from rlmr.adapters.groups import GroupAnswer
from rlmr.adapters.guarantee import verl_reasons
from rlmr.adapters.settings import GroupUnavailable, Settings

log = logging.getLogger(__name__)

SLOTS = 1000
"""Calls that Ray runs at once in an async actor (ray 2.55, DEFAULT_MAX_CONCURRENCY_ASYNC); verl does not raise it. Were all of them
waiting for siblings, no sibling could come in."""


class _Group:
    """The siblings of one prompt that have come in so far. `members`: session of the rollout -> response."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.members: dict[Any, str] = {}
        self.answer: asyncio.Future[GroupAnswer] = asyncio.get_running_loop().create_future()

    def sessions(self) -> list[Any]:
        """The order in which they are asked for: the rollout's, not that of arrival, so that a repeated group is the same."""
        return sorted(self.members)


class RlmrRewardManager:
    """verl loads it by name and asks for nothing but these methods, so that it need not inherit from verl's base class."""

    def __init__(
        self,
        config: Any,
        tokenizer: Any,
        compute_score: Any = None,
        reward_router_address: str | None = None,
        reward_model_tokenizer: Any = None,
    ) -> None:
        """`config`: verl's whole configuration; ours is under reward.reward_kwargs.rlmr (Settings, and the keys named below).
        verl's own reward function and reward model are not used. Raises ValueError for a configuration that cannot work."""
        given = _plain((config.reward.get("reward_kwargs") or {}).get("rlmr") or {})
        check_guarantee = given.pop("check_guarantee", True)
        self.sibling_timeout = float(given.pop("sibling_timeout", 3600.0))
        """Seconds a finished sample waits for the rest of its group: a sibling whose generation failed never comes."""
        self.settings = Settings.from_environment(given)
        self.tokenizer = tokenizer
        rollout = config.actor_rollout_ref.rollout
        self._n = {"train": int(rollout.n), "validation": int(rollout.val_kwargs.n)}
        if config.reward.num_workers != 1:
            raise ValueError(
                f"reward.num_workers is {config.reward.num_workers}: set 1. verl sends each sample to a random worker, so that "
                "siblings would not meet"
            )
        if config.reward.reward_model.enable:
            raise ValueError(
                "reward.reward_model.enable: verl would ask that model instead of this manager; switch it off"
            )
        if check_guarantee and (reasons := verl_reasons(config)):
            raise ValueError("these settings undo RLMR's guarantee (check_guarantee=False): " + "; ".join(reasons))
        self._groups: dict[str, _Group] = {}
        self._given_up: dict[str, str] = {}
        self._aggregator = Aggregator(self.settings)

    async def run_single(self, data: Any) -> dict[str, Any]:
        """The reward of one sample: `data` is a DataProto, of which the last item counts, as in verl's own managers.

        Raises GroupUnavailable where the group's reward cannot be had or a sibling does not come; verl then counts the prompt as
        failed. Never a number for a failure."""
        item = data[-1:][0]
        columns = item.non_tensor_batch
        uid = str(columns["uid"])
        text = await asyncio.to_thread(self._response, item)
        if uid in self._given_up:
            raise GroupUnavailable(self._given_up[uid])
        split, n = self._size(columns)
        group = self._groups.get(uid)
        if group is None:
            group = self._groups[uid] = _Group(n)
        # A sample that is sent twice (a prompt issued anew after a restart) takes its own place again.
        member = columns.get("session_id", len(group.members))
        group.members[member] = text
        if len(group.members) == group.n:
            self._groups.pop(uid)
            await self._ask(uid, group, columns)
        else:
            self._free_a_slot()
        try:
            answer = await asyncio.wait_for(asyncio.shield(group.answer), self.sibling_timeout)
        except TimeoutError:
            if self._groups.get(uid) is group:  # else it is complete, and asking has a deadline of its own
                came = f"{len(group.members)} of {group.n} siblings came"
                self._give_up(
                    uid, f"only {came} within reward.reward_kwargs.rlmr.sibling_timeout = {self.sibling_timeout:g} s"
                )
            answer = await group.answer
        place = group.sessions().index(member)
        reward = answer.filled()[place]
        if split == "validation" and not answer.kept:
            # Nothing is trained on it, and a 0 would enter the average of the validation's rewards.
            reward = math.nan
        return {"reward_score": reward, "reward_extra_info": answer.logs(place)}

    @classmethod
    def assemble_rm_scores(cls, data: Any, scores: list[float]) -> Any:
        """Rewards at each response's last token: (batch, response length), verl's own placement."""
        from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

        return RewardManagerBase.assemble_rm_scores(data, scores)

    def _response(self, item: Any) -> str:
        """The response's own text, from its tokens."""
        tokens = item.batch["responses"]
        length = item.non_tensor_batch.get("response_len")
        if length is None:
            length = item.batch["attention_mask"][-tokens.shape[-1] :].sum()
        return str(self.tokenizer.decode(tokens[: int(length)], skip_special_tokens=True))

    def _size(self, columns: Any) -> tuple[str, int]:
        """Which split a sample belongs to and how many siblings it has. verl does not tell a manager whether it validates."""
        split = (columns.get("extra_info") or {}).get("split")
        if split is not None:
            known = "train" if split == "train" else "validation"
            return known, self._n[known]
        if len(set(self._n.values())) == 1:
            return "train", self._n["train"]
        raise ValueError(
            f"rollout.n is {self._n['train']} and rollout.val_kwargs.n {self._n['validation']}: a sample needs extra_info.split "
            "(train, or anything else for validation), or make the two numbers equal"
        )

    async def _ask(self, uid: str, group: _Group, columns: Any) -> None:
        extra = columns.get("extra_info") or {}
        try:
            if "constraints" not in extra:
                raise ValueError(
                    "extra_info has no constraints: a JSON list, [] for none, or null for the judge to read them out of the prompt"
                )
            request = group_of(
                f"{str(extra.get('prompt_id', ''))[:200]}#{uid[:40]}",
                columns["raw_prompt"],
                extra["constraints"],
                [group.members[session] for session in group.sessions()],
            )
            started = time.monotonic()
            answer = await self._aggregator.reward(request)
            if answer.error:
                log.warning("dropped after %.0f s: %s", time.monotonic() - started, answer.error)
        except BaseException as exc:
            # Every sibling settles; only text crosses process borders.
            why = str(exc) if isinstance(exc, GroupUnavailable | ValueError) else f"{type(exc).__name__}: {exc}"
            group.answer.set_exception(GroupUnavailable(f"group {uid}: {why}"))
            if not isinstance(exc, Exception):
                raise
        else:
            group.answer.set_result(answer)

    def _free_a_slot(self) -> None:
        """Gives up the group that lacks most siblings before waiting samples have taken every slot of the actor."""
        if sum(len(group.members) for group in self._groups.values()) < SLOTS - 1:
            return
        uid, _ = max(self._groups.items(), key=lambda entry: entry[1].n - len(entry[1].members))
        self._give_up(
            uid,
            f"{SLOTS} samples wait for siblings, the most that Ray runs at once in verl's reward worker; keep prompts in flight x "
            f"(rollout.n - 1) below {SLOTS}",
        )

    def _give_up(self, uid: str, why: str) -> None:
        """Ends an incomplete group for all who wait. Siblings that come later fail at once, with the same words."""
        self._given_up[uid] = f"group {uid}: {why}"
        group = self._groups.pop(uid)
        group.answer.set_exception(GroupUnavailable(self._given_up[uid]))
        group.answer.exception()  # marks it retrieved: whoever waits raises it


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """OmegaConf's mappings as dicts."""
    return {str(key): _plain(value) if isinstance(value, Mapping) else value for key, value in config.items()}
