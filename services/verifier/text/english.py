"""English word lists and small helpers of the IFEval and IFBench readings."""

from string import punctuation

EDGE = punctuation + " "
"""What is stripped from the ends of a word."""

PUNCTUATION = str.maketrans("", "", punctuation)
"""For str.translate: takes ASCII punctuation out."""


def without_punctuation(text: str) -> str:
    return text.translate(PUNCTUATION)


def _word_set(listing: str) -> frozenset[str]:
    return frozenset(listing.split())


COORDINATING_CONJUNCTIONS = _word_set("for and nor but or yet so")

PERSON_NAMES = _word_set(
    "Abigail Alexander Amelia Andrew Aria Audrey Ava Benjamin Charlotte Chloe Christopher Claire Daniel David Elijah Ella Emma "
    "Ethan Gabriel Grace Hannah Harper Isabella Jackson Jacob Jonathan Joseph Layla Leo Liam Lily Lucas Mason Matthew Mia Nathan "
    "Nicholas Noah Nora Olivia Owen Penelope Ryan Samuel Scarlett Sophia Stella Thomas Victoria Zoe"
)
"""The names that `count:person_names` is about."""

PRONOUNS = _word_set(
    # personal, possessive, reflexive
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself "
    "it its itself they them their theirs themselves "
    # demonstrative, relative and interrogative
    "this that these those who whom whose which what whoever whomever whatever whichever "
    # indefinite
    "anybody anyone anything everybody everyone everything nobody nothing somebody someone something "
    "each either neither both all some any none"
)

STOP_WORDS = _word_set(
    # pronouns and determiners
    "i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its itself "
    "they them their theirs themselves what which who whom this that these those a an the all any both each few more most other "
    "some such no own same "
    # verbs
    "am is are was were be been being have has had having do does did doing can will just should now "
    # conjunctions, prepositions, adverbs
    "and but if or because as until while of at by for with about against between into through during before after above below to "
    "from up down in out on off over under again further then once here there when where why how nor not only so than too very "
    # what is left of contractions when the apostrophe splits them
    "s t d m o y ll re ve ma don ain aren couldn didn doesn hadn hasn haven isn mightn mustn needn shan shouldn wasn weren won wouldn"
)

_VERBS = _word_set(
    # what to do in writing and thinking
    "add address adopt advise agree aim allow analyze answer apply approach argue arrange ask assess assign assume attempt avoid "
    "balance base be become begin believe boil break bring build buy calculate call care carry catch celebrate change check choose "
    "clean clear click close collect combine come commit compare compile complete compute conduct confirm connect consider consult "
    "contact continue contribute convert cook copy count cover create cut decide declare define delete deliver demonstrate design "
    "determine develop discover discuss display divide divide do download draft draw drink drive drop earn eat edit educate eliminate "
    "embed employ enable encourage engage enhance enjoy ensure enter establish estimate evaluate examine exercise expand expect "
    "explain express extend extract face fall feel fetch fill finish fix fly focus fold follow forget form gain generate get give go "
    "grab grow guess guide handle hang happen have hear help hide highlight hire hold identify ignore illustrate import improve include "
    "increase indicate inform insert inspect install integrate introduce invest invite join jump justify keep kill know label launch lay "
    "lead learn leave let leverage listen live locate look lose love maintain make manage map mark master match measure meet mention mix "
    "modify monitor move name navigate need note notice observe obtain offer open operate optimize order organize outline own pack paint "
    "pass pause pay perform pick place plan plant play please point pour practice predict prepare present press prevent print prioritize "
    "produce promote propose protect prove provide publish pull purchase push put raise reach read realize recall receive recognize "
    "recommend record reduce refer reflect remain remember remind remove repeat replace reply report represent request require research "
    "respect respond rest return reveal review rewrite ride rinse rise run save say schedule search see seek seem select sell send serve "
    "set share shift show sign simplify sing sit skip sleep slice smile solve sort speak specify spend spread stand start state stay step "
    "stir stop store study submit suggest summarize supply support suppose switch take talk teach tell test thank think throw track train "
    "translate travel treat trust try turn understand unlock update upgrade upload use utilize validate verify view visit visualize wait "
    "walk wash watch wear welcome whisk win wish wonder work write dive delve seize savor speculate delete "
    "is are am do does did has had says goes makes takes"
)
_NOT_VERBS = _word_set(
    "according bed being bring during evening everything feeling going interesting king morning nothing ring something spring string "
    "thing wedding wing red need hundred indeed sacred kindred"
)


def starts_with_verb(token: str) -> bool:
    """Whether a word at the start of a text is a verb form: a known base form, or one in -ing or -ed."""
    word = token.lower()
    if word in _VERBS:
        return True
    return word.isalpha() and len(word) > 4 and word.endswith(("ing", "ed")) and word not in _NOT_VERBS
