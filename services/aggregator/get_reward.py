"""POST /get_reward: OpenRLHF's remote reward contract (openrlhf 0.11.2, utils/agent.py) for strategies that reward a lone sample.

OpenRLHF posts {query, prompts, labels} with lists of one, five times at most, and reads `rewards`, `scores` and `extra_logs`. It
hides which part of `query` is the response, and it cannot hear "no reward": hence the rules here.

- The response is what follows the prompt in `query`. OpenRLHF cuts long prompts on the left and decodes them again, so the prompt
  is found by its longest tail that `query` contains, never by counting characters.
- The prompt that the services judge is `prompt` of the label. Without it the prompt text is used, but only if it carries no chat
  markup: a reward model given the markup twice would answer, and be wrong.
- A sample without a reward is a 503, which OpenRLHF tries again, or a 422 where trying again cannot help. Never a number.
"""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rlmr.mistake import first_wrong
from rlmr.wire import Constraint, FieldError, GetRewardReply, GetRewardRequest, Prompt, RewardGroup, Status
from services.aggregator.deciding import Missing, samples_of, what_is_missing
from services.aggregator.mixing import BoundStrategy
from services.aggregator.signals import Signals
from services.serving import ApiError

_CHAT_MARKUP = ("<|im_start|>", "<|start_header_id|>", "[INST]", "<start_of_turn>")
_SHORTEST_TAIL = 16
"""Characters of the prompt's end that must be found in a query whose prompt was cut; fewer could match by accident."""
_CONSTRAINTS: TypeAdapter[list[Constraint] | None] = TypeAdapter(list[Constraint] | None)
_PROMPT: TypeAdapter[Any] = TypeAdapter(Prompt)
_FINAL = frozenset({Status.INVALID_INPUT, Status.TOO_LONG, Status.UNVERIFIABLE})


@dataclass(frozen=True, slots=True)
class Label:
    """The label column: {"prompt_id", "constraints": [...] | null, "prompt": string or chat messages (optional)}."""

    prompt: Any
    constraints: list[Constraint] | None


def refuse(status: int, path: str, message: str) -> ApiError:
    code = "invalid_request" if status == 422 else "no_reward"
    headers = {"Retry-After": "1"} if status == 503 else None
    return ApiError(status, code, f"{path}: {message}", [FieldError(path=path, message=message)], headers)


def parse_label(text: str | None, path: str) -> Label:
    """Raises ApiError 422 naming the field."""
    if text is None:
        return Label(None, None)
    try:
        label = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise refuse(422, path, f"not JSON ({exc}); expected an object with prompt_id and constraints") from exc
    if not isinstance(label, dict):
        raise refuse(422, path, f"a JSON {type(label).__name__}; expected an object with prompt_id and constraints")
    unknown = set(label) - {"prompt_id", "prompt", "constraints"}
    if unknown:
        raise refuse(422, path, f"unknown field {sorted(unknown)[0]!r}; allowed: prompt_id, prompt, constraints")
    try:
        constraints = _CONSTRAINTS.validate_python(label.get("constraints"))
        prompt = _PROMPT.validate_python(label["prompt"]) if "prompt" in label else None
    except ValidationError as exc:
        raise refuse(422, path, first_wrong(exc)) from exc
    return Label(prompt, constraints)


def response_in(query: str, prompt: str, strip_suffixes: list[str], path: str) -> str:
    """What follows the prompt in `query`, without trailing special tokens. The prompt may have lost its beginning. Raises
    ApiError 422 where it cannot be told (then use the group agent, which knows the tokens)."""
    if query.startswith(prompt):
        response = query[len(prompt) :]
    else:
        # The first place where a long enough tail of the prompt ends: a response that quotes the prompt comes later.
        tail = prompt
        while len(tail) >= _SHORTEST_TAIL and tail not in query:
            tail = tail[max(1, len(tail) // 8) :]
        if len(tail) < _SHORTEST_TAIL:
            raise refuse(422, path, "the prompt is not in the query, so the response cannot be told from it")
        response = query[query.index(tail) + len(tail) :]
    stripped = True
    while stripped:
        stripped = False
        for suffix in strip_suffixes:
            if suffix and response.endswith(suffix):
                response, stripped = response.removesuffix(suffix), True
    return response


def lone_groups(request: GetRewardRequest, bound: BoundStrategy, strip_suffixes: list[str]) -> list[RewardGroup]:
    """One group of one response per query. Raises ApiError 422."""
    if not bound.strategy.per_sample:
        raise ApiError(
            422,
            "group_strategy",
            f"strategy {bound.name} needs the whole group, and /get_reward gets lone samples: run OpenRLHF with "
            "`--train.agent_func_path trainer/grpo/agent.py` (one POST /reward per group), or choose a per-sample strategy",
        )
    n = len(request.query)
    for name, values in (("prompts", request.prompts), ("labels", request.labels)):
        if len(values) != n:
            raise refuse(422, name, f"{len(values)} entries for {n} queries")
    groups = []
    for i in range(n):
        label = parse_label(request.labels[i], f"labels[{i}]")
        prompt = request.prompts[i] if label.prompt is None else label.prompt
        if label.prompt is None and any(mark in prompt for mark in _CHAT_MARKUP):
            raise refuse(
                422, f"labels[{i}]", "the prompt carries chat markup: add the plain prompt to the label as `prompt`"
            )
        response = response_in(request.query[i], request.prompts[i], strip_suffixes, f"query[{i}]")
        groups.append(RewardGroup(id=str(i), prompt=prompt, constraints=label.constraints, responses=[response]))
    return groups


def lone_rewards(answers: list[Signals], bound: BoundStrategy) -> GetRewardReply:
    """Raises ApiError 503 or 422 for the first sample without a reward."""
    rewards: list[float] = []
    logs: dict[str, list[float]] = {}
    for i, signals in enumerate(answers):
        (missing,) = what_is_missing(signals, bound.strategy, 1)
        if missing is not None:
            raise _no_reward(f"query[{i}]", missing)
        samples = samples_of(signals, bound.strategy, [0], [""])
        rewards += bound(samples).rewards
        for key, values in (("violated", samples.violated), ("writing", samples.writing)):
            if values:
                logs.setdefault(key, []).append(float(values[0]))
    return GetRewardReply(rewards=rewards, scores=rewards, extra_logs=logs)


def _no_reward(path: str, missing: Missing) -> ApiError:
    why = "; ".join(r for r in missing.reasons if r) or "no answer"
    return refuse(422 if missing.status in _FINAL else 503, path, f"no reward ({missing.status.value}): {why}")
