"""The onset of reward hacking: a signal that training never sees, beside the reward, and an alarm when they part."""
