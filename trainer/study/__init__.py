"""Many runs: strategies x seeds x conditions, compared with intervals.

plan.py       PLAN.yaml: which runs, in which order
runner.py     makes the runs that are missing, one after the other; each leaves one small JSON file
record.py     that file: evaluation before and after, learning curves, what OpenRLHF's advantages did
measures.py   diversity of texts
intervals.py  bootstrap intervals, paired differences, fronts and their hypervolume
figures.py    the plots, as SVG that follows the reader's light or dark mode
page.py       results.json and one self-contained HTML page
distortion.py a reward model whose scale is wrong on purpose, for the conditions of a study
"""
