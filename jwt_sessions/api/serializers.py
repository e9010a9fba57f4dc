"""What comes in and what goes out.

`min_length=1` is there for the OpenAPI schema: what is blank is refused without it too.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import MinLengthValidator
from rest_framework import serializers

from jwt_sessions.clients import NAME_LENGTH
from jwt_sessions.models import Session


class SignInSerializer(serializers.Serializer[Any]):
    """Credentials under the names that the user model gives them."""

    password = serializers.CharField(
        write_only=True, trim_whitespace=False, min_length=1, style={"input_type": "password"}
    )
    device_name = serializers.CharField(
        required=False, allow_blank=True, max_length=NAME_LENGTH, write_only=True
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        username = serializers.CharField(write_only=True, min_length=1)
        return {get_user_model().USERNAME_FIELD: username, **super().get_fields()}

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        """Refuse a user name that the field cannot hold (letters for a number, say)."""
        name = get_user_model().USERNAME_FIELD
        try:
            field: Any = get_user_model()._meta.get_field(name)
            field.to_python(attrs[name])
        except DjangoValidationError as error:
            raise serializers.ValidationError({name: error.messages}) from error
        return attrs


class TokenPairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class TokenField(serializers.CharField):
    """A token as it is: what is wrong with it, its own reader says, and knows more of it."""

    def __init__(self) -> None:
        super().__init__(write_only=True, trim_whitespace=False)
        self.validators = [MinLengthValidator(1)]


class TokenSerializer(serializers.Serializer[Any]):
    """Nothing but tokens: one instance can read all bodies, for it keeps nothing of any.

    (REST framework's limits of length keep the language that they were first read in.)
    """


class RefreshSerializer(TokenSerializer):
    refresh = TokenField()


class VerifySerializer(TokenSerializer):
    token = TokenField()


class RenameSerializer(serializers.Serializer[Any]):
    device_name = serializers.CharField(allow_blank=True, max_length=NAME_LENGTH)


class RevokedCountSerializer(serializers.Serializer[Any]):
    revoked = serializers.IntegerField(min_value=0)


class SessionSerializer(serializers.ModelSerializer[Session]):
    """One of the caller's own sessions; the context's `current` is the id of the one in use."""

    current = serializers.SerializerMethodField()
    device = serializers.CharField(read_only=True)
    address = serializers.IPAddressField(source="refresh_token.address", read_only=True)
    last_seen_at = serializers.DateTimeField(source="refresh_token.last_seen_at", read_only=True)
    amr = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Session
        fields = (
            "id",
            "current",
            "device_name",
            "device",
            "address",
            "created_at",
            "last_seen_at",
            "expires_at",
            "amr",
        )
        read_only_fields = fields

    def get_current(self, session: Session) -> bool:
        return bool(session.pk == self.context["current"])
