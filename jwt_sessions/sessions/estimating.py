"""What some sessions tell of all of them, where there are too many to count."""

from __future__ import annotations
