"""Improvement: what cost the budget, what to do, whether it helped."""
