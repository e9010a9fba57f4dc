"""What comes in and what goes out, of the second factor."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from jwt_sessions.api.serializers import TextField, TokenField, TokenPairSerializer
from jwt_sessions.conf import SMS, conf
from jwt_sessions.mfa.addresses import clean_number, is_email_address, is_phone_number
from jwt_sessions.mfa.proving import MAX_LENGTH
from jwt_sessions.models import Channel
from jwt_sessions.models.device import NAME_LENGTH

METHOD_LENGTH: Final = 120


class CodeField(TextField):
    """A code as it is typed: what it may look like, its device knows."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, longest=MAX_LENGTH, **kwargs)


class NameField(TextField):
    """A name for a device; nothing but text, which REST framework makes of numbers too."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, longest=NAME_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class SecondFactorNeededSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()
    code = serializers.CharField()
    mfa_token = serializers.CharField()
    methods = serializers.ListField(child=serializers.CharField())
    expires_in = serializers.IntegerField()


class SecondFactorSerializer(serializers.Serializer[Any]):
    mfa_token = TokenField()
    code = CodeField()
    method = TextField(required=False, longest=METHOD_LENGTH)


class SignedInSerializer(TokenPairSerializer):
    recovery_codes_remaining = serializers.IntegerField(required=False)


class SendSerializer(serializers.Serializer[Any]):
    method = TextField(longest=METHOD_LENGTH)


class SendAtSignInSerializer(SendSerializer):
    mfa_token = TokenField()


class StepUpSerializer(serializers.Serializer[Any]):
    """A code or, for who has no second factor, the password."""

    code = CodeField(required=False)
    method = TextField(required=False, longest=METHOD_LENGTH)
    password = TextField(required=False, trim_whitespace=False, style={"input_type": "password"})

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        if "code" not in attrs and "password" not in attrs:
            raise serializers.ValidationError(
                {"code": self.fields["code"].error_messages["required"]}
            )
        return attrs


class AccessSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    recovery_codes_remaining = serializers.IntegerField(required=False)


class DeviceSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    type = serializers.CharField(source="method")
    name = serializers.CharField()
    confirmed_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class StateSerializer(serializers.Serializer[Any]):
    enabled = serializers.BooleanField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # DRF's own is not of the class
    devices = DeviceSerializer(many=True)
    recovery_codes_remaining = serializers.IntegerField()


class BeginTOTPSerializer(serializers.Serializer[Any]):
    name = NameField(required=False)


class TOTPEnrollmentSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="device_id")
    secret = serializers.CharField()
    otpauth_uri = serializers.CharField()
    qr_svg = serializers.CharField()


class BeginMessageSerializer(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(choices=Channel.choices, write_only=True)
    address = TextField(longest=254)
    name = NameField(required=False)

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        is_sms = attrs["channel"] == SMS
        if attrs["channel"] not in conf.MFA_METHODS or (is_sms and conf.MFA_SMS_SENDER is None):
            raise serializers.ValidationError({"channel": _("This is not offered here.")})
        validate = is_phone_number if is_sms else is_email_address
        if is_sms:
            attrs["address"] = clean_number(attrs["address"])
        try:
            validate(attrs["address"])
        except DjangoValidationError as error:
            raise serializers.ValidationError({"address": error.messages}) from error
        return attrs


class EnrollmentSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()


class ConfirmSerializer(serializers.Serializer[Any]):
    code = CodeField()


class ConfirmedSerializer(serializers.Serializer[Any]):
    recovery_codes = serializers.ListField(child=serializers.CharField())
    access = serializers.CharField()
    other_sessions = serializers.IntegerField()


class RenameDeviceSerializer(serializers.Serializer[Any]):
    name = NameField()


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    recovery_codes = serializers.ListField(child=serializers.CharField())
