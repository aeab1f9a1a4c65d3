"""Relapse that may come again: how often, the probability of being free, what predicts it."""
