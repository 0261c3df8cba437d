"""Other trainers' reward interfaces over POST /reward: rlmr.adapters.trl and rlmr.adapters.verl. Neither imports its trainer.

What they share: settings.py (where and how patiently to ask), asking.py (one request per group), groups.py (what a group's answer
means for each of its samples) and filling.py (what an invalid sample of a kept group gets). How to use them: docs/adapters.md.
"""
