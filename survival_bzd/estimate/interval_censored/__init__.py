"""Curves, tests and models of events that lie between two visits."""
