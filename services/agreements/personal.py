"""Which facts of this room name people, and where: read by the store that hides the names, and by who checks a history. Pure.

Keys are called after people, so their names go with them: in a verifier key, and in what was signed, on its lines "subject", "key" and of
the signatures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.agreements.facts import Commented, Signed
from services.agreements.keys import KeyRegistered, KeyRevoked, KeyRotated
from services.agreements.stored import Stored
from services.vocabulary.personal import SUBJECT, Marks, Personal

KEY = Personal(re.compile(r"\A[^/\s+]+/([^+\s]+)"))
"""Of "organisation/name+id+base64"."""

NOTE = Personal(re.compile(r"(?m)^subject (.+)$|^(?:key|\u2014) [^/\s+]+/([^+\s]+)"))

PERSONAL: Mapping[type[Stored], Marks] = {
    Commented: {"subject": SUBJECT},
    Signed: {"signatory": SUBJECT, "key": KEY, "note": NOTE},
    KeyRegistered: {"subject": SUBJECT, "key": KEY, "note": NOTE},
    KeyRotated: {"subject": SUBJECT, "key": KEY, "note": NOTE},
    KeyRevoked: {"revoked_by": SUBJECT},
}
