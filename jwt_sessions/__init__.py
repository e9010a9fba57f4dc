"""Signed-in sessions for Django REST APIs: JSON Web Tokens that can be taken back."""

__version__ = "0.1.0"
