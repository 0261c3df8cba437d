"""One run from preset to report.

pipeline.py        prepare, serve, evaluate, train, evaluate, report
training.py        OpenRLHF as a child process, with its progress
local_services.py  the three services for the length of a run
preflight.py       what is looked at before the first GPU-minute
cluster_needs.py   GPUs and memory of a preset
watching.py        a run while it trains
resuming.py        a run's folder: opened anew, or gone on with from the last checkpoint
diagnosis.py       a trainer's log -> cause and remedy
secrets.py         what is left out of files that people pass on
ledger.py          reads what a run wrote
presets/           runs as YAML files, and their schema
"""
