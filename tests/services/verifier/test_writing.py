"""What the constraints on creative writing mean, in English and Chinese: one example that holds and one that does not."""

from typing import Any

import pytest

from services.verifier.constraints import ConstraintError, check, describe, prepare, registry
from services.verifier.text.syllables import syllables_of_line

HAIKU = "An old silent pond\nA frog jumps into the pond\nSplash! Silence again"
JUEJU = "白日依山尽\n黄河入海流\n欲穷千里目\n更上一层楼"
QUATRAIN = "The evening comes, the fields are still,\nA lamp is lit upon the hill;\nThe road goes down beside the sea,\nAnd brings my brother home to me."

EXAMPLES: list[tuple[str, dict[str, Any], str, str]] = [
    ("length:words", {"max": 4}, "Don't well-known words count?", "One two three four five"),
    ("length:words", {"min": 20, "max": 20}, JUEJU, "白日依山尽"),
    ("length:characters", {"max": 5}, "a b c d e", "abcdef"),
    ("length:characters", {"max": 5, "spaces": True}, "a b c", "a b c d"),
    ("length:sentences", {"min": 2, "max": 2}, "他来了。她走了！", "他来了"),
    ("length:sentences", {"max": 2}, "Mr. Hill came. He left.", "One. Two. Three."),
    ("length:paragraphs", {"min": 2}, "one\n\ntwo", "one\ntwo"),
    ("length:lines", {"min": 4, "max": 4}, JUEJU, HAIKU),
    ("length:words_per_sentence", {"max": 4}, "It rains. The roof leaks.", "It rains. The old roof leaks again."),
    ("length:words_per_paragraph", {"min": 2}, "one two\n\nthree four", "one two\n\nthree"),
    ("verse:stanzas", {"min": 2}, QUATRAIN + "\n\n" + QUATRAIN, QUATRAIN),
    ("verse:lines_per_stanza", {"min": 4, "max": 4}, QUATRAIN, HAIKU),
    ("verse:syllables", {"pattern": [5, 7, 5]}, HAIKU, "Too short\nA frog jumps into the pond\nSplash! Silence again"),
    ("verse:syllables", {"pattern": [5]}, JUEJU, JUEJU + "啊"),
    ("verse:rhyme_scheme", {"scheme": "AABB"}, QUATRAIN, QUATRAIN.replace("hill", "road")),
    ("verse:rhyme_scheme", {"scheme": "XAXA"}, JUEJU, JUEJU.replace("楼", "山")),
    ("verse:rhyme_scheme", {"scheme": "AA"}, "I saw the light\nthat broke the white", "I saw the light\nthat broke the day"),
    ("verse:rhyme_scheme", {"scheme": "AA"}, "all we said\nwent to his head", "I knew your love\nwould always move"),
    ("verse:acrostic", {"word": "sea"}, "Still water\n*Evening light\nA gull", "Still water\nA gull"),
    ("verse:acrostic", {"word": "白黄欲更"}, JUEJU, HAIKU),
    ("narration:point_of_view", {"person": "first"}, 'I went home. "You came," she said.', "She went home."),
    ("narration:point_of_view", {"person": "second"}, "You open your door.", "I open my door and see you."),
    ("narration:point_of_view", {"person": "third"}, 'She went home. "I am tired," she said.', "She told me."),
    ("narration:point_of_view", {"person": "first"}, "我走进了屋子。", "他走进了屋子，说：“我累了。”"),
    ("narration:tense", {"tense": "past"}, 'She walked home and sat down. "I am tired," she said.', "She walks home and sits down."),
    ("narration:tense", {"tense": "present"}, "She walks home and sits down.", "She walked home and sat down."),
    ("dialogue:count", {"min": 2}, "“来吧。”他说。“好。”", "他说来吧。"),
    ("dialogue:none", {}, "He didn't speak.", 'He said: "No."'),
    ("dialogue:share", {"min": 40, "max": 60}, 'Anna said "come along"', "Anna said nothing at all"),
    ("structure:sections", {"titles": ["Dawn", "Dusk"]}, "## 1. Dawn\nx\n**Dusk:**\ny", "Dusk\ny\nDawn\nx"),
    ("structure:sections", {"titles": ["起因", "结果"]}, "一\n【起因】\n文\n【结果】\n文", "起因在这里，结果也在这里。"),
    ("structure:section_length", {"title": "Dawn", "max": 3}, "## 1. Dawn\nA grey sea.\n## 2. Dusk\nNo sea at all.", "Dusk: a sea"),
    ("structure:section_items", {"title": "Dawn", "min": 2}, "Dawn:\n- a\n- b", "Dawn:\n- a\n\nDusk:\n- b"),
    ("structure:section_length", {"title": "Dusk", "max": 2}, "# Dusk\na\n# Dusk\nb", "# Dusk\na\n# Dusk\na grey sea"),
    ("structure:each_section_length", {"min": 2}, "# Sea\n## Dawn\na sea\n## Dusk\nno sea", "## Dawn\na sea\n## Dusk\nsea"),
    ("structure:section_length", {"title": "Dawn", "max": 3}, "Dawn\nA grey sea.\n\nDusk\nNo sea at all.", "Dawn\nA very grey sea.\n\nDusk\nNo sea."),
    ("structure:section_items", {"title": "结果", "max": 1}, "起因\n雨。\n\n结果\n1、天晴\n\n后来\n1、又雨\n2、又晴", "起因\n雨。\n\n结果\n1、天晴\n2、又雨\n\n后来\n静。"),
    ("structure:section_length", {"title": "标语", "max": 4, "unit": "characters"}, "标语：海，很静", "标语：海，很静。"),
    ("structure:every_section_contains", {"phrase": "sea"}, "# Dawn\na sea\n# Dusk\nSea", "# Dawn\na sea\n# Dusk\nsky"),
    ("structure:every_section_contains", {"what": "number"}, "# Dawn\n5 boats\n# Dusk\n6", "# Dawn\n5 boats\n# Dusk\nsix"),
    ("structure:every_section_contains", {"what": "quotation"}, "一、海\n书中说：“静。”\n二、天\n“灰。”他说。", "一、海\n静。\n二、天\n灰。"),
    ("structure:every_section_contains", {"what": "list"}, "# Dawn\n- a\n# Dusk\n1. b", "# Dawn\n- a\n# Dusk\nb"),
    ("structure:letter", {}, "Dear Anna,\n\nIt rains.\n\nYours,\nTom", "Dear Anna,\n\nIt rains.\n\nYours,"),
    ("structure:letter", {}, "尊敬的王老师：\n下雨了。\n此致\n敬礼\n李默", "下雨了。\n此致\n敬礼\n李默"),
    ("length:minutes_aloud", {"min": 1, "max": 1.5}, "sea " * 160, "sea " * 60),
    ("length:minutes_aloud", {"max": 1}, "海" * 280, "海" * 400),
    ("structure:item_length", {"max": 2}, "- a sea\n- b", "- a grey sea\n- b"),
    ("structure:every_item_contains", {"phrase": "sea"}, "1. a sea\n2. Sea", "1. a sea\n2. sky"),
    ("length:of_parts", {"parts": [{"max": 2}, {"min": 3, "max": 3}]}, "Grey sea.\n\nA grey sky.", "A grey sea.\n\nA grey sky."),
    ("length:of_parts", {"parts": [{"min": 4}, {"max": 4}]}, "海很静。\n天灰。\n无人说话。", "海很静。\n天灰。\n没有一个人说话。"),
    ("structure:form", {"parts": [["Sea"], ["Sky", "Air"]], "times": 2}, "Sea: a\nSky: b\n**Sea**\n**Air**", "Sea: a\nSky: b\nSea heals"),
    ("structure:form", {"parts": [["原告"], ["审判员"]]}, "原告：甲\n审　判　员　乙", "原告：甲\n他是审判员。"),
    ("structure:frame", {"elements": ["title", "body"]}, "The sea\n\nIt is grey.", "The sea is grey.\nIt is."),
    ("structure:frame", {"elements": ["addressee", "signature", "date"]}, "各科室：\n今日停水。\n物业处\n3月9日", "各科室：\n今日停水。\n物业处"),
    ("structure:number_of", {"names": ["case"], "min": 2, "max": 2}, "Case 1: a sea\nCase 2: a sky", "Case 1: a sea"),
    ("structure:number_of", {"names": ["建议"], "max": 2}, "建议：\n1. 早睡\n2. 早起", "建议：\n1. 早睡\n2. 早起\n3. 喝水"),
    ("structure:questions_answered", {"min": 2}, "Q: Why?\nA: So.\nQ: Who?\nA: We.", "Q: Why?\nQ: Who?\nA: We."),
    ("structure:questions_answered", {"min": 1}, "问：为什么？\n答：冷。", "为什么？"),
    ("structure:numbered_headings", {"min": 2}, "一、海\n静。\n二、天\n灰。", "1. sea\n2. sky"),
    ("markup:list_items", {"min": 3, "max": 3}, "A. sea\nB. sky\nC. salt", "A. Hale came.\nHe sat.\nB. left."),
    ("markup:list_items", {"min": 2, "max": 2}, "第一，海。\n第二，天。", "第一，海。第二，天。"),
    ("markup:list_items", {"min": 2, "max": 2}, "🌊 sea\n🌞 sky", "🌊 The sea is grey.\nIt rains."),
    ("markup:list_items", {"min": 2, "max": 2}, "Bring:\n– salt\n– rope", "– Who is it?\n– Me."),
    ("markup:list_items", {"min": 2, "max": 2}, "✓ salt\n✓ rope", "✓ salt\n✓ rope\n✓ bell"),
    ("structure:nothing_else", {}, "The sea is grey.", "Sure, here is a poem:\n\nThe sea is grey."),
    ("structure:nothing_else", {}, "海是灰的。", "好的，以下是一首诗：\n\n海是灰的。"),
    ("structure:nothing_else", {}, "“希望您喜欢。”他说。", "海是灰的。\n\n希望您喜欢！如需修改请告诉我。"),
    ("structure:nothing_else", {"only": "list"}, "- a\n- b", "Two:\n- a\n- b"),
    ("structure:nothing_else", {"only": "table"}, "|a|b|\n|-|-|\n|1|2|", "A table:\n\n|a|b|\n|-|-|\n|1|2|"),
    ("structure:nothing_else", {"only": "code"}, "```\nx\n```", "x"),
    ("references:citations", {"min": 2}, "It rains [1], and snows (Hale, 1987).", "It rains (in 1987)."),
    ("references:citations", {"min": 1, "style": "author_year"}, "张华（2008）不信。", "张华不信[1]。"),
    ("references:sources", {"min": 2}, "海。\n\n参考文献\n[1] 张华. 海. 2008.\n[2] 刘洋. 天. 2012.", "参考文献不少于两条。"),
    ("references:links", {"min": 1, "max": 1}, "见[说明](https://a.example)。", "见[说明]。"),
    ("notation:adds_up", {"total": 100}, "- a: 60 points\n- b: 40 points", "- a: 60 points\n- b: 30 points"),
    ("notation:adds_up", {"total": 100, "unit": "percent"}, "甲占30%\n乙占70%", "甲占30%\n乙占30%"),
    ("script:all_of", {"scripts": ["latin", "han"]}, "The sea. 海很静。", "The sea."),
    ("symbols:balanced", {}, "(a) “b”", "(a “b”"),
    ("structure:order", {"elements": ["sea", "stone"]}, "The Sea and the stone", "The stone and the sea"),
    ("structure:begins_with", {"phrase": "The sea"}, "**The sea** is grey", "A sea is grey"),
    ("structure:ends_with", {"phrase": "the end."}, "That is *the end.*", "The end. Or not"),
    ("structure:paragraph_contains", {"paragraph": 2, "phrase": "sea"}, "a\n\nthe sea", "the sea\n\nb"),
    ("wording:forbidden_openings", {}, "The ferry left.", "Once upon a time there was a ferry."),
    ("wording:forbidden_openings", {}, "渡船开走了。", "很久很久以前，有一条船。"),
    ("wording:forbidden_openings", {"openings": ["The"]}, "A ferry", "“The ferry”"),
    ("wording:no_cliches", {}, "Rain fell on tin.", "Little did he know."),
    ("wording:no_cliches", {}, "雨落在铁皮上。", "时光荏苒，他老了。"),
    ("wording:forbidden_phrases", {"phrases": ["art", "海"]}, "A cart", "Art and cart"),
    ("wording:forbidden_phrases", {"phrases": ["art", "海"]}, "A river", "大海"),
    ("wording:required_phrases", {"phrases": ["sea"], "times": 2}, "Sea to sea", "Sea and seal"),
    ("repetition:word_limit", {"max": 2}, "the the the sea", "sea, Sea and sea"),
    ("repetition:phrase_limit", {"length": 2}, "grey sea, sea grey", "grey sea and grey sea"),
    ("repetition:sentence_openings", {"max": 2}, "It rains. It pours. We wait.", "It rains. It pours. It ends."),
    ("repetition:variety", {"min": 80}, "one two three", "one one one"),
    ("readability:grade", {"max": 5}, "The cat sat on the mat. It was warm.", "Institutional considerations necessitate comprehensive reorganisation of administrative responsibilities."),
    ("readability:average_sentence", {"max": 5}, "It rains. The roof leaks.", "The old roof of the house by the sea leaks."),
    ("similarity:to_text", {"reference": "the sea is grey today", "max": 30}, "a river runs green there", "the sea is grey now"),
    ("markup:headings", {"min": 1}, "# Dawn\ntext", "#hashtag"),
    ("markup:list_items", {"min": 2, "max": 2}, "- a\n2. b", "- a\nb"),
    ("markup:no_markdown", {}, "Plain text - really.\n2 * 3 = 6", "Some **bold** text"),
    ("markup:table", {}, "| a | b |\n|---|---|\n| 1 | 2 |", "a | b"),
    ("markup:json_object", {"keys": ["title"]}, '```json\n{"title": 1}\n```', '{"name": 1}'),
    ("markup:json_object", {}, "{}", "[1]"),
    ("markup:yaml_mapping", {"keys": ["title"]}, "title: Dawn\nlines: [a, b]", "just a sentence"),
    ("markup:yaml_mapping", {}, "```yaml\na: {b: c}\n```", "- a\n- b"),
    ("markup:xml", {"root": "poem"}, "<poem><l>x</l></poem>", "<poem><l>x</poem>"),
    ("markup:xml", {}, "<a/>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
    ("notation:dates", {"format": "iso"}, "On 2024-03-09 it rained.", "On March 9, 2024 it rained, not on 2024-03-09."),
    ("notation:dates", {"format": "chinese"}, "2024年3月9日下雨。", "2024-03-09下雨。"),
    ("notation:no_digits", {}, "twelve", "12"),
    ("notation:thousands", {"style": "comma"}, "12,500 people in 1999", "12500 people"),
    ("symbols:emoji", {"min": 1, "max": 1}, "done 👩‍👩‍👧", "done 👍👍"),
    ("symbols:punctuation_limit", {"marks": "!！", "max": 1}, "One!", "Two！!"),
    ("script:only", {"script": "han"}, "白日依山尽，123", "白日 sun"),
    ("script:share", {"script": "latin", "min": 50}, "sun sun 日", "日月山"),
    ("script:language", {"language": "zh"}, "港口很安静，海鸥在渡轮的栏杆上睡着了。", "The harbour was quiet and the gulls slept."),
]  # fmt: skip


@pytest.mark.parametrize(("id", "kwargs", "holds", "broken"), EXAMPLES)
def test_meaning(id: str, kwargs: dict[str, Any], holds: str, broken: str) -> None:
    kept, violated = check(id, kwargs, "", holds), check(id, kwargs, "", broken)
    assert kept.passed, kept.reason
    assert not violated.passed, violated.reason


def test_echoing_the_prompt_is_measured_against_the_prompt() -> None:
    prompt = "Write about the quiet harbour at dawn and the ferry that never came."
    assert not check("similarity:to_prompt", {"max": 20}, prompt, prompt).passed
    assert check("similarity:to_prompt", {"max": 20}, prompt, "Nets dried on the wall while gulls walked by.").passed


def test_every_family_has_examples() -> None:
    own = {id for id, c in registry.items() if c.test.__module__.startswith("services.verifier.constraints.writing")}
    assert own - {e[0] for e in EXAMPLES} <= {"similarity:to_prompt"}


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("An old silent pond", (5, 5)),
        ("Splash! Silence again", (5, 5)),
        ("黄河入海流", (5, 5)),
        ("", (0, 0)),
        ("12", (1, 7)),
        ("a hedgepig", (3, 3)),
        ("every fire", (3, 5)),
    ],
)
def test_syllables(line: str, count: tuple[int, int]) -> None:
    """Fewest and most: words are spoken in more than one way."""
    assert syllables_of_line(line) == count


@pytest.mark.parametrize("kwargs", [{}, {"min": 3, "max": 2}, {"min": "3"}, {"min": True}, {"min": 1.5}, {"least": 3}])
def test_a_range_needs_limits_in_order(kwargs: dict[str, Any]) -> None:
    with pytest.raises(ConstraintError, match="length:words"):
        prepare("length:words", kwargs)


def test_a_range_reads_as_an_instruction() -> None:
    assert describe("length:words", {"max": 200}) == "Write at most 200 words (a Chinese character counts as one)."
    assert "between 2 and 4 stanzas" in describe("verse:stanzas", {"min": 2, "max": 4})
    assert "exactly 4 lines" in describe("verse:lines_per_stanza", {"min": 4, "max": 4})


def test_reasons_give_the_evidence() -> None:
    assert check("length:words", {"max": 3}, "", "one two three four").reason == "4 words, at most 3"
    assert check("verse:syllables", {"pattern": [5]}, "", "one two").reason == "2 syllables in line 1, 5 wanted"
