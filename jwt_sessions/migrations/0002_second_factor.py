# The second factor.

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import jwt_sessions.models.identifiers


class Migration(migrations.Migration):
    dependencies = [
        ("jwt_sessions", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="securityevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("refresh_token_reused", "refresh token reused"),
                    ("factor_added", "second factor added"),
                    ("factor_removed", "second factor removed"),
                    ("factors_reset", "second factor reset"),
                    ("recovery_code_used", "recovery code used"),
                    ("recovery_codes_low", "few recovery codes left"),
                    ("recovery_codes_renewed", "recovery codes renewed"),
                    ("too_many_wrong_codes", "too many wrong codes"),
                ],
                max_length=40,
                verbose_name="kind",
            ),
        ),
        migrations.CreateModel(
            name="EncryptedTOTP",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=64, verbose_name="name")),
                ("confirmed", models.BooleanField(default=False, verbose_name="confirmed")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="created at"
                    ),
                ),
                (
                    "confirmed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="confirmed at"),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last used at"),
                ),
                ("key_id", models.CharField(editable=False, max_length=16)),
                ("encrypted_secret", models.CharField(editable=False, max_length=200)),
                ("last_step", models.BigIntegerField(default=-1, editable=False)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jwt_%(class)s",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "authenticator app",
                "verbose_name_plural": "authenticator apps",
                "abstract": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="PendingLogin",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=jwt_sessions.models.identifiers.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "amr",
                    models.JSONField(default=list, verbose_name="authentication methods so far"),
                ),
                ("auth_hash", models.CharField(blank=True, editable=False, max_length=255)),
                (
                    "device_name",
                    models.CharField(blank=True, max_length=100, verbose_name="device name"),
                ),
                ("data", models.JSONField(blank=True, default=dict, verbose_name="data")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("expires_at", models.DateTimeField(verbose_name="ends at")),
                ("used_at", models.DateTimeField(blank=True, null=True, verbose_name="used at")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jwt_pending_logins",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "pending login",
                "verbose_name_plural": "pending logins",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="RecoveryCodes",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=64, verbose_name="name")),
                ("confirmed", models.BooleanField(default=False, verbose_name="confirmed")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="created at"
                    ),
                ),
                (
                    "confirmed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="confirmed at"),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last used at"),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jwt_recovery_codes",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "recovery codes",
                "verbose_name_plural": "recovery codes",
                "abstract": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="FactorAllowance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("factor", models.CharField(max_length=120, verbose_name="factor")),
                (
                    "failures",
                    models.PositiveIntegerField(default=0, verbose_name="wrong codes in a row"),
                ),
                (
                    "locked_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="locked until"),
                ),
                ("told_until", models.DateTimeField(blank=True, editable=False, null=True)),
                ("messages", models.PositiveIntegerField(default=0, verbose_name="messages")),
                (
                    "messages_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="messages since"),
                ),
                (
                    "message_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last message at"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jwt_factor_allowances",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "allowance of a factor",
                "verbose_name_plural": "allowances of factors",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "factor"), name="jwt_sessions_one_allowance"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MessageDevice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=64, verbose_name="name")),
                ("confirmed", models.BooleanField(default=False, verbose_name="confirmed")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="created at"
                    ),
                ),
                (
                    "confirmed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="confirmed at"),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last used at"),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "e-mail"), ("sms", "SMS")],
                        max_length=10,
                        verbose_name="channel",
                    ),
                ),
                ("address", models.CharField(max_length=254, verbose_name="address")),
                ("hashed_code", models.CharField(blank=True, editable=False, max_length=120)),
                ("code_expires_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jwt_%(class)s",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "address for codes",
                "verbose_name_plural": "addresses for codes",
                "abstract": False,
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "channel", "confirmed"), name="jwt_sessions_one_address"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slot", models.PositiveSmallIntegerField()),
                ("hashed", models.CharField(editable=False, max_length=160)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "device",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="codes",
                        to="jwt_sessions.recoverycodes",
                    ),
                ),
            ],
            options={
                "verbose_name": "recovery code",
                "verbose_name_plural": "recovery codes",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("device", "slot"), name="jwt_sessions_one_per_slot"
                    )
                ],
            },
        ),
    ]
