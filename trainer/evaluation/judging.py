"""The verdicts: each question of each response, by the judge or by a program, written down once and never asked again."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from trainer.evaluation.asking import Model, each
from trainer.evaluation.benchmark import Benchmark, Item, Judged, Question, Unparseable, Verdict, whole
from trainer.evaluation.run_folder import Run, RunFolder

Asked = tuple[Item, str, Question]


def questions(folder: Run, benchmark: Benchmark, items: Iterable[Item]) -> Iterator[Asked]:
    """Every question about every response that is there."""
    for item in items:
        row = folder.responses.get(item.key)
        if row is not None:
            for question in benchmark.questions(item, row["response"]):
                yield item, row["response"], question


async def judge(
    folder: RunFolder,
    benchmark: Benchmark,
    items: Sequence[Item],
    model: Model | None,
    tries: int,
    at_once: int,
    seen: Callable[[], None],
) -> tuple[int, str]:
    """Fills what is missing. (How many the judge did not answer, the last reason.) Raises EndpointGone.

    `tries`: how often an answer without a verdict is asked for again; then the question is unparseable, for good."""
    missing = [one for one in questions(folder, benchmark, items) if (one[0].key, one[2].id) not in folder.verdicts]
    asked = []
    for item, response, question in missing:
        if question.messages is None:
            folder.add_verdict(_row(item, question, benchmark.verdict(item, response, question, None)))
            seen()
        else:
            asked.append((item, response, question))
    if not asked:
        return 0, ""
    if model is None:
        raise ValueError(f"{benchmark.name} asks a judge: give --judge-url and --judge-model")
    async with model.endpoint() as endpoint:
        folder.record({"judge": await endpoint.described()})

        async def one(work: Asked) -> None:
            item, response, question = work
            assert question.messages is not None
            tokens, why, text = 0, "", ""
            for attempt in range(tries):
                reply = await model.ask(endpoint, question.messages)
                tokens, text = tokens + reply.tokens, reply.text
                spent = {"reply": text, "finished": reply.finished, "tokens": tokens, "tries": attempt + 1}
                try:
                    verdict = benchmark.verdict(item, response, question, whole(text, reply.finished))
                except Unparseable as exc:
                    why = str(exc)
                else:
                    folder.add_verdict(_row(item, question, verdict) | spent)
                    break
            else:
                folder.add_verdict({"key": item.key, "question": question.id, "unparseable": why} | spent)
            seen()

        return await each(asked, one, at_once)


def _row(item: Item, question: Question, verdict: Verdict) -> dict[str, object]:
    return {
        "key": item.key,
        "question": question.id,
        "value": verdict.value,
        "reason": verdict.reason,
        "details": verdict.details,
    }


def judged(folder: Run, benchmark: Benchmark, items: Iterable[Item]) -> list[Judged]:
    """What there is so far: every item with a response."""
    found: dict[str, tuple[Item, dict[str, Verdict | None]]] = {}
    for item, _, question in questions(folder, benchmark, items):
        row = folder.verdicts.get((item.key, question.id))
        known = row is not None and "value" in row
        found.setdefault(item.key, (item, {}))[1][question.id] = (
            Verdict(row["value"], row["reason"], row["details"]) if row is not None and known else None
        )
    return [Judged(item, verdicts) for item, verdicts in found.values()]
