"""Benchmarks: ratios against a peer in the same run. Run by hand (`make bench`); asserts nothing about time."""
