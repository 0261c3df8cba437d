"""The verifier beside lm-eval's IFEval checkers, its checkers one by one, and the service over HTTP."""
