"""The host's side of a grading: what is opened, who may ask for what, and in which order it happens."""
