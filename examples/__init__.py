"""Programs of a participant, written against the public client and its documents alone."""
