"""Measurement: observations in, exact figures, verdicts and credits out."""
