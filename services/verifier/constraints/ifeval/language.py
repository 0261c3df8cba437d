"""language: the language of the whole response."""

from typing import Annotated

from pydantic import Field

from services.verifier.constraints.registry import Kwargs, Verdict, checker
from services.verifier.text import Text

NAMES = {
    "ar": "Arabic",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "gu": "Gujarati",
    "he": "Hebrew",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "kn": "Kannada",
    "ko": "Korean",
    "ml": "Malayalam",
    "mr": "Marathi",
    "ne": "Nepali",
    "pa": "Punjabi",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sw": "Swahili",
    "ta": "Tamil",
    "te": "Telugu",
    "th": "Thai",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh-cn": "Chinese (simplified)",
    "zh-tw": "Chinese (traditional)",
}


class ResponseLanguage(Kwargs):
    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]{2})?$", description="ISO 639-1 code; zh-cn or zh-tw")]


@checker(
    "language:response_language",
    ResponseLanguage,
    lambda kw: f"Write the whole response in {NAMES.get(kw.language, kw.language)}.",
    summary="The detected language is the wanted one; a text without letters passes, as in the reference.",
)
def response_language(text: Text, kw: ResponseLanguage) -> Verdict:
    found = text.language
    if found is None:
        return Verdict(True, "no letters to tell the language by, accepted")
    return Verdict(found == kw.language, f"language {found}, {kw.language} wanted")
