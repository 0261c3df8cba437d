"""Wire contract v1: the JSON that the services speak, as pydantic models."""

from rlmr.wire.base import ChatMessage, Constraint, ErrorReply, FieldError, Prompt, ServiceInfo, Status, WireModel
from rlmr.wire.reward import (
    Decision,
    DropReason,
    GetRewardReply,
    GetRewardRequest,
    GroupDiagnostics,
    PolicyFault,
    RewardGroup,
    RewardGroupResult,
    RewardReply,
    RewardRequest,
    SampleDiagnostics,
    StrategySpec,
)
from rlmr.wire.score import ModelIdentity, ScoreReply, ScoreRequest, ScoreResult, ScoreSample
from rlmr.wire.verify import ConstraintResult, VerifierIdentity, VerifyReply, VerifyRequest, VerifyResult, VerifySample

__all__ = [
    "ChatMessage",
    "Constraint",
    "ConstraintResult",
    "Decision",
    "DropReason",
    "ErrorReply",
    "FieldError",
    "GetRewardReply",
    "GetRewardRequest",
    "GroupDiagnostics",
    "ModelIdentity",
    "PolicyFault",
    "Prompt",
    "RewardGroup",
    "RewardGroupResult",
    "RewardReply",
    "RewardRequest",
    "SampleDiagnostics",
    "ScoreReply",
    "ScoreRequest",
    "ScoreResult",
    "ScoreSample",
    "ServiceInfo",
    "Status",
    "StrategySpec",
    "VerifierIdentity",
    "VerifyReply",
    "VerifyRequest",
    "VerifyResult",
    "VerifySample",
    "WireModel",
]
