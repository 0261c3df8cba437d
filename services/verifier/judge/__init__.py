"""The LLM judge: for what no rule can check, and for prompts that come without a list of constraints.

One constraint at a time; whether the sample passes is decided in code. A call that fails is a status, never a verdict.
"""

from services.verifier.judge.endpoint import JudgeFailure
from services.verifier.judge.judge import Judge
from services.verifier.judge.verdict import JudgeVerdict

__all__ = ["Judge", "JudgeFailure", "JudgeVerdict"]
