"""One forward pass over many texts without padding, and with the prompt of sibling texts computed once.

All texts of a batch lie end to end in one row. Linear layers see only real tokens; attention runs text by text. Texts with a
common prefix (the n responses to one prompt) are laid out as [prefix][tail 1][tail 2]...: the prefix is computed once and every
tail attends to it. The numbers are those of a forward pass over each text alone, up to the rounding of float additions.

Axis letters: T tokens in the row, H heads, D head width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F

ATTENTION = "rlmr_packed"

# Largest mask that is built, in elements (16 MB at float32), by kind of device. Beyond it a tail's attention runs over prefix and
# tail as one causal square and the prefix's rows are thrown away: more arithmetic, but no memory that grows with the square of
# the length. On CUDA always: the fused kernels take grouped heads or a mask, not both, and the unfused one would be chosen.
LARGEST_MASK = {"cpu": 2**22}


@dataclass(frozen=True)
class Segment:
    """Texts sharing `prefix` leading tokens, at row positions start:stop; tails are (start, stop) in the row."""

    prefix: tuple[int, int]
    tails: tuple[tuple[int, int], ...]


@dataclass
class Packing:
    """Where each text lies in the row. `order[i]` is the index, in the input list, of the i-th tail of the row."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    masks: dict[tuple[int, int], torch.Tensor] = field(default_factory=dict)

    @property
    def last_positions(self) -> list[int]:
        """Row position of each text's final token, in row order."""
        return [stop - 1 for segment in self.segments for _, stop in segment.tails]

    def add(self, indices: Sequence[int], texts: Sequence[Sequence[int]], shared: int) -> None:
        """Appends sibling texts that share their first `shared` tokens; each must be longer than that."""
        start = len(self.ids)
        self.ids += texts[0][:shared]
        self.positions += range(shared)
        tails = []
        for text in texts:
            tail_start = len(self.ids)
            self.ids += text[shared:]
            self.positions += range(shared, len(text))
            tails.append((tail_start, len(self.ids)))
        self.segments.append(Segment((start, start + shared), tuple(tails)))
        self.order += indices

    def tail_mask(self, tail: int, total: int, like: torch.Tensor) -> torch.Tensor:
        """Additive causal mask, (tail, total): row r may look at the total - tail prefix tokens and tail tokens 0..r."""
        key = (tail, total)
        if key not in self.masks:
            blocked = torch.ones(tail, total, dtype=torch.bool, device=like.device).triu(total - tail + 1)
            self.masks[key] = torch.zeros(tail, total, dtype=like.dtype, device=like.device).masked_fill_(
                blocked, float("-inf")
            )
        return self.masks[key]


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    packing: Packing | None = None,
    **unused: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention interface. query (1, H, T, D), key and value (1, H_kv, T, D) -> (1, T, H, D)."""
    if packing is None or query.shape[0] != 1:
        raise ValueError("packed attention needs one row and its Packing: call packed_scores()")
    out = torch.empty_like(query)
    grouped = query.shape[1] != key.shape[1]

    def attend(rows: slice, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> None:
        out[:, :, rows] = F.scaled_dot_product_attention(
            query[:, :, rows], k, v, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=grouped
        )

    for segment in packing.segments:
        start, stop = segment.prefix
        prefix = slice(start, stop)
        if stop > start:
            attend(prefix, key[:, :, prefix], value[:, :, prefix], None)
        for tail_start, tail_stop in segment.tails:
            tail = slice(tail_start, tail_stop)
            if stop == start:
                attend(tail, key[:, :, tail], value[:, :, tail], None)
                continue
            k = torch.cat([key[:, :, prefix], key[:, :, tail]], dim=2)
            v = torch.cat([value[:, :, prefix], value[:, :, tail]], dim=2)
            if (tail_stop - tail_start) * k.shape[2] <= LARGEST_MASK.get(query.device.type, 0):
                attend(tail, k, v, packing.tail_mask(tail_stop - tail_start, k.shape[2], query))
                continue
            both = torch.cat([query[:, :, prefix], query[:, :, tail]], dim=2)
            square = F.scaled_dot_product_attention(both, k, v, is_causal=True, scale=scaling, enable_gqa=grouped)
            out[:, :, tail] = square[:, :, stop - start :]
    return out.transpose(1, 2), None


def register() -> None:
    """Makes `attn_implementation="rlmr_packed"` known to transformers. No mask function: transformers then builds none."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, packed_attention)


@torch.inference_mode()
def packed_scores(model: Any, packing: Packing) -> list[float]:
    """Raw score of every text, in the order of the input list.

    `model`: a ...ForSequenceClassification with one label, loaded with attn_implementation="rlmr_packed". The scalar is read at
    the last token of each text, without looking for padding tokens (a text may well contain them). The head itself is computed in
    float32: at bfloat16 a result keeps only eight bits.
    """
    device = next(model.parameters()).device
    row = torch.tensor([packing.ids], device=device)
    positions = torch.tensor([packing.positions], device=device)
    body = getattr(model, model.base_model_prefix)
    hidden = body(row, position_ids=positions, use_cache=False, packing=packing).last_hidden_state[0]
    last = hidden[torch.tensor(packing.last_positions, device=device)]
    bias = getattr(model.score, "bias", None)
    raw = F.linear(last.float(), model.score.weight.float(), None if bias is None else bias.float())
    raw_in_row_order = raw.squeeze(-1).tolist()
    scores = [0.0] * len(raw_in_row_order)
    for index, raw in zip(packing.order, raw_in_row_order, strict=True):
        scores[index] = raw
    return scores
