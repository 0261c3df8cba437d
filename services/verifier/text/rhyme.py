"""Whether lines rhyme: English by an approximation of pronunciation from spelling, Chinese by the finals of Pinyin.

English spelling does not tell pronunciation for certain. The rules below map common endings to sounds, and the list of
exceptions holds frequent words that break them; words with equal sounds from the last vowel on rhyme.
"""

import re
from functools import lru_cache

from services.verifier.text.units import HAN, words

# Frequent words whose ending sounds otherwise than it is spelt: sound from the last vowel on.
_EXCEPTIONS = {
    word: sound
    for sound, listed in {
        "uv": "love above glove dove shove of",
        "oov": "move prove groove remove improve approve",
        "un": "one done none son won ton sun run fun gun begun undone everyone someone anyone ton",
        "um": "come some become overcome welcome from",
        "oo": "do to too two who you through shoe true blue new few knew grew flew view dew threw drew blew into unto undo queue",
        "oh": "so go no toe though although dough slow snow know low grow flow show throw glow blow below window shadow sorrow tomorrow "
        "follow hollow hello ago echo oh sew bow",
        "ow": "now how cow brow vow allow plough bough wow",
        "uf": "enough rough tough stuff bluff",
        "of": "cough off trough",
        "ait": "weight eight great straight freight wait fate late gate hate state date create",
        "ay": "they grey weigh neigh sleigh obey prey ballet bouquet cafe",
        "ed": "said head dead bread read red bed spread instead thread lead ahead tread dread led fed fled sled wed shed",
        "eth": "death breath",
        "air": "there where their bear wear tear pear share care dare stare rare chair hair fair pair air prayer swear square everywhere",
        "eer": "here near fear hear dear year clear tear appear cheer deer beer sphere disappear severe",
        "ur": "her sir fir stir were fur blur per",
        "urd": "word bird heard third herd absurd",
        "urn": "learn burn turn earn return yearn",
        "urth": "earth birth worth mirth",
        "url": "girl world pearl curl whirl",
        "or": "door floor more shore four pour war your before core soar roar wore score store for or nor explore ignore",
        "ord": "board lord sword cord ford reward toward ward",
        "art": "heart art part start apart smart dark",
        "ood": "good wood could would should stood understood hood",
        "ool": "cool school pool rule fool tool cruel jewel",
        "uud": "food mood rude dude",
        "ud": "blood flood mud bud",
        "ie": "eye eyes buy die lie tie high sigh sky fly dry cry by my why thigh nigh goodbye rely reply deny july",
        "iez": "eyes skies lies dies cries flies wise rise prize surprise disguise",
        "ite": "height night light kite white write bright sight",
        "ice": "ice",
        "iz": "is his",
        "az": "was has as",
        "ee": "sea see be me we he she key tree free three flee tea plea knee agree ski",
        "ease": "please seas breeze trees freeze ease these knees",
        "ees": "peace piece cease lease increase",
        "int": "pint",
        "ind": "wind",
    }.items()
    for word in listed.split()
}
_REWRITES = [
    (re.compile(pattern), sound)
    for pattern, sound in [
        (r"(?:ight|ite|yte)$", "ite"),
        (r"(?:eigh|ay|ey|ei)$", "ay"),
        (r"(?:ate|ait|aight)$", "ait"),
        (r"(?:ain|ane|eign|ein|agne)$", "ain"),
        (r"(?:ail|ale|eil)$", "ail"),
        (r"(?:ade|aid|ayed)$", "aid"),
        (r"(?:ace|aise)$", "ace"),
        (r"(?:ame|aim)$", "aim"),
        (r"(?:are|air)$", "air"),
        (r"(?:igh|ie|ye)$", "ie"),
        (r"(?:ied|ide|yde)$", "ide"),
        (r"(?:ine|ign)$", "ine"),
        (r"(?:ime|yme|imb)$", "ime"),
        (r"(?:ire|yre|ier)$", "ire"),
        (r"(?:eat|eet|ete|eit)$", "eet"),
        (r"(?:ead|eed|ede)$", "eed"),
        (r"(?:eam|eem|eme)$", "eem"),
        (r"(?:ean|een|ene)$", "een"),
        (r"(?:eal|eel)$", "eel"),
        (r"(?:eep|eap)$", "eep"),
        (r"(?:eek|eak|ique)$", "eek"),
        (r"(?:ear|eer|ere)$", "eer"),
        (r"(?:eave|eeve|ieve|eive)$", "eev"),
        (r"(?:oat|ote)$", "oat"),
        (r"(?:oad|ode|owed)$", "ode"),
        (r"(?:oal|ole|oll|oul|owl)$", "ole"),
        (r"(?:oan|one|own)$", "one"),
        (r"(?:ome|oam|omb)$", "ome"),
        (r"(?:ose|ows|oes)$", "oze"),
        (r"(?:ore|oar|our|oor)$", "or"),
        (r"(?:oon|une|ewn)$", "oon"),
        (r"(?:oom|ume|omb)$", "oom"),
        (r"(?:oot|ute|uit)$", "oot"),
        (r"(?:ew|ue|oo)$", "oo"),
        (r"(?:oise|oys)$", "oiz"),
        (r"(?:ound|owned)$", "ound"),
        (r"(?:ought|aught|ot)$", "ot"),
        (r"(?:all|awl|aul)$", "all"),
        (r"(?:aw|augh)$", "aw"),
        (r"(?:er|ir|ur|or|re)$", "er"),
        (r"(?:tion|sion|cian)$", "shun"),
        (r"(?:ly|ty|ny|ry|sy|dy|my|py|by|ky|fy|vy|gy|zy|cy|ley|ney|ie)$", "ee"),
        (r"(?:ck|k|c|que)$", "k"),
    ]
]
_ENDING = re.compile(r"[aeiouy]+[^aeiouy]*e?$")
_RHYME_OF_FINAL = {
    final: group
    for group, finals in enumerate(
        [
            "a ia ua", "o e uo", "ie ue ve ê", "ai uai", "ei ui uei", "ao iao", "ou iu iou", "an ian uan van üan", "en in un uen vn ün n",
            "ang iang uang", "eng ing ong iong ueng", "i", "u", "v ü er",
        ]
    )
    for final in finals.split()
}  # fmt: skip
"""The fourteen rhymes of modern Chinese verse (Zhonghua Xinyun), with er and ü taken together."""


def last_sounds(line: str) -> frozenset[str]:
    """How a line may end; two lines rhyme if they share an ending. Empty for a line without words."""
    found = words(line)
    if not found:
        return frozenset()
    last = found[-1]
    return (
        _pinyin_finals(last) if HAN.match(last) else frozenset({_english_ending(last[-24:].lower().replace("’", "'"))})
    )


@lru_cache(maxsize=10_000)
def _pinyin_finals(character: str) -> frozenset[str]:
    from pypinyin import Style, pinyin

    readings = pinyin(character, style=Style.FINALS, heteronym=True, strict=False)[0]
    return frozenset(f"han{_RHYME_OF_FINAL.get(reading, reading)}" for reading in readings)


@lru_cache(maxsize=20_000)
def _english_ending(word: str) -> str:
    if word in _EXCEPTIONS:
        return _EXCEPTIONS[word]
    for ending, plural in (("es", "z"), ("s", "z"), ("ed", "d")):
        stem = word.removesuffix(ending)
        if stem != word and stem in _EXCEPTIONS:
            return _EXCEPTIONS[stem] + plural
    tail = word[-12:]
    for pattern, sound in _REWRITES:
        if pattern.search(tail):
            return sound if sound != "k" else _from_last_vowel(tail[:-1].removesuffix("c")) + "k"
    return _from_last_vowel(tail)


def _from_last_vowel(word: str) -> str:
    match = _ENDING.search(word)
    return match.group() if match else word[-3:]
