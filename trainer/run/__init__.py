"""One run from preset to report.

pipeline.py        prepare, serve, evaluate, train, evaluate, report
training.py        OpenRLHF as a child process, with its progress
local_services.py  the three services for the length of a run
ledger.py          reads what a run wrote
presets/           runs as YAML files, and their schema
"""
