"""Text that people write and others read."""

from __future__ import annotations

#: What nobody sees, and what turns the text around it: with it one name passes for another. For a character class.
UNSEEN = r"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
