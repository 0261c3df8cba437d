"""Kwargs to try every checker with; a checker without required kwargs needs no entry."""

from typing import Any

from services.verifier.constraints import registry

_WITH_KWARGS: dict[str, dict[str, Any]] = {
    "change_case:capital_word_frequency": {"capital_frequency": 3, "capital_relation": "at least"},
    "combination:repeat_prompt": {"prompt_to_repeat": "Tell me about the sea."},
    "detectable_content:number_placeholders": {"num_placeholders": 2},
    "detectable_content:postscript": {"postscript_marker": "P.S."},
    "detectable_format:multiple_sections": {"section_spliter": "Section", "num_sections": 2},
    "detectable_format:number_bullet_lists": {"num_bullets": 3},
    "detectable_format:number_highlighted_sections": {"num_highlights": 2},
    "keywords:existence": {"keywords": ["sea", "stone"]},
    "keywords:forbidden_words": {"forbidden_words": ["ship", "zebra"]},
    "keywords:frequency": {"keyword": "sea", "frequency": 2, "relation": "at least"},
    "keywords:letter_frequency": {"letter": "e", "let_frequency": 5, "let_relation": "at least"},
    "language:response_language": {"language": "en"},
    "length_constraints:nth_paragraph_first_word": {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "then"},
    "length_constraints:number_paragraphs": {"num_paragraphs": 2},
    "length_constraints:number_sentences": {"num_sentences": 3, "relation": "at least"},
    "length_constraints:number_words": {"num_words": 50, "relation": "at least"},
    "startend:end_checker": {"end_phrase": "The end."},
    "count:conjunctions": {"small_n": 3},
    "count:keywords_multiple": {f"keyword{i}": w for i, w in enumerate(("a", "b", "c", "d", "e"), start=1)},
    "count:numbers": {"N": 2},
    "count:person_names": {"N": 2},
    "count:pronouns": {"N": 2},
    "count:unique_word_count": {"N": 20},
    "count:word_count_range": {"min_words": 10, "max_words": 90},
    "count:words_japanese": {"N": 3},
    "format:list": {"sep": "..."},
    "format:options": {"options": "yes/no/maybe"},
    "ratio:overlap": {"reference_text": "The sea is grey.", "percentage": 40},
    "ratio:stop_words": {"percentage": 40.0},
    "repeat:repeat_change": {"prompt_to_repeat": "Tell me about the sea."},
    "repeat:repeat_span": {"prompt_to_repeat": "Tell me about the sea.", "n_start": 2, "n_end": 9},
    "sentence:increment": {"small_n": 2},
    "sentence:keyword": {"word": "sea", "N": 2},
    "words:keywords_specific_position": {"keyword": "sea", "n": 2, "m": 3},
    "words:repeats": {"small_n": 3},
    "words:words_position": {"keyword": "sea"},
}


def example(id: str) -> dict[str, Any]:
    """Raises KeyError for a checker with required kwargs and no entry here."""
    needs = any(field.is_required() for field in registry[id].kwargs.model_fields.values())
    return _WITH_KWARGS[id] if needs else _WITH_KWARGS.get(id, {})
