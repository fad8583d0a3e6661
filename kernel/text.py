"""Text that people write and others read."""

from __future__ import annotations

#: What nobody sees, and what turns the text around it: with it one name passes for another. All controls, all formats
#: and the breaks of line and paragraph, for a character class. Beyond four digits the dialects of patterns have no
#: escape in common, so those stand there themselves.
UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\ufeff\ufff9-\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
