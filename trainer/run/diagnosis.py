"""What a trainer's log says about why it ended: the cause in one line, the remedy in another."""

import re
from dataclasses import dataclass

_DECORATION = re.compile(r"\x1b\[[0-9;]*m|^\s*\([\w.:]+ pid=[^)]*\)\s*", re.MULTILINE)
_ANY_ERROR = re.compile(
    r"^\s*((?:[\w.]+\.)?\w*(?:Error|Exception|NothingKept|Failed)\b(?:\([\w ]*\))?: .+)$", re.MULTILINE
)


@dataclass(frozen=True)
class Cause:
    what: str
    remedy: str


KNOWN = (
    (
        r"TooFewGpus: (?P<said>.+)",
        "{said}",
        "use a larger cluster or a smaller preset; `rlmr train --show` tells what takes which GPUs",
    ),
    (
        r"WrongSettings: (?P<said>.+)",
        "{said}",
        "the services refuse what this run asks of them: check RLMR_API_KEY, strategy, filter, and that the same services still run",
    ),
    (
        r"NothingKept: (?P<said>.+)",
        "{said}",
        "see why in the line of dropped groups: constraints that the policy cannot meet, a filter that is too narrow, or services that fail",
    ),
    (
        r"NotFinite: (?P<said>.+)",
        "{said}",
        "resume from the last checkpoint (`rlmr train --resume RUN`); if it comes back, lower lr, or look for a broken rank or another ZeRO stage",
    ),
    (
        r"killed due to (?:memory pressure|.*OOM)|ray\.exceptions\.OutOfMemoryError",
        "the machine ran out of memory and Ray ended a process{users}",
        "give the node more memory, or use fewer ranks or engines, a smaller batch x n x max_new_tokens, or no ds.adam_offload",
    ),
    (
        r"CUDA out of memory\. Tried to allocate (?P<said>[\d.]+ \w+)",
        "a GPU ran out of memory (it wanted {said} more)",
        "lower openrlhf.train.micro_batch_size, rollout.micro_batch_size or train.max_tokens_per_gpu; `rlmr train --show` estimates each",
    ),
    (
        r"(?:larger than the available KV cache memory|No available memory for the cache blocks)",
        "an engine has no memory left for its KV cache",
        "raise openrlhf.vllm.gpu_memory_utilization or vllm.tensor_parallel_size, or lower max_len",
    ),
    (
        r"Insufficient batch size for async_run_method_batch: (?P<said>.+)",
        "a step's batch was too small for the policy's ranks ({said})",
        "use fewer ranks or a larger batch x n, and micro batches that divide a rank's share",
    ),
    (
        r"Gradient accumulation steps: .{0,40}?\b0\b",
        "a micro batch is larger than a rank's share of an update",
        "lower openrlhf.train.micro_batch_size",
    ),
    (
        r"No space left on device",
        "a disk is full",
        "make room, keep fewer checkpoints (openrlhf.ckpt.max_num), or put --runs elsewhere",
    ),
    (
        r"(?P<said>\S+) is not a local folder and is not a valid model identifier|couldn't connect to '?(?P<hub>https?://\S+?)'? ",
        "the model could not be loaded ({said}{hub})",
        "give a folder that every node has, or let the nodes reach the hub",
    ),
    (
        r"(?:ncclUnhandledCudaError|ncclSystemError|ncclRemoteError|NCCL error|Watchdog caught collective operation timeout)",
        "the GPUs could not talk to each other (NCCL)",
        "look for the first NCCL line of the log; NCCL_DEBUG=INFO tells which link",
    ),
    (
        r"(?:ActorDiedError|The actor died|The actor is dead)[^\n]*",
        "a process of the run died",
        "the log's first error tells which and why; a node that went away, or memory, are the usual reasons",
    ),
)


def diagnose(log: str, exit_code: int) -> Cause:
    """The first known cause, by how much it explains; else the log's last error line."""
    text = _DECORATION.sub("", log.replace("\r", "\n"))
    for pattern, what, remedy in KNOWN:
        if found := re.search(pattern, text):
            parts = {name: value or "" for name, value in found.groupdict().items()}
            return Cause(what.format(users=_memory_users(text), **parts) if "{" in what else what, remedy)
    errors = _ANY_ERROR.findall(text)
    if errors:
        return Cause(errors[-1][:300], "not one that we know: the log tells where it came from")
    if exit_code < 0:
        return Cause(
            f"OpenRLHF was ended by signal {-exit_code}",
            "signal 9 is often the system's out-of-memory killer: dmesg tells",
        )
    return Cause(
        f"OpenRLHF ended with exit code {exit_code} and no error in its log", "the end of the log tells how far it came"
    )


def _memory_users(text: str) -> str:
    """From Ray's table of the node: `PID MEM(GB) COMMAND`."""
    users = re.findall(r"^\s*\d+\s+(\d+\.\d+)\s+(?:ray::)?(\S+)", text, re.MULTILINE)
    top = sorted({(float(size), name) for size, name in users}, reverse=True)[:3]
    return ": " + ", ".join(f"{name} held {size:.1f} GB" for size, name in top) if top else ""
