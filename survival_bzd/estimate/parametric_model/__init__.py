"""Parametric survival models, each with its own formulas for the likelihood."""
