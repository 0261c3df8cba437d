"""Any order of voting, correcting, sending twice and reopening leaves what a dictionary would hold."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.arena.contests import make_folder
from trainer.arena.folder import read_contest
from trainer.arena.state import FILE, AlreadyVoted, NoSuchTask, Plan, State
from trainer.arena.statistics import Choice

NAMES = ("Ann", "Ben")
choices = st.sampled_from(["left", "right", "tie", "bad"])
steps = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["vote", "vote", "twice", "correct", "reopen"]), st.integers(-1, 7), choices),
    max_size=40,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(steps=steps)
def test_the_state_is_a_dictionary_that_survives(steps: list[tuple[str, str, int, Choice]]) -> None:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        folder = make_folder(Path(made), prompts=5)
        State.create(folder / FILE, read_contest(folder), Plan(least_seconds=0, repeats=0.4))
        state = State(folder / FILE)
        tokens = {name: state.add_rater(name).token for name in NAMES}
        held: dict[tuple[str, int], Choice] = {}
        for name, act, back, choice in steps:
            if act == "reopen":
                state = State(folder / FILE)  # the old one is left as a kill leaves it
            rater = state.rater_of(tokens[name])
            assert rater is not None and rater.done == sum(key[0] == name for key in held)
            state.show(rater)
            position = rater.done if act in ("vote", "twice") else rater.done - 1 - back
            key = (name, position)
            allowed = 0 <= position <= min(rater.done, rater.tasks - 1)
            again = key in held and held[key] != choice
            try:
                for _ in "12" if act == "twice" else "1":
                    state.vote(rater, position, choice, [], correct=act == "correct")
            except NoSuchTask:
                assert not allowed
            except AlreadyVoted:
                assert again and act != "correct"
            else:
                assert allowed and (act == "correct" or not again)
                held[key] = choice
        counted = state._all("SELECT name, position, choice FROM counted v JOIN rater r ON r.id = v.rater")
        assert {(name, position): choice for name, position, choice in counted} == held
        assert len(counted) == len(held) == len(state.ballots())
