"""Placeholder until merged."""


def read_link_token(token: str):
    return None
