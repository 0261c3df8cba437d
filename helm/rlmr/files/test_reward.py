"""Run by `helm test`: asks the release for one reward and checks what RLMR promises about it.

The strategy is named, since the release's own may promise nothing about violators (quality_only does not even ask the verifier).
"""

import json
import os
import urllib.request

group = {
    "id": "helm-test",
    "prompt": "Write two sentences about the sea without a comma.",
    "constraints": [{"type": "punctuation:no_comma"}],
    "responses": [
        "The sea was calm and the boat slept on it. Nobody spoke.",
        "The sea, the boat, the night. Nobody spoke.",
        "A gull crossed the bay. The tide came in.",
    ],
}
headers = {"Content-Type": "application/json"}
if key := os.environ.get("RLMR_API_KEY"):
    headers["Authorization"] = f"Bearer {key}"
request = urllib.request.Request(
    os.environ["URL"] + "/reward", json.dumps({"groups": [group], "strategy": {"name": "rlmr"}}).encode(), headers
)
with urllib.request.urlopen(request, timeout=60) as reply:
    answer = json.load(reply)
print(json.dumps(answer, indent=1))
result = answer["groups"][0]
assert all(result["valid"]), f"not every sample got an answer: {result['diagnostics']}"
assert result["violated"] == [False, True, False], f"only the second response has commas, got {result['violated']}"
mean = sum(result["rewards"]) / len(result["rewards"])
assert result["rewards"][1] < mean, f"the violator's reward {result['rewards'][1]} is not below the mean {mean}"
print("ok")
