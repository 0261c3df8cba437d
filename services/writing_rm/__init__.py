"""The writing reward model service: POST /score. See README.md beside this file."""
