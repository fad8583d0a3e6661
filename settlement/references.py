"""Payment references: what a participant writes on its transfer, and how it is found again in what a bank delivers.

``H2M-P7-86``: the market, the participant, and two check digits after ISO/IEC 7064 MOD 97-10 over ``H2MP7``. They catch
every single wrong character and every swap of two neighbours, so a text in which they agree is taken at its word, and a
text in which they do not is never booked to anybody: it waits for the operator.
"""

from __future__ import annotations

import re
import unicodedata

from stdnum.iso7064 import mod_97_10

PREFIX = "H2M"

#: Between the parts of a reference stand up to three blanks or marks; never a letter of any script.
_GAP = r"[\W_]{0,3}"
#: Letters that are written and read for digits.
_LOOKALIKES = str.maketrans("OIL", "011")
_DIGIT = "[0-9OIL]"
_SPACED = re.compile(rf"H{_GAP}2{_GAP}M{_GAP}P{_GAP}({_DIGIT}{{1,18}})[\W_]{{1,3}}({_DIGIT}{{2}})(?![0-9A-Z])")
#: Without any separator the check digits are the last two. More digits close behind may be the true ones, so then the
#: text is not certain: P6784 must not be read as P67 with the check digits 84.
_COMPACT = re.compile(rf"H2MP({_DIGIT}{{1,18}})({_DIGIT}{{2}})(?![0-9A-Z])(?!{_GAP}{_DIGIT})")


def payment_reference(participant_id: str) -> str:
    """``P7`` gives ``H2M-P7-86``."""
    return f"{PREFIX}-{participant_id}-{mod_97_10.calc_check_digits(PREFIX + participant_id)}"


def normalise(text: str) -> str:
    """Upper case, full-width characters made narrow, every kind of dash a hyphen."""
    wide = unicodedata.normalize("NFKC", text).upper()
    return "".join("-" if unicodedata.category(character) == "Pd" else character for character in wide)


def participants_named(*texts: str) -> tuple[str, ...]:
    """The participants whose reference, check digits agreeing, stands in one of the texts, each once, in order."""
    found: dict[str, None] = {}
    for text in texts:
        plain = normalise(text)
        for pattern in (_SPACED, _COMPACT):
            for match in pattern.finditer(plain):
                participant_id = "P" + match.group(1).translate(_LOOKALIKES)
                check_digits = match.group(2).translate(_LOOKALIKES)
                if not participant_id.startswith("P0") and mod_97_10.is_valid(PREFIX + participant_id + check_digits):
                    found[participant_id] = None
    return tuple(found)
