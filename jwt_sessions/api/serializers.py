"""What comes in and what goes out."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import MaxLengthValidator, MinLengthValidator
from rest_framework import serializers

from jwt_sessions.clients import NAME_LENGTH
from jwt_sessions.models import Session


class TextField(serializers.CharField):
    """Text that comes in, of at most `longest` characters.

    One serializer reads the bodies of all callers, each in a language of their own. REST
    framework's own limits of length keep the language that they were first read in; Django's do
    not. (What is blank is refused without the lower limit too; it is there for OpenAPI.)
    """

    def __init__(self, *, longest: int | None = None, **kwargs: Any) -> None:
        super().__init__(write_only=True, **kwargs)
        if not self.allow_blank:
            self.validators.append(MinLengthValidator(1))
        if longest is not None:
            self.validators.append(MaxLengthValidator(longest))


class TokenField(TextField):
    """A token as it is: what is wrong with it, its own reader says, and knows more of it."""

    def __init__(self) -> None:
        super().__init__(trim_whitespace=False)
        self.validators = [MinLengthValidator(1)]


class SignInSerializer(serializers.Serializer[Any]):
    """Credentials under the names that the user model gives them."""

    password = TextField(trim_whitespace=False, style={"input_type": "password"})
    device_name = TextField(required=False, allow_blank=True, longest=NAME_LENGTH)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {get_user_model().USERNAME_FIELD: TextField(), **super().get_fields()}

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


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = TokenField()


class VerifySerializer(serializers.Serializer[Any]):
    token = TokenField()


class RenameSerializer(serializers.Serializer[Any]):
    device_name = TextField(allow_blank=True, longest=NAME_LENGTH)


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
            "kind",
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
