"""Evidence becomes time-to-event data, by declared rules."""
