def print_sms(number: str, text: str) -> None:
    """Print what a real site hands to its SMS gateway."""
    print(f"SMS to {number}: {text}", flush=True)  # noqa: T201 - that is what it is for
