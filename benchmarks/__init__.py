"""The same work done by simplejwt and by us, side by side in one run: ``make benchmark``."""

from typing import Final

# The exit code where the database does not answer (sysexits.h: EX_UNAVAILABLE).
UNAVAILABLE: Final = 69
