"""How many patients a study needs, and what its visit schedule costs."""
