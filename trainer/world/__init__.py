"""The story world: prompts, a policy and a writing reward model made on the spot, with a quality that can be computed.

    lexicon.py      the words of five settings           story.py   the grammar that writes a story in a given style
    quality.py      true quality of a text, by parsing   asks.py    constraints and how people word them
    prompts.py      prompts and answers                  tokenizer.py, policy.py   the policy and its pre-training
    preferences.py  preference pairs with a length bias  reward.py  the reward model, by OpenRLHF's train_rm
    build.py        all of it from a seed, cached

docs/world.md explains it with examples.
"""
