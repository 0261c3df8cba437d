"""The benchmarks, one a file. None of their data is here: users point at their own copies."""
