"""From seeds to a report as one command: the stages of a plan, each made again only when what it is made from has changed.

plan.py     PLAN.yaml: stages, what each needs and makes
record.py   chain.json: what each stage was made from, by content
running.py  runs the stages that are not up to date
"""
