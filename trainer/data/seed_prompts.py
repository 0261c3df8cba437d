"""The seed prompts of seeds/*.yaml as rows: hand-written, English and Chinese, no constraints yet."""

from pathlib import Path

from rlmr.mistake import Mistake, read_yaml_mapping
from rlmr.wire import ChatMessage
from trainer.data.rows import Label, Language, PromptRow

FOLDER = Path(__file__).parent / "seeds"
LANGUAGES: tuple[Language, ...] = ("en", "zh")


def seed_prompts(languages: tuple[Language, ...] = LANGUAGES) -> list[PromptRow]:
    """All seeds of these languages, in the order of the files."""
    return [row for language in languages for row in read_seeds(FOLDER / f"{language}.yaml", language)]


def read_seeds(path: Path, language: Language) -> list[PromptRow]:
    """A YAML mapping of domain to list of prompts. Raises Mistake that names the file, the domain and the number."""
    rows = []
    for domain, prompts in read_yaml_mapping(path).items():
        if not isinstance(prompts, list):
            raise Mistake(f"{path}: {domain}: want a list of prompts")
        for number, prompt in enumerate(prompts, 1):
            if not isinstance(prompt, str) or not prompt.strip():
                raise Mistake(f"{path}: {domain}[{number}]: want a text (quote one that holds a colon and a space)")
            row = PromptRow(
                input=[ChatMessage(role="user", content=prompt.strip())],
                label=Label(prompt_id=f"seed-{language}-{domain}-{number:02d}", constraints=[]),
                language=language,
                domain=str(domain),
                provenance={"source": "seed", "license": "Apache-2.0"},
            )
            rows.append(row)
    return rows
