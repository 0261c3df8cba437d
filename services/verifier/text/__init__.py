"""Reading a response: words, sentences, language. Each reading of one text is made at most once."""

from services.verifier.text.view import Text

__all__ = ["Text"]
