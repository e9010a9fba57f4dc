from typing import Any


def must_have_second_factor(user: Any) -> bool:
    """Dave must; on a real site perhaps the staff: ``return user.is_staff``."""
    return bool(user.get_username() == "dave")
