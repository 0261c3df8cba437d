"""PLAN.yaml: the stages of a chain, in their order.

    name: story-world
    stages:
      - name: world
        run: world path --seed 0          # a command of rlmr, in the chain's folder
        prints: world                     # its last line is {world} in the stages after it
        makes: ["{world}/world.json"]
      - name: pairs
        needs: ["{world}/train_rm/pairs.jsonl"]
        run: data check {world}/train_rm/pairs.jsonl --json pairs.json
        makes: [pairs.json]               # files or folders
      - name: train
        run: train --preset {plan}/small.yaml --runs . --name run
        makes: [run]
        resume: {where: run/checkpoints, run: train --resume run}
        serve: "{python} -m http.server {port}"   # beside it, from before it until after it; asked at `ready`

{plan} is the plan's folder, {python} this Python, {port} a free port.
"""

import shlex
import string
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rlmr.mistake import Mistake, read_yaml_mapping

BUILT_IN = ("plan", "python", "port")


class PlanError(Mistake):
    """A plan that cannot be carried out; the message names file, stage and field."""


class Resume(BaseModel):
    model_config = ConfigDict(extra="forbid")
    where: str = Field(min_length=1, description="A file or folder that tells that the stage can be taken up again.")
    run: str = Field(min_length=1, description="The command that does so.")


class Stage(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    run: str = Field(min_length=1, description="A command of rlmr, without the word rlmr.")
    needs: list[str] = Field(default_factory=list, description="Files and folders it reads.")
    makes: list[str] = Field(min_length=1, description="Files and folders it writes.")
    prints: str | None = Field(default=None, pattern=r"^[a-z_]+$", description="Name for the last line it prints.")
    resume: Resume | None = Field(default=None, description="null: a stage that was cut off is run again as it is.")
    serve: str | None = Field(default=None, description="A server that the stage asks.")
    ready: str = Field(default="/health", description="Path at which the server answers 200 once it is ready.")


class Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str = ""
    stages: list[Stage] = Field(min_length=1)


def read_plan(path: Path) -> Plan:
    """Raises Mistake."""
    try:
        plan = Plan.model_validate(read_yaml_mapping(path))
    except ValidationError as exc:
        raise PlanError(
            f"{path}: " + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        ) from exc
    known, names, made = set(BUILT_IN), set[str](), set[str]()
    for stage in plan.stages:
        where = f"{path}: stage {stage.name}"
        if stage.name in names:
            raise PlanError(f"{where}: the name stands twice")
        names.add(stage.name)
        own = {stage.prints} if stage.prints else set()
        for field, text, allowed in _texts(stage, known, own):
            try:
                wanted = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
                shlex.split(text)
            except ValueError as exc:
                raise PlanError(f"{where}: {field}: {exc}") from exc
            if unknown := wanted - allowed:
                raise PlanError(
                    f"{where}: {field}: {{{min(unknown)}}} is not known there: one of {', '.join(sorted(allowed))}"
                )
        for text in stage.makes:
            if text in made:
                raise PlanError(f"{where}: makes: another stage makes {text} too")
            made.add(text)
        known |= own
    return plan


def _texts(stage: Stage, known: set[str], own: set[str]) -> list[tuple[str, str, set[str]]]:
    """(field, text, names it may use)."""
    found = [("run", stage.run, known), *(("needs", text, known) for text in stage.needs)]
    found += [("makes", text, known | own) for text in stage.makes]
    if stage.resume:
        found += [("resume.where", stage.resume.where, known), ("resume.run", stage.resume.run, known)]
    return found + ([("serve", stage.serve, known)] if stage.serve else [])
