"""What a run leaves behind: summary.json (summary.py), plots (plots.py) and report.html (page.py)."""
