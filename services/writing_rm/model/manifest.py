"""The model directory format: what `rlmr rm export` writes and the writing reward model service serves.

A directory holds what `AutoModelForSequenceClassification`, sglang and vLLM load (config.json, safetensors, tokenizer, chat
template) and `reward_model.json`, the manifest below: how text was presented in training, the constants that standardise a raw
score, golden texts with their scores, and the hash that names all of it. No torch here: the service imports this to start.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rlmr.mistake import Mistake, first_wrong
from rlmr.wire import Prompt

MANIFEST_FILE = "reward_model.json"
WEIGHT_SUFFIXES = (".safetensors", ".safetensors.index.json")
Finite = Annotated[float, Field(allow_inf_nan=False)]


class ManifestError(Mistake):
    """The directory is not a reward model, or not the one its manifest describes. The message names the file and the remedy."""


class ModelMissing(ManifestError):
    """A file is not there: it may still be on its way (a volume that is being filled)."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextForm(_Part):
    """How prompt and response became one text in training (openrlhf 0.11.2, datasets/reward_dataset.py)."""

    chat_template: bool = Field(
        description="True: the tokenizer's chat template. False: prompt and response concatenated."
    )
    input_template: str | None = Field(
        default=None, description="Only without a chat template: `str.format` template with one {} for the prompt."
    )
    eos_token: str = Field(description="The text ends with it: the scalar is read at this token.")


class Standardisation(_Part):
    """score = (raw - mean) / std, measured on a reference set; the service's scores are in units of std (gamma's unit)."""

    mean: Finite = Field(description="Mean raw score of the reference set.")
    std: Finite = Field(gt=0, description="Standard deviation (unbiased) of the raw scores of the reference set.")
    count: int = Field(
        ge=0, description="Texts in the reference set; 0 = not known (constants taken from the checkpoint)."
    )
    source: str = Field(description="Where the reference set comes from, for a person.")


class GoldenText(_Part):
    """A text with its known score: an engine that does not reproduce it must not answer."""

    id: str
    prompt: Prompt
    response: str
    tokens: int = Field(ge=1, description="Length of the text as scored.")
    raw: Finite = Field(description="Scalar head at float32, from transformers.")


class RewardModelManifest(_Part):
    format: Literal["rlmr-reward-model/1"] = "rlmr-reward-model/1"
    name: str = Field(min_length=1, max_length=200, description="Name of the model, as in /score's `model.name`.")
    architecture: str = Field(description="Class in config.json, e.g. Qwen2ForSequenceClassification.")
    max_tokens: int = Field(ge=2, description="Longest text the model was made for, in tokens; longer is too_long.")
    text_form: TextForm
    standardisation: Standardisation
    golden: list[GoldenText] = Field(min_length=1)
    license: str = Field(default="", description="SPDX expression or a sentence; empty = not stated.")
    data_note: str = Field(default="", description="What the preference data was, for the reader of a report.")
    made_with: dict[str, str] = Field(default_factory=dict, description="Versions that made it.")
    files: dict[str, str] = Field(description="SHA-256 of every file that decides a score, by path in the directory.")
    revision: str = Field(description="Hash over files, text form, constants and length: same revision, same scores.")

    def expected_revision(self) -> str:
        """16 hex digits over everything that decides a score; golden texts, names and notes do not."""
        body = {
            "files": self.files,
            "text_form": self.text_form.model_dump(),
            "standardisation": self.standardisation.model_dump(include={"mean", "std"}),
            "max_tokens": self.max_tokens,
        }
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    def standardise(self, raw: float) -> float:
        """Raw score -> standard deviations from the mean of the reference set."""
        return (raw - self.standardisation.mean) / self.standardisation.std


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(directory: Path, manifest: RewardModelManifest) -> RewardModelManifest:
    """Fills in the revision and writes the file."""
    manifest = manifest.model_copy(update={"revision": manifest.expected_revision()})
    (directory / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def read_manifest(directory: Path) -> RewardModelManifest:
    """Raises ManifestError if the file is missing, malformed, or edited by hand after it was hashed."""
    path = Path(directory) / MANIFEST_FILE
    try:
        manifest = RewardModelManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as exc:
        raise ModelMissing(
            f"{path} does not exist: make it with `rlmr rm export CHECKPOINT {directory} --name NAME`"
        ) from exc
    except ValidationError as exc:
        raise ManifestError(f"{path}: {first_wrong(exc)}: export the model again") from exc
    if manifest.revision != manifest.expected_revision():
        raise ManifestError(
            f"{path}: revision {manifest.revision} is not the hash of its contents ({manifest.expected_revision()}): "
            "the file was edited; export again or use `rlmr rm calibrate`"
        )
    return manifest


def verify_files(directory: Path, manifest: RewardModelManifest, *, weights: bool = True) -> None:
    """Compares the files with the manifest's hashes. Reads every byte, so a large model takes as long as its disk.

    weights=False leaves out the weight files: a service whose engine runs elsewhere need not hold them.
    """
    for name, expected in sorted(manifest.files.items()):
        path = Path(directory) / name
        if not weights and name.endswith(WEIGHT_SUFFIXES):
            continue
        if not path.is_file():
            raise ModelMissing(f"{path} is missing: copy the whole model directory")
        if (found := sha256_of(path)) != expected:
            raise ManifestError(
                f"{path} changed since export (sha256 {found[:12]}, manifest {expected[:12]}): copy it again"
            )
