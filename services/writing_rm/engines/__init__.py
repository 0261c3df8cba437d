"""What runs the forward pass: torch in this process, or sglang or vLLM over HTTP. One file each; `base.py` is the contract."""
