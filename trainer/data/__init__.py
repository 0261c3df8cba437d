"""What a run is trained on: prompt files."""
