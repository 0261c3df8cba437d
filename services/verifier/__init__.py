"""The constraint verifier: rule checkers, the LLM judge for what no rule can check, and the HTTP service round them."""
