"""Prompt and response -> the token ids the reward model was trained on (openrlhf 0.11.2, datasets/reward_dataset.py).

In training the text is: the chat template with the generation prompt, then what the template adds for the response, trailing
newlines removed, ended by the EOS token (preceded by a space where the template does not end with it). That is done here in the
same order. Two things differ on purpose, for a response is data. Special-token text that a writer typed (`<|im_end|>`) stays text,
it never becomes the control token. And no text is cut away: templates of reasoning models drop what stands before `</think>`,
so a writer could hide anything there; where that would happen the template is given a placeholder, and the whole text takes
its place.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlmr.mistake import Mistake
from rlmr.wire import ChatMessage
from services.writing_rm.model.manifest import ManifestError, TextForm

# Unicode noncharacters: never assigned, so no text needs them. They mark special-token text while a template is rendered.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_PLACEHOLDER = f"{_OPEN}response{_CLOSE}"


class TextFormError(Mistake):
    """This sample cannot be presented to the model; the message says why (status invalid_input)."""


class TextEncoder:
    def __init__(self, tokenizer: Any, form: TextForm) -> None:
        """`tokenizer`: a fast transformers tokenizer. Raises ManifestError if it cannot produce the text form."""
        if form.chat_template and not tokenizer.chat_template:
            raise ManifestError(
                "the manifest asks for a chat template and the tokenizer has none (chat_template.jinja)"
            )
        if tokenizer.eos_token != form.eos_token:
            raise ManifestError(f"the tokenizer's EOS is {tokenizer.eos_token!r}, the manifest says {form.eos_token!r}")
        self.tokenizer, self.form = tokenizer, form
        # Asked directly: transformers' wrapper also computes masks and offsets, a third of the time, which nobody needs here.
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        self.eos_id: int = tokenizer.convert_tokens_to_ids(form.eos_token)
        special = {t.content: (i, t) for i, t in tokenizer.added_tokens_decoder.items() if t.special}
        self._special_ids = {text: i for text, (i, _) in special.items()}
        self._strips = {text: (t.lstrip, t.rstrip) for text, (_, t) in special.items()}
        longest_first = sorted(map(re.escape, special), key=len, reverse=True)
        self._special_text = re.compile("|".join(longest_first) or r"(?!)")

    @classmethod
    def from_directory(cls, directory: Path, form: TextForm) -> "TextEncoder":
        from transformers import AutoTokenizer

        return cls(AutoTokenizer.from_pretrained(str(directory)), form)

    def text(self, prompt: str | Sequence[ChatMessage], response: str) -> str:
        """The exact training text. Special-token text inside it is indistinguishable here; `encode` keeps it apart."""
        if not self.form.chat_template:
            text = self._plain_prompt(prompt) + response
        else:
            messages = as_messages(prompt)
            head = self._render(messages, add_generation_prompt=True)
            text = head + self._answer(messages, head, response)
        text = text.rstrip("\n")
        if not text.endswith(self.form.eos_token):
            text += " " + self.form.eos_token
        return text

    def _answer(self, messages: list[dict[str, str]], head: str, response: str) -> str:
        """What the template adds for the response, which is wholly in it (white space aside, which templates trim and add)."""
        answer = self._render([*messages, {"role": "assistant", "content": response}])[len(head) :]
        if response.strip() in answer or _without_space(response) in _without_space(answer):
            return answer
        frame = self._render([*messages, {"role": "assistant", "content": _PLACEHOLDER}])[len(head) :]
        if frame.count(_PLACEHOLDER) != 1:
            raise TextFormError(
                "the model's chat template cuts text out of the response: its score would not be of all of it"
            )
        return frame.replace(_PLACEHOLDER, response)

    def encode(self, prompt: str | Sequence[ChatMessage], response: str) -> list[int]:
        """Token ids, the last one EOS. Raises TextFormError."""
        contents = [prompt] if isinstance(prompt, str) else [m.content for m in prompt]
        typed = "".join([*contents, response])
        if _OPEN in typed or _CLOSE in typed:
            raise TextFormError("the text holds U+FDD0 or U+FDD1, which are not characters")
        try:
            typed.encode()
        except UnicodeEncodeError as exc:
            raise TextFormError(f"the text holds a lone surrogate: not valid Unicode ({exc.reason})") from exc
        if self._special_text.search(typed) is None:
            ids = self._ids(self.text(prompt, response), split_special=False)
        else:
            ids = self._encode_guarded(prompt, response)
        if not ids or ids[-1] != self.eos_id:
            raise TextFormError("the text does not end at EOS")
        return ids

    def _encode_guarded(self, prompt: str | Sequence[ChatMessage], response: str) -> list[int]:
        """Special tokens are recognised only where the template put them; the same strings in contents are plain text."""
        typed: list[str] = []

        def mark(match: re.Match[str]) -> str:
            typed.append(match.group())
            return f"{_OPEN}{len(typed) - 1}{_CLOSE}"

        def guard(text: str) -> str:
            return self._special_text.sub(mark, text)

        def unguard(text: str) -> str:
            return re.sub(f"{_OPEN}(\\d+){_CLOSE}", lambda m: typed[int(m.group(1))], text)

        guarded_prompt: str | list[ChatMessage] = (
            guard(prompt)
            if isinstance(prompt, str)
            else [m.model_copy(update={"content": guard(m.content)}) for m in prompt]
        )
        text = self.text(guarded_prompt, guard(response))
        ids: list[int] = []
        position, strip_left = 0, False
        for match in [*self._special_text.finditer(text), None]:
            piece = text[position : match.start() if match else len(text)]
            lstrip, rstrip = self._strips[match.group()] if match else (False, False)
            piece = piece.lstrip() if strip_left else piece
            piece = piece.rstrip() if lstrip else piece
            if piece:
                ids += self._ids(unguard(piece), split_special=True)
            if match:
                ids.append(self._special_ids[match.group()])
                position, strip_left = match.end(), rstrip
        return ids

    def _ids(self, text: str, *, split_special: bool) -> list[int]:
        self._backend.encode_special_tokens = split_special
        return list(self._backend.encode_batch_fast([text], add_special_tokens=False)[0].ids)

    def _render(self, messages: list[dict[str, str]], *, add_generation_prompt: bool = False) -> str:
        from jinja2 import TemplateError

        try:
            return str(
                self.tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=add_generation_prompt
                )
            )
        except TemplateError as exc:
            raise TextFormError(f"the model's chat template refuses these messages: {exc}") from exc

    def _plain_prompt(self, prompt: str | Sequence[ChatMessage]) -> str:
        if not isinstance(prompt, str):
            if [m.role for m in prompt] != ["user"]:
                raise TextFormError("this model was trained without a chat template: send the prompt as one string")
            prompt = prompt[0].content
        return self.form.input_template.format(prompt) if self.form.input_template else prompt


def as_messages(prompt: str | Sequence[ChatMessage]) -> list[dict[str, str]]:
    """A string is one user message. Raises TextFormError for an empty list or one that ends with the assistant."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    if not prompt:
        raise TextFormError("prompt: an empty list of messages")
    if prompt[-1].role == "assistant":
        raise TextFormError(
            "prompt: the last message is the assistant's; the response follows a user or system message"
        )
    return [{"role": m.role, "content": m.content} for m in prompt]


def _without_space(text: str) -> str:
    return "".join(text.split())


CUT_MARKS = (
    "</think>",
    "<think>",
    "</thinking>",
    "</reasoning>",
    "</answer>",
    "<answer>",
    "[/THINK]",
    "[/INST]",
    "<|channel|>final<|message|>",
    "<|end_of_thought|>",
    "</tool_call>",
    "###",
    "\n\n",
)
"""What chat templates are known, or likely, to cut text at."""


def text_that_is_cut(encoder: TextEncoder) -> str | None:
    """Which text the form does not present wholly, tried with every cut mark in prompt and response; None = none.

    A response is saved by the placeholder; what is left is a prompt that is cut, and a template whose generation prompt is not
    the beginning of what it renders for an answer (`<think>` is added to it), where the beginning of every response is lost.
    """
    for mark in CUT_MARKS:
        for place in ("prompt", "response"):
            parts = {"prompt": "Some words to begin with.", "response": "Other words to end with."}
            parts[place] = probe = f"One beginning, {mark} a middle, {mark} and one end."
            try:
                text = encoder.text(parts["prompt"], parts["response"])
            except TextFormError as exc:
                return f"a {place} with {mark!r}: {exc}"
            if _without_space(probe) not in _without_space(text):
                return f"a {place} with {mark!r} is rendered as {text[:200]!r}"
    return None
