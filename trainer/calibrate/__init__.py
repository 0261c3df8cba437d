"""Before the first step: what a policy does on a set of prompts, how many groups a run would drop, and which settings fit."""
