"""The words of the story world: five settings, and what every setting shares.

A setting owns its characters, places, things and troubles; a story that mixes settings has lost its thread, which is
how coherence can be read off the text. Images (adjectives and similes), verbs and stage markers belong to all settings.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Character:
    """Who a story is about: prompts say `the {adjective} {role} {noun}`, stories say `the {adjective} {noun}`."""

    adjective: str
    role: str
    noun: str
    pronoun: str

    @property
    def topic(self) -> str:
        return " ".join(word for word in ("the", self.adjective, self.role, self.noun) if word)

    @property
    def name(self) -> str:
        return f"the {self.adjective} {self.noun}"


@dataclass(frozen=True)
class Setting:
    name: str
    characters: tuple[Character, ...]
    places: tuple[str, ...]
    things: tuple[str, ...]
    troubles: tuple[str, ...]


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "sea",
        (
            Character("old", "lighthouse", "keeper", "he"),
            Character("young", "", "sailor", "she"),
            Character("tired", "", "fisherman", "he"),
            Character("brave", "harbor", "pilot", "she"),
        ),
        ("harbor", "shore", "pier", "lighthouse", "cove"),
        ("boat", "net", "anchor", "shell", "sail"),
        ("storm", "tide", "fog", "wave"),
    ),
    Setting(
        "forest",
        (
            Character("quiet", "", "hunter", "she"),
            Character("little", "forest", "fox", "it"),
            Character("grumpy", "", "woodcutter", "he"),
            Character("lost", "", "girl", "she"),
        ),
        ("clearing", "grove", "brook", "hollow", "thicket"),
        ("acorn", "branch", "feather", "berry", "axe"),
        ("wolf", "bear", "shadow", "owl"),
    ),
    Setting(
        "town",
        (
            Character("cheerful", "", "baker", "she"),
            Character("clever", "clock", "maker", "he"),
            Character("poor", "street", "painter", "he"),
            Character("gentle", "school", "teacher", "she"),
        ),
        ("market", "bakery", "square", "alley", "tower"),
        ("bread", "clock", "coin", "violin", "portrait"),
        ("thief", "crowd", "smoke", "rat"),
    ),
    Setting(
        "mountain",
        (
            Character("stubborn", "mountain", "guide", "he"),
            Character("lonely", "", "shepherd", "she"),
            Character("wise", "", "hermit", "he"),
            Character("bold", "", "climber", "she"),
        ),
        ("summit", "cave", "pass", "ridge", "glacier"),
        ("rope", "goat", "blanket", "stone", "bell"),
        ("blizzard", "avalanche", "eagle", "ice"),
    ),
    Setting(
        "farm",
        (
            Character("patient", "", "gardener", "she"),
            Character("proud", "", "miller", "he"),
            Character("small", "barn", "cat", "it"),
            Character("honest", "", "farmer", "he"),
        ),
        ("barn", "orchard", "meadow", "mill", "garden"),
        ("plow", "apple", "horse", "seed", "basket"),
        ("drought", "hail", "crow", "frost"),
    ),
)

# Things at home in every setting: the words that a prompt may ask for or forbid.
COMMON_THINGS: tuple[str, ...] = ("lantern", "letter", "key", "song", "map", "ring", "candle", "mirror")

IMAGE_ADJECTIVES: tuple[str, ...] = (
    "silver", "golden", "moonlit", "whispering", "velvet", "trembling", "amber", "crystal",
    "glowing", "frozen", "endless", "crimson", "drifting", "sleepless", "weathered", "singing",
)  # fmt: skip
SIMILES: tuple[str, ...] = (
    "like slow honey", "like broken glass", "like distant bells", "like wet ash", "like spilled ink", "like old songs",
    "soft as snow", "bright as morning", "deep as winter", "gentle as dusk", "thin as smoke", "still as stone",
)  # fmt: skip

# Markers open a sentence and place it in the story's arc; None is a sentence without one.
SCENE_MARKERS: tuple[str, ...] = ("one evening", "long ago", "at dawn", "every winter", "one night")
TROUBLE_MARKERS: tuple[str, ...] = ("but", "then", "suddenly", "one day")
ENDING_MARKERS: tuple[str, ...] = ("at last", "in the end", "finally", "by morning")

SCENE_VERBS: tuple[str, ...] = ("walked to", "waited by", "sat near", "stood at", "lived near", "came to")
DETAIL_VERBS: tuple[str, ...] = ("held", "carried", "watched", "cleaned", "touched", "loved", "painted", "counted")
TROUBLE_VERBS: tuple[str, ...] = ("took", "broke", "hid", "buried", "stole", "crushed")
EFFORT_PHRASES: tuple[str, ...] = (
    "searched all night", "worked until dawn", "called into the dark", "climbed without rest", "ran through the rain",
    "wept and tried again",
)  # fmt: skip
ENDING_VERBS: tuple[str, ...] = ("found", "saved", "mended", "freed", "won", "kept")

# Sentences that belong to the form of a text and not to its story.
TITLES: tuple[str, ...] = (
    "The Long Night", "A Small Light", "The Way Home", "The Last Door", "A Quiet Promise", "The Empty Chair",
)  # fmt: skip
CLOSERS: tuple[str, ...] = ("The end.", "Nobody knows why.", "So it goes.", "Sleep well now.")
POSTSCRIPTS: tuple[str, ...] = (
    "P.S. It is all true.", "P.S. I was there.", "P.S. Ask the moon.", "P.S. Tell no one.",
)  # fmt: skip


def word_list() -> list[str]:
    """Every distinct lower-case word a story can hold, sorted."""
    phrases: list[str] = ["the", "he", "she", "it", *COMMON_THINGS, *IMAGE_ADJECTIVES, *SIMILES, *SCENE_MARKERS]
    phrases += [*TROUBLE_MARKERS, *ENDING_MARKERS, *SCENE_VERBS, *DETAIL_VERBS, *TROUBLE_VERBS, *EFFORT_PHRASES]
    phrases += [*ENDING_VERBS, *TITLES, *CLOSERS, *POSTSCRIPTS]
    for setting in SETTINGS:
        phrases += [*(c.topic for c in setting.characters), *setting.places, *setting.things, *setting.troubles]
    return sorted({word.strip(".").lower() for phrase in phrases for word in phrase.split()})
