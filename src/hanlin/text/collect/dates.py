"""Days as ISO 8601 writes them, from the many ways in which pages, feeds and exports do."""

from __future__ import annotations

import email.utils
import re
from datetime import UTC, datetime

_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})")


def day_of(text: str) -> str:
    """Return a date of any common form as YYYY-MM-DD; "" where it is none or no day of the calendar."""
    moment = moment_of(text)
    return moment.strftime("%Y-%m-%d") if moment else ""


def moment_of(text: str) -> datetime | None:
    """Return a moment written as ISO 8601, as RFC 5322 ("Sun, 06 Nov 1994 ...") or as a plain day."""
    text = text.strip()
    for read in (datetime.fromisoformat, email.utils.parsedate_to_datetime, _plain_day):
        try:
            return read(text)
        except (ValueError, TypeError, IndexError):
            continue
    return None


def _plain_day(text: str) -> datetime:
    found = _DAY.search(text)
    if not found:
        raise ValueError(text)
    return datetime(*(int(part) for part in found.groups()), tzinfo=UTC)  # type: ignore[arg-type, misc]


def moment_of_seconds(seconds: object) -> datetime | None:
    """Return the moment of a count of seconds, or of milliseconds, since 1970."""
    try:
        number = float(str(seconds))
        return datetime.fromtimestamp(number / 1000 if abs(number) > 1e11 else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None
