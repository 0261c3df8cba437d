"""Opens an arena: makes its state at the first start, and refuses a folder or settings that are not the state's at the next."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.arena.folder import read_contest
from trainer.arena.state import ArenaError, Plan, State


def open_state(path: Path, folder: Path, given: Mapping[str, Any], raters: Sequence[str] = ()) -> State:
    """The state at `path` with these raters in it. `given`: fields of the plan that the caller names.

    Raises ArenaError where folder or plan is not what the state was made of, Mistake for a mistake in the folder, and
    pydantic's ValidationError for a plan that cannot be."""
    contest, plan = read_contest(folder), Plan.model_validate(given)
    if not path.exists():
        State.create(path, contest, plan)
    state = State(path)
    if state.digest != contest.digest:
        raise ArenaError(
            f"{folder} is not what {path} was made of: a text, id or arm has changed. Put it back, or give --state another file"
        )
    if changed := [name for name in given if getattr(plan, name) != getattr(state.plan, name)]:
        raise ArenaError(
            f"{path} was made with other settings ({', '.join(changed)}): leave them out to go on, or give --state another file"
        )
    known = {rater.name for rater in state.raters()}
    for name in dict.fromkeys(raters):
        if name.strip() not in known:
            state.add_rater(name)
    return state
