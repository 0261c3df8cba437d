"""What creative writing asks for and no benchmark has, in English and Chinese. Ids of our own, with versions."""

from services.verifier.constraints.writing import (
    dialogue,
    length,
    markup,
    narration,
    notation,
    parts,
    readability,
    repetition,
    script,
    similarity,
    structure,
    symbols,
    verse,
    wording,
)

__all__ = [
    "dialogue",
    "length",
    "markup",
    "narration",
    "notation",
    "parts",
    "readability",
    "repetition",
    "script",
    "similarity",
    "structure",
    "symbols",
    "verse",
    "wording",
]
